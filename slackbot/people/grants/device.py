"""Link people by what they authorize in GitLab, and keep what they grant."""

import asyncio
from collections.abc import Awaitable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import uuid4

import structlog

from slackbot import metrics
from slackbot.blocks.answers import linking as words
from slackbot.people.grants.tokens import Grants, revoke
from slackbot.people.grants.vault import Unsealable, Vault
from slackbot.people.identities import Identities, WhoIsWho
from slackbot.platforms.errors import Denied, PlatformError, Rejected, Untrusted
from slackbot.platforms.gitlab.client import GitLabAsPerson, GitLabClient
from slackbot.platforms.gitlab.oauth import (
    DENIED,
    PENDING,
    SLOW_DOWN,
    Authorization,
    GitLabOAuth,
    Tokens,
)
from slackbot.platforms.gitlab.snapshot import GitLabUser
from slackbot.platforms.patience import all_tried
from slackbot.platforms.slack.message import SlackMessage
from slackbot.platforms.slack.outbox import Outbox, drawn
from slackbot.rules.refusals import (
    ActsAlready,
    GitLabSilent,
    LinkedAlready,
    LinkedByFile,
    NotAuthorizable,
)
from slackbot.rules.request import Person
from slackbot.store import grants as store
from slackbot.store import jobs
from slackbot.store.changes import announce_queue
from slackbot.store.engine.database import Record, Transaction
from slackbot.store.grants import SealedCode, SealedGrant
from slackbot.store.jobs import PeriodicQueue
from slackbot.store.people import digest_of, make_link
from slackbot.store.schema import DeviceCode, Grant, GrantScope, GrantState, Link

log = structlog.get_logger()

PATIENCE_SECONDS = 1.5
"""An answer is due within three seconds."""
MARGIN_SECONDS = 0.5
"""After the interval that GitLab asks for: its clock starts when it has answered."""
SLOWER_SECONDS = 5.0
"""RFC 8628: after ``slow_down`` for good."""
LATE = timedelta(minutes=1)
"""After its end, to hear from GitLab that a code has expired."""
LONGEST = timedelta(minutes=30)
"""No code is good for longer; one further ahead was noted while the clock was wrong."""
REVOKED_EVERY = timedelta(minutes=10)
"""While it cannot be done, but GitLab answers."""


@dataclass(frozen=True, kw_only=True)
class Offer:
    """What a person may authorize, each by its link."""

    link: Authorization | None
    act: Authorization | None
    gitlab: str | None
    """The account that they are linked to already."""


