"""``/ssat``: what is to be done, most urgent first, for the asker only; what works from there."""

import asyncio
import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from slackbot.blocks.answers.duty import NOT_SET_UP
from slackbot.local.gitlab import Issue
from slackbot.local.slack import Ephemeral, User
from slackbot.people import directory as people
from slackbot.store.people import FRESH
from slackbot.store.schema import facts
from tests.town import CONTACT, PATIENCE, PROJECT, Town, buttons, text_of
from tests.turns import take_duty

NO_REQUEST = "**Score:** 2\n**Comment:** Nobody answered for three days."
GROUP = "S0MANAGERS"


def rows(shown: Ephemeral) -> list[str]:
    """What is shown, block by block; buttons left out."""
    return [
        block["text"]["text"] if "text" in block else block["elements"][0]["text"]
        for block in shown.blocks
        if block["type"] != "actions"
    ]


async def says(town: Town, user: User, text: str) -> str:
    return "\n".join(rows(await town.asks(user, text)))


def latest(town: Town, user: User) -> Ephemeral:
    return [one for one in town.slack.ephemerals if one.user == user.id][-1]


async def turned(town: Town, user: User, act: Callable[[], Any]) -> Ephemeral:
    """Let somebody click on what only they see; return what stands in its place then."""
    before = latest(town, user)
    count = len(town.slack.ephemerals)
    assert (await act()).ok

    def is_replaced() -> Ephemeral | None:
        return None if before in town.slack.ephemerals else latest(town, user)

    shown = await town.slack.wait_for(is_replaced)
    assert len(town.slack.ephemerals) == count  # in its place, not below it
    return shown


def plain_feedback(town: Town, ticket: int = 412399, **changes: Any) -> Issue:
    """Let the automation open a feedback that asks for no contact."""
    title = f"Positive feedback for ticket {ticket}"
    labels = ("satisfaction::good",)
    return town.feedback(title, description=NO_REQUEST, labels=labels, **changes)


async def test_an_empty_queue_is_told_kindly(town: Town) -> None:
    answer = await town.asks(town.avery)
    assert rows(answer) == ["No customer is waiting to hear from a manager. ✅"]
    assert answer.text == rows(answer)[0]


async def test_open_requests_are_listed_by_deadline_with_who_has_them(town: Town) -> None:
    # The first issue asks for contact last, so it is due last.
    late = town.feedback(
        "Negative feedback for ticket 412341", labels=["satisfaction::bad"], description=NO_REQUEST
    )
    early = town.feedback("Negative feedback for ticket 412342")
    await town.card(early, "🟠 Unclaimed")
    town.clock.forward(hours=1)
    middle = town.feedback("Negative feedback for ticket 412343")
    town.clock.forward(hours=1)
    town.gitlab.change_labels(late, add=[CONTACT], by=town.blake_gitlab)
    card = await town.card(middle, "🟠 Unclaimed")
    await town.card(late, "🟠 Unclaimed")
    await town.slack.click(town.avery, card, "Claim")
    await town.claimed(middle, "Avery Example")

    first, *listed = rows(await town.asks(town.blake))

    assert first == "*3 customers are waiting to hear from a manager*"
    assert [row.splitlines()[0] for row in listed] == [
        "🟠 Unclaimed · Example Ltd · ticket 412342",
        "🔵 Claimed by Avery Example · Example Ltd · ticket 412343",
        "🟠 Unclaimed · ticket 412341",  # whose description names no organization
    ]
    for row, issue, due in zip(
        listed, (early, middle, late), ("15:00", "16:00", "17:00"), strict=True
    ):
        assert f"Tue 3 Feb, {due} UTC>" in row
        assert f"/-/issues/{issue.iid}|#{issue.iid}>" in row
        assert town.link_to(town.card_of(issue)) in row
        assert "business hours left" in row

    # The deadline passes for one of them.
    town.clock.forward(days=3, hours=22)
    await town.settled()
    row = rows(await town.asks(town.blake))[1]
    assert row.startswith("🔴 Overdue, unclaimed · Example Ltd · ticket 412342")


