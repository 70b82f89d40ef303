"""Many requests at once: at the first start, after a gap, by a renamed label. No flood, no loss."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from slackbot.local.gitlab import Issue
from slackbot.local.slack import ApiRequest
from tests.process import bot_process, present_town
from tests.town import CONTACT, CONTACTED, Town, buttons, text_of

SOFT_SKILLS = "feedback::soft-skills"
POLLING = {"ssat_poll_seconds": 1}

MANY = 12
"""More than a catch-up takes for few."""

GOES_DOWN = [
    pytest.param({"drop": True, "when": "before"}, id="dropped before the effect"),
    pytest.param({"drop": True, "when": "after"}, id="dropped after the effect"),
    pytest.param({"status": 502, "when": "after"}, id="502 with HTML after the effect"),
]


def opened(town: Town, number: int) -> list[Issue]:
    """Let customers ask for contact, by the label alone."""
    first = len(town.project.issues) + 1
    return [
        town.feedback(f"Negative feedback for ticket {100 + ticket}", description=None)
        for ticket in range(first, first + number)
    ]


def missed(town: Town, number: int) -> list[Issue]:
    """Let customers ask for contact while nobody looks."""
    found = opened(town, number)
    town.clock.forward(minutes=10)
    return found


async def shown(town: Town, issues: Iterable[Issue], *words: str) -> None:
    for issue in issues:
        await town.card(issue, *words)


async def summary(town: Town) -> str:
    """Wait for the summary; return its words."""
    message = await town.slack.wait_for(lambda: next(iter(town.summaries), None))
    return text_of(message)


def posts(town: Town) -> list[ApiRequest]:
    return [call for call in town.slack.requests if call.method == "chat.postMessage"]


class Backlog:
    """Requests of three days that nobody has seen: on Tuesday at 16:00 the oldest are overdue."""

    def __init__(self, town: Town) -> None:
        self.overdue = opened(town, 4)  # on Friday at 15:00
        town.clock.forward(days=2, hours=23)
        self.near = opened(town, 5)  # on Monday at 14:00, due on Wednesday at 14:00
        town.clock.forward(days=1, hours=2)
        self.later = opened(town, 6)  # on Tuesday at 16:00, due on Thursday at 16:00
        town.clock.forward(minutes=10)


async def test_the_first_start_shows_what_is_urgent_and_tells_of_the_rest(
    quiet_town: Town,
) -> None:
    town = quiet_town
    backlog = Backlog(town)
    async with town.bot_running():
        said = await summary(town)
        await shown(town, backlog.overdue, "Overdue, unclaimed")
        await shown(town, backlog.near, "🟠 Unclaimed", "21 business hours left")
        await town.settled()
        assert len(town.cards) == 9
        assert said == (
            "👋 ssat-bot is running. *15 customers are waiting to hear from a manager.* 4 are "
            "overdue and 5 are due within 24 business hours. The cards come now, most urgent "
            "first. 6 are due later. Their cards come in time; `/ssat` shows all of them now."
        )
        assert town.summaries[0].pings == set()

        # All can be listed, and who asks from now on has a card at once.
        listed = await town.asks(town.avery)
        assert "15 customers are waiting" in text_of(listed)
        assert (await town.slack.click(town.avery, listed, "Next")).ok
        await town.told(town.avery, "15 customers are waiting", f"#{backlog.later[-1].iid}>")
        await town.card(town.feedback("Negative feedback for ticket 99"), "🟠 Unclaimed")
    # Nor does another start post what can wait, or tell of it again.
    async with town.bot_running():
        await town.settled()
        for issue in backlog.later:
            title = f"{issue.title}, again"
            town.gitlab.edit(issue, title=title, by=town.duty_gitlab)
        await town.settled()
        assert len(town.cards) == 10
        town.clock.forward(hours=24, minutes=5)
        await shown(town, backlog.later, "🟠 Unclaimed", "23 business hours left")
        await town.settled()
    assert len(town.cards) == 16
    assert len(town.summaries) == 1


async def test_what_somebody_sees_to_does_not_wait_for_its_card(quiet_town: Town) -> None:
    town = quiet_town
    issues = missed(town, 12)
    async with town.bot_running():
        await summary(town)
        await town.settled()
        assert town.cards == []
        town.gitlab.assign(issues[0], town.blake_gitlab, by=town.blake_gitlab)
        card = await town.card(issues[0], "Claimed by Blake Sample")
        # What is over before its time has come needs none.
        town.gitlab.close(issues[1], by=town.duty_gitlab)
        # Given back, the card stays where it is.
        town.gitlab.assign(issues[0], by=town.duty_gitlab)
        await town.card(issues[0], "🟠 Unclaimed")
        await town.slack.click(town.avery, card, "Claim")
        await town.claimed(issues[0], "Avery Example")
        await town.settled()
        assert len(town.cards) == 1
        town.clock.forward(days=3, hours=2)  # two of them are on the weekend
        await shown(town, issues[2:], "🟠 Unclaimed")
        await town.settled()
        assert len(town.cards) == 11


async def test_after_a_gap_the_channel_is_told_what_was_missed(quiet_town: Town) -> None:
    town = quiet_town
    async with town.bot_running():
        [known] = opened(town, 1)
        await town.card(known, "🟠 Unclaimed")
        await town.settled()
    backlog = Backlog(town)
    town.gitlab.change_labels(backlog.overdue[0], add=[CONTACTED], by=town.duty_gitlab)
    town.gitlab.close(backlog.near[0], by=town.duty_gitlab)
    async with town.bot_running():
        # Somebody has seen to two of them in GitLab, and the one that was known is not news.
        assert await summary(town) == (
            "👋 ssat-bot is back after 4 days and 1 hour. *13 customers asked for a manager's "
            "contact in the meantime.* 3 are overdue and 4 are due within 24 business hours. The "
            "cards come now, most urgent first. 6 are due later. Their cards come in time; `/ssat` "
            "shows all of them now."
        )
        await shown(town, [known, *backlog.overdue[1:]], "Overdue, unclaimed")
        await shown(town, backlog.near[1:], "🟠 Unclaimed")
        await town.settled()
        assert len(town.cards) == 8


async def test_who_has_just_asked_does_not_wait_for_what_else_was_found(quiet_town: Town) -> None:
    town = quiet_town
    missed(town, 12)
    just_now = opened(town, 2)
    async with town.bot_running():
        assert "12 customers" in await summary(town)
        await shown(town, just_now, "🟠 Unclaimed")
        await town.settled()
        assert len(town.cards) == 2


async def test_a_few_requests_after_a_gap_are_shown_without_ado(quiet_town: Town) -> None:
    town = quiet_town
    async with town.bot_running():
        await town.settled()
    town.clock.forward(days=1)
    issues = opened(town, 10)
    async with town.bot_running():
        await shown(town, issues, "🟠 Unclaimed")
        await town.settled()
    assert town.summaries == []


async def test_the_oldest_deadlines_are_shown_first(quiet_town: Town) -> None:
    town = quiet_town
    town.slack.down()
    issues = []
    for _ in range(20):
        issues += opened(town, 1)
        town.clock.forward(minutes=10)
    # The clock of the first began when somebody put the label on, the last of all.
    town.gitlab.change_labels(issues[0], remove=[CONTACT], by=town.duty_gitlab)
    town.gitlab.change_labels(issues[0], add=[CONTACT], by=town.duty_gitlab)
    town.clock.forward(days=6)
    async with town.bot_running():
        await town.in_gitlab(lambda: len(reads(town)) >= 2 * len(issues))
        await town.settled()
        town.slack.up()
        town.clock.forward(minutes=6)  # whatever has failed is ready by now
        await shown(town, issues, "Overdue")
    place = [card.metadata["event_payload"]["key"] for card in town.cards if card.metadata]
    wanted = [f"{town.project.id}/{issue.iid}" for issue in (*issues[1:], issues[0])]
    # Four are posted at the same time, and one may take twice as long as the others.
    assert all(abs(place.index(key) - rank) < 8 for rank, key in enumerate(wanted))


@pytest.mark.parametrize("trouble", GOES_DOWN)
async def test_a_summary_with_a_doubtful_outcome_is_posted_once(
    quiet_town: Town, trouble: dict[str, Any]
) -> None:
    town = quiet_town
    town.slack.faults.add("chat.postMessage", **trouble)
    issues = missed(town, 12)  # all due much later, so that nothing else is posted
    async with town.bot_running():
        await town.slack.wait_for(lambda: posts(town))
        await town.settled()
        town.clock.forward(seconds=3)
        assert "12 are due later" in await summary(town)
        await town.settled()
        await town.card(town.feedback("Negative feedback for ticket 99"), "🟠 Unclaimed")
    async with town.bot_running():
        await town.settled()
        town.gitlab.assign(issues[0], town.blake_gitlab, by=town.blake_gitlab)
        await town.card(issues[0], "Claimed by Blake Sample")
    assert len(town.summaries) == 1
    assert len(town.cards) == 2


async def test_a_summary_waits_for_gitlab_and_is_right_then(quiet_town: Town) -> None:
    town = quiet_town
    issues = missed(town, 12)
    town.gitlab.faults.add(path=r"/issues/\d+", times=None, status=502)
    async with town.bot_running():
        await town.in_gitlab(lambda: len(reads(town)) > 12)
        town.clock.forward(minutes=20)
        await town.settled()
        assert town.summaries == []
        town.gitlab.faults.clear()
        for issue in issues[:2]:
            town.gitlab.close(issue, by=town.duty_gitlab)
        town.clock.forward(minutes=6)
        said = await summary(town)
    assert "10 customers are waiting" in said


def reads(town: Town) -> list[object]:
    return [one for one in town.gitlab.requests if "/issues/" in one.path]


async def test_when_nobody_waits_any_more_there_is_nothing_to_tell(quiet_town: Town) -> None:
    town = quiet_town
    issues = missed(town, 12)
    town.gitlab.faults.add(path=r"/issues/\d+", times=None, status=502)
    async with town.bot_running():
        await town.in_gitlab(lambda: len(reads(town)) > 12)
        town.gitlab.faults.clear()
        for issue in issues:
            town.gitlab.close(issue, by=town.duty_gitlab)
        town.clock.forward(minutes=6)
        await town.settled()
        town.clock.forward(minutes=6)
        await town.card(town.feedback("Negative feedback for ticket 99"), "🟠 Unclaimed")
        await town.settled()
    assert town.summaries == []
    assert len(town.cards) == 1


# The process dies


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_first_reading_that_is_killed_goes_on_where_it_was(
    tmp_path: Path, database_url: str
) -> None:
    async with present_town(tmp_path, database_url) as town:
        opened(town, MANY)  # on the first page: a flood already, so their cards wait
        for ticket in range(100):
            town.feedback(f"Negative feedback for ticket {ticket}", description=None, labels=[])
        opened(town, 6)
        issues = list(town.project.issues.values())
        for number, issue in enumerate(issues):
            issue.updated_at -= timedelta(hours=200 - number)
        town.gitlab.faults.add(path="/issues$", times=1, hang=0)
        town.gitlab.faults.add(path="/issues$", times=1, hang=60)
        async with bot_process(town) as process:
            await town.in_gitlab(lambda: len(pages(town)) == 2)
            await process.kill()
        [line] = [line for line in process.log if line["event"] == "reading"]
        assert (line["issues"], line["of"], line["requests"]) == (100, len(issues), MANY)
        town.gitlab.faults.clear()

        town.clock.forward(minutes=10)
        begun = len(pages(town))
        async with town.bot_running():
            said = await summary(town)
            first, *_ = pages(town)[begun:]
            assert first["state"] == ["opened"]
            assert datetime.fromisoformat(first["updated_after"][0]) > issues[98].updated_at
        assert f"{MANY + 6} customers are waiting" in said
        town.check()


def pages(town: Town) -> list[dict[str, list[str]]]:
    """The queries of the pages of GitLab's list of issues."""
    lists = (one.query for one in town.gitlab.requests if one.path.endswith("/issues"))
    return [query for query in lists if "iids[]" not in query]


