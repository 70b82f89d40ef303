"""What happened in a run, as plain data: what the stand-ins saw, people did, and is on record.

All moments are those of the stand-ins' clock, UTC; ``key`` is ``project/iid`` throughout.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from slackbot.local.gitlab import Issue
from slackbot.local.gitlab import Note as GitLabNote
from slackbot.local.gitlab.model import Request
from slackbot.local.slack import Message
from slackbot.local.slack.block_kit import elements_of
from tests.town import Town, as_read, text_of

CARD, STEP, REMINDER, KUDOS = "ssat_card", "ssat_step", "ssat_reminder", "ssat_kudos"
"""The event types in the metadata of what the bot posts."""

KUDOS_CHANNEL, WEEK = "kudos", "gitlab-com/support/week"
IN_CHANNEL, IN_WEEK = "the kudos channel", "the week's issue"
AS_ISSUE, AS_LINK, AS_ADDRESS = "a follow-up issue", "a link to it", "a note with its address"
"""Where decisions arrive, beside the note of each."""

MARKER = re.compile(r"<!-- ssat-bot: (\{.*\}) -->")
MENTION = re.compile(r"(?<![\\`\w])@(\w[\w./-]*)(?<![./-])")
"""Neither in code nor behind a backslash: GitLab tells who is named so."""
TYPED = re.compile(r"\btyped[0-9]+x[0-9]+\b")
"""A word that nobody else types in a run: it stands for all that somebody typed into an input."""
_HOLDING = re.compile(r"\*\*(Claimed|Taken over|Released)\*\* by ([\w ]+?)(?: \(| from|\.|:)")
_REFUSED_BLOCK = "refused-"
ISSUE_PATH = re.compile(r"/projects/(\d+)/issues/(\d+)(?:/(\w+))?$")


@dataclass(frozen=True, kw_only=True)
class Painting:
    """A card as Slack shows it from a moment on."""

    at: datetime
    key: str
    ts: str
    text: str
    refused: frozenset[str] = frozenset()
    """The decisions that it shows as refused."""


@dataclass(frozen=True, kw_only=True)
class Deletion:
    """A person has deleted a card in Slack."""

    at: datetime
    key: str
    ts: str


@dataclass(frozen=True, kw_only=True)
class Telling:
    """A step told in the thread of a card, under the id in its metadata."""

    at: datetime
    key: str
    card: str
    id: str
    text: str
    refused: frozenset[str] = frozenset()
    """The decisions that it offers to try again: in direct messages, where there is no card."""
    typed: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Standing:
    """An issue as GitLab has it from a moment on; ``by`` is who made the latest change to it."""

    at: datetime
    key: str
    by: str
    is_open: bool = True
    labels: frozenset[str] = frozenset()
    assignees: frozenset[str] = frozenset()
    holder: str | None = None
    """Whom the bot's latest note says to have claimed it, unless people have changed that since."""


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A note of the bot's with the marker of a decision."""

    at: datetime
    key: str
    decision: str
    typed: frozenset[str] = frozenset()
    """What of people's words it says."""
    mentions: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """What a decision has brought to another place than the notes of its feedback."""

    at: datetime
    decision: str
    place: str
    typed: frozenset[str] = frozenset()
    key: str | None = None
    """The feedback that it stands at, if at any."""


