"""By whose hand a decision is written: its person's, where they have granted that, or the bot's."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import structlog

from slackbot.platforms.errors import Denied, Rejected
from slackbot.platforms.gitlab.client import GitLabClient, IssueChange
from slackbot.platforms.gitlab.snapshot import GitLabUser, IssueSnapshot
from slackbot.rules.decision import Decision
from slackbot.store.engine.database import Record
from slackbot.sync.signing import Signatures
from slackbot.sync.writing.effect import NOTHING, undone
from slackbot.sync.writing.notes import OwnName

if TYPE_CHECKING:  # without acting as oneself, nobody needs the cryptography
    from slackbot.people.grants.tokens import Grants, Held

Post = Callable[[GitLabClient, OwnName | None], Awaitable[None]]

log = structlog.get_logger()


class _EndedError(Exception):
    """The grant is no longer valid."""


class Hand:
    """Writes one decision; an outage is no reason to change hands, a refusal is."""

    def __init__(
        self,
        record: Record,
        gitlab: GitLabClient,
        grants: "Grants | None",
        signatures: Signatures | None,
    ) -> None:
        self._record, self._gitlab = record, gitlab
        self._grants, self._signatures = grants, signatures
        self._held: Held | None = None
        self._trouble: str | None = None
        self._is_instead = False

    async def take_up(
        self, decision: Decision, account: GitLabUser | None, *, is_bots: bool
    ) -> None:
        """Find out whether the person may write; ``is_bots``: the bot has begun it already.

        Raises:
            Postponed, PlatformError: Nobody knows yet.
        """
        if self._grants is None or self._signatures is None or account is None or is_bots:
            return
        if decision.by.slack_user is None:
            return
        self._held = await self._grants.held_by(decision.by, account.id)
        self._is_instead = self._held is None

    async def note(self, decision: Decision, url: str, post: Post) -> None:
        """Post by the person, else by the bot; ``url`` is the issue's."""
        if self._held is not None and self._signatures is not None:
            sign = self._signatures.signer(decision.key, self._held.account)
            own_name = OwnName(sign=sign, at=self._record.now())
            if await self._is_done(lambda client: post(client, own_name)):
                return
        await post(self._gitlab, None)
        await self._tell(decision, url)

    async def change(self, decision: Decision, asked: IssueChange) -> IssueSnapshot:
        """Change by the person; what GitLab does not let them change is left to the bot."""
        done: list[IssueSnapshot] = []

        async def send(client: GitLabClient) -> None:
            done.append(await client.change_issue(decision.key, asked))

        if self._held is not None and await self._is_done(send):
            left = undone(asked, done[-1])
            if left == NOTHING:
                return done[-1]
            return await self._gitlab.change_issue(decision.key, left)
        issue = await self._gitlab.change_issue(decision.key, asked)
        await self._tell(decision, issue.url)
        return issue

    async def _tell(self, decision: Decision, url: str) -> None:
        """Have the person told that the bot wrote what they had wanted to write themselves."""
        if self._grants is not None and self._is_instead:
            await self._grants.tell(decision.by, self._trouble, url)

    async def _is_done(self, write: Callable[[GitLabClient], Awaitable[None]]) -> bool:
        """Return whether GitLab has let the person do it; if not, the bot has to."""
        try:
            await self._as_person(write)
        except _EndedError:
            self._let_go(None)
        except Rejected as error:
            log.info("not_as_person", problem=error.code)
            self._let_go(error.code)
        else:
            return True
        return False

    def _let_go(self, trouble: str | None) -> None:
        self._held, self._trouble, self._is_instead = None, trouble, True

    async def _as_person(self, write: Callable[[GitLabClient], Awaitable[None]]) -> None:
        for is_last in (False, True):
            if self._held is None or self._grants is None:
                raise _EndedError
            try:
                return await write(self._held.client)
            except Denied as error:
                if not error.is_unauthorized:
                    raise
            if is_last:
                await self._grants.end(self._held)
                raise _EndedError
            # It may only have expired, by a clock that is right.
            self._held = await self._grants.renewed(self._held)
        raise _EndedError
