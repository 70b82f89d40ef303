"""Who is who in Slack and GitLab, and who may take action: over HTTP against both stand-ins."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest
from prometheus_client import REGISTRY
from slack_sdk.web.async_client import AsyncWebClient
from structlog.testing import capture_logs

from slackbot.local.gitlab import GitLab, User
from slackbot.local.gitlab import serve as serve_gitlab
from slackbot.local.slack import Workspace as Slack
from slackbot.local.slack import serve as serve_slack
from slackbot.local.slack.shapes import ORGANIZATION
from slackbot.people import admission as module
from slackbot.people.admission import Admission
from slackbot.people.cache import Cache
from slackbot.people.directory import Directory
from slackbot.people.file import PeopleFile, PeopleFileError, read_people
from slackbot.people.identities import Identities, Kept, Means, WhoIsWho
from slackbot.people.members import Members
from slackbot.platforms.errors import PlatformError, Unreachable
from slackbot.platforms.gitlab.client import GitLabClient
from slackbot.platforms.gitlab.snapshot import GitLabUser
from slackbot.platforms.slack.client import SlackClient
from slackbot.rules.people import Colleague
from slackbot.rules.refusals import (
    CannotTell,
    Guest,
    NotAHuman,
    NotAllowed,
    NotAManager,
    OtherWorkspace,
)
from slackbot.rules.request import Person
from slackbot.rules.timing.rota import OnCall
from slackbot.store.engine.database import Database, Record
from slackbot.store.people import (
    FRESH,
    Account,
    EmailMatch,
    Redeemed,
    digest_of,
    forget_links,
    redeem_code,
    save_code,
)
from slackbot.store.schema import Code
from tests.conftest import MovableClock
from tests.teams import team, teams

TEAM = "T0SSAT"
NOW = datetime(2026, 2, 2, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class People:
    """What a replica knows of people."""

    identities: Identities
    members: Members
    directory: Directory
    admission: Admission


PeopleOf = Callable[..., People]

# The people file


def usernames(file: PeopleFile) -> dict[str, str]:
    return {user: each.gitlab for user, each in file.people().items() if each.gitlab}


def write(path: Path, text: str, moment: int = 1) -> Path:
    """Write a file as at a moment of its own, whatever the file system's clock can tell."""
    path.write_text(text, encoding="utf-8")
    os.utime(path, (moment, moment))
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "people.toml"


def test_a_people_file_links_slack_users_to_gitlab_usernames(path: Path) -> None:
    write(path, '[people]\nU1 = "avery"\nU2 = "@blake"  # as people write it\n')
    assert {user: each.gitlab for user, each in read_people(path).items()} == {
        "U1": "avery",
        "U2": "blake",
    }


def test_a_people_file_may_be_empty(path: Path) -> None:
    assert read_people(write(path, "# nobody yet\n")) == {}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('[people]\nU1 = "avery"\nU2 = "avery"', "two people: avery"),
        ('[people]\nU1 = "avery"\nU2 = "@Avery"', "two people: avery"),  # one account all the same
        ("[people]\nU1 = 5", "no GitLab username for U1"),
        ('[people]\nU1 = ""', "no GitLab username for U1"),
        ('[people]\nU1 = "@"', "no GitLab username for U1"),
        ('people = ["avery"]', "must be a table"),
        ("[people", "SSAT_PEOPLE_FILE"),  # no TOML
    ],
)
def test_a_people_file_with_a_mistake_is_refused(path: Path, text: str, problem: str) -> None:
    with pytest.raises(PeopleFileError, match=problem):
        read_people(write(path, text))


def test_a_people_file_that_is_no_text_or_not_there_is_refused(path: Path) -> None:
    with pytest.raises(PeopleFileError, match="No such file"):
        read_people(path)
    path.write_bytes(b"\xff")
    with pytest.raises(PeopleFileError, match="SSAT_PEOPLE_FILE"):
        read_people(path)


def test_without_a_people_file_nobody_is_linked() -> None:
    assert usernames(PeopleFile(None)) == {}


def test_a_changed_people_file_is_read_again(path: Path) -> None:
    file = PeopleFile(write(path, '[people]\nU1 = "avery"', 1))
    assert usernames(file) == {"U1": "avery"}
    write(path, '[people]\nU1 = "blake"', 2)
    assert usernames(file) == {"U1": "blake"}


