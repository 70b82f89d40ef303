"""Each kind of message and view that the bot makes, about people and feedback that don't exist."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from slackbot.blocks.answers import linking
from slackbot.blocks.answers.duty import DutyView, TeamDuty, render_duties, render_duty
from slackbot.blocks.answers.home import HomeView, notice_modal, render_closed_home, render_home
from slackbot.blocks.answers.queue import (
    Asker,
    Board,
    Found,
    render_found,
    render_help,
    render_preview,
    render_queue,
)
from slackbot.blocks.answers.stats import render_stats
from slackbot.blocks.card import (
    render_bare_card,
    render_card,
    render_follow_up,
    render_refusal,
    render_step,
)
from slackbot.blocks.digest import Contacts, Digest, render_digest
from slackbot.blocks.forms import kudos
from slackbot.blocks.forms.email import DraftView, email_modal, facts_of
from slackbot.blocks.forms.follow_up import Draft, follow_up_modal
from slackbot.blocks.forms.form import (
    FORMS,
    after_review,
    render_contact,
    render_form,
    render_more,
    saved_modal,
)
from slackbot.blocks.forms.profile import profile_modal
from slackbot.blocks.forms.snooze import snooze_modal
from slackbot.blocks.handover import HandOver, render_handover
from slackbot.blocks.reminder import (
    Summary,
    render_gap,
    render_lead,
    render_reminder,
    render_response_reminder,
    render_summary,
)
from slackbot.blocks.view import CardView
from slackbot.platforms.slack.message import SlackMessage
from slackbot.rules.decision import Channel, Claim, Decision, Kudos, MarkContacted, Step, StepKind
from slackbot.rules.handbook import HANDBOOK_LABELS
from slackbot.rules.outreach import Webmail
from slackbot.rules.profile import Profile
from slackbot.rules.reading.feedback import Sentiment
from slackbot.rules.reading.query import Listing, place_of
from slackbot.rules.refusals import Refusal
from slackbot.rules.request import IssueKey, Person, Request
from slackbot.rules.stats import Measure
from slackbot.rules.timing.period import Period
from slackbot.settings import Settings

KEY = IssueKey(1, 1)
NOW = datetime(2026, 2, 2, 9, 0, tzinfo=UTC)
AVERY = Person(name="Avery Example", slack_team="T0EXAMPLE", slack_user="U0EXAMPLE", gitlab="avery")
BLAKE = Person(name="Blake Sample", slack_team="T0EXAMPLE", slack_user="U0SAMPLE")
WAITING = Request(
    key=KEY,
    url="https://gitlab.example.com/example/feedback/-/issues/1",
    title="Negative feedback for ticket 412345",
    ticket=412345,
    comment="Nobody answered for three days.\nWhat now?",
    organization="Example Ltd",
    score="2",
    sentiment=Sentiment.NEGATIVE,
    labels=frozenset({"SSAT::Contact", "feedback::soft-skills"}),
    created_at=NOW - timedelta(days=3),
    asked_at=NOW - timedelta(days=3),
    due_at=NOW + timedelta(days=1),
)
CLAIMED = replace(WAITING, holder=AVERY, held_since=NOW - timedelta(hours=1))
OVERDUE = replace(CLAIMED, due_at=NOW - timedelta(hours=3))
CONTACTED = replace(CLAIMED, contacted_at=NOW, contacted_by=AVERY, is_open=False)
UNTRIAGED = replace(WAITING, is_requested=False, was_requested=False)
GOOD = replace(UNTRIAGED, sentiment=Sentiment.POSITIVE, score="7", comment="Great help!")


@dataclass(frozen=True, kw_only=True)
class Sample:
    name: str
    kind: str
    """``message`` or ``view``, as ``blocks.validate`` calls them."""
    content: dict[str, Any]
    is_dispensable: bool = False
    """Where a workspace does not take it, the bot sends another."""


def samples(settings: Settings) -> Iterator[Sample]:
    made = _Maker(settings)
    for name, message in made.messages():
        yield _message(name, message)
    for name, view in made.views():
        yield Sample(name=name, kind="view", content=view)
    *charts, plain = made.trends()
    for each in charts:
        yield replace(_message("trends with charts", each), is_dispensable=True)
    yield _message("trends", plain)


def _message(name: str, message: SlackMessage) -> Sample:
    content = {"text": message.text, "blocks": list(message.blocks)}
    return Sample(name=name, kind="message", content=content)


class _Maker:
    def __init__(self, settings: Settings) -> None:
        self._settings, self._rules = settings, settings.routes.first.rules
        self._duty = DutyView(people=(BLAKE,), source="an example", until=NOW + timedelta(days=4))

    def _view(self, request: Request, **more: Any) -> CardView:
        view = CardView(
            request=request,
            labels=HANDBOOK_LABELS,
            scope="feedback",
            asks_csm=True,
            hours=self._rules.hours,
            now=NOW,
            on_duty=self._duty,
            url="https://example.slack.com/archives/C0EXAMPLE/p1",
        )
        return replace(view, **more)

    @staticmethod
    def _decision(action: Any) -> Decision:
        return Decision(id=UUID(int=1), key=KEY, by=AVERY, at=NOW, action=action)

    def messages(self) -> Iterator[tuple[str, SlackMessage]]:
        yield from self._cards()
        yield from self._reminders()
        yield from self._lists()
        thanks = Kudos(thanks=(BLAKE,), text="Well done!", close=True)
        decision = self._decision(thanks)
        yield "kudos", kudos.render_kudos(decision, thanks, GOOD)
        yield "kudos that wait", kudos.render_missing(decision, GOOD, ["#kudos is archived"])
        yield "kudos that have arrived", kudos.render_arrived(GOOD)
        yield from self._links()
        yield from self._teams()

    def _links(self) -> Iterator[tuple[str, SlackMessage]]:
        code = "ABCD1234"
        button = (f"https://gitlab.example.com/oauth/device?user_code={code}", code)
        by_code = linking.offer("ssat-code", "avery", WAITING.url, 30)
        yield (
            "link to GitLab",
            linking.authorize(link=button, act=button, gitlab=None, minutes=5, otherwise=by_code),
        )
        # All are words alone, and each sample costs a call.
        words = (
            by_code,
            linking.linked("avery"),
            linking.taken("avery"),
            linking.expired("avery"),
            linking.left_by_another("avery", "blake"),
            linking.not_this_one("avery"),
            linking.acts("avery"),
            linking.denied(),
            linking.not_accepted(),
            linking.not_authorized(),
            linking.bots_own("ssat-bot"),
            linking.another_account("blake", "avery"),
            linking.wrote_for_you(WAITING.url, None),
            linking.wrote_for_you(WAITING.url, "403"),
            linking.unlinked(was_linked=True, in_file="avery"),
        )
        blocks = tuple(block for each in words for block in each.blocks)
        yield "words about a link", SlackMessage(text="Words about a link", blocks=blocks)

    def _teams(self) -> Iterator[tuple[str, SlackMessage]]:
        """Make what names the team, where there are several."""
        yield "duty of all teams", render_duties(self._duties(), NOW)
        of_all = replace(self._board(), waiting=(self._view(CLAIMED, team="emea"),), team="emea")
        yield "queue of teams", render_queue(of_all, Listing(), self._asker())
        handed = replace(self._hand_over(), team="emea")
        yield "hand-over of a team", render_handover(handed, is_outgoing=True)

    def _duties(self) -> list[TeamDuty]:
        return [replace(self._team_duty(), team=team) for team in ("emea", "partners")]

    def _cards(self) -> Iterator[tuple[str, SlackMessage]]:
        email = MarkContacted(channel=Channel.EMAIL, text="I am sorry.", at=NOW)
        claim, sent = self._decision(Claim()), self._decision(email)
        views = {
            "card": self._view(WAITING),
            "card, claimed": self._view(CLAIMED, pending=(claim,)),
            "card, overdue": self._view(OVERDUE, earlier=(CONTACTED,)),
            "card, refused": self._view(CLAIMED, refused=((sent, "GitLab says no"),)),
            "card, contacted": self._view(CONTACTED),
            "card, no contact": self._view(UNTRIAGED),
        }
        for name, view in views.items():
            yield name, render_card(view)
        yield "card without details", render_bare_card(views["card"])
        yield "step", render_step(Step(kind=StepKind.CLAIMED, at=NOW, who=AVERY), self._rules)
        refused = Step(kind=StepKind.REFUSED, at=NOW, who=AVERY, detail="GitLab says no")
        yield "refusal", render_refusal(refused, views["card, claimed"], sent)
        created = Step(kind=StepKind.FOLLOWED_UP, at=NOW, who=AVERY, detail=WAITING.url)
        yield "follow-up created", render_follow_up(created, views["card"], self._rules)

    def _reminders(self) -> Iterator[tuple[str, SlackMessage]]:
        yield "reminder", render_reminder(self._view(WAITING), [BLAKE], is_missed=False)
        yield "late reminder", render_reminder(self._view(OVERDUE), [AVERY], is_missed=True)
        yield "word to the lead", render_lead(self._view(OVERDUE), "S0EXAMPLE")
        yield "response reminder", render_response_reminder(self._view(UNTRIAGED))
        yield "late reminders", render_gap(12)
        away = Summary(away=timedelta(hours=7), overdue=2, near=3, later=9, near_hours=24)
        yield "summary", render_summary(away)

    def _lists(self) -> Iterator[tuple[str, SlackMessage]]:
        waiting, untriaged = self._view(CLAIMED), self._view(UNTRIAGED)
        zone = self._settings.ssat_timezone
        yield (
            "digest",
            render_digest(
                Digest(
                    overdue=(self._view(OVERDUE),),
                    unclaimed=(self._view(WAITING),),
                    untriaged=(untriaged,),
                    since=NOW - timedelta(days=1),
                    claimed_later=2,
                    unread=0,
                    contacted=Contacts(on_time=3, late=1),
                    triaged=4,
                    zone=zone,
                )
            ),
        )
        yield "hand-over", render_handover(self._hand_over(), is_outgoing=False)
        yield "duty", render_duty(self._duties()[0], NOW)
        yield "queue", render_queue(self._board(), Listing(), self._asker())
        found = Found(
            items=(waiting,),
            own=(),
            missing=(),
            foreign=(),
            project=self._settings.gitlab_project,
            gitlab=place_of(self._settings.gitlab_url),
            hours=self._rules.hours,
            now=NOW,
        )
        yield "answer to /ssat show", render_found(found, self._asker())
        yield "help", render_help(can_link=True, has_teams=True)
        preview = render_preview(waiting)
        yield "preview of a link", SlackMessage(text="Preview", blocks=tuple(preview))

    def _hand_over(self) -> HandOver:
        return HandOver(
            before=(AVERY,),
            after=(BLAKE,),
            began_at=NOW - timedelta(days=7),
            ended_at=NOW,
            contacted=Contacts(on_time=3),
            labeled=2,
            triaged=4,
            left_open=(self._view(CLAIMED),),
            untriaged=(self._view(UNTRIAGED),),
            dependent=(),
            to_close=(self._view(replace(CONTACTED, is_open=True)),),
            zone=self._settings.ssat_timezone,
        )

    def _team_duty(self) -> TeamDuty:
        return TeamDuty(team="", view=self._duty, hours=self._rules.hours)

    def _asker(self) -> Asker:
        return Asker(person=AVERY, may_act=True, can_link=True)

    def _board(self) -> Board:
        return Board(
            waiting=(self._view(CLAIMED),),
            triage=(self._view(replace(UNTRIAGED, key=IssueKey(1, 2))),),
            done=(self._view(replace(CONTACTED, key=IssueKey(1, 3))),),
            hours=self._rules.hours,
            now=NOW,
        )

    def views(self) -> Iterator[tuple[str, dict[str, Any]]]:
        board, zone = self._board(), self._settings.ssat_timezone
        home = HomeView(
            board=board, listing=Listing(), asker=self._asker(), duties=[self._team_duty()]
        )
        yield "home", render_home(home)
        yield "home of several teams", render_home(replace(home, duties=self._duties()))
        yield "home that is closed", render_closed_home("You may not look.")
        for offer in FORMS:
            for request in (CLAIMED, CONTACTED, UNTRIAGED):
                with suppress(Refusal):
                    yield f"form {offer}", render_form(offer, self._view(request), AVERY)
                    break
        yield "snooze", snooze_modal(CLAIMED, AVERY, zone=zone, now=NOW)
        yield "contact by email", render_contact(self._view(CLAIMED), AVERY, "I am sorry.")
        follow_up = Draft(project=self._settings.ssat_follow_up_project)
        made = follow_up_modal(self._view(UNTRIAGED), AVERY, follow_up)
        yield "follow-up", made
        yield "follow-up after a review", after_review(made)
        yield "more", render_more(self._view(CLAIMED), AVERY)
        yield "saved", saved_modal(self._view(CLAIMED))
        yield "not done", notice_modal("That time is in the future.")
        venue = kudos.Venue(channel=self._settings.ssat_kudos_channel, has_week=True)
        yield "kudos form", kudos.render_kudos_form(self._view(GOOD), AVERY, venue)
        profile = Profile(name="Avery Example", role="Support Manager", language="en")
        yield "profile", profile_modal(profile, Profile(), ["en", "de"])
        yield "email", email_modal(self._draft(profile))

    def _draft(self, profile: Profile) -> DraftView:
        facts = facts_of(CLAIMED, profile, labels=HANDBOOK_LABELS, scope="feedback")
        return DraftView(
            request=CLAIMED,
            who=AVERY,
            facts=facts,
            subject="Your ticket 412345",
            text="Hello,\n\nI am sorry.",
            language="en",
            languages=["en", "de"],
            chosen="en",
            webmail=Webmail.GMAIL,
        )

    def trends(self) -> tuple[SlackMessage, ...]:
        zone = self._settings.ssat_timezone
        monday = NOW.astimezone(zone).date()
        week = Period(start=monday - timedelta(days=7), end=monday)
        measure = Measure(rules=self._rules, region_scope="OrganizationRegion", now=NOW)
        return render_stats(measure.stats([CONTACTED, OVERDUE, GOOD], week))
