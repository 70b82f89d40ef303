"""``ssat-bot people``: who is linked to whom; on SQLite, only a stopped bot lets a link go."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from slackbot.people.file import people_file_of
from slackbot.people.identities import WhoIsWho, load_kept
from slackbot.rules.people import Colleague
from slackbot.rules.profile import FIELDS, Profile
from slackbot.settings import Settings
from slackbot.store.engine.database import DatabaseError, InUseError, Transaction, at_hand
from slackbot.store.grants import SealedGrant, list_grants, take_back
from slackbot.store.people import forget_file_lines, list_email_matches, list_links
from slackbot.store.profiles import list_profiles
from slackbot.store.schema import GrantState, Link


async def list_people(settings: Settings) -> list[str]:
    """Return a line for each account and each profile.

    Raises:
        DatabaseError: Unusable, or of an earlier release.
    """
    file, now = people_file_of(settings), datetime.now(UTC)
    async with _record(settings, reads_only=True) as tx:
        linked, found = await list_links(tx), await list_email_matches(tx)
        profiles, grants = await list_profiles(tx), await list_grants(tx)
        who = WhoIsWho(file=file.people(), kept=await load_kept(tx, now), at=now)
    lines = [
        _line(user, name, f"{_in_file(user, who.file)}{_now(user, name, who)}")
        for user, name in sorted(who.in_file.items())
    ]
    lines += [_line(link.slack_user, link.gitlab, _origin(link, who)) for link in linked]
    settled = {*who.in_file, *(link.slack_user for link in linked)}
    lines += [
        _line(find.slack_user, find.gitlab, f"email, looked up {find.at:%Y-%m-%d %H:%M} UTC")
        for find in found
        if find.slack_user not in settled
    ]
    lines += [
        _line(each.grant.slack_user, each.grant.gitlab, _granted(each))
        for each in grants
        if not each.is_aside
    ]
    lines += _profile_lines(profiles, "/ssat profile")
    lines += _profile_lines(file.profiles(), "people file")
    return lines or ["Nobody is linked by the people file or by /ssat link, or found by email."]


async def unlink(settings: Settings, who: str) -> tuple[bool, list[str]]:
    """Return whether there was a link, and what still links them.

    Raises:
        DatabaseError: Unusable, or a running bot has the file.
    """
    who = who.removeprefix("@")
    file, now = people_file_of(settings).people(), datetime.now(UTC)
    async with _record(settings) as tx:
        in_file = WhoIsWho(file=file, kept=await load_kept(tx, now), at=now).in_file
        (removed, ended), found = await take_back(tx, who, now), await list_email_matches(tx)
        anew = {each.slack_user for each in await forget_file_lines(tx, who)}
    lines = [f"removed: {link.slack_user} is no longer {link.gitlab}" for link in removed]
    lines += [
        f"ended: the bot no longer writes as {grant.gitlab} for {grant.slack_user}; it revokes the "
        "permission in GitLab as soon as it runs"
        for grant in ended
    ]
    lines += [
        f"{user} is {name} by the {_in_file(user, file)}: {_remedy(file[user])}"
        + (", else it is for the account that has the name now" if user in anew else "")
        for user, name in sorted(in_file.items())
        if who == user or who.casefold() == name.casefold()
    ]
    lines += [
        f"{find.slack_user} is {find.gitlab} by email: a line in the people file overrules that"
        for find in found
        if who == find.slack_user or who.casefold() == find.gitlab.casefold()
    ]
    return bool(removed or ended), lines or [
        f"nobody is linked by {who}; `ssat-bot people list` shows all"
    ]


def _in_file(user: str, file: Mapping[str, Colleague]) -> str:
    """Name the file, in a folder."""
    return f"people file {file[user].file}".rstrip()


def _remedy(colleague: Colleague) -> str:
    return "change the account there" if colleague.file else "remove that line there"


@asynccontextmanager
async def _record(settings: Settings, *, reads_only: bool = False) -> AsyncIterator[Transaction]:
    async with at_hand(settings.database_url, reads_only=reads_only) as database:
        if database.file and not database.file.exists():
            raise DatabaseError(f"there is no file {database.file}; `ssat-bot run` creates it")
        try:
            await database.open()
        except InUseError as error:
            raise DatabaseError(
                f"a running ssat-bot has {database.file}: stop it, run this again, and start it. "
                "Or let the person type /ssat unlink, for which nothing has to stop"
            ) from error
        async with database.transaction() as tx:
            yield tx


def _origin(link: Link, who: WhoIsWho) -> str:
    said = f"/ssat link of {link.at:%Y-%m-%d %H:%M} UTC, by {link.name}"
    if link.slack_user in who.in_file or link.slack_user not in who.proven:
        return f"{said}; not in force, because the people file says otherwise"
    return f"{said}{_now(link.slack_user, link.gitlab, who)}"


def _granted(held: SealedGrant) -> str:
    said = f"acts as themselves, granted {held.grant.at:%Y-%m-%d %H:%M} UTC by {held.grant.name}"
    return said + _STATES[held.grant.state]


_STATES = {
    GrantState.VALID: "",
    GrantState.ENDED: "; ended in GitLab",
    GrantState.LEAVING: "; taken back, and about to be revoked in GitLab",
}


def _now(user: str, username: str, who: WhoIsWho) -> str:
    name = who.linked.get(user)
    if name is None:
        return "; not in force, because another account has this name now"
    return "" if name.casefold() == username.casefold() else f"; the account is {name} now"


def _profile_lines(profiles: Mapping[str, Profile], origin: str) -> list[str]:
    """Name what each says, and not how: a signature may have a telephone number."""
    said = {
        user: ", ".join(name for name in FIELDS if getattr(profile, name))
        for user, profile in sorted(profiles.items())
    }
    return [f"{user:<12} profile by {origin}: {names}" for user, names in said.items() if names]


def _line(user: str, username: str, origin: str) -> str:
    return f"{user:<12} {username:<24} {origin}"