@dataclass(frozen=True, kw_only=True)
class Call:
    """A request of the bot's about one issue; ``status`` is ``None`` where it got no answer."""

    at: datetime
    key: str
    method: str
    about: str = ""
    """What of the issue: ``notes``, ``resource_label_events``; empty for the issue itself."""
    status: int | None = 200
    done_at: datetime | None = None
    """When GitLab had carried it out; ``None`` if it has not."""
    asked: str = ""
    """What the change was to be."""

    @property
    def is_read(self) -> bool:
        """Whether it asks how the issue stands."""
        return self.method == "GET" and not self.about

    @property
    def is_change(self) -> bool:
        """Whether it changes the issue itself."""
        return self.method == "PUT" and not self.about


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One interaction of a person's: it asks for a decision, a form, or about a decision."""

    at: datetime
    key: str
    who: str
    what: str
    interaction: str
    has_effect: bool = False
    """It has opened its form, or is on record though it is no decision."""
    is_denied: bool = False
    """When it came again, the person was told that nothing was changed, though it had been."""
    is_acked: bool = True
    is_refused: bool = False
    """The person was told, or would have been but for their process's death, that it is refused."""
    problem: str | None = None
    """Why it was not acked."""
    process: int | None = None
    """Which process it went to; ``None`` where none was there."""
    typed: frozenset[str] = frozenset()
    about: str | None = None
    """The refused decision that it settles."""
    answered_at: datetime | None = None
    """When its last answer came: what it asks for was judged before."""

    @property
    def is_late(self) -> bool:
        """Whether no ack came in time: Slack has given up, or Bolt in its stead."""
        return self.problem is not None and self.problem.startswith(("no ack", "answered 404"))


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What a decision is to bring about in the issue itself, beside its note."""

    holder: str | None = None
    """The name of who is to be assigned, and nobody else."""
    leaver: str | None = None
    """The name, or the account, of who is to be assigned no more."""
    label: str | None = None
    """What is to be the only label of the scope."""
    yields: bool = False
    """The label is for an issue that has none of the scope."""
    is_contacted: bool = False
    is_closed: bool = False
    cleared: str | None = None
    """What is to be no label any more."""
    is_uncontacted: bool = False
    is_reopened: bool = False


@dataclass(frozen=True, kw_only=True)
class Decided:
    """A decision on record."""

    seq: int
    id: str
    key: str
    interaction: str
    status: str
    wish: Wish = Wish()
    instead_of: str | None = None
    """What it is to replace and nothing else: a label, or the account that it takes over from."""
    was_retried: bool = False
    """A person has put it on its way again, so it comes out of its order."""
    kind: str = ""
    reason: str | None = None
    """Why a deadline was missed."""
    typed: frozenset[str] = frozenset()
    """What of people's words it has still: none, once GitLab has them."""
    tells: frozenset[str] = frozenset()
    """Whom it is to mention, by account or as Slack knows them."""

    def __str__(self) -> str:
        return f"decision {self.seq} ({self.id[:8]}) on {self.key}"


@dataclass(frozen=True, kw_only=True)
class Remembered:
    """What the record says of a feedback at the end, beside what GitLab shows of it."""

    key: str
    is_reviewed: bool = False
    is_thanked: bool = False
    missed_because: str | None = None
    waits_on: frozenset[str] = frozenset()
    has_ended: bool = False
    """Its issue is closed, or gone."""


@dataclass(frozen=True, kw_only=True)
class Interruption:
    """A process, or the database, was away; ``process`` is ``None`` for the database."""

    at: datetime
    until: datetime
    process: int | None = None


@dataclass(frozen=True, kw_only=True)
class History:
    """Everything that happened in a run, each kind in the order of time."""

    bot: str = "ssat-bot"
    contact_label: str = "SSAT::Contact"
    contacted_label: str = "ssat-manager-contacted-customer"
    scope: str = "feedback::"
    accounts: Mapping[str, str] = field(default_factory=dict)
    """GitLab usernames by people's names and Slack ids; who is missing is not known there."""
    grace: timedelta = timedelta(seconds=3)
    """How long after the bot has heard of something a picture of before may still arrive."""
    paintings: tuple[Painting, ...] = ()
    deletions: tuple[Deletion, ...] = ()
    tellings: tuple[Telling, ...] = ()
    reminders: tuple[Telling, ...] = ()
    standings: tuple[Standing, ...] = ()
    marks: tuple[Mark, ...] = ()
    """The notes that no later one takes back."""
    withdrawn: tuple[Mark, ...] = ()
    """The others, which told what was not so for a while."""
    arrivals: tuple[Arrival, ...] = ()
    calls: tuple[Call, ...] = ()
    choices: tuple[Choice, ...] = ()
    decisions: tuple[Decided, ...] = ()
    remembered: tuple[Remembered, ...] = ()
    interruptions: tuple[Interruption, ...] = ()
    kept_waiting: tuple[Interruption, ...] = ()
    """When a process had to wait for a processor: the machine is shared by many."""
    complaints: tuple[str, ...] = ()

    def keys(self) -> list[str]:
        """Every issue there was, in order."""
        return list(dict.fromkeys(each.key for each in self.standings))

    def standings_of(self, key: str) -> list[Standing]:
        """The states of an issue, oldest first."""
        return [each for each in self.standings if each.key == key]

    def standing_at(self, key: str, at: datetime) -> Standing:
        """How an issue stood at a moment after its birth."""
        return [each for each in self.standings_of(key) if each.at <= at][-1]

    def is_waiting(self, standing: Standing) -> bool:
        """Tell whether a customer waits for a contact."""
        asks = self.contact_label in standing.labels
        return standing.is_open and asks and self.contacted_label not in standing.labels

    def living_cards(self, key: str) -> list[Painting]:
        """The cards of an issue that nobody has deleted, each as it was painted last."""
        last = {each.ts: each for each in self.paintings if each.key == key}
        gone = {each.ts for each in self.deletions}
        return [each for ts, each in last.items() if ts not in gone]


