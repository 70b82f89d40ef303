"""Link people to GitLab accounts, proven by a code that they post in a comment."""

import asyncio
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from slackbot import metrics
from slackbot.blocks.answers import linking as words
from slackbot.people.identities import Identities
from slackbot.platforms.errors import Missing, PlatformError
from slackbot.platforms.gitlab.client import GitLabClient
from slackbot.platforms.gitlab.snapshot import GitLabUser, IssueSnapshot, Note
from slackbot.platforms.slack.message import SlackMessage
from slackbot.platforms.slack.outbox import Outbox, drawn
from slackbot.rules.refusals import (
    AccountTaken,
    GitLabSilent,
    LinkedAlready,
    LinkedByFile,
    LinksNotSetUp,
    NameYourAccount,
    NoIssueForCodes,
    NoSuchAccount,
)
from slackbot.rules.request import IssueKey, Person
from slackbot.store import jobs
from slackbot.store.changes import announce_queue
from slackbot.store.engine.database import Record
from slackbot.store.grants import take_back
from slackbot.store.jobs import PeriodicQueue
from slackbot.store.people import (
    Redeemed,
    digest_of,
    forget_code,
    list_codes,
    redeem_code,
    save_code,
)
from slackbot.store.schema import Code

log = structlog.get_logger()

LIFETIME = timedelta(minutes=15)
"""By GitLab's clock."""
LATE = timedelta(minutes=15)
"""After ``LIFETIME``, to tell that a code came too late."""
EVERY = timedelta(seconds=10)
"""While a code may arrive; a webhook is faster."""
EVERY_LATE = timedelta(minutes=1)
CLOCK_MARGIN = timedelta(minutes=2)
"""GitLab's against ours."""
PATIENCE_SECONDS = 1.5
"""An answer is due within three seconds."""

_CODE = re.compile(r"ssat-link-[0-9a-f]{16}", re.IGNORECASE)
_USERNAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,254}")
_MENTION = re.compile(r"<@[A-Z0-9]+\|([^<>|]+)>")


@dataclass(frozen=True, kw_only=True)
class Issued:
    """The person sees the code only once."""

    code: str
    username: str
    issue_url: str


def read_username(text: str) -> str:
    """Read what people type; Slack makes a mention of a member's ``@name``.

    Raises:
        NameYourAccount: It is no username.
    """
    typed = _MENTION.sub(r"\1", text.strip()).strip("`'\" ").removeprefix("@")
    if not _USERNAME.fullmatch(typed):
        raise NameYourAccount
    return typed


def codes_in(body: str) -> frozenset[str]:
    """Return digests."""
    return frozenset(digest_of(each.lower()) for each in _CODE.findall(body))