async def test_what_else_awaits_triage_follows_and_comes_and_goes_with_gitlab(
    town: Town,
) -> None:
    await town.card(town.feedback(), "🟠 Unclaimed")
    good = plain_feedback(town)
    await town.in_gitlab(lambda: town.gitlab.deliveries)

    async def triage() -> list[str]:
        await town.settled()
        return [row.splitlines()[0] for row in rows(await town.asks(town.avery))[2:]]

    assert await triage() == ["🙂 Positive feedback · ticket 412399"]
    # It gets a label, loses it again, and is closed.
    town.gitlab.change_labels(good, add=["feedback::soft-skills"], by=town.blake_gitlab)
    assert await triage() == []
    town.gitlab.change_labels(good, remove=["feedback::soft-skills"], by=town.blake_gitlab)
    assert await triage() == ["🙂 Positive feedback · ticket 412399"]
    town.gitlab.close(good, by=town.blake_gitlab)
    assert await triage() == []


async def test_what_becomes_a_request_is_listed_once_and_what_is_none_any_more_is_not_lost(
    town: Town,
) -> None:
    issue = town.feedback(labels=["satisfaction::bad"], description=NO_REQUEST)
    await town.settled()
    assert "1 untriaged feedback" in await says(town, town.avery, "")
    town.gitlab.change_labels(issue, add=[CONTACT], by=town.blake_gitlab)
    await town.card(issue, "🟠 Unclaimed")
    said = await says(town, town.avery, "")
    assert "*1 customer is waiting" in said
    assert "untriaged" not in said
    town.gitlab.change_labels(issue, remove=[CONTACT], by=town.blake_gitlab)
    await town.card(issue, "withdrawn")
    assert "1 untriaged feedback" in await says(town, town.avery, "")


async def test_what_awaited_triage_before_the_first_start_is_found(quiet_town: Town) -> None:
    plain_feedback(quiet_town)
    async with quiet_town.bot_running():
        await quiet_town.polled()
        assert "ticket 412399" in await says(quiet_town, quiet_town.avery, "")


async def test_other_issues_of_the_project_are_shown_to_nobody(quiet_town: Town) -> None:
    town = quiet_town
    add = town.gitlab.open_issue
    codes = add(town.project, author=town.duty_gitlab, title="Who is who", labels=())
    add(town.project, author=town.duty_gitlab, title="Layoffs", labels=(), confidential=True)
    async with town.bot_running(ssat_link_issue=codes.iid):
        plain_feedback(town)
        await town.quiet()
        later = add(town.project, author=town.duty_gitlab, title="Layoffs, part 2", labels=())
        town.gitlab.comment(codes, "Hello", by=town.duty_gitlab)
        await town.quiet()
        said = await says(town, town.blake, "")
        assert "🙂 Positive feedback · ticket 412399" in said
        assert "Layoffs" not in said
        assert "Layoffs" not in await says(town, town.blake, str(later.iid))


async def test_what_was_deleted_in_gitlab_is_not_kept(quiet_town: Town) -> None:
    town = quiet_town
    issue = plain_feedback(town)
    async with town.bot_running(ssat_poll_seconds=60):
        await town.polled()
        town.gitlab.delete_issue(issue)  # no webhook tells of it
        town.clock.forward(minutes=2)
        await town.polled()
        await town.settled()  # a list that lacks an issue proves nothing yet
        assert "ticket 412399" not in await says(town, town.avery, "")


async def test_what_is_done_is_not_listed_even_while_gitlab_does_not_know_yet(town: Town) -> None:
    done, closed = town.feedback(), town.feedback("Negative feedback for ticket 412346")
    card = await town.card(done, "🟠 Unclaimed")
    await town.card(closed, "🟠 Unclaimed")
    assert len(rows(await town.asks(town.avery))) == 3
    town.gitlab.close(closed, by=town.blake_gitlab)
    await town.card(closed, "Closed without contact")
    [count, row] = rows(await town.asks(town.avery))
    assert count == "*1 customer is waiting to hear from a manager*"
    assert "ticket 412345" in row

    town.gitlab.down()
    await town.mark_contacted(town.avery, card, channel="Call")
    assert "No customer is waiting" in rows(await town.asks(town.avery))[0]
    said = await says(town, town.avery, "done")
    assert "Contact saved, updating GitLab · Example Ltd · ticket 412345" in said
    assert "Closed without contact · Example Ltd · ticket 412346" in said


async def test_the_queue_is_answered_while_gitlab_is_down_and_slack_takes_no_posts(
    town: Town,
) -> None:
    await town.request()
    await town.asks(town.avery)
    await town.settled()
    await town.idle()
    town.gitlab.down()
    town.slack.down()
    seen, read = len(town.slack.requests), len(town.gitlab.requests)
    assert "ticket 412345" in rows(await town.asks(town.avery))[1]
    assert len(town.slack.requests) == seen  # all of it comes from the record
    assert len(town.gitlab.requests) == read


