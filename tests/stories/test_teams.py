"""Several teams in one instance: each feedback is in the channel of its team, by its rules."""

import asyncio
from collections.abc import AsyncIterator
from http import HTTPStatus
from pathlib import Path

import aiohttp
import pytest

from slackbot.local.gitlab import Issue
from slackbot.local.slack import Channel, Ephemeral
from slackbot.local.slack import User as SlackUser
from slackbot.past import stats_for
from slackbot.rules.request import IssueKey
from tests.town import (
    CONTACT,
    CONTACTED,
    DESCRIPTION,
    HOOK_SECRET,
    PATIENCE,
    Town,
    cards_in,
    text_of,
)

EMEA = "Region::EMEA"
OTHER = "example/partners"
FILE = f"""
[[route]]
name = "emea"
label = "{EMEA}"
channel = "#emea"
deadline_hours = 24

[[route.deadline]]
score = "1"
hours = 4

[[route]]
name = "partners"
project = "{OTHER}"
channel = "#partners"

[[route]]
name = "rest"
"""


class Teams:
    """A town with three teams: of a region, of another project, and of all the rest."""

    def __init__(self, town: Town) -> None:
        self.town = town
        everybody = [town.avery.id, town.blake.id, town.casey.id]
        self.emea = town.slack.add_channel("emea", members=everybody)
        self.partners = town.slack.add_channel("partners", members=everybody)
        self.lobby = town.slack.add_channel("lobby", members=everybody)
        self.rest = town.channel
        town.gitlab.add_label(town.project, EMEA)
        self.other = town.gitlab.add_project(OTHER)
        town.gitlab.add_member(self.other, town.bot, 20)
        town.gitlab.add_member(self.other, town.automation, 30)
        for label in (CONTACT, CONTACTED):
            town.gitlab.add_label(self.other, label)
        self.file = write(town.folder)

    def feedback(self, ticket: int, *labels: str, score: int = 2) -> Issue:
        return self.town.feedback(
            f"Negative feedback for ticket {ticket}",
            description=DESCRIPTION.replace("2", str(score), 1),
            labels=[CONTACT, *labels],
        )

    def of_partner(self, ticket: int) -> Issue:
        return self.town.gitlab.open_issue(
            self.other,
            author=self.town.automation,
            title=f"Negative feedback for ticket {ticket}",
            description=DESCRIPTION,
            labels=(CONTACT,),
        )

    async def shows(self, channel: Channel, *words: str) -> str:
        """Wait until the one card of a channel shows some words."""

        def shown() -> str | None:
            found = [text_of(each) for each in cards_in(channel)]
            assert len(found) <= 1
            return next((each for each in found if all(word in each for word in words)), None)

        return await self.town.slack.wait_for(shown, PATIENCE)

    async def asks(self, user: SlackUser, text: str, channel: Channel) -> Ephemeral:
        told = len(self.town.slack.ephemerals)
        assert (await self.town.slack.command(user, "/ssat", text, channel)).ok
        await self.town.slack.wait_for(lambda: len(self.town.slack.ephemerals) > told, PATIENCE)
        return self.town.slack.ephemerals[told]

    def count(self) -> list[int]:
        return [len(cards_in(each)) for each in (self.emea, self.partners, self.rest)]


def write(folder: Path, text: str = FILE) -> Path:
    file = folder / "routes.toml"
    file.write_text(text)
    return file


@pytest.fixture
def teams(quiet_town: Town) -> Teams:
    return Teams(quiet_town)


@pytest.fixture
async def at_work(teams: Teams) -> AsyncIterator[Teams]:
    async with teams.town.bot_running(ssat_routes_file=teams.file):
        yield teams