def test_an_unchanged_people_file_is_not_read_again(path: Path) -> None:
    file = PeopleFile(write(path, '[people]\nU1 = "avery"', 1))
    file.people()
    write(path, '[people]\nU1 = "blake"', 1)  # only a test can do that
    assert usernames(file) == {"U1": "avery"}


def test_a_people_file_that_breaks_keeps_its_last_good_links_until_mended(path: Path) -> None:
    file = PeopleFile(write(path, '[people]\nU1 = "avery"', 1))
    file.people()
    with capture_logs() as logs:
        write(path, '[people]\nU1 = "avery"\nU2 = "avery"', 2)
        assert usernames(file) == {"U1": "avery"}
        path.unlink()
        assert usernames(file) == {"U1": "avery"}
    assert [line["event"] for line in logs] == ["people_file_unreadable"] * 2
    assert "two people" in logs[0]["problem"]
    write(path, '[people]\nU2 = "blake"', 3)
    assert usernames(file) == {"U2": "blake"}


# The cache


class Question:
    """Counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    async def __call__(self) -> int:
        self.asked += 1
        if self.asked == 1:
            raise LookupError
        return self.asked


async def test_an_answer_is_kept_and_a_failure_is_not() -> None:
    cache, question = Cache(3600), Question()
    with pytest.raises(LookupError):
        await cache.get("key", question)
    assert [await cache.get("key", question) for _ in range(3)] == [2, 2, 2]
    assert await cache.get("another key", question) == 3


async def test_an_answer_that_is_too_old_is_asked_for_again() -> None:
    cache, question = Cache(0), Question()
    question.asked = 1
    assert [await cache.get("key", question) for _ in range(3)] == [2, 3, 4]


# People, in both places


@pytest.fixture
async def slack(clock: MovableClock) -> AsyncIterator[Slack]:
    slack = Slack(clock=clock, team_id=TEAM)
    slack.rates.enforce(False)
    slack.add_user("U1", "avery", real_name="Avery Example", email="avery@example.com")
    slack.add_user("U2", "blake", real_name="Blake Example", email="blake@example.com")
    slack.add_user("UGUEST", "casey", is_restricted=True)
    slack.add_user("USINGLE", "drew", is_ultra_restricted=True)
    slack.add_user("UBOT", "robot", is_bot=True)
    slack.add_user("ULEFT", "ellis", deleted=True)
    slack.add_user("UCONNECT", "frankie", team_id="T0OTHER")
    slack.add_user("WGRID", "gray", team_id="T0HOME", teams=["T0HOME", TEAM])
    slack.add_user("WELSEWHERE", "harper", team_id="T0HOME", teams=["T0HOME", "T0OTHER"])
    slack.add_user("WSTRANGER", "indigo", team_id="T0HOME", teams=[TEAM]).is_stranger = True
    slack.add_user("WGUEST", "jules", team_id="T0HOME", teams=[TEAM], is_restricted=True)
    slack.add_usergroup("S1", "managers", ["U1", "UGUEST"])
    async with serve_slack(slack):
        yield slack


@pytest.fixture
async def gitlab(clock: MovableClock) -> AsyncIterator[GitLab]:
    gitlab = GitLab(clock=clock)
    gitlab.add_user("avery", "Avery Example")
    gitlab.add_user("blake.sample", "Blake Sample", public_email="blake@example.com")
    gitlab.add_user("gale", "Gale Example", email="Gale@example.com")
    gitlab.add_project("example/feedback")
    async with serve_gitlab(gitlab):
        yield gitlab


@pytest.fixture
async def record(clock: MovableClock, sqlite: str) -> AsyncIterator[Record]:
    database = Database(sqlite)
    await database.open()
    yield Record(database, clock)
    await database.close()


async def link(record: Record, user: str, gitlab: str) -> None:
    """Link a Slack user to a GitLab account, as a code does."""
    now = record.now()
    code = Code(
        slack_user=user,
        name=user,
        gitlab=gitlab,
        digest=digest_of(user),
        issued_at=now,
        expires_at=now,
    )
    async with record.transaction() as tx:
        await save_code(tx, code)
        assert await redeem_code(tx, code, now) is Redeemed.LINKED


def test_whom_a_fast_clock_has_found_is_looked_up_again(clock: MovableClock) -> None:
    found = EmailMatch(slack_user="U2", gitlab="blake.sample", at=clock())
    assert found.is_fresh(clock())
    assert not replace(found, at=clock() + 2 * FRESH).is_fresh(clock())


@pytest.fixture
async def people_of(
    slack: Slack, gitlab: GitLab, path: Path, record: Record
) -> AsyncIterator[PeopleOf]:
    """Make the people of both stand-ins, for some managers, with Avery linked by the file."""
    write(path, '[people]\nU1 = "Avery"')
    bot = gitlab.add_user("ssat-bot", "SSAT bot", bot=True)
    token, project = gitlab.add_token(bot), gitlab.project("example/feedback")
    for member in (bot, gitlab.user("gale")):
        gitlab.add_member(project, member)
    gitlab_client = GitLabClient(gitlab.url, token, "example/feedback")
    async with aiohttp.ClientSession() as session:
        client = AsyncWebClient(
            token=slack.bot_token,
            base_url=f"{slack.base_url}/api/",
            session=session,
            retry_handlers=[],
        )
        workspace = SlackClient(client, {})

        def people(*managers: str) -> People:
            members, identities = Members(workspace), Identities(record, PeopleFile(path))
            return People(
                members=members,
                identities=identities,
                directory=Directory(identities, members, gitlab_client.users),
                admission=Admission(members, identities, teams(team(managers=frozenset(managers)))),
            )

        yield people
        await gitlab_client.close()


@pytest.fixture
def people(people_of: PeopleOf) -> People:
    return people_of()


async def account_of(people: People, user: str) -> GitLabUser | None:
    return await people.directory.account(await people.admission.admit(TEAM, user))


def calls(slack: Slack, method: str) -> int:
    return [one.method for one in slack.requests].count(method)


async def test_a_full_member_is_recognized_and_without_managers_may_act(people: People) -> None:
    avery = Person(name="Avery Example", slack_team=TEAM, slack_user="U1", gitlab="Avery")
    assert await people.admission.look(TEAM, "U1") == (avery, True)
    assert await people.admission.admit(TEAM, "U1") == avery
    assert (await people.admission.admit(TEAM, "U2")).gitlab is None, "nobody has linked Blake"


@pytest.mark.parametrize(
    ("team", "user", "refusal"),
    [
        (TEAM, "UGUEST", Guest),
        (TEAM, "USINGLE", Guest),
        (TEAM, "UBOT", NotAHuman),
        (TEAM, "ULEFT", NotAHuman),
        ("T0OTHER", "UCONNECT", OtherWorkspace),  # Slack Connect,
        (TEAM, "UCONNECT", OtherWorkspace),  # also when the payload names our team,
        ("T0OTHER", "U1", OtherWorkspace),  # or somebody else there has an id of ours
        ("T0OTHER", "WGRID", OtherWorkspace),
        (ORGANIZATION, "U1", OtherWorkspace),
        ("T0HOME", "WELSEWHERE", OtherWorkspace),  # of the same organization, but not of ours
        (TEAM, "WELSEWHERE", OtherWorkspace),
        ("T0HOME", "WSTRANGER", OtherWorkspace),
        (TEAM, "WGUEST", Guest),
        ("T0OTHER", "U404", OtherWorkspace),
        ("", "U1", OtherWorkspace),
        (TEAM, "U404", CannotTell),
        (TEAM, "", CannotTell),
    ],
)
@pytest.mark.parametrize("managers", [(), ("S1", "UGUEST", "UCONNECT", "ULEFT", "UBOT", "USINGLE")])
async def test_strangers_are_refused_even_when_they_are_listed_as_managers(
    people_of: PeopleOf, managers: tuple[str, ...], team: str, user: str, refusal: type[NotAllowed]
) -> None:
    people = people_of(*managers)
    with pytest.raises(NotAllowed) as looking:
        await people.admission.look(team, user)
    with pytest.raises(NotAllowed) as acting:
        await people.admission.admit(team, user)
    assert (type(looking.value), type(acting.value)) == (refusal, refusal)


@pytest.mark.parametrize("named", [TEAM, "T0HOME", ORGANIZATION])
async def test_a_member_whom_an_organization_has_in_several_workspaces_is_one_of_ours(
    people_of: PeopleOf, named: str
) -> None:
    gray = Person(name="gray", slack_team=TEAM, slack_user="WGRID")
    assert await people_of("WGRID").admission.admit(named, "WGRID") == gray
    with pytest.raises(NotAManager):
        await people_of("S1").admission.admit(named, "WGRID")


async def test_only_managers_may_act_and_every_member_may_look(people_of: PeopleOf) -> None:
    people = people_of("S1")
    assert (await people.admission.admit(TEAM, "U1")).slack_user == "U1"
    blake, may_act = await people.admission.look(TEAM, "U2")
    assert (blake.slack_user, may_act) == ("U2", False)
    with pytest.raises(NotAManager) as caught:
        await people.admission.admit(TEAM, "U2")
    assert caught.value.whom_to_ask == {"S1"}


async def test_each_team_has_managers_of_its_own(people_of: PeopleOf) -> None:
    emea, apac = team("emea", managers=frozenset({"U1"}), lead="U3"), team("apac")
    people = people_of()
    both = Admission(people.members, people.identities, teams(emea, apac))
    assert (await both.admit(TEAM, "U1", "emea")).slack_user == "U1"
    with pytest.raises(NotAManager) as caught:
        await both.admit(TEAM, "U2", "emea")
    assert caught.value.whom_to_ask == {"U1", "U3"}
    assert (await both.admit(TEAM, "U2", "apac")).slack_user == "U2", "it names no managers"
    assert (await both.look(TEAM, "U2"))[1], "there is a team in which they may"
    apac = team("apac", managers=frozenset({"S1"}))
    both = Admission(people.members, people.identities, teams(emea, apac))
    assert not (await both.look(TEAM, "U2"))[1]
    with pytest.raises(NotAManager) as caught:
        await both.admit(TEAM, "U2")
    assert caught.value.whom_to_ask == {"U1", "U3", "S1"}


async def test_a_manager_may_be_named_without_a_group(slack: Slack, people_of: PeopleOf) -> None:
    people = people_of("U2", "S1")
    assert (await people.admission.admit(TEAM, "U2")).slack_user == "U2"
    assert calls(slack, "usergroups.users.list") == 0


async def test_a_disabled_group_is_named_to_the_person_the_log_and_the_metrics(
    slack: Slack, people_of: PeopleOf
) -> None:
    people = people_of("S1")
    slack.usergroups["S1"].date_delete = 1
    before = REGISTRY.get_sample_value("ssat_disabled_group_reads_total") or 0
    with capture_logs() as logs, pytest.raises(NotAManager) as caught:
        await people.admission.admit(TEAM, "U1")
    assert caught.value.disabled == {"S1"}
    assert [(line["event"], line["group"]) for line in logs] == [("user_group_disabled", "S1")]
    assert REGISTRY.get_sample_value("ssat_disabled_group_reads_total") == before + 1


async def test_a_group_that_is_gone_leaves_the_others_in_force(people_of: PeopleOf) -> None:
    people = people_of("S0GONE", "S1")
    assert (await people.admission.admit(TEAM, "U1")).slack_user == "U1"
    with pytest.raises(NotAManager):
        await people.admission.admit(TEAM, "U2")


async def test_while_slack_does_not_tell_nobody_may_act_and_afterwards_all_is_well(
    slack: Slack, people_of: PeopleOf
) -> None:
    people = people_of("S1")
    slack.down()
    for ask in (people.admission.look, people.admission.admit):
        with pytest.raises(CannotTell):
            await ask(TEAM, "U1")
    slack.up()
    slack.faults.add("usergroups.users.list", error="internal_error")
    with pytest.raises(CannotTell):
        await people.admission.admit(TEAM, "U1")
    assert (await people.admission.admit(TEAM, "U1")).slack_user == "U1"


async def test_while_slack_hangs_the_answer_is_no_in_time(
    slack: Slack, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.02)
    slack.faults.add("users.info", hang=3600)
    with pytest.raises(CannotTell):
        await asyncio.wait_for(people.admission.admit(TEAM, "U1"), 5)


async def test_slack_is_asked_once_about_somebody_who_acts_often(
    slack: Slack, people_of: PeopleOf
) -> None:
    people = people_of("S1")
    for _ in range(3):
        await people.admission.admit(TEAM, "U1")
    assert calls(slack, "users.info") == 1
    assert calls(slack, "usergroups.users.list") == 1
    assert calls(slack, "auth.test") == 1


async def test_an_account_is_found_by_the_people_file(people: People) -> None:
    found = await account_of(people, "U1")
    assert found is not None
    assert found.username == "avery"


async def test_the_people_file_counts_more_than_what_the_decision_knew(
    people: People, path: Path
) -> None:
    person = await people.admission.admit(TEAM, "U1")
    write(path, '[people]\nU1 = "blake.sample"', 2)
    found = await people.directory.account(person)
    assert found is not None
    assert found.username == "blake.sample"


async def test_an_account_that_is_not_linked_is_found_by_its_public_email(people: People) -> None:
    found = await account_of(people, "U2")
    assert found is not None
    assert found.username == "blake.sample"


async def test_an_account_is_found_by_an_email_that_the_members_show(
    slack: Slack, gitlab: GitLab, people: People
) -> None:
    slack.add_user("U5", "gale", email="gale@Example.com")
    gitlab.project("example/feedback").shows_emails = True
    for _ in range(2):
        found = await account_of(people, "U5")
        assert found is not None
        assert found.username == "gale"
    assert sum("members/all" in request.path for request in gitlab.requests) == 1


async def test_where_the_members_may_not_be_seen_nobody_is_found_there(
    slack: Slack, gitlab: GitLab, people: People
) -> None:
    slack.add_user("U5", "gale", email="gale@example.com")
    gitlab.faults.add(path="/members", status=403)
    assert await account_of(people, "U5") is None


# Links that people made


async def test_the_people_file_counts_more_than_a_link_and_a_link_more_than_an_email(
    people: People, record: Record
) -> None:
    await link(record, "U1", "blake.sample")
    await link(record, "U2", "gale")
    for user, username in (("U1", "avery"), ("U2", "gale")):
        found = await account_of(people, user)
        assert found is not None
        assert found.username == username
    who = await people.identities.read()
    assert who.linked_to("GALE") == "U2"
    assert who.linked_to("AVERY") == "U1"
    assert who.linked_to("blake.sample") is None


async def test_a_link_to_an_account_of_the_people_file_does_not_count(
    people: People, record: Record
) -> None:
    await link(record, "U2", "AVERY")
    assert (await people.admission.admit(TEAM, "U2")).gitlab is None
    who = await people.identities.read()
    assert who.in_slack(Person(name="Avery", gitlab="avery"), TEAM).slack_user == "U1"


async def test_links_are_read_again_when_they_have_just_changed(
    people: People, record: Record
) -> None:
    assert (await people.admission.admit(TEAM, "U2")).gitlab is None
    await link(record, "U2", "gale")
    await people.identities.read_again()
    assert (await people.admission.admit(TEAM, "U2")).gitlab == "gale"


# Names that change hands in GitLab


SOURCES = {
    "the people file": ("U1", "avery"),
    "a link of an earlier release": ("U5", "gale"),
    "an email": ("U2", "blake.sample"),
}


async def found_by(source: str, people: People, slack: Slack, record: Record) -> tuple[str, str]:
    """Return a Slack user and the username of the account that they were found to have."""
    user, username = SOURCES[source]
    slack.add_user("U5", "gale")
    await link(record, "U5", "gale")
    await people.identities.read_again()
    found = await account_of(people, user)
    assert found is not None
    assert found.username == username
    return user, username


async def meet(people: People, account: User) -> None:
    """See somebody assigned to an issue."""
    seen = GitLabUser(id=account.id, username=account.username, name=account.name)
    await people.directory.meet([seen])


async def slack_user_of(people: People, username: str) -> str | None:
    who = await people.identities.read_again()
    return who.in_slack(Person(name="Somebody", gitlab=username), TEAM).slack_user


@pytest.mark.parametrize("source", SOURCES)
async def test_nobody_becomes_a_colleague_by_taking_their_old_username(
    slack: Slack, gitlab: GitLab, people_of: PeopleOf, record: Record, source: str
) -> None:
    people = people_of()
    user, username = await found_by(source, people, slack, record)
    then = await people.admission.admit(TEAM, user)
    assert then.gitlab == username
    own = gitlab.user(username)
    gitlab.rename_user(own, "renamed")
    stranger = gitlab.add_user(username, "A Stranger")
    await meet(people, stranger)
    assert await slack_user_of(people, username) is None
    assert (await people.admission.admit(TEAM, user)).gitlab is None, "not known yet"

    for person in (then, await people.admission.admit(TEAM, user)):
        found = await people_of().directory.account(person)
        assert found is not None
        assert (found.id, found.username) == (own.id, "renamed")
    await meet(people, stranger)
    assert await slack_user_of(people, username) is None
    assert await slack_user_of(people, "renamed") == user
    assert (await people.admission.admit(TEAM, user)).gitlab == "renamed"


@pytest.mark.parametrize("source", SOURCES)
async def test_whose_account_is_deleted_does_not_get_the_one_that_takes_its_name(
    slack: Slack, gitlab: GitLab, people_of: PeopleOf, record: Record, source: str
) -> None:
    user, username = await found_by(source, people_of(), slack, record)
    gitlab.delete_user(gitlab.user(username))
    stranger = gitlab.add_user(username, "A Stranger")
    assert await account_of(people_of(), user) is None
    await meet(people_of(), stranger)
    assert await account_of(people_of(), user) is None
    assert await slack_user_of(people_of(), username) is None


async def test_that_a_line_lost_its_name_to_another_account_is_logged_once(
    gitlab: GitLab, people: People
) -> None:
    own = gitlab.user("avery")
    await account_of(people, "U1")
    gitlab.rename_user(own, "renamed")
    with capture_logs() as logs:
        await meet(people, gitlab.add_user("avery", "A Stranger"))
        await meet(people, gitlab.user("blake.sample"))
    assert [(each["event"], each["user"], each["account"]) for each in logs] == [
        ("username_taken_by_another_account", "U1", own.id)
    ]


@pytest.mark.parametrize("met", ["avery", "renamed"])
async def test_a_new_line_of_the_people_file_is_for_the_account_that_has_the_name_now(
    gitlab: GitLab, people: People, path: Path, met: str
) -> None:
    await account_of(people, "U1")
    gitlab.rename_user(gitlab.user("avery"), "renamed")
    gitlab.add_user("avery", "Avery Newcomer")
    await meet(people, gitlab.user(met))
    write(path, '[people]\nU1 = "renamed"\nU2 = "avery"', 2)
    for user, username in (("U1", "renamed"), ("U2", "avery")):
        found = await account_of(people, user)
        assert found is not None
        assert found.username == username
        assert await slack_user_of(people, username) == user


def who_of(accounts: list[Account], *people: Colleague) -> WhoIsWho:
    kept = Kept(links={}, matches={}, lines={}, accounts=accounts)
    return WhoIsWho(file={each.slack_user: each for each in people}, kept=kept, at=NOW)


def test_an_account_that_one_has_by_its_number_is_nobody_elses_by_its_name() -> None:
    renamed = Account(id=5, username="avery.new", earlier=frozenset({"avery"}))
    avery = Colleague(slack_user="U1", gitlab="avery", gitlab_id=5)
    blake = Colleague(slack_user="U2", gitlab="avery.new")
    who = who_of([renamed], blake, avery)
    assert who.linked == {"U1": "avery.new"}
    assert who.linked_to("avery.new") == "U1"


def test_a_number_that_another_account_than_the_names_has_is_the_one_that_counts() -> None:
    thief = Account(id=9, username="avery")
    who = who_of([thief], Colleague(slack_user="U1", gitlab="avery", gitlab_id=5))
    assert who.linked == {}, "its name is not known yet"
    assert who.account_of(Person(name="Avery", slack_user="U1")) == Means(username=None, number=5)
    assert who.in_file == {"U1": "avery"}


def test_a_mere_number_has_the_name_of_its_account_when_the_bot_knows_it() -> None:
    avery = Colleague(slack_user="U1", gitlab_id=5)
    assert who_of([Account(id=5, username="avery")], avery).in_file == {"U1": "avery"}
    assert who_of([], avery).in_file == {"U1": "5"}


# Who is on call


@pytest.mark.parametrize(
    ("each", "person"),
    [
        # By email in Slack, then by the people file in GitLab.
        (
            OnCall(name="A. Example", email="AVERY@example.com"),
            Person(name="Avery Example", slack_team=TEAM, slack_user="U1", gitlab="avery"),
        ),
        # By email in both.
        (
            OnCall(name="B. Sample", email="blake@example.com"),
            Person(name="Blake Example", slack_team=TEAM, slack_user="U2", gitlab="blake.sample"),
        ),
        # By id in Slack.
        (
            OnCall(name="U2", slack_user="U2"),
            Person(name="Blake Example", slack_team=TEAM, slack_user="U2", gitlab="blake.sample"),
        ),
        # Nobody knows them, or no email is told.
        (OnCall(name="Dana", email="dana@example.com"), Person(name="Dana")),
        (OnCall(name="Dana"), Person(name="Dana")),
        (OnCall(name="U404", slack_user="U404"), Person(name="U404")),
        # Strangers are not mentioned.
        (OnCall(name="UGUEST", slack_user="UGUEST"), Person(name="UGUEST")),
        (OnCall(name="UCONNECT", slack_user="UCONNECT"), Person(name="UCONNECT")),
    ],
)
async def test_who_is_on_call_is_found_in_both_places(
    people: People, each: OnCall, person: Person
) -> None:
    assert await people.directory.on_call(each) == person


async def test_who_has_another_email_in_slack_is_found_by_the_account_and_the_people_file(
    slack: Slack, gitlab: GitLab, people: People
) -> None:
    gitlab.user("avery").public_email = "a@example.com"
    found = await people.directory.on_call(OnCall(name="A.", email="a@example.com"))
    assert (found.slack_user, found.gitlab) == ("U1", "avery")


async def test_without_gitlab_who_is_on_call_is_known_in_slack_all_the_same(
    gitlab: GitLab, people: People
) -> None:
    gitlab.down()
    found = await people.directory.on_call(OnCall(name="B.", email="blake@example.com"))
    assert (found.slack_user, found.gitlab) == ("U2", None)


async def test_while_slack_does_not_answer_nobody_on_call_is_taken_for_unknown(
    slack: Slack, people: People
) -> None:
    slack.faults.add("users.lookupByEmail", error="internal_error")
    with pytest.raises(Unreachable):
        await people.directory.on_call(OnCall(name="B.", email="blake@example.com"))


async def test_somebody_known_by_a_gitlab_username_is_found_by_it(people: People) -> None:
    found = await people.directory.account(Person(name="Blake", gitlab="blake.sample"))
    assert found is not None
    assert found.name == "Blake Sample"


async def test_who_cannot_be_found_has_no_account(slack: Slack, people: People, path: Path) -> None:
    write(path, '[people]\nU1 = "nobody"', 2)
    assert await account_of(people, "U1") is None  # a wrong link
    slack.add_user("U5", "gale", email="gale@example.com")
    assert await account_of(people, "U5") is None  # no such public email
    slack.add_user("U6", "harper")
    assert await account_of(people, "U6") is None  # no email
    assert await people.directory.account(Person(name="Somebody")) is None


async def test_without_slacks_answer_nobody_is_taken_for_unknown(
    slack: Slack, people: People
) -> None:
    person = Person(name="Blake", slack_team=TEAM, slack_user="U2")
    slack.down()
    with pytest.raises(PlatformError):
        await people.directory.account(person)
    slack.up()
    assert await people.directory.account(person) is not None


async def test_while_slack_refuses_the_bot_a_choice_goes_on_without_an_account(
    slack: Slack, people: People
) -> None:
    person = Person(name="Blake", slack_team=TEAM, slack_user="U2")
    slack.faults.add("users.info", error="missing_scope")
    assert await people.directory.account(person) is None
    assert await people.directory.account(person) is not None


async def test_without_gitlabs_answer_nobody_is_taken_for_unknown(
    gitlab: GitLab, people: People
) -> None:
    avery, blake = await asyncio.gather(
        people.admission.admit(TEAM, "U1"), people.admission.admit(TEAM, "U2")
    )
    gitlab.down()
    for person in (avery, blake):
        with pytest.raises(Unreachable):
            await people.directory.account(person)
    gitlab.up()
    for person in (avery, blake):
        assert await people.directory.account(person) is not None


async def test_gitlab_is_asked_once_about_an_account(gitlab: GitLab, people: People) -> None:
    person = await people.admission.admit(TEAM, "U1")
    await people.directory.account(person)  # since then by its number
    asked = len(gitlab.requests)
    for _ in range(3):
        await people.directory.account(person)
    assert len(gitlab.requests) == asked + 1


@pytest.mark.parametrize("username", ["avery", "Avery"])  # GitLab does not mind the case
async def test_somebody_known_in_gitlab_is_found_in_slack_by_the_people_file(
    people: People, username: str
) -> None:
    person = Person(name="Avery Example", gitlab=username)
    assert await people.directory.in_slack(person) == Person(
        name="Avery Example", slack_team=TEAM, slack_user="U1", gitlab=username
    )


@pytest.mark.parametrize(
    "person",
    [
        Person(name="Blake Sample", gitlab="blake.sample"),  # nobody has linked him
        Person(name="Avery", slack_team="T0OTHER", slack_user="U9", gitlab="avery"),  # known there
        Person(name="Somebody"),
    ],
)
async def test_who_is_not_linked_or_known_already_stays_as_they_are(
    people: People, person: Person
) -> None:
    who = await people.identities.read()
    assert who.in_slack(person, TEAM) == person


async def restarted(people_of: PeopleOf, person: Person) -> str | None:
    """Who somebody in GitLab is to a replica that has just started."""
    who = await people_of().identities.read()
    return who.in_slack(person, TEAM).slack_user


@pytest.mark.parametrize(
    ("username", "user"),
    [
        ("blake.sample", "U2"),  # by the public email
        ("gale", "U5"),  # by the one that the members show
        ("nobody", None),
        ("ssat-bot", None),  # no email
    ],
)
async def test_somebody_in_gitlab_is_found_in_slack_by_email_by_every_replica(
    slack: Slack, gitlab: GitLab, people_of: PeopleOf, username: str, user: str | None
) -> None:
    slack.add_user("U5", "gale", email="gale@example.com")
    gitlab.project("example/feedback").shows_emails = True
    person = Person(name="Somebody", gitlab=username)
    await people_of().directory.look_up(person)
    assert await restarted(people_of, person) == user


async def test_a_guest_is_not_found_by_email(
    slack: Slack, gitlab: GitLab, people_of: PeopleOf
) -> None:
    gitlab.add_user("casey", "Casey Guest", public_email="guest@example.com")
    slack.add_user("U0GUEST", "drew", email="guest@example.com", is_restricted=True)
    person = Person(name="Casey", gitlab="casey")
    await people_of().directory.look_up(person)
    assert await restarted(people_of, person) is None


async def test_who_was_found_by_email_is_looked_up_again_after_a_day_and_believed_for_a_week(
    clock: MovableClock, gitlab: GitLab, people_of: PeopleOf
) -> None:
    person = Person(name="Blake", gitlab="blake.sample")
    await people_of().directory.look_up(person)
    asked = len(gitlab.requests)
    await people_of().directory.look_up(person)
    assert len(gitlab.requests) == asked
    clock.forward(hours=25)
    gitlab.down()
    await people_of().directory.look_up(person)
    assert await restarted(people_of, person) == "U2", "what was known stays"
    clock.forward(days=7)
    assert await restarted(people_of, person) is None


async def test_a_person_needs_a_look_up_whom_no_link_and_no_fresh_email_match_names(
    clock: MovableClock, people: People
) -> None:
    who = await people.identities.read()
    assert [who.needs_account(user) for user in ("U1", "U2")] == [False, True]
    await account_of(people, "U2")
    assert not people.identities.latest.needs_account("U2")
    clock.forward(hours=25)
    assert people.identities.latest.needs_account("U2"), "it is believed still, but looked up again"
    assert (await people.admission.admit(TEAM, "U2")).gitlab == "blake.sample"


async def test_who_has_another_email_now_is_not_found_any_more(
    slack: Slack, people_of: PeopleOf
) -> None:
    person = Person(name="Blake", gitlab="blake.sample")
    people = people_of()
    await account_of(people, "U2")
    assert await restarted(people_of, person) == "U2"
    slack.users["U2"].email = "other@example.com"
    people = people_of()
    await people.directory.account(Person(name="Blake", slack_team=TEAM, slack_user="U2"))
    assert await restarted(people_of, person) is None


async def test_an_email_match_never_counts_against_a_link(people: People, record: Record) -> None:
    person = Person(name="Blake", gitlab="blake.sample")
    assert (await people.directory.in_slack(person)).slack_user == "U2"
    await link(record, "U1X", "Blake.Sample")
    who = await people.identities.read_again()
    assert who.in_slack(person, TEAM).slack_user == "U1X"
    assert (await people.admission.admit(TEAM, "U2")).gitlab is None


async def test_who_is_no_longer_linked_is_not_known_by_what_the_link_once_told(
    people: People, record: Record, path: Path
) -> None:
    await link(record, "U2", "gale")
    for user in ("U1", "U2"):
        assert await account_of(people, user) is not None
    async with record.transaction() as tx:
        await forget_links(tx, "U2")
    write(path, "", 2)
    await people.identities.read_again()
    for user in ("U1", "U2"):
        assert (await people.admission.admit(TEAM, user)).gitlab is None


async def test_while_slack_does_not_say_who_a_person_in_gitlab_is_their_issue_is_read_all_the_same(
    slack: Slack, people: People
) -> None:
    slack.down()
    person = Person(name="Blake", gitlab="blake.sample")
    await people.directory.look_up(person)
    with pytest.raises(Unreachable):
        await people.directory.in_slack(person)