# --- Who may look ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ({"is_restricted": True}, "Guests can't take action"),
        ({"is_ultra_restricted": True}, "Guests can't take action"),
        ({"team_id": "T0CUSTOMER"}, "Only members of this workspace"),
        ({"deleted": True}, "Only people can take action"),
    ],
)
async def test_a_stranger_sees_nothing_of_the_queue(
    town: Town, kind: dict[str, Any], words: str
) -> None:
    await town.card(town.feedback(), "🟠 Unclaimed")
    stranger = town.slack.add_user("U0STRANGER", "stranger", **kind)
    for text in ("", "all", "show 412345", "duty", "help"):
        [said] = rows(await town.asks(stranger, text))
        assert words in said


async def test_nobody_is_shown_the_queue_while_slack_does_not_say_who_it_is(town: Town) -> None:
    await town.card(town.feedback(), "🟠 Unclaimed")
    town.slack.faults.add("users.info", drop=True)
    [said] = rows(await town.asks(town.avery))
    assert "Slack isn't saying who you are right now" in said


async def test_who_may_only_look_sees_no_buttons(quiet_town: Town) -> None:
    town = quiet_town
    town.slack.add_usergroup(GROUP, "managers", [town.avery])
    async with town.bot_running(ssat_managers=GROUP):
        await town.card(town.feedback(), "🟠 Unclaimed")
        await town.asks(town.blake)
        assert buttons(latest(town, town.blake)) == []
        await town.asks(town.avery)
        assert buttons(latest(town, town.avery)) == ["Claim", "Mark contacted"]


# --- Verbs -------------------------------------------------------------------------------------


async def test_mine_is_what_one_holds_and_what_gitlab_gave_to_one(town: Town) -> None:
    held = town.feedback("Negative feedback for ticket 412341")
    town.feedback("Negative feedback for ticket 412342", assignees=[town.avery_gitlab])
    others = town.feedback("Negative feedback for ticket 412343")
    plain_feedback(town, 412344, assignees=[town.avery_gitlab])
    plain_feedback(town, 412345)
    await town.slack.click(town.avery, await town.card(held, "🟠 Unclaimed"), "Claim")
    await town.slack.click(town.blake, await town.card(others, "🟠 Unclaimed"), "Claim")
    await town.card(others, "Claimed", delivered=True)
    await town.settled()

    said = await says(town, town.avery, "mine")
    assert "2 customers are waiting" in said
    for ticket, is_mine in ((1, True), (2, True), (3, False), (4, True), (5, False)):
        assert (f"ticket 41234{ticket}\n" in said) is is_mine
    assert "412343" in await says(town, town.blake, "mine")
    assert "412342" in await says(town, town.blake, "unclaimed")
    assert "412343" not in await says(town, town.blake, "unclaimed")


async def test_mine_is_also_what_gitlab_gave_to_who_is_known_by_email_whichever_replica_answers(
    quiet_town: Town,
) -> None:
    town = quiet_town
    async with town.bot_running():
        issue = town.feedback("Negative feedback for ticket 412342")
        await town.card(issue, "🟠 Unclaimed")
        town.gitlab.assign(issue, town.blake_gitlab, by=town.duty_gitlab)
        await town.thread(issue, "<@U0BLAKE>")
        assert "412342" in await says(town, town.blake, "mine")
    town.gitlab.down()
    async with town.bot_running():
        assert "412342" in await says(town, town.blake, "mine")
    town.gitlab.up()


async def test_who_asks_for_what_is_theirs_is_looked_for_by_email_once_answered(
    quiet_town: Town,
) -> None:
    town = quiet_town
    async with town.bot_running():  # nobody tells the bot who is on duty, nor has anybody claimed
        plain_feedback(town, 412344, assignees=[town.blake_gitlab])
        await town.settled()
        said = await says_in_the_end(town, town.blake, "I don't know your GitLab account yet")
        assert "Otherwise, ask the bot's administrator to add this to the people file" in said
        assert '`U0BLAKE = "gitlab-username"`' in said
        assert "✅" not in said
        said = await says_in_the_end(town, town.blake, "ticket 412344\n")
        assert "don't know your GitLab" not in said
        # It is no matter of a week: who asks is looked up again before the find lapses.
        town.clock.forward(days=2)
        await says(town, town.blake, "mine")
        await found(town, town.blake)
        town.clock.forward(days=6)
        assert "ticket 412344\n" in await says(town, town.blake, "mine")


