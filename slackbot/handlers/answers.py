"""What people ask to see, answered where they clicked."""

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog
from slack_bolt.context.respond.async_respond import AsyncRespond
from slack_bolt.kwargs_injection.async_args import AsyncArgs

from slackbot import metrics
from slackbot.blocks.answers.duty import render_duties, render_duty
from slackbot.blocks.answers.home import notice_modal
from slackbot.blocks.answers.linking import authorize, offer, unlinked
from slackbot.blocks.answers.queue import (
    Asker,
    asked_again,
    render_found,
    render_help,
    render_preview,
    render_queue,
)
from slackbot.blocks.elements import Block, message, section
from slackbot.blocks.forms.form import REASON, render_more
from slackbot.blocks.labels import LABEL
from slackbot.blocks.text import without_markup
from slackbot.blocks.view import CardView
from slackbot.blocks.words import (
    NOTHING_NAMED,
    REFRESHING,
    SAY_WHICH,
    failure_words,
    refusal_words,
)
from slackbot.channel.views import Viewer
from slackbot.handlers.afterwards import Afterwards
from slackbot.handlers.incoming import Body, id_of, sender_of, tell_of_event
from slackbot.people.admission import Admission
from slackbot.people.linking import LIFETIME, Linking
from slackbot.platforms.errors import PlatformError, Throttled, Unreachable
from slackbot.platforms.slack.client import SlackClient
from slackbot.platforms.slack.message import SlackMessage
from slackbot.platforms.slack.outbox import QUIETLY
from slackbot.rules.listing import untriaged_needed
from slackbot.rules.reading.query import (
    Filter,
    Listing,
    Mentioned,
    NotUnderstood,
    Order,
    PageTurn,
    Query,
    Show,
    Verb,
    issue_of_link,
    read_again,
)
from slackbot.rules.refusals import (
    FormNotOpened,
    GitLabSilent,
    InvalidField,
    LabelChanged,
    NotAuthorizable,
    NotLinkable,
    ReasonRequired,
    Refusal,
    SameLabel,
    Unknown,
    UnknownLabel,
)
from slackbot.rules.request import IssueKey, Person
from slackbot.store import interactions, jobs, requests
from slackbot.store.engine.away import RecordAway
from slackbot.store.engine.database import Record
from slackbot.store.jobs import IssueQueue, PeriodicQueue
from slackbot.store.messages import homes

if TYPE_CHECKING:
    from slackbot.people.grants.device import DeviceLinking

log = structlog.get_logger()

Listener = Callable[[Body], Awaitable[None]]
"""Of an event, which nobody waits for."""

REFRESHED = 20
"""Open requests read at once."""

MODAL_SECONDS = 1.2
"""The ack waits for it."""

AGAIN_AFTER_SECONDS = (1.0, 5.0, 30.0)
"""Pauses; Slack takes five answers to a click."""