async def test_each_feedback_is_in_its_teams_channel_by_its_teams_deadline(
    at_work: Teams,
) -> None:
    town, start = at_work.town, at_work.town.clock()
    issues = {
        "emea": at_work.feedback(412401, EMEA),
        "rest": at_work.feedback(412402),
    }
    partner = at_work.of_partner(412403)
    await at_work.shows(at_work.emea, "ticket 412401", "🟠 Unclaimed")
    await at_work.shows(at_work.rest, "ticket 412402", "🟠 Unclaimed")
    await town.slack.click(town.avery, cards_in(at_work.emea)[0], "Claim")
    await at_work.shows(at_work.emea, "Claimed by Avery Example")
    await poll(at_work)
    await at_work.shows(at_work.partners, "ticket 412403", "🟠 Unclaimed")
    await town.settled()
    assert at_work.count() == [1, 1, 1]
    found = {each.route: each for each in town.on_record().values()}
    assert {name: found[name].key.iid for name in issues} == {
        name: issue.iid for name, issue in issues.items()
    }
    assert found["partners"].key == IssueKey(at_work.other.id, partner.iid)
    days = {
        name: round((each.due_at - start).total_seconds() / 86400) for name, each in found.items()
    }
    assert days == {"emea": 3, "rest": 4, "partners": 4}  # over a weekend


async def test_the_first_rule_that_fits_is_the_deadline(at_work: Teams) -> None:
    at_work.feedback(412401, EMEA, score=1)
    await at_work.shows(at_work.emea, "3 business hours")


async def test_a_new_label_takes_the_card_to_the_other_team_with_owner_and_deadline(
    at_work: Teams,
) -> None:
    town = at_work.town
    issue = at_work.feedback(412401)
    await at_work.shows(at_work.rest, "🟠 Unclaimed", "47 business hours")
    await town.slack.click(town.avery, cards_in(at_work.rest)[0], "Claim")
    await at_work.shows(at_work.rest, "Claimed by Avery Example")
    await town.in_gitlab(lambda: issue.assigned_to == ["avery"])
    town.gitlab.change_labels(issue, add=[EMEA], by=town.duty_gitlab)
    await at_work.shows(at_work.emea, "Claimed by Avery Example", "23 business hours")
    await town.slack.wait_for(
        lambda: any("team *emea*" in each.text for each in cards_in(at_work.emea)[0].thread),
        PATIENCE,
    )
    await town.settled()
    assert at_work.count() == [1, 0, 0]
    town.gitlab.change_labels(issue, remove=[EMEA], by=town.duty_gitlab)
    await at_work.shows(at_work.rest, "Claimed by Avery Example")
    await town.settled()
    assert at_work.count() == [0, 0, 1]


async def test_a_card_stays_and_works_until_its_new_team_has_a_channel_for_it(
    at_work: Teams,
) -> None:
    town = at_work.town
    await town.settled()
    at_work.emea.members.discard(town.slack.bot_user_id)
    issue = at_work.feedback(412401)
    await at_work.shows(at_work.rest, "🟠 Unclaimed", "47 business hours")
    town.gitlab.change_labels(issue, add=[EMEA], by=town.duty_gitlab)
    await at_work.shows(at_work.rest, "🟠 Unclaimed", "23 business hours")
    await town.slack.click(town.avery, cards_in(at_work.rest)[0], "Claim")
    await at_work.shows(at_work.rest, "Claimed by Avery Example")
    at_work.emea.members.add(town.slack.bot_user_id)
    town.clock.forward(minutes=6)
    await at_work.shows(at_work.emea, "Claimed by Avery Example")
    await town.settled()
    assert at_work.count() == [1, 0, 0]


async def test_a_choice_on_its_way_is_kept_when_the_team_changes(at_work: Teams) -> None:
    town = at_work.town
    issue = at_work.feedback(412401)
    await at_work.shows(at_work.rest, "🟠 Unclaimed")
    town.gitlab.faults.down = True
    await town.slack.click(town.avery, cards_in(at_work.rest)[0], "Claim")
    await at_work.shows(at_work.rest, "⏳")
    town.gitlab.change_labels(issue, add=[EMEA], by=town.duty_gitlab)
    town.gitlab.faults.down = False
    await at_work.shows(at_work.emea, "Claimed by Avery Example")
    await town.in_gitlab(lambda: issue.assigned_to == ["avery"])
    await town.settled()
    assert at_work.count() == [1, 0, 0]