class Linking:
    """Gives out codes, and reconciles ``LINKS``; people post codes in ``issue``."""

    def __init__(
        self,
        record: Record,
        gitlab: GitLabClient,
        identities: Identities,
        outbox: Outbox,
        issue: int | None,
        *,
        has_oauth: bool = False,
    ) -> None:
        self._record, self._gitlab = record, gitlab
        self._identities, self._outbox, self._iid = identities, outbox, issue
        self._has_oauth = has_oauth
        self._issue: IssueSnapshot | None = None

    async def begin(self, person: Person, text: str) -> Issued:
        """Give a full member a code; their last one becomes void.

        Raises:
            NotLinkable: They cannot be linked.
        """
        user = person.slack_user or ""
        who = await self._identities.read_again()
        if (told := who.in_file.get(user)) is not None:
            raise LinkedByFile(told)
        if self._iid is None:
            raise LinksNotSetUp(person)
        username = read_username(text)
        issue, account = await self._ask_gitlab(self._iid, username, person)
        if account is None:
            raise NoSuchAccount(username)
        holder = who.linked_to(account.username)
        if holder == user:
            raise LinkedAlready(account.username)
        if holder is not None:
            raise AccountTaken(account.username)
        await self._identities.meet([account])
        code = await self._issue_code(user, person.name, account)
        return Issued(code=code, username=account.username, issue_url=issue.url)

    async def _ask_gitlab(
        self, iid: int, username: str, person: Person
    ) -> tuple[IssueSnapshot, GitLabUser | None]:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                issue, account = await asyncio.gather(
                    self._link_issue(iid), self._gitlab.users.named(username)
                )
                own = await self._gitlab.own_username()
        except Missing as error:
            log.error("no_issue_for_links", number=iid)
            raise NoIssueForCodes(person) from error
        except (PlatformError, TimeoutError) as error:
            raise GitLabSilent from error
        # The bot's notes may quote people, so they prove nothing.
        is_own = account is not None and account.username == own
        return issue, None if is_own else account

    async def _link_issue(self, iid: int) -> IssueSnapshot:
        if self._issue is None:
            project = await self._gitlab.project()
            self._issue = await self._gitlab.read_issue(IssueKey(project.id, iid))
        return self._issue

    async def _issue_code(self, user: str, name: str, account: GitLabUser) -> str:
        code, now = f"ssat-link-{secrets.token_hex(8)}", self._record.now()
        kept = Code(
            slack_user=user,
            name=name,
            gitlab=account.username,
            account=account.id,
            digest=digest_of(code),
            issued_at=now,
            expires_at=now + LIFETIME,
        )
        async with self._record.transaction() as tx:
            await save_code(tx, kept)
            jobs.enqueue_periodic(tx, PeriodicQueue.LINKS, now, after=EVERY)
        metrics.LINKS.labels("issued").inc()
        return code

    async def end(self, person: Person) -> tuple[bool, str | None]:
        """End the person's link and what they have granted, and forget their codes.

        Return whether there was anything, and what the people file still says.
        """
        user, now = person.slack_user or "", self._record.now()
        async with self._record.transaction() as tx:
            removed, ended = await take_back(tx, user, now)
            announce_queue(tx, now)
            if self._has_oauth:  # else there is nobody to revoke
                jobs.enqueue_periodic(tx, PeriodicQueue.GRANTS, now, urgent=True)
        in_file = (await self._identities.read_again()).in_file.get(user)
        return bool(removed or ended), in_file

    async def reconcile(self) -> datetime | None:
        """Return when to look again, if a code may come."""
        now = self._record.now()
        async with self._record.transaction() as tx:
            codes = await list_codes(tx, now - LATE)
        if not codes or self._iid is None:
            return None
        for code in codes:
            if code.is_spent:
                await self._end(code, words.linked(code.gitlab))
        codes = [code for code in codes if not code.is_spent]
        for note in await self._notes(self._iid, codes):
            await self._consider(note, codes)
        is_open = any(code.expires_at > now for code in codes)
        return now + (EVERY if is_open else EVERY_LATE)

    async def _notes(self, iid: int, codes: Sequence[Code]) -> list[Note]:
        """Read oldest first, since the first code."""
        if not codes:
            return []
        since = min(self._record.now(), *(code.issued_at for code in codes)) - CLOCK_MARGIN
        issue = await self._link_issue(iid)
        notes = await self._gitlab.notes(issue.key, since)
        return [note for note in reversed(notes) if not note.is_system]

    async def _consider(self, note: Note, codes: Sequence[Code]) -> None:
        left, author = codes_in(note.body), note.author.casefold()
        code = next((each for each in codes if each.digest in left), None)
        if code is not None and code.gitlab.casefold() != author:
            told = words.left_by_another(code.gitlab, note.author)
            await self._tell(code, f"other:{note.id}", told)
        elif code is not None and note.at > code.expires_at:
            await self._end(code, words.expired(code.gitlab), "expired")
        elif code is not None:
            await self._link(code)
        elif left:
            await self._tell_author(note, codes)

    async def _tell_author(self, note: Note, codes: Sequence[Code]) -> None:
        author = note.author.casefold()
        for code in codes:
            if code.gitlab.casefold() == author and note.at >= code.issued_at:
                await self._tell(code, f"wrong:{note.id}", words.not_this_one(code.gitlab))

    async def _link(self, code: Code) -> None:
        holder = (await self._identities.read_again()).linked_to(code.gitlab)
        taken = {code.gitlab.casefold()} if holder not in (None, code.slack_user) else set()
        async with self._record.transaction() as tx:
            outcome = await redeem_code(tx, code, self._record.now(), taken)
            # Homes show it.
            announce_queue(tx, self._record.now())
        await self._identities.read_again()
        metrics.LINKS.labels(outcome).inc()
        log.info("code_arrived", user=code.slack_user, outcome=outcome)
        # Of what was replaced nothing is said: the person has asked for another code.
        if outcome is Redeemed.LINKED:
            await self._end(code, words.linked(code.gitlab))
        elif outcome is Redeemed.TAKEN:
            await self._end(code, words.taken(code.gitlab), "taken")

    async def _end(self, code: Code, message: SlackMessage, what: str = "linked") -> None:
        await self._tell(code, f"{what}:{code.digest[:32]}", message)
        async with self._record.transaction() as tx:
            await forget_code(tx, code)

    async def _tell(self, code: Code, key: str, message: SlackMessage) -> None:
        """Tell it once: notes are read again while a code may arrive."""
        key, event = f"link:{key}", words.LINK_EVENT
        await self._outbox.tell(code.slack_user, drawn(message), key=key, event=event)
