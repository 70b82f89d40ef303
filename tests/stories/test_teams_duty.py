"""Several teams: each has its own managers on duty, digests, hand-overs, reminders and rights."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import aiohttp
import pytest

from slackbot.blocks.digest import DIGEST_EVENT
from slackbot.local.gitlab import Issue
from slackbot.local.slack import Channel, Message
from slackbot.store.jobs import PeriodicQueue
from tests.stories.test_rhythm import shows_untriaged
from tests.town import CONTACT, PATIENCE, Town, as_seen, text_of

# The town's clock begins on Friday, 30 January 2026, at 15:00 UTC.

EMEA = "OrganizationRegion::EMEA"


class Teams:
    """A town with the team emea, which has a channel of its own, and the team rest."""

    def __init__(self, town: Town) -> None:
        self.town, self.emea = town, town.slack.add_channel("emea", members=_everybody(town))
        self.file = town.folder / "routes.toml"
        town.gitlab.add_label(town.project, EMEA)
        self.settings: dict[str, Any] = {"ssat_routes_file": self.file}
        self.say()

    def say(self, emea: str = "", rest: str = "") -> None:
        """Write down how the teams work."""
        self.file.write_text(
            f'[[route]]\nname = "emea"\nlabel = "{EMEA}"\nchannel = "#emea"\n{emea}\n'
            f'[[route]]\nname = "rest"\nchannel = "#support_escalations"\n{rest}\n'
        )

    def on_duty(self, **people: str) -> None:
        """Write down who has the weeks of a team: all of 2026."""
        linked = self.town.people_file.read_text().partition("[duty")[0]
        tables = [
            f"[duty.{team}]\n" + "\n".join(f'2026-W{week:02} = "{user}"' for week in range(1, 53))
            for team, user in people.items()
        ]
        self.town.people_file.write_text("\n".join([linked, *tables, ""]))

    async def looked(self) -> None:
        """Let the bot ask again who is on duty."""
        self.town.clock.forward(minutes=5)
        await self.town.idle(PeriodicQueue.DUTY)

    def of_emea(self, title: str = "Negative feedback for ticket 412401", **more: Any) -> Issue:
        return self.town.feedback(title, labels=[CONTACT, EMEA], **more)

    async def card_of_emea(self, issue: Issue, *words: str, **more: Any) -> Message:
        return await self.town.card(issue, *words, channel=self.emea, **more)

    async def both(self) -> tuple[Message, Message]:
        """Return the cards of a request of either team."""
        town, issues = self.town, (self.of_emea(), self.town.feedback())
        return (
            await self.card_of_emea(issues[0], "🟠 Unclaimed"),
            await town.card(issues[1], "🟠 Unclaimed"),
        )

    async def digests(self, channel: Channel, number: int = 1) -> list[str]:
        """Wait until a channel has so many digests; return their words."""
        await self.town.slack.wait_for(lambda: len(_digests(channel)) >= number, PATIENCE)
        await self.town.quiet()
        return [text_of(each) for each in _digests(channel)]


def _everybody(town: Town) -> list[str]:
    return [town.avery.id, town.blake.id, town.casey.id]


def _digests(channel: Channel) -> list[Message]:
    found = [each for each in channel.messages if each.metadata]
    return [each for each in found if each.metadata and each.metadata["event_type"] == DIGEST_EVENT]


def until(town: Town, day: int, hour: int, minute: int = 0) -> None:
    """Let time pass until a moment of February."""
    then = datetime(2026, 2, day, hour, minute, tzinfo=town.clock().tzinfo)
    town.clock.forward(seconds=(then - town.clock()).total_seconds())


@pytest.fixture
def teams(quiet_town: Town) -> Teams:
    return Teams(quiet_town)


async def readiness(town: Town) -> str:
    async with aiohttp.ClientSession() as session, session.get(f"{town.url}/readyz") as answer:
        return str((await answer.json())["duty"])


# Who is on duty


async def test_each_team_has_its_own_managers_on_duty(teams: Teams) -> None:
    town = teams.town
    teams.on_duty(emea=town.avery.id, rest=town.blake.id)
    async with town.bot_running(**teams.settings):
        await town.idle(PeriodicQueue.DUTY)
        emea, rest = teams.of_emea(), town.feedback()
        await teams.card_of_emea(emea, "On duty: <@U0AVERY>")
        await town.card(rest, "On duty: <@U0BLAKE>")
        teams.on_duty(emea=town.casey.id, rest=town.blake.id)
        await teams.looked()
        both = "On duty: <@U0CASEY> · on duty when it was created: Avery Example"
        await teams.card_of_emea(emea, both)
        await town.card(rest, "On duty: <@U0BLAKE>", without="when it was created")


async def test_duty_is_told_of_all_teams_of_one_and_on_the_home(teams: Teams) -> None:
    town = teams.town
    teams.on_duty(emea=town.avery.id)
    async with town.bot_running(**teams.settings):
        await town.idle(PeriodicQueue.DUTY)
        said = text_of(await town.asks(town.casey, "duty teams"))
        assert "*emea*\n*On duty: <@U0AVERY>*\nAccording to the people file" in said
        assert "*Next:* nobody else within 28 days" in said
        assert "*rest*\nOn duty: unknown, because no schedule is set up" in said
        said = text_of(await town.asks(town.casey, "duty"))
        assert said.startswith("*rest*\nI don't know who is on duty."), "as in its channel"
        said = text_of(await town.asks(town.casey, "duty emea"))
        assert said.startswith("*emea*\n*On duty: <@U0AVERY>*")
        assert "```SSAT Reviewing Manager: Avery Example```" in said
        await town.slack.open_home(town.casey)
        await town.slack.wait_for(lambda: "emea" in text_of(town.slack.homes.get(town.casey.id)))
        said = text_of(town.slack.homes[town.casey.id])
        assert "*emea* On duty: <@U0AVERY>\n*rest* On duty: unknown" in said


async def test_a_teams_own_weeks_go_before_the_group_of_all(teams: Teams) -> None:
    town = teams.town
    town.slack.add_usergroup("S0DUTY", "ssat-on-duty", [town.blake])
    teams.on_duty(emea=town.avery.id)
    async with town.bot_running(**teams.settings, ssat_duty_group="S0DUTY"):
        await town.idle(PeriodicQueue.DUTY)
        await teams.card_of_emea(teams.of_emea(), "On duty: <@U0AVERY>")
        await town.card(town.feedback(), "On duty: <@U0BLAKE>")


async def test_where_one_source_is_silent_the_other_teams_go_on(teams: Teams) -> None:
    town = teams.town
    group = town.slack.add_usergroup("S0DUTY", "ssat-on-duty", [town.avery])
    teams.say(emea='duty_group = "S0DUTY"')
    teams.on_duty(rest=town.blake.id)
    async with town.bot_running(**teams.settings):
        emea, rest = teams.of_emea(), town.feedback()
        await teams.card_of_emea(emea, "On duty: <@U0AVERY>", without="last known")
        group.date_delete = 1
        await teams.looked()
        await teams.card_of_emea(emea, "On duty: <@U0AVERY> (last known")
        problem = (
            "emea: duty_group: Slack has disabled the user group S0DUTY: enable it, or name another"
        )
        assert await readiness(town) == f"{problem}; going on with the last known"
        teams.on_duty(rest=town.casey.id)
        await teams.looked()
        await town.card(rest, "On duty: <@U0CASEY>", without="last known")


async def test_weeks_of_a_team_that_does_not_exist_are_named(teams: Teams) -> None:
    town = teams.town
    teams.on_duty(emae=town.avery.id)
    async with town.bot_running(**teams.settings):
        await town.idle(PeriodicQueue.DUTY)
        problem = "people file: no team of SSAT_ROUTES_FILE has such a name: [duty.emae]"
        assert await readiness(town) == problem
        teams.on_duty(emea=town.avery.id)
        await teams.looked()
        assert await readiness(town) == "ok"


async def test_only_the_teams_that_want_it_have_their_manager_assigned(teams: Teams) -> None:
    town = teams.town
    teams.say(emea="assign_on_duty = true")
    teams.on_duty(emea=town.avery.id, rest=town.blake.id)
    async with town.bot_running(**teams.settings):
        await town.idle(PeriodicQueue.DUTY)
        emea, rest = teams.of_emea(), town.feedback()
        await town.slack.wait_for(lambda: emea.assigned_to == ["avery"])
        await town.card(rest, "On duty: <@U0BLAKE>")
        await town.settled()
    assert rest.assigned_to == []


# The hand-over


async def test_a_hand_over_is_told_to_the_teams_own_managers_with_its_own_feedback(
    teams: Teams,
) -> None:
    town = teams.town
    teams.on_duty(emea=town.avery.id, rest=town.casey.id)
    async with town.bot_running(**teams.settings):
        await town.idle(PeriodicQueue.DUTY)
        emea = await teams.card_of_emea(teams.of_emea("For ticket 101"), "🟠 Unclaimed")
        rest = await town.card(town.feedback("For ticket 102"), "🟠 Unclaimed")
        await town.mark_contacted(town.casey, rest, text="Sorry.")
        await town.card(town.feedback("For ticket 103"), "🟠 Unclaimed")
        await town.settled()
        until(town, 2, 12)
        teams.on_duty(emea=town.blake.id, rest=town.casey.id)
        await teams.looked()
        direct = town.slack.direct_messages
        await town.slack.wait_for(lambda: direct(town.avery) and direct(town.blake), PATIENCE)
        await town.quiet()
        assert direct(town.casey) == []
        [to_avery], [to_blake] = direct(town.avery), direct(town.blake)
    opening = (
        "Your turn as manager on duty of the team emea has ended. Blake Sample is on duty now."
    )
    assert opening in text_of(to_avery)
    assert "You're the manager on duty of the team emea now" in text_of(to_blake)
    for message in (to_avery, to_blake):
        said = text_of(message)
        assert "no customer contacted" in said
        assert "*Open: the customer has not been contacted* (1)" in said
        assert town.link_to(emea) in said
        assert "ticket 102" not in said
        assert "ticket 103" not in said


# Digests


async def test_each_team_has_digests_at_its_own_times_with_its_own_feedback(teams: Teams) -> None:
    town = teams.town
    teams.say(
        emea='timezone = "Europe/Amsterdam"\ndigest = ["09:00", "09:00 America/New_York"]',
        rest='digest = "09:00"',
    )
    async with town.bot_running(**teams.settings):
        await teams.card_of_emea(teams.of_emea("For ticket 101"), "🟠 Unclaimed")
        await town.card(town.feedback("For ticket 102"), "🟠 Unclaimed")
        await town.settled()
        until(town, 2, 8, 1)  # 9:01 in Amsterdam
        [emea] = await teams.digests(teams.emea)
        assert "1 unclaimed" in emea
        assert "ticket 101" in emea
        assert "ticket 102" not in emea
        assert _digests(town.channel) == []
        until(town, 2, 9, 1)
        [rest] = await teams.digests(town.channel)
        assert "ticket 102" in rest
        assert "ticket 101" not in rest
        assert len(_digests(teams.emea)) == 1
        until(town, 2, 14, 1)  # 9:01 in New York
        _, again = await teams.digests(teams.emea, 2)
        assert "ticket 101" in again
    async with town.bot_running(**teams.settings):
        await town.quiet()
    assert len(_digests(teams.emea)) == 2
    assert len(_digests(town.channel)) == 1


async def test_a_digest_counts_what_the_team_has_done_since_its_own_last_one(
    teams: Teams,
) -> None:
    town = teams.town
    teams.say(emea='digest = "09:00, 15:00"', rest='digest = "09:00"')
    async with town.bot_running(**teams.settings):
        for_emea, for_rest = await teams.both()
        for user, card in ((town.avery, for_emea), (town.blake, for_rest)):
            await town.mark_contacted(user, card, text="Sorry.")
        other = town.feedback("Feedback for ticket 201", description=None, labels=[EMEA])
        await shows_untriaged(town, 1)
        town.gitlab.change_labels(other, add=["feedback::soft-skills"], by=town.duty_gitlab)
        await shows_untriaged(town, 0)
        await town.settled()
        until(town, 2, 9, 1)
        done = "Since Friday 30 Jan: 1 customer contacted, on time"
        [emea], [rest] = await teams.digests(teams.emea), await teams.digests(town.channel)
        assert f"{done}; 1 other feedback triaged." in emea
        assert f"{done}." in rest
        until(town, 2, 11)
        first, second = teams.of_emea("For ticket 103"), teams.of_emea("For ticket 104")
        cards = [await teams.card_of_emea(each, "🟠 Unclaimed") for each in (first, second)]
        await town.mark_contacted(town.avery, cards[0], text="Sorry.")
        await town.settled()
        until(town, 2, 15, 1)
        _, afternoon = await teams.digests(teams.emea, 2)
        assert "Good afternoon." in afternoon
        assert "Since Monday 2 Feb, 09:00: 1 customer contacted, on time." in afternoon
        until(town, 2, 16)
        await town.mark_contacted(town.avery, cards[1], text="Sorry.")
        await town.settled()
        until(town, 3, 9, 1)
        *_, said = await teams.digests(teams.emea, 3)
        assert "Since Monday 2 Feb, 15:00: 1 customer contacted, on time." in said
        until(town, 3, 15, 1)
        await town.quiet()
        assert len(_digests(teams.emea)) == 3, "no digest repeats the one before"
        until(town, 3, 12)
        assert len(_digests(town.channel)) == 1, "there is nothing to say to the other team"


async def test_a_channel_without_the_bot_keeps_no_digest_from_the_others(teams: Teams) -> None:
    town = teams.town
    teams.say(emea='digest = "09:00"', rest='digest = "09:00"')
    async with town.bot_running(**teams.settings):
        await teams.both()
        await town.settled()
        teams.emea.members.discard(town.slack.bot_user_id)
        teams.emea.private = True
        until(town, 2, 9, 1)
        await town.slack.wait_for(lambda: _digests(town.channel), PATIENCE)


# Reminders and the lead


async def test_reminders_and_the_lead_are_the_teams_own(teams: Teams) -> None:
    town = teams.town
    teams.say(
        emea='reminders = "4"\nquiet_hours = "off"\nlead = "S0EMEA"',
        rest='reminders = "off"\nlead = "S0REST"',
    )
    async with town.bot_running(**teams.settings):
        emea, rest = await teams.both()
        await town.quiet()
        town.clock.forward(hours=92, minutes=1)  # a weekend is in it
        await town.slack.wait_for(lambda: _told(teams.emea, "3 business hours left"), PATIENCE)
        town.clock.forward(hours=4)
        await town.slack.wait_for(lambda: _told(teams.emea, "The deadline was"), PATIENCE)
        await town.quiet()
        town.clock.forward(minutes=31)
        await town.slack.wait_for(lambda: _told(teams.emea, "<!subteam^S0EMEA>"), PATIENCE)
        await town.quiet()
        assert any("business hours left" in each.text for each in emea.thread)
        assert all("S0REST" not in each for each in _threads([town.channel, teams.emea]))
        assert not any("business hours left" in each.text for each in rest.thread)


def _threads(channels: Iterable[Channel]) -> list[str]:
    return [
        text_of(each) + each.text
        for channel in channels
        for top in channel.messages
        for each in top.thread
    ]


def _told(channel: Channel, words: str) -> bool:
    return any(words in each for each in _threads([channel]))


# Who may take action


async def test_the_team_of_a_feedback_decides_who_may_take_action_on_it(teams: Teams) -> None:
    town = teams.town
    teams.say(emea=f'managers = "{town.avery.id}"', rest=f'managers = "{town.blake.id}"')
    async with town.bot_running(**teams.settings):
        emea, rest = map(as_seen, await teams.both())
        await town.slack.click(town.blake, emea, "Claim")
        await town.told(town.blake, "View only. To take action, ask <@U0AVERY>.")
        await town.slack.click(town.avery, rest, "Mark contacted")
        await town.told(town.avery, "View only. To take action, ask <@U0BLAKE>.")
        assert not town.slack.views[town.avery.id]
        await town.settled()
        assert town.choices() == []
        await town.slack.click(town.avery, emea, "Claim")
        await town.slack.click(town.blake, rest, "Claim")
        await town.settled()
    assert town.choices() == ["delivered"] * 2


async def test_a_feedback_that_changes_the_team_has_the_managers_on_duty_of_that_team(
    teams: Teams,
) -> None:
    town = teams.town
    teams.on_duty(emea=town.avery.id, rest=town.blake.id)
    async with town.bot_running(**teams.settings):
        await town.idle(PeriodicQueue.DUTY)
        issue = town.feedback()
        await town.card(issue, "On duty: <@U0BLAKE>")
        town.gitlab.change_labels(issue, add=[EMEA], by=town.duty_gitlab)
        both = "On duty: <@U0AVERY> · on duty when it was created: Blake Sample"
        await teams.card_of_emea(issue, both)


async def test_a_record_without_teams_goes_on_with_them(teams: Teams) -> None:
    town = teams.town
    weeks = "\n".join(f'2026-W{week:02} = "{town.blake.id}"' for week in range(1, 53))
    town.people_file.write_text(f"{town.people_file.read_text()}\n[duty]\n{weeks}\n")
    async with town.bot_running(ssat_digest="09:00"):
        issue = town.feedback("For ticket 101")
        await town.card(issue, "On duty: <@U0BLAKE>")
        until(town, 2, 9, 1)
        assert len(await teams.digests(town.channel)) == 1
    teams.say(emea='digest = "off"', rest='digest = "09:00"')
    teams.on_duty(rest=town.casey.id)
    async with town.bot_running(**teams.settings):
        await town.card(issue, "On duty: <@U0CASEY>")
        await town.quiet()
    assert town.slack.direct_messages(town.blake) == [], "a team that is gone hands nothing over"


async def test_a_file_with_one_team_changes_no_words(teams: Teams) -> None:
    town = teams.town
    teams.file.write_text('[[route]]\nname = "all"\nchannel = "#support_escalations"\n')
    teams.on_duty(all=town.avery.id)
    async with town.bot_running(**teams.settings):
        await town.idle(PeriodicQueue.DUTY)
        await town.card(town.feedback(), "On duty: <@U0AVERY>")
        said = text_of(await town.asks(town.casey, "duty"))
        assert said.startswith("*On duty: <@U0AVERY>*\nAccording to the people file")
        assert "teams" not in said
