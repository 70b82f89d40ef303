"""Links that people made, accounts matched by email, and who was on duty when."""

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Row, bindparam, delete, or_, select, type_coerce, update

from slackbot.rules.request import Person, Request
from slackbot.rules.timing.shifts import Plan
from slackbot.store.engine.database import Transaction, save_row
from slackbot.store.facts import Fact
from slackbot.store.schema import (
    Code,
    Document,
    Link,
    OnDuty,
    duty_turns,
    facts,
    link_codes,
    links,
)

T = TypeVar("T")


class _Facts(Generic[T]):
    """Facts of one kind, whose names begin alike; an unreadable one counts as unknown."""

    def __init__(self, prefix: str, kind: type[T]) -> None:
        self._prefix, self._kind = prefix, kind
        value = type_coerce(facts.c.value, Document[T](kind, lenient=True))
        is_one = facts.c.name.startswith(prefix, autoescape=True)
        # Built once, as a click needs them.
        self._all = select(value).where(is_one).order_by(facts.c.name)

    async def load_all(self, tx: Transaction) -> list[T]:
        return [each for each in await tx.scalars(self._all) if each is not None]

    def of(self, whom: str | int) -> Fact[T]:
        return Fact(f"{self._prefix}{whom}", self._kind)


# --- Links made with /ssat link ----------------------------------------------------------------


class Redeemed(StrEnum):
    LINKED = "linked"
    TAKEN = "taken"
    """By another person meanwhile."""
    REPLACED = "replaced"
    """By the person's later code."""


