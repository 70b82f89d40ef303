"""Both platforms with people and feedback in them, so that there is something to click at once."""

import itertools
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from slackbot.blocks.card import CARD_EVENT, CHOOSE_LABEL, CLAIM, MARK_CONTACTED
from slackbot.blocks.forms.contact import TEXT
from slackbot.blocks.forms.kudos import THANKS
from slackbot.local.cast import (
    ANNOYED,
    AVERY,
    BLAKE,
    CASEY,
    CLAIMED,
    CONTACT_LABEL,
    CONTACTED,
    CONTACTED_LABEL,
    FRESH,
    HARPER,
    INDIRECT_TEXT,
    INDIRECT_TITLE,
    LETTER,
    LUKEWARM,
    NASTY,
    NEARLY_DUE,
    OVERDUE,
    PAST,
    PEOPLE,
    PRAISE,
    THANKED,
    Figure,
    Past,
    Story,
)
from slackbot.local.clock import LocalClock
from slackbot.local.gitlab import GitLab, Issue
from slackbot.local.gitlab import User as GitLabUser
from slackbot.local.pagerduty import PagerDuty, Turn
from slackbot.local.slack import Message, Outcome, Workspace
from slackbot.rules.handbook import HANDBOOK_LABELS
from slackbot.rules.reading.feedback import Sentiment
from slackbot.rules.timing.deadline import ALWAYS, BusinessHours

PROJECT = "gitlab-com/support/feedback"
FOLLOW_UPS = "gitlab-com/support/support-team-meta"
CHANNEL, BAD_CHANNEL, KUDOS_CHANNEL = "support_escalations", "support_feedback", "kudos"
MANAGERS = "S0MANAGERS"
SCHEDULE = "P9UIIDY"

ROTATION = (BLAKE, CASEY, AVERY)
"""Who follows whom on duty, after Avery's first week."""
WEEKS_PLANNED = 52

SPEED = 40
"""How many times faster than real Slack this one lets calls through: days pass in seconds here."""

_COLORS = {
    CONTACT_LABEL: "#c9342b",
    CONTACTED_LABEL: "#217645",
    "satisfaction::bad": "#9a5b13",
    "satisfaction::good": "#2e6f9e",
}
_FEEDBACK_COLOR = "#5a5fb8"


@dataclass(frozen=True, kw_only=True)
class PastMoment:
    """Something that happened at a certain moment before people came."""

    at: datetime
    act: Callable[[], Awaitable[object]]


def business_ago(hours: BusinessHours, now: datetime, amount: timedelta) -> datetime:
    """Return the latest moment since which so much business time has passed, to the minute."""
    earlier, later = now - 3 * amount - timedelta(days=7), now
    while later - earlier > timedelta(minutes=1):
        middle = earlier + (later - earlier) / 2
        if hours.between(middle, now) >= amount:
            earlier = middle
        else:
            later = middle
    return earlier