async def test_who_is_not_found_is_not_looked_for_whenever_they_ask(
    quiet_town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    town = quiet_town
    monkeypatch.setattr(people, "CACHE_SECONDS", 0.0)  # or that alone would see to it
    async with town.bot_running():
        for _ in range(3):
            await says_in_the_end(town, town.casey, "I don't know your GitLab account yet")
        await says(town, town.blake, "mine")
        await found(town, town.blake)  # they are looked for in turn
        assert searches(town, town.casey) == 1
        town.clock.forward(hours=2)
        town.gitlab.user("duty").public_email = town.casey.email
        await says_in_the_end(town, town.casey, "I don't know your GitLab account yet")
        await found(town, town.casey)


async def test_who_cannot_be_looked_for_is_answered_and_looked_for_again_soon(town: Town) -> None:
    town.gitlab.faults.add(path="/users$", status=502, times=None)
    with capture_logs() as logs:
        await says_in_the_end(town, town.blake, "I don't know your GitLab account yet")
        await town.slack.wait_for(lambda: "account_not_looked_up" in str(logs), PATIENCE)
    town.gitlab.faults.clear()
    town.clock.forward(minutes=2)
    await says_in_the_end(town, town.blake, "I don't know your GitLab account yet")
    await says_in_the_end(town, town.blake, "Nothing is waiting for you. ✅")


async def says_in_the_end(town: Town, user: User, words: str) -> str:
    """Let somebody ask for what is theirs until the answer has some words.

    On a busy machine Slack may be too late at first to say who they are.
    """
    async with asyncio.timeout(PATIENCE):
        while words not in (said := await says(town, user, "mine")):
            pass
    return said


async def found(town: Town, user: User) -> None:
    """Wait until it was found out today, by e-mail, who somebody is in GitLab."""
    name = f"found_by_email:{user.id}"

    def is_found() -> bool:
        with town.engine().connect() as connection:
            value = connection.scalar(select(facts.c.value).where(facts.c.name == name))
        at = json.loads(value)["at"] if value else None
        return at is not None and datetime.fromisoformat(at) > town.clock() - FRESH

    await town.slack.wait_for(is_found)


def searches(town: Town, user: User) -> int:
    """How often GitLab was asked who has somebody's e-mail."""
    return sum(str(user.email) in str(one.query) for one in town.gitlab.requests)


async def test_filters_hold_together(town: Town) -> None:
    _, card = await town.request()
    assert "Nothing is overdue" in await says(town, town.avery, "overdue")
    town.clock.forward(days=4)
    assert "ticket 412345" in await says(town, town.avery, "overdue")
    assert "Nothing matches `mine overdue`" in await says(town, town.avery, "mine overdue")
    await town.slack.click(town.avery, card, "Claim")
    assert "Overdue, claimed by Avery" in await says(town, town.avery, "overdue MINE")


async def test_what_was_done_is_listed_for_as_long_as_asked(town: Town) -> None:
    issue, card = await town.request()
    await town.mark_contacted(town.avery, card, channel="Call")
    await town.card(issue, "Contacted")
    town.clock.forward(days=5)
    said = await says(town, town.blake, "done")
    assert "1 done in the last 7 days" in said
    assert "by Avery Example" in said
    said = await says(town, town.blake, "done 3d")
    assert "No contact request has ended in the last 3 days." in said
    assert "Contacted on time · Example Ltd · ticket 412345" in await says(town, town.blake, "all")


async def test_a_number_is_a_ticket_or_an_issue_and_both_are_shown_if_both_fit(
    town: Town,
) -> None:
    issue = town.feedback("Negative feedback for ticket 412345")
    twin = town.feedback(f"Negative feedback for ticket {issue.iid}")
    await town.card(issue, "🟠 Unclaimed")
    await town.card(twin, "🟠 Unclaimed")
    await town.polled()
    link = f"<{town.gitlab.url}/{PROJECT}/-/issues/{issue.iid}>"
    for text in ("412345", "show 412345", "ticket 412345", f"show #{issue.iid}", f"show {link}"):
        said = await says(town, town.avery, text)
        assert "Unclaimed · Example Ltd · ticket 412345" in said
        assert f"ticket {issue.iid}\n" not in said
    both = await says(town, town.avery, str(issue.iid))
    assert "Unclaimed · Example Ltd · ticket 412345" in both
    assert f"Unclaimed · Example Ltd · ticket {issue.iid}" in both


async def test_a_number_that_is_not_known_gets_a_sentence(town: Town) -> None:
    await town.polled()
    said = await says(town, town.avery, "show 999999")
    assert said.startswith("I don't know 999999.")
    assert "Which one?" in await says(town, town.avery, "show")


async def test_a_link_to_another_project_gets_a_sentence(town: Town) -> None:
    await town.polled()
    said = await says(town, town.avery, "show <https://gitlab.com/other/project/-/issues/7>")
    assert "gitlab.com/other/project #7 is in another project" in said
    # On another GitLab the path may be the same.
    said = await says(town, town.avery, f"https://gitlab.com/{town.project.path}/-/issues/7")
    own_host = town.gitlab.url.removeprefix("http://")
    assert said.endswith(f"I only track {town.project.path} at {own_host}.")


@pytest.mark.parametrize(
    ("text", "left_out"), [("412345 overdue", "overdue"), ("claim 412345", "claim")]
)
async def test_with_a_number_other_words_are_told_to_be_of_no_use(
    town: Town, text: str, left_out: str
) -> None:
    await town.card(town.feedback(), "🟠 Unclaimed")
    said = await says(town, town.avery, text)
    assert "Unclaimed · Example Ltd · ticket 412345" in said
    assert f"Not used: {left_out}. " in said


async def test_numbers_beyond_five_are_told_to_be_left_out(town: Town) -> None:
    await town.polled()
    said = await says(town, town.avery, "show 901 902 903 904 905 906 907")
    assert said.startswith("I don't know 901, 902, 903, 904, 905.")
    assert "Not used: 906, 907. " in said


async def test_the_person_on_duty_is_told_from_the_record(quiet_town: Town) -> None:
    town = quiet_town
    async with town.bot_running():
        assert await says(town, town.avery, "duty") == NOT_SET_UP
    await take_duty(town, town.blake)
    async with town.bot_running():
        said = await says(town, town.avery, "duty")
    assert said.startswith("*On duty: <@U0BLAKE>*")
    assert "According to the people file" in said


async def test_a_refresh_looks_at_gitlab_at_once(quiet_town: Town) -> None:
    town = quiet_town
    async with town.bot_running():
        await town.polled()
        for hook in town.gitlab.hooks:
            hook.url = f"{town.url}/nowhere"  # no webhook arrives
        issue = town.feedback()
        assert town.card_of(issue) is None
        assert "Checking GitLab now" in await says(town, town.avery, "refresh")
        await town.card(issue, "🟠 Unclaimed")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("overdeu", 'I don\'t know "overdeu". Did you mean `/ssat overdue`?'),
        ("\U0001f525\U0001f525", "I don't know"),
        ('"quoted" nonsense', 'I don\'t know "quoted".'),
        ("x" * 3000, "I don't know"),
        ("<@U0STRANGER|stranger>", "I can't list the requests of one person."),
        ("mine <!channel>", "I can't list the requests of one person."),
        ("&lt;!channel&gt;", "I can't list the requests of one person."),
        ("help", "`/ssat mine`"),
        ("' or 1=1 --", "I don't know"),
    ],
)
async def test_whatever_is_typed_gets_a_sentence_that_helps(
    town: Town, text: str, words: str
) -> None:
    said = await says(town, town.avery, text)
    assert words in said
    assert "`/ssat overdue`" in said
    assert latest(town, town.avery).pings == set()


