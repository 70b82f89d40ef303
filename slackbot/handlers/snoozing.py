"""Snooze a request's reminders: the modal, and its submission."""

from typing import Any

from slack_bolt.async_app import AsyncApp
from slack_bolt.context.ack.async_ack import AsyncAck
from slack_bolt.context.respond.async_respond import AsyncRespond

from slackbot.blocks.reminder import SNOOZE
from slackbot.blocks.snooze import CALLBACK, REASON, UNTIL, read_snooze, snooze_modal
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
    privately,
)
from slackbot.platforms.slack import Workspace
from slackbot.rules.refusals import ReasonRequired, Refusal
from slackbot.rules.reminders import judge_reason, judge_snooze


def register(app: AsyncApp, desk: Desk, workspace: Workspace) -> None:
    """Listen for the button "Snooze" and for its modal."""

    @app.action(SNOOZE)
    async def open_form(ack: AsyncAck, body: Body, respond: AsyncRespond) -> None:
        async def work() -> None:
            view = await _modal(desk, Click.of(body))
            await open_modal(workspace, body, view)

        await answer(work, privately(respond), ack=ack, what=SNOOZE)

    @app.view(CALLBACK)
    async def submit(ack: AsyncAck, body: Body) -> None:
        try:
            await _record(desk, body)
        except ReasonRequired as refusal:
            await ack(response_action="errors", errors={REASON: _words(refusal)})
        except Refusal as refusal:
            await ack(response_action="errors", errors={UNTIL: _words(refusal)})
        except Exception:
            words = without_markup(log_failure(CALLBACK))
            await ack(response_action="errors", errors={UNTIL: words})
        else:
            await ack()


async def _modal(desk: Desk, click: Click) -> dict[str, Any]:
    who = await desk.admit(click.interaction.team, click.interaction.user)
    request, now = await desk.request(click.key), desk.now()
    if refusal := judge_snooze(request, now):
        raise refusal
    return snooze_modal(request, zone=await desk.zone_of(who), now=now)


async def _record(desk: Desk, body: Body) -> None:
    view = body["view"]
    key = issue_of(view["private_metadata"])
    choice, reason = read_snooze(view["state"]["values"])
    if refusal := judge_reason(reason):
        raise refusal
    await desk.snooze(key, interaction_of(body), choice, reason)


def _words(refusal: Refusal) -> str:
    return without_markup(refusal_words(refusal))
