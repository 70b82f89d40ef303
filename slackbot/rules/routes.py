"""Which team a feedback belongs to, and how that team works. Pure."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

from slackbot.rules.request import Request, Rules, State
from slackbot.rules.timing.reminders import DigestTime, ReminderRules


@dataclass(frozen=True, kw_only=True)
class Route:
    """A team: where its feedback comes from, and how it works."""

    name: str = ""
    """Empty without a file of routes."""
    project: str
    """Its path or number, as set."""
    label: str | None = None
    """Only issues with this label are the team's."""
    channel: str
    bad_channel: str | None = None
    """For bad feedback that asks for no contact."""
    rules: Rules
    reminders: ReminderRules
    managers: frozenset[str] = frozenset()
    lead: str | None = None
    schedules: tuple[str, ...] = ()
    """In PagerDuty."""
    duty_group: str | None = None
    assigns_on_duty: bool = False
    digests: tuple[DigestTime, ...] = ()

    @property
    def may_act(self) -> frozenset[str]:
        """Name who may take action: empty for everybody. What the lead is told has buttons."""
        lead = {self.lead} if self.lead else set()
        return self.managers | lead if self.managers else frozenset()

    @property
    def channels(self) -> tuple[str, ...]:
        """Where cards stand, the main one first."""
        return (self.channel, self.bad_channel) if self.bad_channel else (self.channel,)

    def channel_of(self, request: Request) -> str:
        """Return where its card belongs: a customer who waits is seen in the main channel."""
        is_bad = request.state is State.OPEN and self.bad_channel is not None
        return self.bad_channel if is_bad and self.bad_channel else self.channel

    def setting(self, name: str) -> str:
        """Return what a setting is called where the team has it."""
        return name.removeprefix("SSAT_").lower() if self.name else name

    def fits(self, labels: Collection[str]) -> bool:
        return self.label is None or self.label in labels


@dataclass(frozen=True)
class Share:
    """What is a team's, by the names that requests have on record."""

    names: frozenset[str]
    is_rest: bool
    """It has all but these: what belongs to no team, or to one that is gone, is its."""


@dataclass(frozen=True)
class Routes:
    """In order: a feedback goes to the first route that fits. There is always one."""

    _routes: Sequence[Route]
    """Those of a project end with one without a label."""
    main: str
    """The project of GITLAB_PROJECT; the first route's if no route is of that."""

    def __post_init__(self) -> None:
        if self.main not in self.projects:
            object.__setattr__(self, "main", self.first.project)

    def __len__(self) -> int:
        return len(self._routes)

    def __iter__(self) -> Iterator[Route]:
        return iter(self._routes)

    @property
    def first(self) -> Route:
        return self._routes[0]

    @property
    def projects(self) -> tuple[str, ...]:
        """As set, in order, each once."""
        return tuple(dict.fromkeys(route.project for route in self._routes))

    @property
    def are_several(self) -> bool:
        return len(self._routes) > 1

    def key_of(self, project: str) -> str:
        """Return how the record calls a project in its facts: the main one needs no name."""
        return "" if project == self.main else project

    def in_project(self, project: str) -> tuple[Route, ...]:
        """Return its routes; all of them if no route is of that project."""
        own = tuple(route for route in self._routes if route.project == project)
        return own or tuple(self._routes)

    def of(self, project: str, labels: Collection[str]) -> Route:
        """Return the one route of an issue. ``project`` is as set."""
        own = self.in_project(project)
        return next((route for route in own if route.fits(labels)), own[-1])

    def of_request(self, request: Request) -> Route:
        """Return the team that a request belongs to, by what the record has of its issue.

        ``Request.route`` is another's name if the file has changed since the issue was read.
        """
        address = request.url.partition("/-/")[0].casefold()
        own = (
            each
            for each in self.projects
            if each == str(request.key.project) or address.endswith(f"/{each.casefold()}")
        )
        project = max(own, key=len, default=self.named(request.route).project)
        return self.of(project, request.labels)

    def named(self, name: str) -> Route:
        """Return a catch-all if there is no such route (any longer)."""
        found = next((route for route in self._routes if route.name == name), None)
        return found or self.of(self.main, ())

    def share_of(self, name: str | None) -> Share | None:
        """Return what is recorded for a team; ``None`` of one for all of them."""
        if name is None or not self.are_several:
            return None
        names = frozenset(route.name for route in self._routes)
        is_rest = name == self.named("").name
        return Share(names - {name} if is_rest else frozenset({name}), is_rest=is_rest)

    def at(self, channel: str, known: Callable[[str], str | None]) -> Route | None:
        """Return the one of several teams whose channel it is.

        Args:
            channel: Its id.
            known: Gives the id of a channel as set, where it is known.
        """
        at = (each for each in self._routes if channel in map(known, each.channels))
        return next(at, None) if self.are_several else None

    @property
    def channels(self) -> tuple[str, ...]:
        """The main ones, as set, in order."""
        return tuple(route.channel for route in self._routes)

    @property
    def shared(self) -> Rules:
        """What all teams have in common."""
        return self.of(self.main, ()).rules
