"""What people have granted: a GitLab client with a person's token, renewed and ended."""

from dataclasses import dataclass, replace
from datetime import timedelta

import structlog

from slackbot.people.grants.vault import Unsealable, Vault, is_usable
from slackbot.platforms.errors import Denied, PlatformError, Rejected
from slackbot.platforms.gitlab import GitLabAsPerson, GitLabClient
from slackbot.platforms.gitlab_oauth import GitLabOAuth, Tokens
from slackbot.rules.request import Person
from slackbot.store import grants as store
from slackbot.store import jobs
from slackbot.store.database import Record
from slackbot.store.grants import SealedGrant
from slackbot.store.jobs import PeriodicQueue, Postponed
from slackbot.store.schema import GrantState

log = structlog.get_logger()

UNAUTHORIZED = "401"

WHILE_RENEWED = timedelta(seconds=1)
"""When to look whether another job has renewed the tokens."""


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
            await self._end(found)
            return None
        if not is_usable(tokens, self._record.now()):
            return await self._renew(found, tokens)
        return self._holding(found, tokens)

    def _holding(self, found: SealedGrant, tokens: Tokens) -> Held:
        token, account = tokens.access.get_secret_value(), found.grant.account
        return Held(found, GitLabAsPerson(self._gitlab, token, account))

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
            if error.code != UNAUTHORIZED:
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
        if kept is None:  # revoked in the meantime: these tokens are nobody's
            await self._oauth.revoke(renewed)
            return None
        return self._holding(kept, renewed) if kept.grant.state is GrantState.VALID else None

    async def _give_up(self, found: SealedGrant) -> None:
        async with self._record.transaction(in_any_case=True) as tx:
            await store.give_up_renewal(tx, found)

    async def _keep(self, found: SealedGrant, renewed: Tokens) -> SealedGrant | None:
        """Return the grant with its new tokens, if it is still there."""
        sealed = self._vault.seal_tokens(renewed)
        async with self._record.transaction(in_any_case=True) as tx:
            current = await store.load_grant(tx, found.grant.slack_user, lock=True)
            if current is None or current.sealed != found.sealed:
                return None
            grant = replace(current.grant, expires_at=renewed.expires_at)
            if grant.state is GrantState.ENDED:  # another job has met the former tokens
                grant = replace(grant, state=GrantState.VALID, issue=None)
            await store.change_grant(tx, found, grant, sealed)
        return SealedGrant(grant=grant, sealed=sealed)

    async def _end(self, found: SealedGrant) -> None:
        grant = replace(found.grant, state=GrantState.ENDED)
        async with self._record.transaction() as tx:
            await store.change_grant(tx, found, grant)

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
            await store.change_grant(tx, found, grant)
            jobs.enqueue_periodic(tx, PeriodicQueue.GRANTS, self._record.now())

    async def revoke(self, found: SealedGrant) -> None:
        """Make it void in GitLab, and forget it.

        Raises:
            PlatformError: GitLab does not answer.
        """
        if tokens := self._unseal(found):
            await revoke(self._oauth, tokens)
        async with self._record.transaction(in_any_case=True) as tx:
            await store.forget_grant(tx, found)


async def revoke(oauth: GitLabOAuth, tokens: Tokens) -> None:
    """Do without where GitLab does not know the application any longer."""
    try:
        await oauth.revoke(tokens)
    except (Rejected, Denied) as error:
        log.warning("tokens_not_revoked", problem=str(error))