async def test_in_a_teams_channel_the_queue_is_the_teams_and_elsewhere_that_of_all(
    at_work: Teams,
) -> None:
    town = at_work.town
    at_work.feedback(412401, EMEA)
    at_work.feedback(412402)
    await at_work.shows(at_work.emea, "🟠 Unclaimed")
    await at_work.shows(at_work.rest, "🟠 Unclaimed")
    own = text_of(await at_work.asks(town.avery, "", at_work.emea))
    assert "Only the team *emea*. `/ssat teams` shows all teams." in own
    assert "412401" in own
    assert "412402" not in own
    assert "*1 customer is waiting" in own
    for text, channel in (("teams", at_work.emea), ("", at_work.lobby)):
        every = text_of(await at_work.asks(town.avery, text, channel))
        assert "Only the team" not in every
        assert "*2 customers are waiting" in every
        assert "*emea* · " in every
        assert "*rest* · " in every
    assert "teams" in text_of(await at_work.asks(town.avery, "help", at_work.lobby))


async def test_a_button_in_a_teams_answer_answers_for_that_team(at_work: Teams) -> None:
    town = at_work.town
    at_work.feedback(412401, EMEA)
    at_work.feedback(412402)
    await at_work.shows(at_work.emea, "🟠 Unclaimed")
    await at_work.shows(at_work.rest, "🟠 Unclaimed")
    answer = await at_work.asks(town.avery, "", at_work.emea)
    await town.slack.click(town.avery, answer, "Claim")
    shown = await town.told(town.avery, "claimed", "Only the team *emea*")
    assert "412402" not in text_of(shown)


async def test_a_link_to_any_project_is_known(at_work: Teams) -> None:
    town = at_work.town
    partner = at_work.of_partner(412403)
    await poll(at_work)
    await at_work.shows(at_work.partners, "🟠 Unclaimed")
    link = f"{town.gitlab.url}/{OTHER}/-/issues/{partner.iid}"
    assert "412403" in text_of(await at_work.asks(town.avery, f"show {link}", at_work.lobby))
    foreign = f"{town.gitlab.url}/example/elsewhere/-/issues/1"
    said = text_of(await at_work.asks(town.avery, f"show {foreign}", at_work.lobby))
    assert f"I only track {town.project.path}, {OTHER} at 127.0.0.1" in said


async def test_a_project_that_cannot_be_read_keeps_no_other_waiting(teams: Teams) -> None:
    town = teams.town
    teams.feedback(412402)
    town.gitlab.add_member(teams.other, town.bot, 0)
    async with town.bot_running(ssat_routes_file=teams.file):
        await teams.shows(teams.rest, "🟠 Unclaimed")
        assert f"{OTHER}: " in (await readiness(town, OTHER))["gitlab"]
        town.gitlab.add_member(teams.other, town.bot, 20)
        teams.of_partner(412403)
        await poll(teams)
        await teams.shows(teams.partners, "ticket 412403")


async def test_a_channel_without_the_bot_keeps_no_other_team_waiting(teams: Teams) -> None:
    town = teams.town
    teams.emea.members.discard(town.slack.bot_user_id)
    teams.feedback(412401, EMEA)
    teams.feedback(412402)
    async with town.bot_running(ssat_routes_file=teams.file):
        await teams.shows(teams.rest, "🟠 Unclaimed")
        assert cards_in(teams.emea) == []
        assert "#emea: " in (await readiness(town, "#emea"))["slack"]


async def test_a_channel_that_is_not_there_keeps_no_link_of_another_team_bare(teams: Teams) -> None:
    town = teams.town
    teams.emea.archived = True
    async with town.bot_running(ssat_routes_file=teams.file):
        issue = teams.feedback(412402)
        await teams.shows(teams.rest, "🟠 Unclaimed")
        link = f"{town.gitlab.url}/{town.project.path}/-/issues/{issue.iid}"
        message, _ = await town.slack.share_link(town.blake, teams.rest, link)
        await town.slack.wait_for(lambda: message.unfurls, PATIENCE)
        assert "412402" in str(message.unfurls)


async def test_a_channel_that_two_teams_name_in_two_ways_is_to_be_fixed(teams: Teams) -> None:
    town = teams.town
    file = write(town.folder, FILE.replace('"#partners"', f'"{teams.emea.id}"'))
    async with town.bot_running(ssat_routes_file=file):
        said = await readiness(town, "are the same channel")
        assert said["slack"].startswith(f"#emea and {teams.emea.id} are the same channel")


