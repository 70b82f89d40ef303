"""``ssat-bot people check``: who is missing what; changes nothing."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Any

from slackbot.people.file import open_folder, read_people
from slackbot.people.identities import Kept, WhoIsWho, load_kept
from slackbot.platforms.errors import Missing, PlatformError, Rejected
from slackbot.platforms.gitlab.client import GitLabClient
from slackbot.platforms.patience import patiently
from slackbot.platforms.slack.client import Member, SlackClient
from slackbot.rules.people import DEFAULT_KEYS, Colleague
from slackbot.rules.reading.slack_ids import is_group
from slackbot.rules.routes import Route
from slackbot.rules.timing.rota import NoAnswer, OnCall
from slackbot.settings import Settings
from slackbot.store.engine.database import DatabaseError, at_hand

if TYPE_CHECKING:
    from slackbot.people.folder import PeopleFolder
    from slackbot.platforms.pagerduty import PagerDuty

AT_A_TIME = 8
_STRANGER = frozenset({"user_not_found", "users_not_found", "user_not_visible"})
NOTHING_KEPT = Kept(links={}, matches={}, lines={}, accounts=())


class Todo(StrEnum):
    """What to do, in this order; the values are for programs."""

    BROKEN = "broken_file"
    DOUBLED = "doubled"
    UNUSABLE = "unusable_value"
    NO_SLACK_ID = "no_slack_id"
    NOT_IN_SLACK = "not_in_slack"
    NO_ACCOUNT = "manager_without_gitlab"
    WRONG_ACCOUNT = "wrong_gitlab_account"
    ON_DUTY = "on_duty_without_slack"


HEADINGS = {
    Todo.BROKEN: "Fix these files; they don't count",
    Todo.DOUBLED: "Correct one of them; what they share counts for none",
    Todo.UNUSABLE: "Correct these values; only they don't count",
    Todo.NO_SLACK_ID: "Add {slack}, so that the bot knows them",
    Todo.NOT_IN_SLACK: "Correct {slack}, or remove the person",
    Todo.NO_ACCOUNT: "Add {gitlab}, so that a claim can be assigned to them",
    Todo.WRONG_ACCOUNT: "Correct {gitlab} or {gitlab_id}",
    Todo.ON_DUTY: "Add {pagerduty}, so that the bot can mention who is on duty",
}


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A person, as far as known."""

    file: str = ""
    """Its name in the folder."""
    name: str = ""
    slack: str = ""

    def __str__(self) -> str:
        return ", ".join(filter(None, (self.file, self.name, self.slack)))


@dataclass(frozen=True, kw_only=True)
class Gap:
    todo: Todo
    person: Subject
    problem: str

    @property
    def line(self) -> str:
        """Of doubles, the problem names all whom it is about, and is one line for them."""
        return self.problem if self.todo is Todo.DOUBLED else f"{self.person}: {self.problem}"


@dataclass(frozen=True, kw_only=True)
class Unchecked:
    what: str
    problem: str


@dataclass(kw_only=True)
class Report:
    keys: Mapping[str, str]
    people: set[Subject] = field(default_factory=set)
    gaps: list[Gap] = field(default_factory=list)
    unchecked: list[Unchecked] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """Nothing has to be done about them."""
    without_file: str | None = None
    """Who is known if there is no people file."""

    def add(self, todo: Todo, person: Subject, problem: str) -> None:
        self.people.add(person)
        gap = Gap(todo=todo, person=person, problem=problem)
        self.gaps += [] if gap in self.gaps else [gap]  # two teams may have the same

    def not_checked(self, what: str, problem: object) -> None:
        each = Unchecked(what=what, problem=str(problem))
        self.unchecked += [] if each in self.unchecked else [each]

    @property
    def complete(self) -> int:
        return len(self.people - {gap.person for gap in self.gaps})

    def lines(self) -> list[str]:
        lines: list[str] = []
        for todo, heading in HEADINGS.items():
            keys = {name: self.keys.get(name, name) for name in DEFAULT_KEYS}
            found = [gap.line for gap in self.gaps if gap.todo is todo]
            lines += _group(heading.format(**keys), found)
        lines += _group("Could not be checked", [f"{x.what}: {x.problem}" for x in self.unchecked])
        lines += _group("For your information", self.notes)
        lines += [self.without_file] if self.without_file else []
        if self.without_file and not self.people:
            return lines
        people = "1 person" if len(self.people) == 1 else f"{len(self.people)} people"
        limit = ", as far as could be checked" if self.unchecked else ""
        return [*lines, f"{people}: {self.complete} complete{limit}"]

    def data(self) -> dict[str, Any]:
        """Return it for programs."""
        return {
            "people": len(self.people),
            "complete": self.complete,
            "problems": [asdict(gap) for gap in self.gaps],
            "not_checked": [asdict(each) for each in self.unchecked],
            "notes": self.notes,
            "without_file": self.without_file,
        }