# --- What works from there ---------------------------------------------------------------------


async def test_a_claim_from_the_queue_is_as_one_on_the_card(town: Town) -> None:
    issue = town.feedback()
    await town.card(issue, "🟠 Unclaimed")
    await town.asks(town.avery)
    seen = latest(town, town.avery)
    shown = await turned(town, town.avery, lambda: town.slack.click(town.avery, seen, "Claim"))
    assert "Claimed by Avery Example" in text_of(shown)
    assert buttons(shown) == ["Release", "Mark contacted"]
    await town.claimed(issue, "Avery Example")
    assert [user.username for user in issue.assignees] == ["avery"]


async def test_a_filter_survives_a_click(town: Town) -> None:
    for ticket in (412341, 412342):
        await town.card(town.feedback(f"Negative feedback for ticket {ticket}"), "🟠 Unclaimed")
    await town.asks(town.avery, "unclaimed")
    seen = latest(town, town.avery)
    shown = await turned(town, town.avery, lambda: town.slack.click(town.avery, seen, "Claim"))
    assert "1 customer is waiting" in text_of(shown)
    assert "filters: unclaimed" in text_of(shown)
    assert "412341" not in text_of(shown)


async def test_a_customer_is_marked_contacted_from_the_queue(town: Town) -> None:
    issue = town.feedback()
    await town.card(issue, "🟠 Unclaimed")
    await town.asks(town.avery, "412345")
    await town.slack.click(town.avery, latest(town, town.avery), "Mark contacted")
    await town.slack.wait_for(lambda: town.slack.views[town.avery.id])
    await town.slack.submit(town.avery, {"channel": "Call"})
    await town.card(issue, "Contacted")


