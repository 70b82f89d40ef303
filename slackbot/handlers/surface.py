"""Where a click came from: how the person there is answered, and what there has to follow."""

from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from slack_bolt.context.respond.async_respond import AsyncRespond

from slackbot.blocks.elements import section
from slackbot.blocks.home import notice_modal
from slackbot.blocks.queue import asked_again
from slackbot.handlers.desk import Desk
from slackbot.handlers.listening import Body, insist, privately, team_of
from slackbot.handlers.looking import Looking
from slackbot.platforms.errors import PlatformError
from slackbot.platforms.message import SlackMessage
from slackbot.platforms.outbox import QUIETLY
from slackbot.platforms.slack import Workspace
from slackbot.rules.query import read_again

log = structlog.get_logger()


class Surfaces:
    """Answers on cards, on messages that only one person sees, and on App Homes."""

    def __init__(self, desk: Desk, workspace: Workspace, looking: Looking) -> None:
        self._desk, self._workspace, self._looking = desk, workspace, looking

    def telling(self, body: Body, respond: AsyncRespond) -> Callable[[str], Awaitable[Any]]:
        """Return how to tell whoever has clicked something that only they see."""
        if body.get("response_url"):
            return privately(respond)

        async def tell(words: str) -> None:
            # On a home there is no message to answer: a modal, or if need be a direct message.
            try:
                await self._workspace.call(
                    "views.open", trigger_id=body["trigger_id"], view=notice_modal(words)
                )
            except PlatformError as error:
                log.info("notice_not_opened", problem=str(error))
                await self._write_to(str(body["user"]["id"]), words)

        return tell

    async def _write_to(self, user: str, words: str) -> None:
        blocks = [section(words)]
        await insist(
            lambda: self._workspace.call(
                "chat.postMessage", channel=user, text=words, blocks=blocks, **QUIETLY
            )
        )

    def following(self, body: Body, respond: AsyncRespond) -> Callable[[], Awaitable[None]]:
        """Return what shows a choice at once where it was made; cards follow by themselves."""

        async def follow() -> None:
            try:
                await self._follow(body, respond)
            except Exception:
                # The choice stands, and is seen on the card; here it shows when asked for again.
                log.exception("not_shown_again")

        return follow

    async def _follow(self, body: Body, respond: AsyncRespond) -> None:
        if is_home(body):
            await self._desk.open_home(team_of(body), str(body["user"]["id"]))
            return
        asked = asked_again(str(body["actions"][0].get("block_id") or ""))
        if asked is not None:
            await present(respond, await self.again(asked, body), in_place=True)

    async def again(self, asked: str, body: Body) -> SlackMessage:
        """Return what was asked for as it is now.

        Raises:
            NotAllowed: The person may not look any more.
        """
        query, turn = read_again(asked)
        asker = await self._looking.asker(team_of(body), str(body["user"]["id"]))
        return await self._looking.answer(query, asker, turn)


async def present(respond: AsyncRespond, message: SlackMessage, *, in_place: bool) -> None:
    """Show a message to one person only, be it in the place of the one that was clicked on."""
    try:
        await respond(
            text=message.text,
            blocks=list(message.blocks),
            response_type="ephemeral",
            replace_original=in_place,
        )
    except Exception:
        # They ask again; nothing depends on it.
        log.exception("not_shown")


def is_home(body: Body) -> bool:
    """Tell whether a click came from an App Home."""
    return (body.get("view") or {}).get("type") == "home"