async def test_a_record_of_one_team_goes_on_with_several(teams: Teams) -> None:
    town = teams.town
    async with town.bot_running():
        waiting, bad = teams.feedback(412401, EMEA), teams.feedback(412402)
        await town.card(waiting, "🟠 Unclaimed")
        await town.card(bad, "🟠 Unclaimed")
        await town.settled()
    async with town.bot_running(ssat_routes_file=teams.file):
        await teams.shows(teams.emea, "412401")
        await teams.shows(teams.rest, "412402")
        await town.settled()
        assert teams.count() == [1, 0, 1]
        told = [text_of(each) for each in cards_in(teams.emea)[0].thread]
        assert not any("the team *emea* has this" in each for each in told)
    # And back again.
    async with town.bot_running():
        await town.settled()
        assert {each.route for each in town.on_record().values()} == {""}


async def test_a_team_that_is_renamed_keeps_its_cards_and_its_managers(teams: Teams) -> None:
    town = teams.town
    managers = {"emea": town.avery.id, "rest": town.blake.id}
    text = FILE + f'managers = "{managers["rest"]}"\n'
    text = text.replace('channel = "#emea"', f'channel = "#emea"\nmanagers = "{managers["emea"]}"')
    async with town.bot_running(ssat_routes_file=write(town.folder, text)):
        issue = teams.feedback(412401, EMEA)
        await teams.shows(teams.emea, "🟠 Unclaimed")
        await town.settled()
    [card] = cards_in(teams.emea)
    text = text.replace('name = "emea"', 'name = "europe"')
    town.gitlab.faults.down = True
    async with town.bot_running(ssat_routes_file=write(town.folder, text)):
        # The issue has not been read again yet.
        await town.slack.click(town.blake, card, "Claim")
        await town.told(town.blake, f"To take action, ask <@{town.avery.id}>")
        await town.slack.click(town.avery, card, "Claim")
        await teams.shows(teams.emea, "⏳")
        town.gitlab.faults.down = False
        await poll(teams)
        await town.in_gitlab(lambda: issue.assigned_to == ["avery"])
        await teams.shows(teams.emea, "Claimed by Avery Example")
        await town.settled()
        assert {each.route for each in town.on_record().values()} == {"europe"}
    assert cards_in(teams.emea) == [card]
    assert not any("has this now" in each.text for each in card.thread)
    assert teams.count() == [1, 0, 0]


async def test_a_card_of_one_team_goes_straight_to_the_channel_of_the_new_team(
    teams: Teams,
) -> None:
    town = teams.town
    async with town.bot_running():
        issue = teams.feedback(412401)
        card = await town.card(issue, "🟠 Unclaimed")
        await town.settled()
    town.gitlab.change_labels(issue, add=[EMEA], by=town.duty_gitlab)  # nobody hears of it
    town.gitlab.faults.down = True
    file = write(town.folder, f'{FILE}channel = "#lobby"\n')
    async with town.bot_running(ssat_routes_file=file):
        await town.slack.click(town.avery, card, "Claim")
        await teams.shows(teams.rest, "⏳")
        await town.idle_but_for_gitlab()
        assert cards_in(teams.rest) == [card], "its issue has not been read again"
        town.gitlab.faults.down = False
        await poll(teams)
        await teams.shows(teams.emea, "Claimed by Avery Example")
        await town.settled()
    posted = [
        each.args.get("channel")
        for each in town.slack.requests
        if each.method == "chat.postMessage"
    ]
    assert teams.lobby.id not in posted
    assert teams.count() == [1, 0, 0]


async def test_many_found_at_once_are_summed_up_for_each_team(teams: Teams) -> None:
    town = teams.town
    for number in range(8):
        teams.feedback(412410 + number, EMEA)
        teams.feedback(412430 + number)
    town.clock.forward(minutes=10)
    async with town.bot_running(ssat_routes_file=teams.file):
        both = (teams.emea, teams.rest)
        await town.slack.wait_for(lambda: all("8" in summary_in(each) for each in both), PATIENCE)
        await town.settled()
        assert summary_in(teams.partners) == ""


def summary_in(channel: Channel) -> str:
    found = [
        text_of(each)
        for each in channel.messages
        if each.metadata and each.metadata["event_type"] == "ssat_summary"
    ]
    assert len(found) <= 1
    return "".join(found)