def time_of(at: datetime) -> str:
    """Say a moment of a run, to the millisecond."""
    return f"{at:%H:%M:%S.%f}"[:-3]


class Recorder:
    """Follows the stand-ins from the beginning of a run."""

    def __init__(self, town: Town, accounts: Mapping[str, str]) -> None:
        self._town, self._accounts = town, accounts
        self.paintings: list[Painting] = []
        self.tellings: list[Telling] = []
        self.reminders: list[Telling] = []
        self.standings: list[Standing] = []
        self._thanks: list[Arrival] = []
        self._latest: dict[str, Standing] = {}
        self._keys: dict[str | None, str] = {}
        self._notes: dict[str, int] = {}
        town.slack.watchers.append(self._see_message)
        town.gitlab.watchers.append(self._see_issue)

    def key_of(self, issue: Issue) -> str:
        return f"{issue.project.id}/{issue.iid}"

    def _see_message(self, message: Message) -> None:
        metadata = message.metadata or {}
        if metadata.get("event_type") == CARD:
            self.paintings.append(self._painting(message, metadata["event_payload"]["key"]))
        elif metadata.get("event_type") == STEP:
            self.tellings.append(self._telling(message, metadata["event_payload"]["key"]))
        elif metadata.get("event_type") == REMINDER:
            self.reminders.append(self._telling(message, metadata["event_payload"]["key"]))
        elif metadata.get("event_type") == KUDOS:
            self._thanks.append(self._thank(message, metadata["event_payload"]["key"]))

    def _thank(self, message: Message, name: str) -> Arrival:
        is_there = self._town.slack.channel(message.channel).name == KUDOS_CHANNEL
        return Arrival(
            at=self._town.clock(),
            decision=name.partition(":")[2],
            place=IN_CHANNEL if is_there else message.channel,
            typed=words_in(text_of(message)),
        )

    def _telling(self, message: Message, name: str) -> Telling:
        offered = dict(about_decisions(message.blocks))
        is_direct = self._town.slack.channel(message.channel).is_im
        return Telling(
            at=self._town.clock(),
            key=self._keys.get(message.thread_ts, next(iter(offered.values()), "")),
            card=message.thread_ts or (message.channel if is_direct else ""),
            id=name,
            text=message.text,
            refused=frozenset(offered),
            typed=words_in(text_of(message)),
        )

    def _painting(self, message: Message, key: str) -> Painting:
        self._keys[message.ts] = key
        blocks = (str(block.get("block_id", "")) for block in message.blocks)
        refused = (block for block in blocks if block.startswith(_REFUSED_BLOCK))
        return Painting(
            at=self._town.clock(),
            key=key,
            ts=message.ts,
            text=as_read(message),
            refused=frozenset(block.removeprefix(_REFUSED_BLOCK) for block in refused),
        )

    def _see_issue(self, issue: Issue) -> None:
        if issue.project is not self._town.project:
            return
        key = self.key_of(issue)
        before = self._latest.get(key)
        seen = Standing(
            at=self._town.clock(),
            key=key,
            by=(issue.updated_by or issue.author).username,
            is_open=issue.state == "opened",
            labels=frozenset(issue.labels),
            assignees=frozenset(issue.assigned_to),
            holder=self._holder(issue, before),
        )
        if before is None or _what(before) != _what(seen):
            self._latest[key] = seen
            self.standings.append(seen)

    def _holder(self, issue: Issue, before: Standing | None) -> str | None:
        notes = self.bot_notes(issue)
        if before is None or len(notes) > self._notes.get(before.key, 0):
            self._notes[self.key_of(issue)] = len(notes)
            return _latest_holder(notes)
        came = set(issue.assigned_to) - before.assignees
        left = before.assignees - set(issue.assigned_to)
        is_by_bot = issue.updated_by is self._town.bot
        # Whom GitLab does not know was never assigned there, so cannot be taken off there.
        has_lost_it = bool(came) or self._accounts.get(before.holder or "") in left
        return None if has_lost_it and not is_by_bot else before.holder

    def bot_notes(self, issue: Issue) -> list[GitLabNote]:
        """The notes that the bot has written on an issue."""
        return [note for note in issue.comments if note.author is self._town.bot]

    def marks(self) -> list[Mark]:
        """Every marker in a note of the bot's that stands in GitLab now."""
        return self._marks(_not_withdrawn)

    def withdrawn(self) -> list[Mark]:
        """Every marker in a note of the bot's that a later one takes back."""

        def left_out(notes: list[GitLabNote]) -> list[GitLabNote]:
            stands = _not_withdrawn(notes)
            return [note for note in notes if note not in stands and not _is_withdrawal(note)]

        return self._marks(left_out)

    def _marks(self, chosen: Callable[[list[GitLabNote]], list[GitLabNote]]) -> list[Mark]:
        found = [
            Mark(
                at=note.created_at,
                key=self.key_of(issue),
                decision=json.loads(text)["decision"],
                typed=words_in(note.body),
                mentions=frozenset(MENTION.findall(note.body)),
            )
            for issue in self._town.project.issues.values()
            for note in chosen(self.bot_notes(issue))
            for text in MARKER.findall(note.body)
        ]
        return sorted(found, key=lambda mark: mark.at)

    def arrivals(self) -> list[Arrival]:
        """Everything that decisions have brought elsewhere."""
        found = [*self._thanks, *self._in_week(), *self._followed_up()]
        return sorted(found, key=lambda arrival: arrival.at)

    def _in_week(self) -> Iterator[Arrival]:
        for issue in self._town.gitlab.project(WEEK).issues.values():
            for note in self.bot_notes(issue):
                decision, typed = _content(note.body)["decision"], words_in(note.body)
                yield Arrival(at=note.created_at, decision=decision, place=IN_WEEK, typed=typed)

    def _followed_up(self) -> Iterator[Arrival]:
        for issue in self._town.follow_ups.issues.values():
            at, decision = issue.created_at, _content(issue.description or "")["decision"]
            typed = words_in(f"{issue.title} {issue.description}")
            yield Arrival(at=at, decision=decision, place=AS_ISSUE, typed=typed)
            for link in issue.links:
                key = self.key_of(link.other(issue))
                yield Arrival(at=link.created_at, decision=decision, place=AS_LINK, key=key)
            address = f"{self._town.gitlab.url}/{issue.project.path}/-/issues/{issue.iid}"
            for note in self._notes_with(f"{address}\n"):
                about = _content(note.body)["decision"]
                yield Arrival(at=note.created_at, decision=about, place=AS_ADDRESS)

    def _notes_with(self, words: str) -> list[GitLabNote]:
        issues = self._town.project.issues.values()
        return [note for each in issues for note in self.bot_notes(each) if words in note.body]

    def calls(self) -> list[Call]:
        """Every request of the bot's about a single issue."""
        found = []
        for request in self._town.gitlab.requests:
            if path := ISSUE_PATH.search(request.path):
                found.append(
                    Call(
                        at=request.at,
                        key=f"{path[1]}/{path[2]}",
                        method=request.method,
                        about=path[3] or "",
                        status=request.status,
                        done_at=request.done_at,
                        asked=_asked(request),
                    )
                )
        return found