class Answers:
    """Answers from the record; no query is an error."""

    def __init__(
        self,
        record: Record,
        admission: Admission,
        viewer: Viewer,
        slack: SlackClient,
        linking: Linking,
        afterwards: Afterwards,
        devices: "DeviceLinking | None" = None,
    ) -> None:
        self._record, self._admission, self._viewer = record, admission, viewer
        self._slack, self._linking, self._devices = slack, linking, devices
        self.afterwards = afterwards

    @contextlib.asynccontextmanager
    async def answering(self, args: AsyncArgs, what: str) -> AsyncIterator["Reply"]:
        """Ack once the work is committed, then say what follows; the body raises ``Refusal``."""
        started = time.monotonic()
        reply, words = Reply(args, self, self._slack), None
        try:
            yield reply
        except Exception as error:
            words = await self._explain(error, what, args.body)
        await args.ack()
        metrics.ACK_SECONDS.observe(time.monotonic() - started)
        # Bolt sends the ack when the listener ends.
        self.afterwards.start(reply.follow_up() if words is None else reply.tell(words))

    @contextlib.asynccontextmanager
    async def submitting(self, args: AsyncArgs, what: str) -> AsyncIterator[dict[str, Any]]:
        """Ack once recorded, or put the error at an input.

        The body may say what Slack does then; without a word it closes the form.
        """
        answer: dict[str, Any] = {}
        try:
            yield answer
        except Exception as error:
            words = await self._explain(error, what, args.body)
            if words is None:
                answer = {"response_action": "clear"}
            else:
                errors = {_input_of(error, args.body): without_markup(words)}
                answer = {"response_action": "errors", "errors": errors}
        await args.ack(**answer)

    async def _explain(self, error: Exception, what: str, body: Body) -> str | None:
        """Return nothing about a repetition: it was taken before, whatever would refuse it now."""
        try:
            if isinstance(error, Refusal) and await self._is_on_record(body):
                return None
        except Exception as other:
            error = other
        return explain(error, what)

    async def _is_on_record(self, body: Body) -> bool:
        async with self._record.transaction() as tx:
            return await interactions.is_known(tx, id_of(body))

    async def look(self, team: str, user: str) -> Asker:
        """Return who looks.

        Raises:
            NotAllowed: They may not, or Slack does not tell.
        """
        person, may_act = await self._admission.look(team, user)
        return Asker(person=person, may_act=may_act, can_link=self._viewer.rules.can_link)

    def team_at(self, body: Body) -> str | None:
        """Return the team whose channel it is, where there are several."""
        place = body.get("channel") or {}
        channel = str(body.get("channel_id") or place.get("id") or "")
        route = self._viewer.routes.at(channel, self._slack.known_channel)
        return route.name if route else None

    async def answer(
        self,
        query: Query,
        asker: Asker,
        turn: PageTurn | None = None,
        *,
        at: str | None = None,
    ) -> SlackMessage:
        """Answer in the channel ``at`` of one of several teams, or elsewhere."""
        match query:
            case Listing():
                return await self._queue(query, asker, turn, at)
            case Show():
                return await self.show(query, asker, nothing=SAY_WHICH)
            case Order(verb=Verb.DUTY, rest=team):
                return await self._duty(team or at or "")
            case Order(verb=Verb.LINK, rest=username):
                return await self._link(asker.person, username)
            case Order(verb=Verb.UNLINK):
                return await self._unlink(asker.person)
            case Order(verb=Verb.REFRESH):
                await self.refresh()
                return message(REFRESHING)
            case NotUnderstood() | Mentioned():
                return self._help(asker, query)
            case Order():
                return self._help(asker)

    def _help(self, asker: Asker, problem: NotUnderstood | Mentioned | None = None) -> SlackMessage:
        has_teams = self._viewer.routes.are_several
        return render_help(problem, can_link=asker.can_link, has_teams=has_teams)

    async def answer_again(self, asked: str, body: Body) -> SlackMessage:
        """Answer an earlier question as of now.

        Raises:
            NotAllowed: The person may no longer look.
        """
        query, turn = read_again(asked)
        asker = await self.look(*sender_of(body))
        return await self.answer(query, asker, turn, at=self.team_at(body))

    async def _queue(
        self, listing: Listing, asker: Asker, turn: PageTurn | None, at: str | None
    ) -> SlackMessage:
        route = None if Filter.TEAMS in listing.filters else at
        days = listing.days if listing.shows_done else None
        async with self._record.transaction() as tx:
            needed = untriaged_needed(listing, turn)
            board = await self._viewer.board(tx, days=days, most_untriaged=needed, route=route)
        return render_queue(board, listing, asker, turn)

    async def show(self, show: Show, asker: Asker, nothing: str = NOTHING_NAMED) -> SlackMessage:
        """``nothing`` is said where none is named."""
        if not show.targets:
            return message(nothing)
        async with self._record.transaction() as tx:
            found = await self._viewer.find(tx, show.targets)
        return render_found(found, asker, show.left_out)

    async def preview(self, url: str) -> list[Block] | None:
        target = issue_of_link(url)
        if target is None:
            return None
        async with self._record.transaction() as tx:
            found = await self._viewer.find(tx, [target])
        return render_preview(found.items[0]) if found.items else None

    async def view(self, key: IssueKey) -> CardView:
        """Return how a request looks now.

        Raises:
            Unknown: It is not on record.
        """
        async with self._record.transaction() as tx:
            view = await self._viewer.view(tx, key)
        if view is None:
            raise Unknown
        return view

    async def _duty(self, team: str) -> SlackMessage:
        """Answer for the team of this name, or for all."""
        async with self._record.transaction() as tx:
            duties = await self._viewer.team_duties(tx)
        chosen = [each for each in duties if each.team == team.lower()] or duties
        now = self._record.now()
        return render_duty(chosen[0], now) if len(chosen) == 1 else render_duties(chosen, now)

    async def _link(self, person: Person, username: str) -> SlackMessage:
        """Have it authorized in GitLab; a code in a comment is the way without that."""
        if self._devices is None:
            return await self._code(person, username)
        has_code_too = username and self._viewer.rules.link_issue is not None
        try:
            asked = await self._devices.begin(person)
        except (GitLabSilent, NotAuthorizable):
            if not has_code_too:
                raise
            return await self._code(person, username)
        code = problem = None
        if has_code_too and asked.link is not None:
            try:
                code = await self._code(person, username)
            except NotLinkable as refusal:
                problem = refusal_words(refusal)
        offered = [each for each in (asked.link, asked.act) if each]
        return authorize(
            link=(asked.link.url, asked.link.user_code) if asked.link else None,
            act=(asked.act.url, asked.act.user_code) if asked.act else None,
            gitlab=asked.gitlab,
            minutes=int(min(each.lifetime for each in offered).total_seconds() // 60),
            otherwise=code,
            problem=problem,
        )

    async def _unlink(self, person: Person) -> SlackMessage:
        was_linked, in_file = await self._linking.end(person)
        return unlinked(was_linked=was_linked, in_file=in_file)

    async def _code(self, person: Person, username: str) -> SlackMessage:
        issued = await self._linking.begin(person, username)
        minutes = int(LIFETIME.total_seconds() // 60)
        return offer(issued.code, issued.username, issued.issue_url, minutes)

    async def refresh(self) -> None:
        """Read what has changed and what is due first."""
        now = self._record.now()
        async with self._record.transaction() as tx:
            urgent = (await requests.list_unfinished_keys(tx))[:REFRESHED]
            jobs.enqueue_periodic(tx, PeriodicQueue.POLL, now, urgent=True)
            jobs.enqueue(tx, IssueQueue.SYNC, urgent, now)

    async def open_home(self, team: str, user: str, asked: str | None = None) -> None:
        """Render it soon; ``asked`` is a new choice."""
        now = self._record.now()
        async with self._record.transaction() as tx:
            await homes.save_opened(tx, user, team, now, asked)
            jobs.enqueue_periodic(tx, PeriodicQueue.HOMES, now, urgent=True)

    async def open_form(self, body: Body, view: Block) -> None:
        """Open it over the form that was clicked in, if any, which keeps what was typed.

        Raises:
            FormNotOpened: Slack does not answer, or not in time.
            PlatformError: Slack will not open it.
        """
        await _in_time(self._slack, _opening(body), trigger_id=body["trigger_id"], view=view)

    def once_acked(self, listen: Listener) -> Listener:
        """Wait while the record is away: the event is acked at once, so it comes only once."""

        async def insist_on(body: Body) -> None:
            while True:
                try:
                    return await listen(body)
                except RecordAway:
                    await self._record.outage.over()
                except Exception as error:
                    return tell_of_event(error, body)

        async def start(body: Body) -> None:
            self.afterwards.start(insist_on(body))

        return start


class Reply:
    """Answers a click where it was made: card, ephemeral message or App Home."""

    def __init__(self, args: AsyncArgs, answers: Answers, slack: SlackClient) -> None:
        self._body, self._respond = args.body, args.respond
        self._answers, self._slack = answers, slack
        self._message: SlackMessage | None = None
        self._in_place = self._shows_choice = self._is_trigger_spent = False

    async def open_form(self, view: Block) -> None:
        """Open it before the ack, from the record alone.

        Raises:
            FormNotOpened: Slack does not answer, or not in time.
            PlatformError: Slack will not open it.
        """
        self._is_trigger_spent = True  # even if no answer comes
        await self._answers.open_form(self._body, view)

    async def change_form(self, view: Block) -> None:
        """Change the form that was clicked in; Slack keeps what was typed into inputs that stay.

        Raises:
            FormNotOpened, PlatformError: As above.
        """
        await _in_time(self._slack, "views.update", view_id=self._body["view"]["id"], view=view)

    def show(self, message: SlackMessage, *, in_place: bool) -> None:
        """After the ack; ``in_place`` replaces the message clicked on."""
        self._message, self._in_place = message, in_place

    def show_choice(self) -> None:
        """After the ack; cards follow by themselves."""
        self._shows_choice = True

    async def follow_up(self) -> None:
        if self._message:
            await present(self._respond, self._message, in_place=self._in_place)
        if not self._shows_choice:
            return
        try:
            await self._answer_again()
        except RecordAway as away:
            log.warning("not_shown_again", problem=str(away))
        except Exception:
            # The choice stands; the card shows it.
            log.exception("not_shown_again")

    async def _answer_again(self) -> None:
        place = self._body.get("view") or {}
        if place.get("type") == "home":
            await self._answers.open_home(*sender_of(self._body))
            return
        if place.get("type") == "modal":
            key = IssueKey.parse(str(self._body["actions"][0]["value"]).partition(":")[0])
            asker = await self._answers.look(*sender_of(self._body))
            await self.change_form(render_more(await self._answers.view(key), asker.person))
            return
        asked = asked_again(str(self._body["actions"][0].get("block_id") or ""))
        if asked is not None:
            again = await self._answers.answer_again(asked, self._body)
            await present(self._respond, again, in_place=True)

    async def tell(self, words: str) -> None:
        """Only they see it."""
        if self._body.get("response_url"):
            await insist(partial(self._say, words))
            return
        # A home or a form has no message to answer: a modal, else a direct message.
        if self._is_trigger_spent or not await self._open_notice(words):
            await insist(partial(self._write, words))

    async def _open_notice(self, words: str) -> bool:
        """Return whether Slack does."""
        try:
            await self._slack.call(
                _opening(self._body), trigger_id=self._body["trigger_id"], view=notice_modal(words)
            )
        except PlatformError as error:
            log.info("notice_not_opened", problem=str(error))
            return False
        return True

    async def _say(self, words: str) -> None:
        answer = await self._respond(
            text=words,
            blocks=[section(words)],
            response_type="ephemeral",
            replace_original=False,
        )
        if answer.status_code != 200:
            raise NotTold(f"Slack answered {answer.status_code}")

    async def _write(self, words: str) -> None:
        user, blocks = str(self._body["user"]["id"]), [section(words)]
        await self._slack.call(
            "chat.postMessage", channel=user, text=words, blocks=blocks, **QUIETLY
        )


def _opening(body: Body) -> str:
    return "views.push" if (body.get("view") or {}).get("type") == "modal" else "views.open"


async def _in_time(slack: SlackClient, method: str, **arguments: Any) -> None:
    try:
        async with asyncio.timeout(MODAL_SECONDS):
            await slack.call(method, **arguments)
    except (Unreachable, Throttled, TimeoutError) as error:
        log.warning("form_not_opened", problem=str(error) or "no answer in time")
        raise FormNotOpened from error


def _input_of(error: Exception, body: Body) -> str:
    """Name the input that an error is about, else the first: Slack shows words at no other."""
    inputs = [
        str(block["block_id"])
        for block in body["view"].get("blocks", ())
        if block.get("type") == "input"
    ]
    wanted: str = ""
    match error:
        case InvalidField():
            wanted = error.field
        case ReasonRequired():
            wanted = REASON
        case UnknownLabel() | LabelChanged() | SameLabel():
            wanted = LABEL
        case _:
            pass
    return wanted if wanted in inputs else next(iter(inputs), "")


def explain(error: Exception, what: str) -> str:
    """Log it; words for a fault, or a record that is away, have a reference number."""
    if isinstance(error, Refusal):
        log.info("choice_refused", what=what, refusal=type(error).__name__)
        return refusal_words(error)
    reference = secrets.token_hex(4)
    if isinstance(error, RecordAway):
        log.error("choice_failed", what=what, reference=reference, problem=str(error))
    else:
        log.error("choice_failed", what=what, reference=reference, exc_info=error)
    return failure_words(reference)


async def present(respond: AsyncRespond, message: SlackMessage, *, in_place: bool) -> None:
    """Only one person sees it."""
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


class NotTold(Exception):
    """Slack did not pass an explanation on."""


async def insist(send: Callable[[], Awaitable[Any]]) -> None:
    """Retry for a while: better twice than not at all."""
    for pause in (*AGAIN_AFTER_SECONDS, None):
        try:
            await send()
        except Exception as error:
            if pause is None:
                # The choice is settled: this must not look like a fault.
                log.exception("explanation_lost")
                return
            log.warning("not_told_yet", problem=str(error) or type(error).__name__)
            await asyncio.sleep(pause)
        else:
            return
