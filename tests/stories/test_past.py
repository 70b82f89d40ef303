"""``ssat-bot stats``: figures on the command line, from the record and from GitLab's whole past."""

import csv
import io
from datetime import datetime, timedelta

import pytest

from slackbot.local.gitlab import Issue
from slackbot.past import stats_for
from slackbot.platforms.errors import PlatformError
from slackbot.rules.reading.feedback import Sentiment
from slackbot.rules.stats import Stats
from slackbot.rules.timing.period import NotAsked, Trouble
from tests.process import launched
from tests.town import CONTACT, Town

WRONG, NOTHING = 2, 1


async def read(town: Town, text: str = "", *, from_gitlab: bool = True) -> Stats:
    progress: list[tuple[int, int]] = []
    stats = await stats_for(
        town.set_up(),
        text,
        lambda *counts: progress.append(counts),
        from_gitlab=from_gitlab,
        clock=town.clock,
    )
    assert bool(progress) is from_gitlab
    return stats


async def a_past(town: Town) -> tuple[Issue, Issue]:
    """Let one customer be contacted by Slack, and another wait past the deadline."""
    async with town.bot_running():
        issue, card = await town.request()
        waiting = town.feedback("Negative feedback for ticket 412346")
        await town.card(waiting, "🟠 Unclaimed")
        town.clock.forward(hours=2)
        assert (await town.slack.click(town.avery, card, "Claim")).ok
        await town.claimed(issue, "Avery Example")
        town.clock.forward(hours=2)
        await town.mark_contacted(town.avery, card, text="Sorry.")
        await town.card(issue, "Contacted", delivered=True)
        town.clock.forward(days=5)
        await town.quiet()
    return issue, waiting


async def test_gitlab_alone_tells_the_same_as_the_record(quiet_town: Town) -> None:
    town = quiet_town
    await a_past(town)
    of_record = await read(town, "30d by manager", from_gitlab=False)
    of_gitlab = await read(town, "30d by manager")
    assert of_record.now.figures == of_gitlab.now.figures
    assert list(of_record.groups.values()) == list(of_gitlab.groups.values())
    assert of_gitlab.now.figures.requests == 2
    assert of_gitlab.now.figures.on_time == 1
    assert of_gitlab.now.figures.overdue == 1
    assert of_gitlab.now.figures.to_contact.median == pytest.approx(4, abs=0.1)
    assert of_gitlab.now.figures.to_claim.median == pytest.approx(2, abs=0.1)


async def test_the_whole_past_begins_with_the_first_feedback(quiet_town: Town) -> None:
    town = quiet_town
    old = town.feedback(labels=(CONTACT,))
    old.created_at = old.updated_at = town.clock() - timedelta(days=500)
    for event in old.label_events:
        event.created_at = old.created_at
    good = town.feedback(
        "Positive feedback for ticket 500", description=None, labels=["satisfaction::good"]
    )
    town.gitlab.open_issue(town.project, author=town.automation, title="Order new chairs")
    stats = await read(town)
    assert stats.period.start == (town.clock() - timedelta(days=500)).date()
    assert stats.now.figures.requests == 1
    assert stats.now.feedback == 2  # chairs are no feedback
    assert stats.now.sentiments[Sentiment.POSITIVE] == 1
    assert (stats.before, stats.since) == (None, None)  # there was nothing before
    of_a_week = await read(town, "7d")
    assert (of_a_week.now.figures.requests, of_a_week.now.feedback) == (0, 1)
    assert of_a_week.before is not None
    assert good.iid


async def test_only_contact_requests_have_their_history_read(quiet_town: Town) -> None:
    town = quiet_town
    asking = town.feedback()
    town.feedback("Positive feedback for ticket 1", description=None, labels=[])
    await read(town)
    histories = {
        request.path for request in town.gitlab.requests if request.path.endswith("/notes")
    }
    assert histories == {f"/api/v4/projects/{town.project.id}/issues/{asking.iid}/notes"}
    assert {request.method for request in town.gitlab.requests} == {"GET"}