def _asked(request: Request) -> str:
    body = request.body if request.method == "PUT" else None
    return str(body) if isinstance(body, dict) else ""


def words_in(text: str) -> frozenset[str]:
    """Find what people have typed."""
    return frozenset(TYPED.findall(text))


def about_decisions(blocks: Iterable[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """Find the decisions that buttons are about, and their issues."""
    for block in blocks:
        for element in elements_of(block):
            key, _, decision = str(element.get("value", "")).partition(":")
            if decision:
                yield decision, key


def _what(standing: Standing) -> tuple[object, ...]:
    return standing.is_open, standing.labels, standing.assignees, standing.holder


def _not_withdrawn(notes: list[GitLabNote]) -> list[GitLabNote]:
    """Leave out withdrawals, and the earlier notes of the decisions that they name."""
    left: list[tuple[str | None, GitLabNote]] = []
    for note in notes:
        decision = _content(note.body).get("decision")
        if _is_withdrawal(note):
            left = [each for each in left if each[0] != decision]
        else:
            left.append((decision, note))
    return [note for _, note in left]


def _is_withdrawal(note: GitLabNote) -> bool:
    return _content(note.body).get("kind") == "withdrawal"


def _content(text: str) -> dict[str, Any]:
    """Return what the marker in a note or description says; nothing where there is none."""
    marker = MARKER.search(text)
    return json.loads(marker[1]) if marker else {}


def _latest_holder(notes: list[GitLabNote]) -> str | None:
    said = [match for note in _not_withdrawn(notes) if (match := _HOLDING.search(note.body))]
    return said[-1][2] if said and said[-1][1] != "Released" else None
