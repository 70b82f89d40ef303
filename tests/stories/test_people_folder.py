"""A folder of people, one YAML file each: what the bot makes of it while it runs."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from slackbot.local.pagerduty import PagerDuty, serve
from slackbot.people import folder as module
from slackbot.people.roster import list_people, unlink
from slackbot.store.jobs import PeriodicQueue
from tests.stories.test_drafting import drafted, text_in
from tests.stories.test_on_duty import SCHEDULE
from tests.stories.test_reminders import ON, claimed, marks, reminded
from tests.stories.test_responses import born, reminders_of
from tests.town import PATIENCE, Town

BOOKING = "https://calendar.example.com/avery"


class Team:
    """A town whose bot reads a folder, in the layout of GitLab Support."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.folder: Path = town.folder / "people"
        self.folder.mkdir()
        self.settings: dict[str, Any] = {"ssat_people_file": self.folder}

    def write(self, file: str, slack: str, **more: Any) -> None:
        self.break_(file, yaml.safe_dump({"slack": {"id": slack}, **more}))

    def break_(self, file: str, text: str) -> None:
        (self.folder / f"{file}.yaml").write_text(text, encoding="utf-8")


@pytest.fixture
def team(quiet_town: Town, monkeypatch: pytest.MonkeyPatch) -> Team:
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.0)
    built = Team(quiet_town)
    built.write("avery", "U0AVERY", gitlab={"username": "avery"}, name="Avery Example")
    return built


@pytest.fixture
async def pagerduty(team: Team) -> AsyncIterator[PagerDuty]:
    account = PagerDuty(clock=team.town.clock)
    async with serve(account) as url:
        team.settings |= {"pagerduty_api_token": account.token, "pagerduty_api_url": url}
        yield account
    assert account.violations == []


async def assigned_to_a_claim(town: Town, user: Any, ticket: int) -> list[str]:
    issue = town.feedback(f"Negative feedback for ticket {ticket}")
    await town.slack.click(user, await town.card(issue, "🟠 Unclaimed"), "Claim")
    await town.card(issue, "Claimed by", delivered=True)
    return issue.assigned_to


async def test_who_is_in_the_folder_is_assigned_by_a_claim(team: Team) -> None:
    town = team.town
    town.gitlab.add_member(town.project, town.gitlab.add_user("casey", "Casey Nolink"), 30)
    async with town.bot_running(**team.settings):
        assert await assigned_to_a_claim(town, town.avery, 1001) == ["avery"]
        assert await assigned_to_a_claim(town, town.casey, 1002) == []
        team.write("casey", "U0CASEY", gitlab={"username": "casey"})
        assert await assigned_to_a_claim(town, town.casey, 1003) == ["casey"]
    lines = await list_people(town.set_up(**team.settings))
    assert [" ".join(line.split()) for line in lines] == [
        "U0AVERY avery people file avery.yaml",
        "U0CASEY casey people file casey.yaml",
    ]
    _, said = await unlink(town.set_up(**team.settings), "U0CASEY")
    assert said == [
        "U0CASEY is casey by the people file casey.yaml: change the account there, "
        "else it is for the account that has the name now"
    ]


async def test_a_file_that_breaks_while_the_bot_runs_changes_nothing_for_anybody(
    team: Team,
) -> None:
    town = team.town
    town.gitlab.add_member(town.project, town.gitlab.add_user("casey", "Casey Nolink"), 30)
    async with town.bot_running(**team.settings):
        assert await assigned_to_a_claim(town, town.avery, 1001) == ["avery"]
        team.break_("avery", "slack:\n\tid: U0AVERY\n")
        team.write("casey", "U0CASEY", gitlab={"username": "casey"})
        assert await assigned_to_a_claim(town, town.avery, 1002) == ["avery"]
        assert await assigned_to_a_claim(town, town.casey, 1003) == ["casey"]
    # At a start the bot has no good version of it.
    async with town.bot_running(**team.settings):
        assert await assigned_to_a_claim(town, town.avery, 1004) == []
        assert await assigned_to_a_claim(town, town.casey, 1005) == ["casey"]


async def test_an_account_that_two_files_claim_is_assigned_to_neither(team: Team) -> None:
    town = team.town
    town.gitlab.add_member(town.project, town.gitlab.add_user("casey", "Casey Nolink"), 30)
    async with town.bot_running(**team.settings):
        assert await assigned_to_a_claim(town, town.avery, 1001) == ["avery"]
        team.write("casey", "U0CASEY", gitlab={"username": "Avery"})
        assert await assigned_to_a_claim(town, town.casey, 1002) == []
        assert await assigned_to_a_claim(town, town.avery, 1003) == []


