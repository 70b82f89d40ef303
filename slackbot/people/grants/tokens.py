"""What people have granted: a GitLab client with a person's token, renewed and ended."""

from dataclasses import dataclass, replace
from datetime import timedelta

import structlog

from slackbot.people.grants.vault import Unsealable, Vault, is_usable
from slackbot.platforms.errors import Denied, PlatformError, Rejected, Untrusted
from slackbot.platforms.gitlab.client import GitLabAsPerson, GitLabClient
from slackbot.platforms.gitlab.oauth import GitLabOAuth, Tokens
from slackbot.rules.request import Person
from slackbot.store import grants as store
from slackbot.store import jobs
from slackbot.store.engine.database import Record
from slackbot.store.grants import SealedGrant
from slackbot.store.jobs import PeriodicQueue, Postponed
from slackbot.store.schema import GrantState

log = structlog.get_logger()

WHILE_RENEWED = timedelta(seconds=1)
"""When to look whether another job has renewed the tokens."""
TRIED = timedelta(days=7)
"""For so long, what this replica cannot revoke is tried again; then it is forgotten."""


@dataclass(frozen=True)
class Held:
    """A grant that is valid as far as the bot knows, and the client that uses it."""

    sealed: SealedGrant
    client: GitLabAsPerson

    @property
    def account(self) -> int:
        return self.sealed.grant.account


class Grants:
    """Each job that needs a person's tokens comes here, so that GitLab renews them once."""

    def __init__(
        self, record: Record, gitlab: GitLabClient, oauth: GitLabOAuth, vault: Vault
    ) -> None:
        self._record, self._gitlab = record, gitlab
        self._oauth, self._vault = oauth, vault

    async def held_by(self, person: Person, account: int) -> Held | None:
        """Return what lets the bot write as this person; ``account`` must be theirs by now.

        What was sealed with another key ends no grant either: another replica may have that key.

        Raises:
            Postponed: Another job is renewing the tokens.
            PlatformError: GitLab does not answer. That ends no grant.
        """
        async with self._record.transaction() as tx:
            found = await store.load_grant(tx, person.slack_user or "")
        if found is None or found.grant.state is not GrantState.VALID:
            return None
        if found.grant.account != account:
            return None
        return await self._opened(found)

    async def _opened(self, found: SealedGrant) -> Held | None:
        tokens = self._unseal(found)
        if tokens is None:
            return None
        if not is_usable(tokens, self._record.now()):
            return await self._renew(found, tokens)
        return self._holding(found, tokens)

    def _holding(self, found: SealedGrant, tokens: Tokens) -> Held:
        token, account = tokens.access.get_secret_value(), found.grant.account
        return Held(found, GitLabAsPerson(self._gitlab, token, account))

    def can_open(self, found: SealedGrant) -> bool:
        return self._unseal(found) is not None

    def _unseal(self, found: SealedGrant) -> Tokens | None:
        try:
            return self._vault.unseal_tokens(found.sealed)
        except Unsealable:
            log.warning("grant_cannot_be_unsealed", user=found.grant.slack_user)
            return None

    async def renewed(self, held: Held) -> Held | None:
        """Return it with new tokens, after GitLab has refused these: our clock may be wrong.

        Raises:
            Postponed, PlatformError: As above.
        """
        tokens = self._unseal(held.sealed)
        return await self._renew(held.sealed, tokens) if tokens else None

    async def _renew(self, found: SealedGrant, tokens: Tokens) -> Held | None:
        """Have GitLab renew the tokens, and keep them whatever becomes of the job: it does it once.

        If the answer is lost, so is the grant.
        """
        async with self._record.transaction() as tx:
            is_ours = await store.begin_renewal(tx, found)
        if not is_ours:
            raise Postponed("another job renews a person's tokens", WHILE_RENEWED)
        try:
            renewed = await self._oauth.renew(tokens.refresh)
        except Rejected as error:
            log.info("grant_not_renewed", user=found.grant.slack_user, problem=error.reason)
            await self._end(found)
            return None
        except Denied as error:
            if not error.is_unauthorized:
                raise
            # The application is gone, or not as set: that is for the administrator alone.
            log.error("oauth_application_not_accepted", problem=str(error))
            await self._give_up(found)
            return None
        except PlatformError as error:
            if not error.is_unsettled:
                await self._give_up(found)
            raise
        kept = await self._keep(found, renewed)
        return self._holding(kept, renewed) if kept.grant.state is GrantState.VALID else None

    async def _give_up(self, found: SealedGrant) -> None:
        async with self._record.transaction(in_any_case=True) as tx:
            await store.give_up_renewal(tx, found)

    async def _keep(self, found: SealedGrant, renewed: Tokens) -> SealedGrant:
        """Return the grant with its new tokens, which may be only to be revoked by now."""
        sealed, now = self._vault.seal_tokens(renewed), self._record.now()
        async with self._record.transaction(in_any_case=True) as tx:
            kept = await store.end_renewal(tx, found, sealed, renewed.expires_at)
            if kept is None:  # revoked in the meantime: these tokens are nobody's
                gone = replace(found.grant, state=GrantState.LEAVING)
                kept = SealedGrant(grant=gone, sealed=sealed)
                await store.set_aside(tx, kept, now)
            if kept.grant.state is GrantState.LEAVING:
                jobs.enqueue_periodic(tx, PeriodicQueue.GRANTS, now)
        return kept

    async def _end(self, found: SealedGrant) -> None:
        async with self._record.transaction() as tx:
            await store.change_grant(
                tx, found, lambda grant: replace(grant, state=GrantState.ENDED)
            )

    async def end(self, held: Held) -> None:
        """GitLab no longer accepts it."""
        await self._end(held.sealed)

    async def tell(self, person: Person, trouble: str | None, issue: str) -> None:
        """Have the person told, once, that the bot wrote something for them.

        ``trouble``: GitLab's status where it did not let them; ``None`` where the grant has ended.
        """
        async with self._record.transaction() as tx:
            found = await store.load_grant(tx, person.slack_user or "", lock=True)
            if found is None:
                return
            is_ended = found.grant.state is GrantState.ENDED
            is_known = bool(found.grant.trouble or found.grant.issue)
            if is_ended and (found.grant.trouble or not is_known):
                grant = replace(found.grant, trouble=None, issue=issue, is_told=False)
            elif trouble is not None and not is_known:
                grant = replace(found.grant, trouble=trouble, issue=issue)
            else:
                return
            await store.change_grant(tx, found, lambda _: grant)
            jobs.enqueue_periodic(tx, PeriodicQueue.GRANTS, self._record.now())

    async def revoke(self, found: SealedGrant) -> None:
        """Make void in GitLab what its person has left, and forget it.

        It stays where only an administrator can help, or another replica, which may have the key.

        Raises:
            PlatformError: GitLab does not answer.
        """
        tokens = self._unseal(found)
        is_void = tokens is not None and await revoke(self._oauth, tokens)
        left_at, now = found.grant.left_at, self._record.now()
        # One from ahead tells of a wrong clock.
        if not is_void and left_at is not None and abs(now - left_at) < TRIED:
            return
        async with self._record.transaction(in_any_case=True) as tx:
            await store.forget_grant(tx, found)


async def revoke(oauth: GitLabOAuth, tokens: Tokens) -> bool:
    """Return whether that is over: not where GitLab does not accept the application."""
    try:
        await oauth.revoke(tokens)
    except Untrusted:
        raise
    except (Rejected, Denied) as error:
        log.warning("tokens_not_revoked", problem=str(error))
        return isinstance(error, Rejected)
    return True