class Sample:
    """The two platforms, furnished, and the past days to be played in them."""

    def __init__(self, clock: LocalClock, *, with_past: bool = True) -> None:
        self.clock = clock
        self._today = today = clock()
        self._past = self._past_of(today) if with_past else []
        # The accounts are older than the first feedback.
        clock.start_at(today - timedelta(days=PAST[0].days_ago + 1))
        self.slack = Workspace(clock=clock, signing_secret=secrets.token_hex(16))
        self.slack.bot_token = f"xoxb-{secrets.token_hex(16)}"
        self.slack.rates.scale = SPEED
        self.gitlab = GitLab(clock=clock)
        self.pagerduty = PagerDuty(clock=clock)
        self._furnish_slack()
        self._furnish_pagerduty(today)
        self._furnish_gitlab()
        self._tickets = FRESH.ticket
        self._answered = [self._live_through(past, today) for past in PAST if with_past]
        clock.move_to(self._past[0].at - timedelta(hours=1) if with_past else today)

    def _furnish_slack(self) -> None:
        for figure in PEOPLE:
            self.slack.add_user(
                figure.slack,
                figure.handle,
                real_name=figure.name,
                email=figure.email,
                is_restricted=figure.is_guest,
                team_id=figure.team,
            )
        self.slack.add_usergroup(
            MANAGERS, "support-managers", [each.slack for each in PEOPLE if each.is_manager]
        )
        everybody = [each.slack for each in PEOPLE]
        self.channel = self.slack.add_channel(CHANNEL, members=everybody)
        for name in (BAD_CHANNEL, KUDOS_CHANNEL):
            self.slack.add_channel(name, members=everybody)

    def _furnish_pagerduty(self, today: datetime) -> None:
        """Let managers take turns of a week; nobody has taken the Mondays in between yet."""
        accounts = self.on_call = {
            one.slack: self.pagerduty.add_user(one.name, one.email)
            for one in PEOPLE
            if one.is_manager
        }
        midnight = today.replace(hour=0, minute=0, second=0, microsecond=0)
        monday = midnight + timedelta(days=7 - today.weekday(), hours=9)
        self.schedule = self.pagerduty.add_schedule(SCHEDULE, accounts[AVERY.slack])
        self.schedule.until = monday
        self.schedule.later = [
            Turn(
                user=accounts[figure.slack],
                start=monday + timedelta(weeks=week, days=1),
                end=monday + timedelta(weeks=week + 1),
            )
            for week, figure in zip(range(WEEKS_PLANNED), itertools.cycle(ROTATION), strict=False)
        ]

    def _furnish_gitlab(self) -> None:
        gitlab = self.gitlab
        self.project = gitlab.add_project(PROJECT)
        for name, text in HANDBOOK_LABELS.items():
            gitlab.add_label(self.project, name, text, _FEEDBACK_COLOR)
        for name, color in _COLORS.items():
            gitlab.add_label(self.project, name, color=color)
        self.automation = gitlab.add_user("support-automation", "Support Automation", bot=True)
        bot = gitlab.add_user("ssat-bot", "SSAT bot", bot=True)
        self.token = gitlab.add_token(bot)
        self.application = gitlab.oauth.add_application()
        people = [gitlab.add_user(each.gitlab, each.name) for each in PEOPLE if each.gitlab]
        follow_ups = gitlab.add_project(FOLLOW_UPS)
        self.link_issue = gitlab.open_issue(
            self.project,
            author=bot,
            title="Links between Slack and GitLab",
            description="Post the code from `/ssat link` here, to link both of your accounts.",
        )
        for member in (*people, self.automation, bot):
            gitlab.add_member(self.project, member)
            gitlab.add_member(follow_ups, member)

    def _live_through(self, past: Past, today: datetime) -> Issue:
        """Let a customer be answered in GitLab alone; the bot comes later."""
        self.clock.move_to(today - timedelta(days=past.days_ago))
        issue = self.open_feedback(past.story)
        self.clock.move(timedelta(hours=past.hours))
        labels = [CONTACTED_LABEL, past.label]
        self.gitlab.change_labels(issue, add=labels, by=self.account(past.by))
        return issue

    # What happens

    def new_feedback(
        self,
        *,
        comment: str,
        sentiment: Sentiment,
        wants_contact: bool,
        organization: str | None = None,
        score: str | None = None,
    ) -> Issue:
        """Let a customer leave feedback on a ticket of which nobody has heard yet."""
        self._tickets += 1
        return self.open_feedback(
            Story(
                ticket=self._tickets,
                sentiment=sentiment,
                organization=organization,
                score=score,
                comment=comment,
                wants_contact=wants_contact,
            )
        )

    def on_duty(self) -> Figure | None:
        """Return the manager on duty by the schedule; nobody on some days."""
        now = self.clock()
        users = [turn.user for turn in self.schedule.turns(now, now + timedelta(seconds=1))]
        return next((one for one in PEOPLE if self.on_call.get(one.slack) in users), None)

    def open_feedback(self, story: Story) -> Issue:
        """Let the automation open a feedback issue and assign the manager on duty."""
        figure = self.on_duty()
        return self.gitlab.open_issue(
            self.project,
            author=self.automation,
            title=story.title,
            description=story.description,
            labels=story.labels,
            assignees=[figure.gitlab] if figure and figure.gitlab else [],
        )

    def account(self, figure: Figure) -> GitLabUser:
        """Return the GitLab account of somebody who has one."""
        if figure.gitlab is None:
            raise LookupError(f"{figure.name} has no account in this GitLab.")
        return self.gitlab.user(figure.gitlab)

    def issue_about(self, text: str) -> Issue:
        """Return the issue whose title holds some text, such as a ticket's number."""
        return next(each for each in self.project.issues.values() if text in each.title)

    def issue_of(self, message: Message) -> Issue | None:
        """Return the issue that a card is about; other messages are about none."""
        metadata = message.metadata or {}
        if metadata.get("event_type") != CARD_EVENT:
            return None
        _, _, iid = str(metadata["event_payload"]["key"]).partition("/")
        return self.project.issues.get(int(iid))

    def card_of(self, issue: Issue) -> Message:
        """Return the card of an issue; LookupError where there is none."""
        for message in self.channel.messages:
            if self.issue_of(message) is issue:
                return message
        raise LookupError(f"no card for #{issue.iid}")

    async def play(self, pass_until: Callable[[datetime], Awaitable[None]]) -> None:
        """Let the past days happen, up to the present."""
        try:
            for moment in self._past:
                await pass_until(moment.at)
                await moment.act()
            await pass_until(self._today)
        finally:
            self.clock.move_to(self._today)

    def _past_of(self, now: datetime) -> list[PastMoment]:
        def ago(hours: float, act: Callable[[], Awaitable[object]]) -> PastMoment:
            return PastMoment(at=business_ago(ALWAYS, now, timedelta(hours=hours)), act=act)

        past = [
            ago(53, lambda: self._arrives(OVERDUE)),
            ago(45.9, lambda: self._arrives(NEARLY_DUE)),
            ago(45.5, lambda: self._arrives(CONTACTED)),
            ago(44, lambda: self._clicks(BLAKE, CONTACTED, CLAIM)),
            ago(43.8, lambda: self._labels(BLAKE, CONTACTED, "feedback::docs-not-helpful")),
            ago(41, self._write_to_customer),
            ago(40, self._close_what_was_answered),
            ago(31, lambda: self._arrives(CLAIMED)),
            ago(30, lambda: self._clicks(CASEY, CLAIMED, CLAIM)),
            ago(29.5, lambda: self._labels(CASEY, CLAIMED, "feedback::docs-new-issue")),
            ago(37, lambda: self._arrives(THANKED)),
            ago(36, self._thank_an_engineer),
            ago(26, lambda: self._arrives(PRAISE)),
            ago(25, lambda: self._arrives(LUKEWARM)),
            ago(21, self._share_indirect_feedback),
            ago(18, self._ask_for_contact_by_hand),
            ago(12, lambda: self._arrives(ANNOYED)),
            ago(9, lambda: self._arrives(NASTY)),
            PastMoment(at=now - timedelta(minutes=12), act=lambda: self._arrives(FRESH)),
        ]
        return sorted(past, key=lambda moment: moment.at)

    async def _arrives(self, story: Story) -> None:
        issue = self.open_feedback(story)
        if story.wants_contact:
            await self.slack.wait_for(lambda: self.card_of(issue))

    async def _clicks(self, figure: Figure, story: Story, button: str) -> None:
        card = self.card_of(self.issue_about(str(story.ticket)))
        told = len(card.thread)
        _answered(await self.slack.click(figure.slack, card, button))
        await self.slack.wait_for(lambda: len(card.thread) > told)

    async def _labels(self, figure: Figure, story: Story, label: str) -> None:
        card = self.card_of(self.issue_about(str(story.ticket)))
        told = len(card.thread)
        _answered(await self.slack.choose(figure.slack, card, CHOOSE_LABEL, label))
        await self.slack.wait_for(lambda: len(card.thread) > told)

    async def _write_to_customer(self) -> None:
        issue = self.issue_about(str(CONTACTED.ticket))
        card = self.card_of(issue)
        told = len(card.thread)
        _answered(await self.slack.click(BLAKE.slack, card, MARK_CONTACTED))
        await self.slack.wait_for(lambda: self.slack.views[BLAKE.slack])
        _answered(await self.slack.submit(BLAKE.slack, {TEXT: LETTER}))
        await self.slack.wait_for(lambda: len(card.thread) > told and issue.state == "closed")

    async def _thank_an_engineer(self) -> None:
        """Give kudos from the list of good reviews, which is dismissed then."""
        slack, kudos = self.slack, self.slack.channel(KUDOS_CHANNEL)
        _answered(await slack.command(BLAKE.slack, "/ssat", "good", self.channel))
        await slack.wait_for(lambda: slack.ephemerals)
        [told] = slack.ephemerals
        _answered(await slack.click(BLAKE.slack, told, "Kudos…", within=str(THANKED.ticket)))
        await slack.wait_for(lambda: slack.views[BLAKE.slack])
        _answered(await slack.submit(BLAKE.slack, {THANKS: [HARPER.slack], TEXT: "Well done!"}))
        await slack.wait_for(lambda: kudos.messages)
        await slack.close_view(BLAKE.slack)
        slack.ephemerals.clear()

    async def _close_what_was_answered(self) -> None:
        """Close only now: when the bot comes, it reads what is open."""
        for issue in self._answered:
            self.gitlab.close(issue, self.account(AVERY))

    async def _share_indirect_feedback(self) -> None:
        self.gitlab.open_issue(
            self.project,
            author=self.account(BLAKE),
            title=INDIRECT_TITLE,
            description=INDIRECT_TEXT,
            labels=["satisfaction::bad"],
        )

    async def _ask_for_contact_by_hand(self) -> None:
        issue = self.issue_about(INDIRECT_TITLE)
        self.gitlab.change_labels(issue, add=[CONTACT_LABEL], by=self.account(BLAKE))
        await self.slack.wait_for(lambda: self.card_of(issue))


def _answered(outcome: Outcome) -> None:
    if not outcome.ok:
        raise AssertionError(f"the bot did not answer {outcome.kind}: {outcome.error}")
