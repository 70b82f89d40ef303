"""Mark a customer as contacted: the modal, and its submission."""

from typing import Any

from slack_bolt.async_app import AsyncApp
from slack_bolt.context.ack.async_ack import AsyncAck
from slack_bolt.context.respond.async_respond import AsyncRespond

from slackbot.blocks.card import MARK_CONTACTED
from slackbot.blocks.contact import (
    CALLBACK,
    CHANNEL,
    FIELD_BLOCKS,
    LABEL,
    contact_modal,
    read_contact,
)
from slackbot.blocks.text import without_markup
from slackbot.blocks.words import refusal_words
from slackbot.handlers.desk import Desk
from slackbot.handlers.listening import (
    Body,
    Click,
    answer,
    interaction_of,
    issue_of,
    log_failure,
    open_modal,
)
from slackbot.handlers.surface import Surfaces
from slackbot.platforms.slack import Workspace
from slackbot.rules.refusals import AlreadyContacted, InvalidField, Refusal, Unknown, UnknownLabel
from slackbot.rules.request import IssueKey, State


def register(app: AsyncApp, desk: Desk, workspace: Workspace, surfaces: Surfaces) -> None:
    """Listen for the button "Mark contacted" and for its modal."""

    @app.action(MARK_CONTACTED)
    async def open_form(ack: AsyncAck, body: Body, respond: AsyncRespond) -> None:
        async def work() -> None:
            click = Click.of(body)
            await desk.admit(click.interaction.team, click.interaction.user)
            view = await _modal(desk, click.key)
            await open_modal(workspace, body, view)

        await answer(work, surfaces.telling(body, respond), ack=ack, what=MARK_CONTACTED)

    @app.view(CALLBACK)
    async def submit(ack: AsyncAck, body: Body) -> None:
        try:
            await _record(desk, body)
        except Refusal as refusal:
            await ack(response_action="errors", errors=_errors(refusal, body))
        except Exception:
            words = without_markup(log_failure(CALLBACK))
            await ack(response_action="errors", errors={CHANNEL: words})
        else:
            await ack()


async def _modal(desk: Desk, key: IssueKey) -> dict[str, Any]:
    async with desk.transaction() as tx:
        view = await desk.viewer.view(tx, key)
    if view is None:
        raise Unknown
    request = view.request
    if request.state is State.CONTACTED:
        raise AlreadyContacted(request.contacted_by)
    return contact_modal(request, labels=view.labels, scope=view.scope, now=view.now)


async def _record(desk: Desk, body: Body) -> None:
    view = body["view"]
    key = issue_of(view["private_metadata"])
    contact = read_contact(view["state"]["values"], desk.now())
    await desk.choose(key, interaction_of(body), lambda _: contact)


def _errors(refusal: Refusal, body: Body) -> dict[str, str]:
    """Put the words at the input that they are about; Slack shows none elsewhere."""
    words = without_markup(refusal_words(refusal))
    blocks = {block.get("block_id") for block in body["view"].get("blocks", ())}
    match refusal:
        case InvalidField(field=field):
            return {FIELD_BLOCKS[field]: words}
        case UnknownLabel() if LABEL in blocks:
            return {LABEL: words}
        case _:
            return {CHANNEL: words}