async def readiness(town: Town, word: str) -> dict[str, str]:
    """Wait until ``/readyz`` names something, though the bot is ready; return what it says."""
    async with aiohttp.ClientSession() as session, asyncio.timeout(PATIENCE):
        while True:
            async with session.get(f"{town.url}/readyz") as answer:
                said: dict[str, str] = await answer.json()
                if answer.status == HTTPStatus.OK and any(word in each for each in said.values()):
                    return said
            await asyncio.sleep(0.05)


async def poll(teams: Teams) -> None:
    """Let the bot look now: no hook tells of the other project."""
    await teams.asks(teams.town.avery, "refresh", teams.lobby)


async def test_a_hook_of_any_of_the_projects_brings_a_card_at_once(at_work: Teams) -> None:
    town = at_work.town
    town.gitlab.add_hook(at_work.other, f"{town.url}/gitlab/webhook", token=HOOK_SECRET)
    await town.settled()
    at_work.of_partner(412403)
    await at_work.shows(at_work.partners, "🟠 Unclaimed")


async def test_after_a_lost_record_each_teams_cards_are_found_again(teams: Teams) -> None:
    town = teams.town
    teams.feedback(412401, EMEA)
    teams.feedback(412402)
    async with town.bot_running(ssat_routes_file=teams.file):
        await teams.shows(teams.emea, "🟠 Unclaimed")
        await teams.shows(teams.rest, "🟠 Unclaimed")
        await town.settled()
    town.lose_record()
    async with town.bot_running(ssat_routes_file=teams.file):
        await town.slack.wait_for(lambda: len(town.on_record()) == 2, PATIENCE)
        await town.settled()
        await town.slack.click(town.avery, cards_in(teams.emea)[0], "Claim")
        await teams.shows(teams.emea, "Claimed by Avery Example")
        await town.settled()
        assert teams.count() == [1, 0, 1]


async def test_bad_feedback_goes_to_its_teams_second_channel_and_moves_with_the_team(
    teams: Teams,
) -> None:
    town = teams.town
    everybody = [town.avery.id, town.blake.id]
    names = ("emea-bad", "rest-bad")
    emea_bad, rest_bad = (town.slack.add_channel(each, members=everybody) for each in names)
    text = FILE.replace('channel = "#emea"', 'channel = "#emea"\nbad_channel = "#emea-bad"')
    file = write(town.folder, f'{text}bad_channel = "#rest-bad"\n')
    async with town.bot_running(ssat_routes_file=file):
        issue = town.feedback(
            "Negative feedback for ticket 412405",
            description="**Score:** 2\n**Comment:** It took a week.",
            labels=["satisfaction::bad"],
        )
        await teams.shows(rest_bad, "412405")
        town.gitlab.change_labels(issue, add=[EMEA], by=town.duty_gitlab)
        await teams.shows(emea_bad, "412405")
        town.gitlab.change_labels(issue, add=[CONTACT], by=town.duty_gitlab)
        await teams.shows(teams.emea, "🟠 Unclaimed", "412405")
        await town.settled()
        assert [len(cards_in(each)) for each in (emea_bad, rest_bad)] == [0, 0]
        assert teams.count() == [1, 0, 0]


async def test_the_card_of_what_has_ended_stays_where_people_look_for_it(at_work: Teams) -> None:
    town = at_work.town
    issue = at_work.feedback(412401)
    await at_work.shows(at_work.rest, "🟠 Unclaimed")
    await town.mark_contacted(town.avery, cards_in(at_work.rest)[0], channel="Call")
    await at_work.shows(at_work.rest, "✅ Contacted")
    await town.in_gitlab(lambda: issue.state == "closed")
    town.gitlab.change_labels(issue, add=[EMEA], by=town.duty_gitlab)
    await town.gitlab.hooks_settled()
    await town.settled()
    assert at_work.count() == [0, 0, 1]


async def test_the_past_is_that_of_all_projects(teams: Teams) -> None:
    town = teams.town
    teams.feedback(412401, EMEA)
    teams.feedback(412402)
    teams.of_partner(412403)
    town.clock.forward(minutes=1)
    settings = town.set_up(ssat_routes_file=teams.file)
    seen: list[int] = []
    await stats_for(
        settings, "", lambda read, _: seen.append(read), from_gitlab=True, clock=town.clock
    )
    assert seen[-1] == 3