def _group(heading: str, lines: Iterable[str]) -> list[str]:
    indented = [f"  {line}" for line in sorted(set(lines))]
    return [f"{heading}:", *indented, ""] if indented else []


async def examine_people(
    settings: Settings, slack: SlackClient, gitlab: GitLabClient, now: datetime
) -> Report:
    path, keys = settings.ssat_people_file, settings.ssat_people_keys
    folder = open_folder(path, keys)
    report = Report(keys=keys if folder else {})
    if folder:
        folder.look()
        _examine_files(folder, report)
        people = folder.people
    else:
        people = read_people(path) if path else {}
        if keys != DEFAULT_KEYS:
            report.notes.append("SSAT_PEOPLE_KEYS has no effect: SSAT_PEOPLE_FILE is no folder")
    report.people |= {_of(each) for each in people.values()}
    who = WhoIsWho(file=people, kept=await _load(settings, now, report), at=now)
    if path is None:
        report.without_file = _without_file(who.kept)
    checkup = _Checkup(settings, slack, gitlab, who, report)
    await checkup.ask("Slack", checkup.examine_slack)
    await checkup.ask("GitLab", checkup.examine_gitlab)
    if settings.pagerduty_api_token is not None:
        token = settings.pagerduty_api_token.get_secret_value()
        await checkup.examine_pagerduty(token, now)
    _note_managers(people.values(), report)
    return report


def _examine_files(folder: "PeopleFolder", report: Report) -> None:
    """Of a file in TOML nothing is left out: no command starts with a mistake in it."""
    for each in folder.files:
        if each.problem:
            report.add(Todo.BROKEN, Subject(file=each.name), each.problem)
        elif each.colleague is None:
            person = Subject(file=each.name, name=each.person)
            report.add(Todo.NO_SLACK_ID, person, "no Slack id")
        else:
            for remark in each.remarks:
                report.add(Todo.UNUSABLE, _of(each.colleague), remark)
    for double in folder.doubles:
        for colleague in double.people:
            report.add(Todo.DOUBLED, _of(colleague), str(double))


async def _load(settings: Settings, now: datetime, report: Report) -> Kept:
    """Read what the bot has kept; before its first start there is nothing."""
    try:
        async with at_hand(settings.database_url, reads_only=True) as database:
            if database.file is not None and not database.file.exists():
                return NOTHING_KEPT
            await database.open()
            async with database.transaction() as tx:
                return await load_kept(tx, now)
    except DatabaseError as error:
        report.not_checked("links made with /ssat link", error)
        return NOTHING_KEPT


def _without_file(kept: Kept) -> str:
    return (
        f"SSAT_PEOPLE_FILE isn't set: {len(kept.links)} linked by /ssat link, "
        f"{len(kept.matches)} found by email"
    )


def _note_managers(people: Iterable[Colleague], report: Report) -> None:
    people = list(people)
    known = {
        name.casefold()
        for each in people
        for name in (each.name, each.slack_user, each.gitlab or "", each.file.partition(".")[0])
    }
    for each in people:
        manager = each.manager.removeprefix("@")
        if manager and manager.casefold() not in known:
            report.notes.append(f"{_of(each)}: reports to {manager}, who is not in the people file")


def _of(each: Colleague) -> Subject:
    return Subject(file=each.file, name=each.name, slack=each.slack_user)


