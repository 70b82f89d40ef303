"""Who may take action, and which of them have a GitLab account."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from slackbot.app import Clients
from slackbot.blocks.text import count
from slackbot.check.findings import Finding, good, not_answered, warning
from slackbot.check.record import OnRecord
from slackbot.check.slack import MANAGERS
from slackbot.people.file import PeopleFile
from slackbot.people.identities import WhoIsWho
from slackbot.platforms.errors import PlatformError, Rejected
from slackbot.platforms.slack import Member
from slackbot.platforms.snapshot import GitLabUser
from slackbot.settings import Settings

MOST_LOOKED_UP = 50
"""Managers whose account is looked up by email: each takes two calls."""
MOST_NAMED = 5


@dataclass(frozen=True, kw_only=True)
class _Managers:
    users: frozenset[str]
    named: Sequence[str]
    """Groups by handle, and how many by id."""


async def examine_people(
    settings: Settings, clients: Clients, record: OnRecord, now: datetime
) -> AsyncIterator[Finding]:
    """Leave accounts out where GitLab has not answered."""
    has_gitlab = clients.gitlab.known is not None
    file = PeopleFile(settings.ssat_people_file, settings.ssat_people_keys).people()
    who = WhoIsWho(file=file, kept=record.kept, at=now)
    if not settings.ssat_managers:
        yield good("may act: every full member of the workspace", managers=None)
        if has_gitlab:
            yield _mapped(who, {user: _source(user, who) for user in who.usernames}, [])
        return
    try:
        managers = await _managers(settings, clients)
    except PlatformError as error:
        yield not_answered(MANAGERS, error)
        return
    number = len(managers.users)
    said = f"may act: {count(number, 'person', 'people')} ({', '.join(managers.named)})"
    told = {"managers": number, "by": list(managers.named)}
    yield good(said, **told) if number else warning(said, "nobody is in it: add people", **told)
    if not has_gitlab:
        return
    try:
        sources, without = await _accounts(clients, who, sorted(managers.users))
    except PlatformError as error:
        yield not_answered("GitLab accounts of managers", error)
        return
    yield _mapped(who, sources, without)


async def _managers(settings: Settings, clients: Clients) -> _Managers:
    users = clients.slack.users
    groups = sorted(each for each in settings.ssat_managers if each.startswith("S"))
    people = settings.ssat_managers - set(groups)
    handles = await users.groups() if groups else {}
    found, named = set(people), []
    for group in groups:
        members = await users.in_group(group)
        found |= members or set()
        handle = f"@{handles[group].handle}" if group in handles else group
        named.append(f"{handle}: {'disabled' if members is None else len(members)}")
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
    more = len(without) - MOST_NAMED
    names = ", ".join(without[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
    return warning(about, f"none for {names}: a line in SSAT_PEOPLE_FILE, or /ssat link", **told)