async def test_who_is_asked_for_patience_goes_on_where_it_stopped(quiet_town: Town) -> None:
    town = quiet_town
    town.feedback()
    town.gitlab.faults.add(method="GET", path="/issues$", status=429, headers={"Retry-After": "0"})
    town.gitlab.faults.add(method="GET", path="/notes$", status=429, headers={"Retry-After": "0"})
    assert (await read(town)).now.figures.requests == 1


async def test_a_gitlab_that_fails_ends_it(quiet_town: Town) -> None:
    quiet_town.gitlab.down()
    with pytest.raises(PlatformError):
        await read(quiet_town)
    quiet_town.gitlab.up()


async def test_a_bad_question_is_answered_before_anything_is_read(quiet_town: Town) -> None:
    with pytest.raises(NotAsked) as caught:
        await read(quiet_town, "by engineer")
    assert (caught.value.trouble, caught.value.word) == (Trouble.UNKNOWN_GROUPING, "engineer")
    assert quiet_town.gitlab.requests == []


# --- As a process ------------------------------------------------------------------------------


async def test_the_command_prints_figures_or_a_file(quiet_town: Town) -> None:
    town = quiet_town
    town.clock.forward(days=(datetime.now(town.clock().tzinfo) - town.clock()).days - 1)
    town.feedback(labels=(CONTACT, "feedback::soft-skills"))
    async with launched(town, "stats --from-gitlab --by label 7d") as process:
        assert await process.ended() == 0, process.complained
        assert "Contact requests: 1 (+1)" in process.said
        assert "  soft-skills: 1 request" in process.said
    for words in ("--csv 7d", "7d CSV"):
        async with launched(town, f"stats --from-gitlab {words}") as process:
            assert await process.ended() == 0
            [row, *_] = csv.DictReader(io.StringIO(process.said))
            assert (row["figure"], row["value"]) == ("contact requests", "1")


async def test_the_command_prints_the_record_while_the_bot_runs(quiet_town: Town) -> None:
    town = quiet_town
    town.clock.forward(days=(datetime.now(town.clock().tzinfo) - town.clock()).days)
    async with town.bot_running():
        issue, card = await town.request()
        async with launched(town, "stats 7d") as process:
            assert await process.ended() == 0, process.complained
            assert "Contact requests: 1\n" in process.said
            assert "The record is complete only since" in process.said
        assert (await town.slack.click(town.avery, card, "Claim")).ok
        await town.claimed(issue, "Avery Example")
        async with launched(town, "stats --csv 7d") as process:
            assert await process.ended() == 0, process.complained
            assert "contact requests,1," in process.said


async def test_the_command_makes_no_record_where_there_is_none(quiet_town: Town) -> None:
    missing = quiet_town.folder / "missing.db"
    url = f"sqlite:///{missing}"
    async with launched(quiet_town, "stats 7d", database_url=url) as process:
        assert await process.ended() == WRONG
        assert f"there is no file {missing}; `ssat-bot run` creates it" in process.complained
    assert list(quiet_town.folder.glob("missing.db*")) == []


async def test_the_command_says_what_is_wrong(quiet_town: Town) -> None:
    for words, said in (
        (
            "--by engineer",
            "I can't group by engineer. I know by label, by region, by manager, by score.",
        ),
        ("2026-02-01..2026-01-01", "The period 2026-02-01..2026-01-01 has no day."),
        ("2990-02-01..2990-03-01", "is in the future."),
    ):
        async with launched(quiet_town, f"stats {words}") as process:
            assert await process.ended() == WRONG
            assert said in process.complained
            assert process.said == ""
    async with launched(quiet_town, "stats 7d") as process:
        assert await process.ended() == NOTHING
        assert "There is no feedback from" in process.said