class _Checkup:
    def __init__(
        self,
        settings: Settings,
        slack: SlackClient,
        gitlab: GitLabClient,
        who: WhoIsWho,
        report: Report,
    ) -> None:
        self._settings, self._slack, self._users = settings, slack, gitlab.users
        self._who, self._report = who, report
        self._members: dict[str, Member] = {}
        self._managers = set[str]()
        self._knows_links = not report.unchecked

    async def ask(self, what: str, examine: Callable[[], Awaitable[None]]) -> None:
        try:
            await examine()
        except (PlatformError, NoAnswer) as error:
            self._report.not_checked(what, error)

    async def examine_slack(self) -> None:
        for team in self._settings.routes:
            await self._find_managers(team)
        own = await patiently(self._slack.own_team)
        for user in sorted({*self._who.file, *self._managers}):
            if problem := await self._problem_in_slack(user, own):
                self._report.add(Todo.NOT_IN_SLACK, self._named(user), problem)
                self._managers.discard(user)

    async def _find_managers(self, team: Route) -> None:
        if not team.managers:
            self._managers |= self._who.file.keys()  # everybody may act
        for each in sorted(team.managers):
            if not is_group(each):
                self._managers.add(each)
                continue
            members = await patiently(partial(self._slack.users.in_group, each))
            if members is None:
                no_group = await patiently(partial(self._slack.users.no_group, each))
                whose = f" of {team.name}" if team.name else ""
                setting = f"{team.setting('SSAT_MANAGERS')}{whose}"
                self._report.not_checked(f"{setting} {each}", no_group)
            self._managers |= members or frozenset()

    async def _problem_in_slack(self, user: str, own: str) -> str | None:
        try:
            member = await patiently(partial(self._slack.users.member, user))
        except Rejected as error:
            if error.code not in _STRANGER:
                raise
            return "Slack has no user with this id"
        self._members[user] = member
        self._report.people.add(self._named(user))
        if member.is_bot or member.is_deactivated:
            return "the account is a bot's" if member.is_bot else "the account is deactivated"
        if own not in member.teams:
            return "the account is of another workspace"
        return "a guest may not take action" if member.is_guest else None

    def _named(self, user: str) -> Subject:
        if user in self._who.file:
            return _of(self._who.file[user])
        member = self._members.get(user)
        return Subject(name=member.name if member else "", slack=user)

    async def examine_gitlab(self) -> None:
        in_file = [each for each in self._who.file.values() if each.has_account]
        for start in range(0, len(in_file), AT_A_TIME):
            batch = in_file[start : start + AT_A_TIME]
            problems = await asyncio.gather(*(self._problem_of_account(each) for each in batch))
            for each, problem in zip(batch, problems, strict=True):
                if problem:
                    self._report.add(Todo.WRONG_ACCOUNT, _of(each), problem)
        known = self._who.proven.keys() | self._who.usernames.keys()
        without = sorted(self._managers - known) if self._knows_links else []
        shown = await patiently(self._users.members_by_email) if without else {}
        for user in without:
            member = self._members.get(user)
            email = member.email if member else None
            if member and not (email and (email.casefold() in shown or await self._has(email))):
                self._report.add(Todo.NO_ACCOUNT, self._named(user), "no GitLab account is known")

    async def _has(self, email: str) -> bool:
        return await patiently(partial(self._users.with_email, email)) is not None

    async def _problem_of_account(self, each: Colleague) -> str | None:
        """Expect the username and the number to be of one account."""
        if each.gitlab_id is None:
            return await self._problem_of_name(each, each.gitlab or "")
        try:
            account = await patiently(partial(self._users.numbered, each.gitlab_id))
        except Missing:
            return f"GitLab has no account with the number {each.gitlab_id}"
        if each.gitlab and account.username.casefold() != each.gitlab.casefold():
            return (
                f"the account with the number {each.gitlab_id} is called {account.username}, "
                f"not {each.gitlab}"
            )
        return None

    async def _problem_of_name(self, each: Colleague, username: str) -> str | None:
        account = await patiently(partial(self._users.named, username))
        meant = self._who.proven.get(each.slack_user)
        if account is None:
            now = self._who.linked.get(each.slack_user, username)
            is_renamed = now.casefold() != username.casefold()
            return f"GitLab has no user {username}" + (
                f": the account is called {now} now" if is_renamed else ""
            )
        if meant and meant.number not in (None, account.id):
            return f"{username} is the name of another account now ({account.id})"
        return None

    async def examine_pagerduty(self, token: str, now: datetime) -> None:
        from slackbot.platforms.pagerduty import PagerDuty  # takes 0.3 s to import

        teams = {team.schedules: team for team in self._settings.routes if team.schedules}
        for schedules, team in teams.items():
            setting = team.setting("PAGERDUTY_SCHEDULE")
            source = PagerDuty(token, schedules, self._settings.pagerduty_api_url, setting)
            await self.ask("PagerDuty", partial(self._examine_schedules, source, now))

    async def _examine_schedules(self, source: "PagerDuty", now: datetime) -> None:
        rota = await source.read(now)
        for schedule in rota.schedules:
            if schedule.problem:
                self._report.not_checked(f"PagerDuty, {schedule.name}", schedule.problem)
        coming: Sequence[OnCall] = [who for shift in rota.shifts or () for who in shift.people]
        for each in dict.fromkeys((*rota.people, *coming)):
            if self._who.of_pagerduty(each.pagerduty) is None and not await self._in_slack(each):
                number = f"PagerDuty {each.pagerduty}: " if each.pagerduty else ""
                problem = f"{number}Slack has no member with the email there"
                self._report.add(Todo.ON_DUTY, Subject(name=each.name), problem)

    async def _in_slack(self, each: OnCall) -> bool:
        if each.email is None:
            return False
        return await patiently(partial(self._slack.users.with_email, each.email)) is not None
