"""What may happen in a run: what people do, and faults. Plain data; a schedule says when."""

from dataclasses import dataclass
from typing import Literal

NOBODY = "nobody"


@dataclass(frozen=True, kw_only=True)
class Act:
    """Something that happens ``at`` so many seconds after the beginning."""

    at: float


@dataclass(frozen=True, kw_only=True)
class Feedback(Act):
    """The automation opens a feedback issue, with the contact label or without, for somebody."""

    number: int
    asks: bool
    duty: bool
    is_good: bool = False


@dataclass(frozen=True, kw_only=True)
class Ask(Act):
    """The contact label comes later."""

    number: int


@dataclass(frozen=True, kw_only=True)
class OnCard(Act):
    """What somebody does with a card: the latest in the channel, or the so many-th before it."""

    before: int
    who: str


@dataclass(frozen=True, kw_only=True)
class Click(OnCard):
    """A person clicks the first of some buttons that the card shows.

    Who ``is_late`` has a version of the card before their eyes that showed the very first.
    """

    buttons: tuple[str, ...]
    times: int = 1
    is_late: bool = False


@dataclass(frozen=True, kw_only=True)
class AtOnce(OnCard):
    """Two people claim the same card at the same time."""

    other: str


@dataclass(frozen=True, kw_only=True)
class Across(OnCard):
    """A person claims a card or chooses its label, and somebody else does so in GitLab."""

    account: str
    label: str | None
    """The label chosen in Slack; ``None``: both are about who has it."""


@dataclass(frozen=True, kw_only=True)
class ChooseLabel(OnCard):
    """A person chooses a feedback label on a card."""

    label: str


@dataclass(frozen=True, kw_only=True)
class MarkContacted(OnCard):
    """A person opens the modal "Mark contacted", fills it in and sends it."""

    channel: str
    text: str | None


@dataclass(frozen=True, kw_only=True)
class Way:
    """What somebody would do by its form: an option of the menu, and what they enter, by block.

    Several people or ticks are separated by commas.
    """

    offer: str
    inputs: tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class FillIn(OnCard):
    """A person does the first of some things that the menu offers, on a card or in a row.

    In a row it is about the latest issue, or the so many-th before it, whether it has a card or
    not. Who ``goes_on`` fills in the form that a review leads to, too.
    """

    ways: tuple[Way, ...]
    in_row: bool
    goes_on: bool


@dataclass(frozen=True, kw_only=True)
class Settle(Act):
    """A person tries again what was refused, or dismisses it, in their direct messages."""

    who: str
    button: str


@dataclass(frozen=True, kw_only=True)
class Replay(Act):
    """Slack sends somebody's latest interaction again, or the latest that was accepted."""

    who: str
    was_accepted: bool = False


@dataclass(frozen=True, kw_only=True)
class DeleteCard(OnCard):
    """A person deletes a card in Slack."""


@dataclass(frozen=True, kw_only=True)
class OnIssue(Act):
    """What somebody does in GitLab's pages with an issue: the latest, or one before it."""

    before: int
    who: str


@dataclass(frozen=True, kw_only=True)
class Assign(OnIssue):
    """A person assigns an issue, or nobody."""

    to: str


@dataclass(frozen=True, kw_only=True)
class Relabel(OnIssue):
    """A person puts a label on an issue, or takes it off."""

    label: str
    is_put_on: bool


@dataclass(frozen=True, kw_only=True)
class Close(OnIssue):
    """A person closes an issue, or reopens it."""

    is_reopened: bool


@dataclass(frozen=True, kw_only=True)
class Fault(Act):
    """What nobody wants."""


Kind = Literal[
    "429",
    "500",
    "502 HTML",
    "500 after the effect",
    "drop before the effect",
    "drop after the effect",
    "hang",
    "no answer in time",
    "422",
]


@dataclass(frozen=True, kw_only=True)
class SlackFault(Fault):
    """Trouble for the next call of a method, or for the next about messages of an event type."""

    method: str
    kind: Kind
    seconds: float = 0
    about: str | None = None


@dataclass(frozen=True, kw_only=True)
class SlackAway(Fault):
    """For a while every method of Slack's fails, those that a click may need included."""

    kind: Kind
    seconds: float


@dataclass(frozen=True, kw_only=True)
class GitLabFault(Fault):
    """Trouble for the next request of a kind."""

    method: str | None
    path: str
    kind: Kind
    seconds: float = 0


@dataclass(frozen=True, kw_only=True)
class GitLabDown(Fault):
    """GitLab answers 502 to everything for a while."""

    seconds: float


@dataclass(frozen=True, kw_only=True)
class Hooks(Fault):
    """For a while hooks are lost, come twice, or come in another order."""

    how: Literal["lost", "doubled", "reordered"]
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Kill(Fault):
    """A replica gets SIGKILL, and is started again after a pause."""

    replica: int
    pause: float


@dataclass(frozen=True, kw_only=True)
class KillAtWork(Fault):
    """The replica that is about to write the next note gets SIGKILL, whichever that is.

    Or the one that is about to create an issue; or has just done so, and has no answer yet.
    """

    pause: float
    path: str = "/notes$"
    when: Literal["before", "after"] = "before"
    within: float = 3.0
    """Seconds until it is let be, if nobody writes."""


@dataclass(frozen=True, kw_only=True)
class CutPower(Fault):
    """The only replica is gone, and what its SQLite file was not synced with; it starts again."""

    pause: float


@dataclass(frozen=True, kw_only=True)
class Stop(Fault):
    """A replica gets SIGTERM, and is started again when it has ended."""

    replica: int


@dataclass(frozen=True, kw_only=True)
class SetClock(Fault):
    """A replica's clock is set a day wrong, and right again after some seconds."""

    replica: int
    days: Literal[-1, 1]
    seconds: float


@dataclass(frozen=True, kw_only=True)
class RestartDatabase(Fault):
    """PostgreSQL is stopped and started."""

    mode: Literal["fast", "immediate"]
    pause: float
