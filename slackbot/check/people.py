"""Who may take action, and which of them have a GitLab account."""

from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from slackbot.app import Clients
from slackbot.blocks.text import count
from slackbot.check.findings import Finding, Teams, good, not_answered, of_team, warning
from slackbot.check.record import OnRecord
from slackbot.check.slack import MANAGERS
from slackbot.people.file import open_folder, people_file_of
from slackbot.people.identities import WhoIsWho
from slackbot.platforms.errors import PlatformError, Rejected
from slackbot.platforms.gitlab.snapshot import GitLabUser
from slackbot.platforms.slack.client import Member
from slackbot.rules.reading.slack_ids import is_group
from slackbot.rules.routes import Route
from slackbot.settings import Settings

MOST_LOOKED_UP = 50
"""Managers whose account is looked up by email: each takes two calls."""
MOST_NAMED = 5
_NO_GROUP = {True: "disabled", False: "not in Slack"}


@dataclass(frozen=True, kw_only=True)
class _Managers:
    users: frozenset[str]
    named: Sequence[str]
    """Groups by handle, and how many by id."""


async def examine_people(
    settings: Settings, teams: Teams, clients: Clients, record: OnRecord, now: datetime
) -> AsyncIterator[Finding]:
    """Leave accounts out where GitLab has not answered."""
    file = people_file_of(settings).people()
    who = WhoIsWho(file=file, kept=record.kept, at=now)
    managers = set[str]()
    for team in teams:
        finding, users = await _may_act(team, clients)
        yield of_team(team, finding, teams)
        managers |= users
    if any(each.known for each in clients.gitlab.projects):
        yield await _examine_accounts(clients, who, teams, managers)


async def _may_act(team: Route, clients: Clients) -> tuple[Finding, frozenset[str]]:
    """Return also who that is; nobody if every member may."""
    if not team.managers:
        return good("may act: every full member of the workspace", managers=None), frozenset()
    try:
        managers = await _managers(team, clients)
    except PlatformError as error:
        return not_answered(team.setting(MANAGERS), error), frozenset()
    number = len(managers.users)
    said = f"may act: {count(number, 'person', 'people')} ({', '.join(managers.named)})"
    told = {"managers": number, "by": list(managers.named)}
    if number:
        return good(said, **told), managers.users
    return warning(said, "nobody is in it: add people", **told), managers.users


async def _examine_accounts(
    clients: Clients, who: WhoIsWho, teams: Teams, managers: Collection[str]
) -> Finding:
    """Look for those of all who may act, by name; of everybody, only count what is known."""
    if not any(team.managers for team in teams):
        return _mapped(who, {user: _source(user, who) for user in who.usernames}, [])
    try:
        return _mapped(who, *await _accounts(clients, who, sorted(managers)))
    except PlatformError as error:
        return not_answered("GitLab accounts of managers", error)


def examine_folder(settings: Settings) -> Iterator[Finding]:
    """Count what is left out of a folder of people: another command says why."""
    path = settings.ssat_people_file
    folder = open_folder(path, settings.ssat_people_keys)
    if folder is None:
        return
    folder.look()
    broken = [each.name for each in folder.files if each.problem]
    doubled = len({each for double in folder.doubles for each in double.people})
    said = f"SSAT_PEOPLE_FILE {path}: {count(len(folder.people), 'person', 'people')} known"
    told = {"files": len(folder.files), "people": len(folder.people), "left_out": broken}
    problems = [f"{count(len(broken), 'file')} left out ({_names(broken)})"] if broken else []
    problems += [f"{doubled} share what only one can have"] if doubled else []
    if problems:
        yield warning(said, f"{', '.join(problems)}: `ssat-bot people check` says why", **told)
    else:
        yield good(said, **told)


async def _managers(team: Route, clients: Clients) -> _Managers:
    users = clients.slack.users
    groups = sorted(each for each in team.managers if is_group(each))
    people = team.managers - set(groups)
    handles = await users.groups() if groups else {}
    found, named = set(people), []
    for group in groups:
        members = await users.in_group(group)
        found |= members or set()
        handle = f"@{handles[group].handle}" if group in handles else group
        named.append(
            f"{handle}: {_NO_GROUP[group in handles] if members is None else len(members)}"
        )
    named += [f"by id: {len(people)}"] if people else []
    return _Managers(users=frozenset(found), named=named)


def _source(user: str, who: WhoIsWho) -> str:
    if user in who.in_file:
        return "people file"
    return "/ssat link" if user in who.linked else "email"


async def _accounts(
    clients: Clients, who: WhoIsWho, managers: Sequence[str]
) -> tuple[Mapping[str, str], Sequence[str]]:
    """Return the source by manager, and the names of those without an account."""
    sources = {user: _source(user, who) for user in managers if user in who.usernames}
    others = [user for user in managers if user not in sources]
    looked_up = others[:MOST_LOOKED_UP]
    by_email = await _members_by_email(clients) if looked_up else {}
    without = list(others[MOST_LOOKED_UP:])
    for user in looked_up:
        try:
            member = await clients.slack.users.member(user)
        except Rejected:
            without.append(user)
            continue
        if member.is_bot or member.is_deactivated:
            continue
        if await _has_account(clients, member, by_email):
            sources[user] = "email"
        else:
            without.append(member.name)
    return sources, without


async def _has_account(
    clients: Clients, member: Member, by_email: Mapping[str, GitLabUser]
) -> bool:
    if member.email is None:
        return False
    if member.email.casefold() in by_email:
        return True
    try:
        return await clients.gitlab.users.with_email(member.email) is not None
    except Rejected:  # some instances hide their users
        return False


async def _members_by_email(clients: Clients) -> Mapping[str, GitLabUser]:
    try:
        return await clients.gitlab.users.members_by_email()
    except Rejected:
        return {}


def _mapped(who: WhoIsWho, sources: Mapping[str, str], without: Sequence[str]) -> Finding:
    kinds = ("people file", "/ssat link", "email")
    numbers = {kind: list(sources.values()).count(kind) for kind in kinds}
    by = ", ".join(f"{number} by {kind}" for kind, number in numbers.items() if number)
    about = f"GitLab accounts known: {len(sources)}" + (f" ({by})" if by else "")
    told = {"accounts": numbers, "without_account": list(without)}
    if not without:
        return good(about, **told)
    return warning(
        about, f"none for {_names(without)}: a line in SSAT_PEOPLE_FILE, or /ssat link", **told
    )


def _names(names: Sequence[str]) -> str:
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