def digest_of(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()


_LINKS = select(links.c.document).order_by(links.c.slack_user)


async def list_links(tx: Transaction) -> list[Link]:
    rows = await tx.scalars(_LINKS)
    return [link for link in rows if link is not None]


async def forget_links(tx: Transaction, who: str) -> list[Link]:
    """Forget links and codes of a Slack user id or GitLab username.

    Codes come first: what is being made of one is on record before it can be forgotten, or never.
    """
    is_theirs = or_(links.c.slack_user == who, links.c.gitlab == who.casefold())
    users = {who, *await tx.scalars(select(links.c.slack_user).where(is_theirs))}
    await tx.execute(delete(link_codes).where(link_codes.c.slack_user.in_(users)))
    removed = await tx.execute(delete(links).where(is_theirs).returning(links.c.document))
    return [link for link in removed.scalars() if link is not None]


async def save_code(tx: Transaction, code: Code) -> None:
    await save_row(
        tx,
        link_codes,
        slack_user=code.slack_user,
        expires_at=code.expires_at,
        document=code,
    )


async def list_codes(tx: Transaction, moment: datetime) -> list[Code]:
    """Forget the expired ones first."""
    await tx.execute(delete(link_codes).where(link_codes.c.expires_at <= moment))
    rows = await tx.scalars(select(link_codes.c.document).order_by(link_codes.c.slack_user))
    return [code for code in rows if code is not None]


async def redeem_code(
    tx: Transaction, code: Code, now: datetime, taken: Collection[str] = ()
) -> Redeemed:
    """Make the link, unless the account is another person's by now.

    ``taken``: accounts of others for another reason, in lower case.
    """
    if await _current_code(tx, code.slack_user) != code:
        return Redeemed.REPLACED
    link = Link(
        slack_user=code.slack_user,
        name=code.name,
        gitlab=code.gitlab,
        at=now,
        account=code.account,
    )
    if not await make_link(tx, link, taken):
        return Redeemed.TAKEN
    await save_code(tx, replace(code, is_spent=True))
    return Redeemed.LINKED


async def make_link(tx: Transaction, link: Link, taken: Collection[str] = ()) -> bool:
    """Return whether it could be made: not if the account is another person's, as above."""
    own = link.gitlab.casefold()
    holder = await tx.scalar(select(links.c.slack_user).where(links.c.gitlab == own))
    if own in taken or holder not in (None, link.slack_user):
        return False
    await save_row(tx, links, slack_user=link.slack_user, gitlab=own, document=link)
    return True


async def _current_code(tx: Transaction, slack_user: str) -> Code | None:
    row = select(link_codes.c.document).where(link_codes.c.slack_user == slack_user)
    code: Code | None = await tx.scalar(row.with_for_update())
    return code


async def forget_code(tx: Transaction, code: Code) -> None:
    """Keep a later code."""
    current = await _current_code(tx, code.slack_user)
    if current is not None and current.digest == code.digest:
        await tx.execute(delete(link_codes).where(link_codes.c.slack_user == code.slack_user))


# --- GitLab accounts, which may change their names ----------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Account:
    id: int
    username: str | None
    """``None`` after another account has got the name."""
    earlier: frozenset[str] = frozenset()
    """Names that it had before, in lower case."""

    def named(self, username: str | None) -> "Account":
        before = {self.username.casefold()} if self.username else set()
        after = {username.casefold()} if username else set()
        return replace(self, username=username, earlier=(self.earlier | before) - after)


_ACCOUNTS = _Facts("account:", Account)
list_accounts = _ACCOUNTS.load_all


def numbers_by_name(accounts: Iterable[Account]) -> dict[str, int]:
    """Key by username in lower case."""
    return {each.username.casefold(): each.id for each in accounts if each.username}


async def save_account(
    tx: Transaction, number: int, username: str, in_file: Mapping[str, str] | None = None
) -> bool:
    """Return whether a known account has another name now; its link follows.

    ``in_file``: usernames of the people file by Slack user id.
    """
    known, own = {each.id: each for each in await list_accounts(tx)}, username.casefold()
    # Who takes a name comes after who had it until now.
    await _keep_numbers(tx, {own: number, **numbers_by_name(known.values())}, in_file or {})
    for other in known.values():
        if other.id != number and (other.username or "").casefold() == own:
            await _ACCOUNTS.of(other.id).save(tx, other.named(None))
    before = known.get(number)
    after = (before or Account(id=number, username=None)).named(username)
    await _ACCOUNTS.of(number).save(tx, after)
    if before is None or (before.username or "").casefold() == own:
        return False
    await _rename_link(tx, after)
    return True


async def _rename_link(tx: Transaction, account: Account) -> None:
    every = await list_links(tx)
    own = (account.username or "").casefold()
    for link in every:
        is_theirs = link.account == account.id
        if is_theirs and all(other.gitlab.casefold() != own for other in every):
            await _update_link(tx, replace(link, gitlab=account.username or link.gitlab))


async def _update_link(tx: Transaction, link: Link) -> None:
    values = {"gitlab": link.gitlab.casefold(), "document": link}
    await tx.execute(update(links).where(links.c.slack_user == link.slack_user).values(values))


# --- Which account a name means, also when another one has taken the name -----------------------


@dataclass(frozen=True, kw_only=True)
class FileLines:
    """Which accounts a person's lines in the people file mean."""

    slack_user: str
    accounts: Mapping[str, int]
    """GitLab's numbers by username in lower case."""


_LINES = _Facts("people_file:", FileLines)
list_file_lines = _LINES.load_all


async def forget_file_lines(tx: Transaction, who: str) -> list[FileLines]:
    """Forget what lines mean, and those accounts, by a Slack user id or GitLab username."""
    own = who.casefold()
    found = [
        each for each in await list_file_lines(tx) if who == each.slack_user or own in each.accounts
    ]
    for each in found:
        await _LINES.of(each.slack_user).forget(tx)
        for number in each.accounts.values():
            await _ACCOUNTS.of(number).forget(tx)
    return found


async def _keep_numbers(
    tx: Transaction, numbers: Mapping[str, int], in_file: Mapping[str, str]
) -> None:
    """Note what each line, and each link of an earlier release, means by now, once and for all."""
    for link in await list_links(tx):
        number = numbers.get(link.gitlab.casefold())
        if link.account is None and number is not None:
            await _update_link(tx, replace(link, account=number))
    kept = {each.slack_user: each.accounts for each in await list_file_lines(tx)}
    for user, username in in_file.items():
        own, before = username.casefold(), kept.get(user, {})
        if own in numbers and own not in before:
            lines = FileLines(slack_user=user, accounts={**before, own: numbers[own]})
            await _LINES.of(user).save(tx, lines)


# --- Accounts matched by email: no proof, unlike a link ----------------------------------------

FRESH = timedelta(days=1)
"""How long a match is not looked up again."""
BELIEVED = timedelta(days=7)
"""How long a match counts that is not looked up again."""


@dataclass(frozen=True, kw_only=True)
class EmailMatch:
    slack_user: str
    gitlab: str
    """The username."""
    at: datetime
    """Last looked up, UTC."""
    account: int | None = None
    """GitLab's number. Matches of earlier releases lack it, and are looked up again."""

    def is_fresh(self, now: datetime) -> bool:
        return abs(now - self.at) < FRESH  # one from ahead tells of a wrong clock

    def is_believed(self, now: datetime) -> bool:
        return self.at > now - BELIEVED


_MATCHES = _Facts("found_by_email:", EmailMatch)
list_email_matches = _MATCHES.load_all


async def save_email_match(tx: Transaction, match: EmailMatch) -> None:
    """Forget those that contradict it or are no longer believed."""
    for other in await list_email_matches(tx):
        if other.account == match.account or not other.is_believed(match.at):
            await forget_email_match(tx, other.slack_user)
    await _MATCHES.of(match.slack_user).save(tx, match)


async def forget_email_match(tx: Transaction, slack_user: str) -> None:
    await _MATCHES.of(slack_user).forget(tx)


# --- Who was on duty when ----------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class DutyTurn:
    """A time with the same managers on duty, UTC, by the bot's clock."""

    seq: int
    began_at: datetime
    ended_at: datetime | None
    on_duty: OnDuty


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """The schedule cannot be read; the last known turn goes on."""

    problem: str
    since: datetime


TROUBLE = Fact("duty_trouble", Trouble)
"""Of each team, by its name."""
PLAN = Fact("duty_plan", Plan)
"""The last known one of each team, while no schedule can be read."""

_TURNS = (
    select(duty_turns)
    .where(duty_turns.c.route == bindparam("route"))
    .order_by(duty_turns.c.seq.desc())
)
_LATEST_TURNS = _TURNS.limit(bindparam("number"))


async def list_latest_turns(tx: Transaction, route: str, number: int = 2) -> list[DutyTurn]:
    return _turns(await tx.execute(_LATEST_TURNS, route=route, number=number))


async def list_turns_since(tx: Transaction, route: str, moment: datetime) -> list[DutyTurn]:
    is_later = or_(duty_turns.c.ended_at.is_(None), duty_turns.c.ended_at >= moment)
    return _turns(await tx.execute(_TURNS.where(is_later), route=route))


_TURN_AT = _TURNS.where(
    duty_turns.c.began_at <= bindparam("at"),
    or_(duty_turns.c.ended_at.is_(None), duty_turns.c.ended_at > bindparam("at")),
).limit(1)


async def list_on_duty_at(tx: Transaction, request: Request) -> tuple[Person, ...]:
    """Return who was on duty when a feedback was created, as far as is known."""
    turns = _turns(await tx.execute(_TURN_AT, route=request.route, at=request.created_at))
    return turns[0].on_duty.people if turns else ()


def _turns(rows: Iterable[Row[Any]]) -> list[DutyTurn]:
    return [
        DutyTurn(
            seq=row.seq,
            began_at=row.began_at,
            ended_at=row.ended_at,
            on_duty=row.document,
        )
        for row in rows
        if row.document is not None
    ]


async def load_current_turn(tx: Transaction, route: str) -> DutyTurn | None:
    turns = await list_latest_turns(tx, route, 1)
    return turns[0] if turns and turns[0].ended_at is None else None


async def save_turn(tx: Transaction, route: str, on_duty: OnDuty | None, now: datetime) -> bool:
    """Return whether these are other people than before."""
    last = await load_current_turn(tx, route)
    if last and on_duty and _same_people(last.on_duty, on_duty):
        await tx.execute(
            update(duty_turns).where(duty_turns.c.seq == last.seq).values(document=on_duty)
        )
        return False
    if last is None and on_duty is None:
        return False
    await _end_turns(tx, duty_turns.c.route == route, now)
    if on_duty is not None:
        begins = duty_turns.insert().values(began_at=now, document=on_duty, route=route)
        await tx.execute(begins)
    return True


async def end_turns_of_others(tx: Transaction, routes: Collection[str], now: datetime) -> None:
    """End the turns of teams that are no longer set up."""
    await _end_turns(tx, duty_turns.c.route.not_in(routes), now)


async def _end_turns(tx: Transaction, which: ColumnElement[bool], now: datetime) -> None:
    goes_on = duty_turns.c.ended_at.is_(None)
    await tx.execute(update(duty_turns).where(which, goes_on).values(ended_at=now))


def _same_people(one: OnDuty, other: OnDuty) -> bool:
    # People without a known account are compared by name.
    return len(one.people) == len(other.people) and all(
        any(each == who or each.is_same(who) for who in other.people) for each in one.people
    )


async def save_trouble(tx: Transaction, route: str, problem: str | None, now: datetime) -> bool:
    """Keep the first moment. Return whether the trouble has begun or ended."""
    trouble = TROUBLE.of(route)
    before = await trouble.load(tx)
    if (before.problem if before else None) == problem:
        return False
    if problem is None:
        return await trouble.forget(tx)
    since = before.since if before else now
    await trouble.save(tx, Trouble(problem=problem, since=since))
    return before is None


async def forget_turns(tx: Transaction, before: datetime) -> None:
    await tx.execute(delete(duty_turns).where(duty_turns.c.ended_at < before))
