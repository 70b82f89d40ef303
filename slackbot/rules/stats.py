"""The figures of a period, as ``docs/stats.md`` defines them. Pure."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from statistics import median, quantiles

from slackbot.rules.reading.feedback import Sentiment, score_of
from slackbot.rules.request import UNFINISHED, Person, Request, Rules, State
from slackbot.rules.timing.period import Grouping, Period, midnight

HIGH = 0.9
"""The percentile beside the median: the last of ten."""
MOST_BARS = 12
"""Stretches of a period in a chart."""
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class Times:
    """Business hours; both are ``None`` where nothing is measured."""

    median: float | None = None
    high: float | None = None

    @classmethod
    def of(cls, measured: Sequence[float]) -> "Times":
        """Interpolate between the two nearest values, as spreadsheets do (``PERCENTILE.INC``)."""
        match measured:
            case []:
                return cls()
            case [only]:
                return cls(median=only, high=only)
            case _:
                high = quantiles(measured, n=10, method="inclusive")[-1]
                return cls(median=median(measured), high=high)


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Of the contact requests that were asked for in a period."""

    requests: int = 0
    on_time: int = 0
    settled: int = 0
    """Of so many it is known whether they were contacted on time."""
    open: int = 0
    overdue: int = 0
    """Of the open ones."""
    to_claim: Times = Times()
    to_contact: Times = Times()

    @property
    def missed(self) -> int:
        return self.settled - self.on_time

    @property
    def pending(self) -> int:
        """Not settled: open with time left, withdrawn, or gone."""
        return self.requests - self.settled

    @property
    def share(self) -> float | None:
        """Contacted on time, of 1."""
        return self.on_time / self.settled if self.settled else None


@dataclass(frozen=True, kw_only=True)
class Summary:
    """All that is counted of one period."""

    figures: Figures = Figures()
    feedback: int = 0
    """All that was given, with and without a contact request."""
    sentiments: Mapping[Sentiment | None, int] = field(default_factory=dict)
    labels: Mapping[str | None, int] = field(default_factory=dict)
    reasons: Mapping[str | None, int] = field(default_factory=dict)
    """Why deadlines were missed: values of ``Miss``, or not explained."""

    @property
    def is_empty(self) -> bool:
        return not self.feedback and not self.figures.requests


@dataclass(frozen=True, kw_only=True)
class Stats:
    period: Period
    now: Summary
    before: Summary | None
    """Of the period before; ``None`` where the record does not reach so far back."""
    by: Grouping | None = None
    groups: Mapping[str | None, Figures] = field(default_factory=dict)
    """By name; what has none is under ``None``."""
    bars: Mapping[Period, Figures] = field(default_factory=dict)
    """Of each stretch of the period."""
    since: date | None = None
    """The first day of which the record has all, where the period before begins earlier."""


@dataclass(frozen=True, kw_only=True)
class Measure:
    """Makes figures by a team's business hours and labels, as of ``now``."""

    rules: Rules
    region_scope: str
    now: datetime

    def stats(
        self,
        found: Iterable[Request],
        period: Period,
        *,
        by: Grouping | None = None,
        since: datetime | None = None,
    ) -> Stats:
        """Count the period, and the one before if nothing of it lies before ``since``."""
        feedback, before, zone = list(found), period.before, self.rules.hours.timezone
        asked = self.asked_in(feedback, period)
        lacks = since if since and midnight(before.start, zone) < since else None
        return Stats(
            period=period,
            now=self._summary(feedback, period),
            before=None if lacks else self._summary(feedback, before),
            by=by,
            groups=self._groups(asked, by) if by else {},
            bars={
                each: self._figures(self.asked_in(asked, each))
                for each in period.stretches(MOST_BARS)
            },
            since=lacks.astimezone(zone).date() if lacks else None,
        )

    def asked_in(self, found: Iterable[Request], period: Period) -> list[Request]:
        start, end = period.bounds(self.rules.hours.timezone)
        return [each for each in found if each.was_requested and start <= each.asked_at < end]

    def _summary(self, found: Iterable[Request], period: Period) -> Summary:
        start, end = period.bounds(self.rules.hours.timezone)
        given = [each for each in found if start <= given_at(each) < end]
        asked = self.asked_in(found, period)
        missed = [each for each in asked if is_on_time(each, self.now) is False]
        return Summary(
            figures=self._figures(asked),
            feedback=len(given),
            sentiments=Counter(each.sentiment for each in given),
            labels=Counter(each.label_of(self.rules.scope) for each in given),
            reasons=Counter(each.missed_because for each in missed),
        )

    def _figures(self, asked: Sequence[Request]) -> Figures:
        verdicts = [is_on_time(each, self.now) for each in asked]
        contacted = [each for each in asked if each.state is State.CONTACTED]
        return Figures(
            requests=len(asked),
            on_time=verdicts.count(True),
            settled=len(verdicts) - verdicts.count(None),
            open=sum(each.state in UNFINISHED for each in asked),
            overdue=sum(each.is_overdue(self.now) for each in asked),
            to_claim=self._times(asked, lambda each: each.claimed_at or each.held_since),
            to_contact=self._times(contacted, lambda each: each.contacted_at),
        )

    def _times(
        self, asked: Iterable[Request], ended_at: Callable[[Request], datetime | None]
    ) -> Times:
        between = self.rules.hours.between
        spans = ((each.asked_at, ended_at(each)) for each in asked)
        # People pick minutes, so a contact may seem to be seconds before the wish for it.
        return Times.of([max(between(start, end) / _HOUR, 0.0) for start, end in spans if end])

    def _groups(self, asked: Iterable[Request], by: Grouping) -> dict[str | None, Figures]:
        """Put what has no name last, and scores in their order, all else by how much it is."""
        named: defaultdict[str | None, list[Request]] = defaultdict(list)
        managers: list[Person] = []
        for each in asked:
            named[self._group_of(each, by, managers)].append(each)

        def order(name: str | None) -> tuple[bool, int, str]:
            size = 0 if by is Grouping.SCORE else len(named[name])
            return name is None, -size, name or ""

        return {name: self._figures(named[name]) for name in sorted(named, key=order)}

    def _group_of(self, request: Request, by: Grouping, managers: list[Person]) -> str | None:
        match by:
            case Grouping.LABEL:
                return request.label_of(self.rules.scope)
            case Grouping.REGION:
                label = request.label_of(self.region_scope)
                return label.removeprefix(f"{self.region_scope}::") if label else None
            case Grouping.SCORE:
                return None if (score := score_of(request.score)) is None else str(score)
            case Grouping.MANAGER:
                return _manager(request, managers)


def _manager(request: Request, known: list[Person]) -> str | None:
    """Name who contacted; a person may be known in Slack once, and in GitLab another time."""
    who = request.contacted_by
    if request.state is not State.CONTACTED or who is None:
        return None
    same = next((each for each in known if each.is_same(who)), None)
    if same is None:
        known.append(who)
    return (same or who).name


def given_at(request: Request) -> datetime:
    """Rows of earlier releases, all contact requests, lack when they were created."""
    return request.created_at or request.asked_at


def is_on_time(request: Request, now: datetime) -> bool | None:
    """Return ``None`` while nobody knows, and for what was withdrawn or is gone."""
    match request.state:
        case State.CONTACTED:
            return not request.is_late
        case State.CLOSED:
            return False
        case State.WAITING | State.CLAIMED:
            return False if request.is_overdue(now) else None
        case _:
            return None