# Labels get another name


async def test_the_contact_label_renamed_forgets_nobody_and_floods_nothing(
    quiet_town: Town,
) -> None:
    town = quiet_town
    async with town.bot_running(**POLLING):
        await town.in_gitlab(lambda: len(pages(town)) > 1)
        issues = opened(town, MANY)
        await shown(town, issues, "🟠 Unclaimed")
        await town.settled()
        town.gitlab.rename_label(town.project, CONTACT, "SSAT::Call")
        town.gitlab.rename_label(town.project, CONTACTED, "called")
        await seen_by_the_poll(town)
        await shown(town, issues, "🟠 Unclaimed")
        assert [town.steps(issue) for issue in issues] == [[]] * MANY

        card = await town.card(issues[0], "🟠 Unclaimed")
        await town.slack.click(town.avery, card, "Claim")
        await town.claimed(issues[0], "Avery Example")
    # The setting follows; who takes the label off by its new name means it.
    changes = POLLING | {"ssat_contact_label": "SSAT::Call", "ssat_contacted_label": "called"}
    async with town.bot_running(**changes):
        town.gitlab.change_labels(issues[1], remove=["SSAT::Call"], by=town.duty_gitlab)
        await town.card(issues[1], "Contact request withdrawn")
        await seen_by_the_poll(town)
        await shown(town, issues[2:], "🟠 Unclaimed")
        assert len(town.cards) == MANY