async def test_the_number_tells_the_account_when_its_name_has_changed_before_the_bot_knew_it(
    team: Team,
) -> None:
    town, number = team.town, team.town.avery_gitlab.id
    town.gitlab.rename_user(town.avery_gitlab, "avery.renamed")
    thief = town.gitlab.add_user("avery", "Another Avery")
    town.gitlab.add_member(town.project, thief, 30)
    team.write("avery", "U0AVERY", gitlab={"id": number, "username": "avery"})
    async with town.bot_running(**team.settings):
        assert await assigned_to_a_claim(town, town.avery, 1001) == ["avery.renamed"]
        # Also when the bot meets the one who has the name.
        await town.card(town.feedback("For ticket 1002", assignees=[thief]), "🟠 Unclaimed")
        assert await assigned_to_a_claim(town, town.avery, 1003) == ["avery.renamed"]
    [line] = await list_people(town.set_up(**team.settings))
    assert line.endswith("people file avery.yaml; the account is avery.renamed now")


async def test_the_number_alone_tells_the_account(team: Team) -> None:
    town = team.town
    team.write("avery", "U0AVERY", gitlab={"id": town.avery_gitlab.id})
    async with town.bot_running(**team.settings):
        assert await assigned_to_a_claim(town, town.avery, 1001) == ["avery"]
        town.gitlab.rename_user(town.avery_gitlab, "avery.renamed")
        await town.card(
            town.feedback("For ticket 1002", assignees=[town.avery_gitlab]), "assigned to"
        )
        assert await assigned_to_a_claim(town, town.avery, 1003) == ["avery.renamed"]


async def test_a_number_that_gitlab_does_not_have_assigns_nobody(team: Team) -> None:
    town = team.town
    team.write("avery", "U0AVERY", gitlab={"id": 999_999, "username": "avery"})
    async with town.bot_running(**team.settings):
        assert await assigned_to_a_claim(town, town.avery, 1001) == []


async def test_who_is_on_duty_is_found_by_the_id_in_pagerduty_without_an_equal_email(
    team: Team, pagerduty: PagerDuty
) -> None:
    town = team.town
    on_call = pagerduty.add_user("A. Example", "a.example@elsewhere.example.com")
    pagerduty.add_schedule(SCHEDULE, on_call)
    team.write("avery", "U0AVERY", gitlab={"username": "avery"}, pagerduty={"id": on_call.id})
    settings = team.settings | {"ssat_assign_on_duty": True}
    async with town.bot_running(**settings):
        await town.idle(PeriodicQueue.DUTY)
        issue = town.feedback()
        card = await town.card(issue, "On duty: <@U0AVERY>")
        assert card.pings == {"<@U0AVERY>"}
        await town.in_gitlab(lambda: issue.assigned_to == ["avery"])


async def test_the_id_in_pagerduty_counts_more_than_an_email(
    team: Team, pagerduty: PagerDuty
) -> None:
    town = team.town
    on_call = pagerduty.add_user("Avery Example", "blake@example.com")
    pagerduty.add_schedule(SCHEDULE, on_call)
    team.write("avery", "U0AVERY", pagerduty={"id": on_call.id})
    async with town.bot_running(**team.settings):
        await town.idle(PeriodicQueue.DUTY)
        await town.card(town.feedback(), "On duty: <@U0AVERY>")


async def test_the_folder_says_how_people_sign(team: Team) -> None:
    town = team.town
    team.write("avery", "U0AVERY", title="Senior Support Manager", calendly=BOOKING)
    async with town.bot_running(**team.settings):
        issue, _ = await town.request()
        text = text_in(await drafted(town, town.avery, issue))
        assert "Senior Support Manager" in text
        assert BOOKING in text


async def test_people_are_reminded_in_their_own_working_hours(team: Team) -> None:
    town = team.town
    team.write("avery", "U0AVERY", working_hours="1200-2000 UTC")
    async with town.bot_running(**team.settings, **ON):
        await claimed(town, town.feedback())
        town.clock.forward(hours=72)  # Monday 15:00
        await reminded(town, "24h", "<@U0AVERY>")
        town.clock.forward(hours=17, minutes=5)  # Tuesday 8:05, when the others are awake
        await town.quiet()
        assert marks(town) == ["24h"]
        town.clock.forward(hours=4)
        await reminded(town, "4h", "<@U0AVERY>")


async def test_working_hours_silence_nobody_where_no_hours_are_quiet(team: Team) -> None:
    town = team.town
    team.write("avery", "U0AVERY", working_hours="1200-2000 UTC")
    async with town.bot_running(**team.settings, **ON, ssat_quiet_hours="off"):
        await claimed(town, town.feedback())
        town.clock.forward(hours=72)
        await reminded(town, "24h", "<@U0AVERY>")
        town.clock.forward(hours=12, minutes=1)  # Tuesday 3:01
        await reminded(town, "12h", "<@U0AVERY>")


async def test_a_response_is_reminded_of_in_working_hours_too(team: Team) -> None:
    town = team.town
    team.write("blake", "U0BLAKE", working_hours="0800-1200 UTC")
    async with town.bot_running(**team.settings, **ON):
        born(town, assignees=[town.blake_gitlab])
        await town.settled()
        town.clock.forward(days=5, hours=1)  # Wednesday 16:00
        await town.quiet()
        assert reminders_of(town, town.blake) == []
        town.clock.forward(hours=16, minutes=5)
        await town.slack.wait_for(lambda: reminders_of(town, town.blake), PATIENCE)