class DeviceLinking:
    """Asks people to authorize the bot in GitLab, and reconciles ``GRANTS``.

    Without ``offers_acting`` they only prove their account.
    """

    def __init__(
        self,
        record: Record,
        gitlab: GitLabClient,
        oauth: GitLabOAuth,
        vault: Vault,
        identities: Identities,
        outbox: Outbox,
        grants: Grants,
        *,
        offers_acting: bool,
    ) -> None:
        self._record, self._gitlab, self._oauth, self._vault = record, gitlab, oauth, vault
        self._identities, self._outbox = identities, outbox
        self._grants, self._offers_acting = grants, offers_acting

    # What people ask for

    async def begin(self, person: Person) -> Offer:
        """Ask GitLab for codes; the person's last ones become void.

        Raises:
            NotLinkable: There is nothing to authorize, or GitLab does not answer.
        """
        user = person.slack_user or ""
        who = await self._identities.read_again()
        known = who.linked.get(user)
        acts = await self._acts(user, who)
        if known is not None and (acts or not self._offers_acting):
            if acts:
                raise ActsAlready(known)
            raise LinkedByFile(known) if user in who.in_file else LinkedAlready(known)
        scopes = [] if known is not None else [GrantScope.LINK]
        scopes += [GrantScope.ACT] if self._offers_acting else []
        asked = dict(zip(scopes, await self._ask_gitlab(scopes), strict=True))
        await self._save(user, person.name, asked.items())
        metrics.LINKS.labels("issued").inc()
        return Offer(link=asked.get(GrantScope.LINK), act=asked.get(GrantScope.ACT), gitlab=known)

    async def _acts(self, user: str, who: WhoIsWho) -> bool:
        """Return whether what they have granted is for the account that they are linked to."""
        async with self._record.transaction() as tx:
            held = await store.load_grant(tx, user)
        if held is None or held.grant.state is not GrantState.VALID or user not in who.proven:
            return False
        if not self._grants.can_open(held):  # so let them grant it again
            return False
        return who.proven[user].number in (None, held.grant.account)

    async def _ask_gitlab(self, scopes: Iterable[GrantScope]) -> list[Authorization]:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                asking = (self._oauth.authorize(scope) for scope in scopes)
                return await asyncio.gather(*asking)
        except Untrusted as error:
            raise GitLabSilent from error
        except (Denied, Rejected) as error:
            log.error("oauth_application_not_accepted", problem=str(error))
            raise NotAuthorizable from error
        except (PlatformError, TimeoutError) as error:
            raise GitLabSilent from error

    async def _save(
        self, user: str, name: str, asked: Iterable[tuple[GrantScope, Authorization]]
    ) -> None:
        now = self._record.now()
        async with self._record.transaction() as tx:
            await store.forget_device_codes(tx, [user], now)
            for scope, each in asked:
                code = DeviceCode(
                    slack_user=user,
                    name=name,
                    scope=scope,
                    digest=digest_of(each.device_code.get_secret_value()),
                    interval=each.interval,
                    ask_at=now + _pause(each.interval),
                    expires_at=now + each.lifetime,
                )
                await store.save_device_code(tx, code, self._vault.seal(each.device_code))
                after = _pause(each.interval)
                jobs.enqueue_periodic(tx, PeriodicQueue.GRANTS, now, after=after)

    # What becomes of it

    async def reconcile(self) -> datetime | None:
        """Return when to look again, if anything is on its way.

        Raises:
            PlatformError: One could not be tried; the others have been.
        """
        async with self._record.transaction() as tx:
            await store.forget_unreadable_codes(tx, self._record.now())
            codes, grants = await store.list_device_codes(tx), await store.list_grants(tx)
        tried: list[Awaitable[None]] = [self._see_to(each) for each in codes]
        tried += [self._see_to_grant(each) for each in grants]
        await all_tried(tried)
        async with self._record.transaction() as tx:
            codes, grants = await store.list_device_codes(tx), await store.list_grants(tx)
        again = [each.code.ask_at for each in codes]
        if any(each.grant.state is GrantState.LEAVING for each in grants):
            again.append(self._record.now() + REVOKED_EVERY)
        return min(again, default=None)

    async def _see_to(self, asked: SealedCode) -> None:
        code, now = asked.code, self._record.now()
        if code.is_spent:
            await self._end_spent(asked)
        elif code.ask_at <= now or code.ask_at > now + LONGEST:
            await self._ask(asked)

    async def _ask(self, asked: SealedCode) -> None:
        """Ask whether the person has authorized it: not before GitLab wants to be asked again."""
        code = asked.code
        is_open = self._record.now() <= code.expires_at + LATE
        try:
            tokens = await self._oauth.redeem(self._vault.unseal(asked.sealed))
        except Unsealable:  # perhaps another replica has the key
            await self._wait(asked, code.interval)
        except Untrusted:
            if is_open:
                raise
            await self._tell_end(code, words.not_authorized())
        except Denied as error:  # of the application: nobody else has to do without GitLab
            log.error("oauth_application_not_accepted", problem=str(error))
            metrics.LINKS.labels("not_accepted").inc()
            await self._tell_end(code, words.not_accepted())
        except Rejected as error:
            if is_open and error.reason in (PENDING, SLOW_DOWN):
                slower = SLOWER_SECONDS if error.reason == SLOW_DOWN else 0.0
                await self._wait(asked, code.interval + slower)
            else:
                await self._refused(code, error.reason)
        else:
            await self._take(asked, tokens)

    async def _refused(self, code: DeviceCode, reason: str) -> None:
        log.info("not_authorized", user=code.slack_user, problem=reason)
        metrics.LINKS.labels("denied" if reason == DENIED else "expired").inc()
        said = words.denied() if reason == DENIED else words.not_authorized()
        await self._tell_end(code, said)

    async def _wait(self, asked: SealedCode, interval: float) -> None:
        now = self._record.now()
        if asked.code.expires_at + LATE < now:
            await self._tell_end(asked.code, words.not_authorized())
            return
        later = replace(asked.code, interval=interval, ask_at=now + _pause(interval))
        async with self._record.transaction() as tx:
            if await store.is_current(tx, asked.code):
                await store.save_device_code(tx, later, asked.sealed)

    async def _take(self, asked: SealedCode, tokens: Tokens) -> None:
        """Keep the tokens at once: GitLab gives them out once."""
        sealed, now = self._vault.seal_tokens(tokens), self._record.now()
        spent = SealedCode(code=replace(asked.code, is_spent=True), sealed=sealed)
        async with self._record.transaction(in_any_case=True) as tx:
            is_wanted = await store.is_current(tx, asked.code)
            if is_wanted:
                await store.save_device_code(tx, spent.code, sealed)
            else:  # the person has asked for another meanwhile, or has unlinked
                await store.set_aside_code(tx, spent, now)
                jobs.enqueue_periodic(tx, PeriodicQueue.GRANTS, now)
        if is_wanted:
            await self._end_spent(spent)

    async def _end_spent(self, spent: SealedCode) -> None:
        """Make of it what was asked; safe to repeat after a stop at any point."""
        code = spent.code
        if code.gitlab is not None and store.is_granted(code):
            await self._tell_end(code, words.acts(code.gitlab))
            return
        try:
            tokens = self._vault.unseal_tokens(spent.sealed)
        except Unsealable:  # as above
            await self._wait(spent, code.interval)
            return
        if code.gitlab is not None:  # all but its end is done
            await self._finish(code, tokens, words.linked(code.gitlab))
            return
        try:
            token = tokens.access.get_secret_value()
            account = await GitLabAsPerson(self._gitlab, token).own_user()
        except Untrusted:
            raise
        except (Rejected, Denied) as error:
            log.warning("authorized_by_nobody", user=code.slack_user, problem=str(error))
            await self._finish(code, tokens, words.not_authorized())
            return
        await self._identities.meet([account])
        if problem := await self._problem_with(code, account):
            await self._finish(code, tokens, problem)
        elif code.scope is GrantScope.ACT:
            await self._grant(spent, account, tokens)
        else:
            await self._link(spent, account, tokens)

    async def _problem_with(self, code: DeviceCode, account: GitLabUser) -> SlackMessage | None:
        """Return what to say where the account cannot be the person's."""
        if account == await self._gitlab.own_user():
            return words.bots_own(account.username)
        who, user = await self._identities.read_again(), code.slack_user
        known = who.linked.get(user)
        if known is not None and known.casefold() != account.username.casefold():
            return words.another_account(account.username, known)
        return words.taken(account.username) if _is_others(who, user, account) else None

    async def _link(self, spent: SealedCode, account: GitLabUser, tokens: Tokens) -> None:
        code = spent.code
        async with self._record.transaction() as tx:
            if not await store.is_current(tx, code):
                return  # its tokens are set aside
            is_made = await self._save_link(tx, code, account)
            if is_made:
                done = replace(code, gitlab=account.username)
                await store.save_device_code(tx, done, spent.sealed)
            announce_queue(tx, self._record.now())
        await self._identities.read_again()
        self._count(code, "linked" if is_made else "taken")
        said = words.linked(account.username) if is_made else words.taken(account.username)
        await self._finish(code, tokens, said)

    async def _save_link(self, tx: Transaction, code: DeviceCode, account: GitLabUser) -> bool:
        link = Link(
            slack_user=code.slack_user,
            name=code.name,
            gitlab=account.username,
            at=self._record.now(),
            account=account.id,
        )
        return await make_link(tx, link)

    async def _grant(self, spent: SealedCode, account: GitLabUser, tokens: Tokens) -> None:
        code, user, now = spent.code, spent.code.slack_user, self._record.now()
        is_linked = user in (await self._identities.read()).linked
        grant = Grant(
            id=uuid4(),
            slack_user=user,
            name=code.name,
            gitlab=account.username,
            account=account.id,
            at=now,
            expires_at=tokens.expires_at,
        )
        async with self._record.transaction() as tx:
            if not await store.is_current(tx, code):
                return  # its tokens are set aside
            is_made = is_linked or await self._save_link(tx, code, account)
            if is_made:
                await self._save_grant(tx, grant, spent)
            announce_queue(tx, now)
        await self._identities.read_again()
        self._count(code, "granted" if is_made else "taken")
        if is_made:
            await self._tell_end(code, words.acts(account.username))
        else:
            await self._finish(code, tokens, words.taken(account.username))

    async def _save_grant(self, tx: Transaction, grant: Grant, spent: SealedCode) -> None:
        """Keep the code until the person has been told, and former tokens until they are void."""
        code, now = spent.code, self._record.now()
        former = await store.load_grant(tx, grant.slack_user, lock=True)
        if former is not None:
            await store.set_aside(tx, former, now)
            jobs.enqueue_periodic(tx, PeriodicQueue.GRANTS, now)
        await store.save_grant(tx, grant, spent.sealed)
        done = replace(code, gitlab=grant.gitlab)
        await store.save_device_code(tx, done, spent.sealed)
        await store.forget_other_codes(tx, code, now)

    def _count(self, code: DeviceCode, outcome: str) -> None:
        metrics.LINKS.labels(outcome).inc()
        log.info("authorized", user=code.slack_user, scope=code.scope, outcome=outcome)

    async def _finish(self, code: DeviceCode, tokens: Tokens, said: SlackMessage) -> None:
        """Revoke what only had to prove an account, and forget it."""
        await revoke(self._oauth, tokens)
        await self._tell_end(code, said)

    async def _tell_end(self, code: DeviceCode, said: SlackMessage) -> None:
        await self._tell(code.slack_user, f"device:{code.digest[:32]}", said)
        async with self._record.transaction() as tx:
            await store.forget_device_code(tx, code)

    async def _tell(self, user: str, key: str, said: SlackMessage) -> None:
        key, event = f"link:{key}", words.LINK_EVENT
        await self._outbox.tell(user, drawn(said), key=key, event=event)

    async def _see_to_grant(self, found: SealedGrant) -> None:
        grant = found.grant
        if grant.state is GrantState.LEAVING:
            await self._grants.revoke(found)
        elif grant.issue and not grant.is_told:
            is_ended = grant.state is GrantState.ENDED
            said = words.wrote_for_you(grant.issue, None if is_ended else grant.trouble)
            about = "ended" if is_ended else "not_allowed"
            await self._tell(grant.slack_user, f"{about}:{grant.id}", said)
            async with self._record.transaction() as tx:
                if is_ended:
                    await store.forget_grant(tx, found)
                else:
                    await store.change_grant(tx, found, lambda current: _told(current, grant))


def _told(current: Grant, said: Grant) -> Grant:
    """Note that the person knows, unless there is something else to tell by now."""
    is_same = (current.state, current.issue) == (said.state, said.issue)
    return replace(current, is_told=True) if is_same else current


def _is_others(who: WhoIsWho, user: str, account: GitLabUser) -> bool:
    """Return whether anything tells of another owner: people may be talked into confirming."""
    own = account.username.casefold()
    return any(name.casefold() == own and other != user for other, name in who.usernames.items())


def _pause(interval: float) -> timedelta:
    return timedelta(seconds=interval + MARGIN_SECONDS)
