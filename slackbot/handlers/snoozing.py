"""Snooze a request's reminders."""

from dataclasses import dataclass

from slackbot.blocks.elements import Block
from slackbot.blocks.forms.entered import Entered
from slackbot.blocks.forms.snooze import read_snooze, snooze_modal
from slackbot.handlers.answers import Answers
from slackbot.handlers.desk import Desk
from slackbot.handlers.dialog import ALL_CLOSED, Answer
from slackbot.handlers.incoming import Body, Interaction
from slackbot.rules.timing.reminders import judge_reason, judge_snooze


@dataclass(frozen=True)
class Snoozing:
    desk: Desk
    answers: Answers

    async def form(self, click: Interaction) -> Block:
        who = await self.desk.admit(click)
        view = await self.answers.view(click.key)
        if refusal := judge_snooze(view.request, view.now):
            raise refusal
        zone = await self.desk.zone_of(who)
        return snooze_modal(view.request, who, zone=zone, now=view.now)

    async def submit(self, form: Interaction, view: Body) -> Answer:
        choice, reason = read_snooze(Entered.of(view))
        if refusal := judge_reason(reason):
            raise refusal
        await self.desk.snooze(form, choice, reason)
        return ALL_CLOSED