async def test_a_feedback_label_renamed_shows_on_the_cards_and_is_told_nowhere(
    quiet_town: Town,
) -> None:
    town = quiet_town
    async with town.bot_running(**POLLING):
        await town.in_gitlab(lambda: len(pages(town)) > 1)
        issues = opened(town, MANY)
        await shown(town, issues, "🟠 Unclaimed")
        for issue in issues:
            town.gitlab.change_labels(issue, add=[SOFT_SKILLS], by=town.blake_gitlab)
        await shown(town, issues, "soft-skills")
        told = [await town.thread(issue, "Blake Sample chose") for issue in issues]
        await town.settled()
        town.gitlab.rename_label(town.project, SOFT_SKILLS, "feedback::manners")
        await shown(town, issues, "manners")
        await seen_by_the_poll(town)
        assert [len(town.steps(issue)) for issue in issues] == [1] * len(told)
        # The new name is offered, and the old one is not.
        card = await town.card(issues[0], "manners")
        assert "Feedback label" in buttons(card)
        assert SOFT_SKILLS not in str(card.blocks)


async def seen_by_the_poll(town: Town) -> None:
    """Wait until the poll has looked at all that it knows, and the bot has seen to that."""
    town.gitlab.requests.clear()
    await town.in_gitlab(lambda: len(pages(town)) > 1)  # it has read their latest changes
    town.clock.forward(minutes=10)  # so that it does not read these again
    town.gitlab.requests.clear()
    await town.in_gitlab(lambda: len(in_turn(town)) > 1)
    await town.settled()


def in_turn(town: Town) -> list[object]:
    return [one for one in town.gitlab.requests if "iids[]" in one.query]
