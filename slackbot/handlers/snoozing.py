"""Snooze a request's reminders: the modal, and its submission."""

from dataclasses import dataclass

from slack_bolt.async_app import AsyncApp
from slack_bolt.kwargs_injection.async_args import AsyncArgs

from slackbot.blocks.reminder import SNOOZE
from slackbot.blocks.snooze import CALLBACK, REASON, UNTIL, read_snooze, snooze_modal
from slackbot.handlers.answers import Answers, submitting
from slackbot.handlers.desk import Desk
from slackbot.handlers.incoming import Body, Interaction
from slackbot.rules.refusals import ReasonRequired
from slackbot.rules.reminders import judge_reason, judge_snooze


@dataclass(frozen=True)
class Snoozing:
    desk: Desk
    answers: Answers

    def register(self, app: AsyncApp) -> None:
        app.action(SNOOZE)(self._open_form)
        app.view(CALLBACK)(self._submit)

    async def _open_form(self, args: AsyncArgs) -> None:
        async with self.answers.answering(args, SNOOZE) as reply:
            click = Interaction.of_click(args.body)
            who = await self.desk.admit(click)
            view = await self.answers.view(click.key)
            if refusal := judge_snooze(view.request, view.now):
                raise refusal
            zone = await self.desk.zone_of(who)
            await reply.open_form(snooze_modal(view.request, who, zone=zone, now=view.now))

    async def _submit(self, args: AsyncArgs) -> None:
        async with submitting(args, CALLBACK, input_of):
            form = Interaction.of_form(args.body)
            choice, reason = read_snooze(args.body["view"]["state"]["values"])
            if refusal := judge_reason(reason):
                raise refusal
            await self.desk.snooze(form, choice, reason)


def input_of(error: Exception, _: Body) -> str:
    return REASON if isinstance(error, ReasonRequired) else UNTIL