async def test_a_button_of_an_old_answer_whose_request_is_done_meets_a_sentence(
    town: Town,
) -> None:
    issue, card = await town.request()
    await town.asks(town.blake)
    seen = latest(town, town.blake)
    await town.mark_contacted(town.avery, card, channel="Call")
    await town.card(issue, "Contacted")
    assert (await town.slack.click(town.blake, seen, "Claim")).ok
    await town.told(town.blake, "Avery Example has already contacted this customer.")
    assert seen in town.slack.ephemerals  # what stood there is left alone


async def test_a_long_queue_is_turned_over_while_it_changes(town: Town) -> None:
    issues = [town.feedback(f"Negative feedback for ticket {500000 + n}") for n in range(13)]
    for issue in issues:
        await town.card(issue, "🟠 Unclaimed")
    first = rows(await town.asks(town.casey, "unclaimed"))
    assert first[0] == "*13 customers are waiting to hear from a manager* · filters: unclaimed"
    assert first[-1] == "1\u201310 of 13"

    town.gitlab.close(issues[0], by=town.blake_gitlab)
    await town.card(issues[0], "Closed")
    seen = latest(town, town.casey)
    shown = await turned(town, town.casey, lambda: town.slack.click(town.casey, seen, "Next"))
    said = rows(shown)
    assert said[0] == "*12 customers are waiting to hear from a manager* · filters: unclaimed"
    assert [row.splitlines()[0][-6:] for row in said[1:-1]] == ["500010", "500011", "500012"]
    back = await turned(town, town.casey, lambda: town.slack.click(town.casey, shown, "Previous"))
    assert [row.splitlines()[0][-6:] for row in rows(back)[1:-1]] == [
        str(500000 + n)
        for n in range(1, 11)  # a full page, though one of it has gone
    ]


async def test_much_untriaged_feedback_is_counted_whole_and_turned_over(town: Town) -> None:
    await town.card(town.feedback(), "🟠 Unclaimed")
    for n in range(12):
        plain_feedback(town, ticket=500000 + n)
    await town.in_gitlab(lambda: len(town.gitlab.deliveries) >= 13)
    await town.settled()
    first = rows(await town.asks(town.casey))
    assert first[0] == "*1 customer is waiting to hear from a manager* · 12 untriaged feedbacks"
    assert [row.splitlines()[0][-6:] for row in first[2:-1]] == [str(500000 + n) for n in range(9)]
    assert first[-1] == "1\u201310 of 13"

    seen = latest(town, town.casey)
    said = rows(await turned(town, town.casey, lambda: town.slack.click(town.casey, seen, "Next")))
    assert said[0] == first[0]
    assert [row.splitlines()[0][-6:] for row in said[1:-1]] == ["500009", "500010", "500011"]
    assert said[-1] == "11\u201313 of 13"


async def test_a_forged_page_shows_no_more_than_is_asked_for(town: Town) -> None:
    for n in range(11):
        await town.card(town.feedback(f"Negative feedback for ticket {500000 + n}"), "🟠 Unclaimed")
    await town.asks(town.casey)
    outcome = await town.slack.click(town.casey, latest(town, town.casey), "Next")
    payload = outcome.payload
    stranger = town.slack.add_user("U0STRANGER", "stranger", is_restricted=True)
    for value in ("'; drop table requests|>9.9.9", "|" * 2000, "\U0001f525"):
        payload["actions"][0]["value"] = value
        payload["trigger_id"] += "0"
        assert (await town.slack.replay(payload)).ok
    payload["user"] = {"id": stranger.id, "team_id": town.slack.team_id}
    assert (await town.slack.replay(payload)).ok
    await town.slack.wait_for(lambda: "Guests can't take action" in town.slack.dump())
