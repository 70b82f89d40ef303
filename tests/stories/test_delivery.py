"""Whatever breaks between a choice and GitLab, or the record and Slack: nothing lost or doubled."""

import json
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from slackbot.blocks.text import without_scope
from slackbot.local.gitlab import Issue
from slackbot.local.gitlab.entities import Entities
from slackbot.local.gitlab.faults import READ_ONLY, Fault
from slackbot.local.slack import ApiRequest, Message
from slackbot.platforms.errors import PLATFORM_TIMEOUT
from slackbot.platforms.slack import api as workspace
from slackbot.store.jobs import IssueQueue
from tests.town import (
    CONTACT,
    CONTACTED,
    PATIENCE,
    Town,
    as_seen,
    buttons,
    chosen_label,
    text_of,
)

SOFT_SKILLS, OUTSIDE = "feedback::soft-skills", "feedback::outside-support"
CLAIMED = "🔵 Avery Example claimed this request"

JSON = {"Content-Type": "application/json"}
GOES_DOWN = [
    pytest.param({"drop": True, "when": "before"}, id="dropped before the effect"),
    pytest.param({"drop": True, "when": "after"}, id="dropped after the effect"),
    pytest.param({"status": 502, "when": "before"}, id="502 with HTML before the effect"),
    pytest.param({"status": 502, "when": "after"}, id="502 with HTML after the effect"),
]


def calls(town: Town, method: str) -> list[ApiRequest]:
    return [call for call in town.slack.requests if call.method == method]


def opening(body: str) -> str:
    """What a note says first, in bold."""
    return body.split("**")[1]


def notes_tried(town: Town) -> int:
    return sum(request.path.endswith("/notes") for request in writes(town))


def writes(town: Town) -> list[Any]:
    return [request for request in town.gitlab.requests if request.method in ("POST", "PUT")]


async def claimed(town: Town, issue: Issue) -> Message:
    """Let Avery claim, and wait until that is in GitLab and told."""
    await town.slack.click(town.avery, await town.card(issue, "🟠 Unclaimed"), "Claim")
    await town.thread(issue, "Avery Example claimed")
    await town.settled()
    return await town.claimed(issue, "Avery Example")


# GitLab is away


async def test_choices_made_while_gitlab_is_down_arrive_once_and_in_order(town: Town) -> None:
    issue = town.feedback()
    card = as_seen(await town.card(issue, "🟠 Unclaimed"))
    town.gitlab.down()

    await town.slack.click(town.avery, card, "Claim")
    await town.card(issue, "Claimed by Avery Example", "⏳ Saved", "502")
    await town.slack.choose(town.blake, card, "Feedback label", SOFT_SKILLS)
    await town.card(issue, without_scope(SOFT_SKILLS), f"label {SOFT_SKILLS} by Blake Sample")
    await town.mark_contacted(town.avery, card, channel="Call")
    card = await town.card(
        issue, "Contact saved, updating GitLab", "customer contacted by Avery Example"
    )
    # However often it fails, the next attempt is minutes away, not hours.
    for number in range(9):
        town.gitlab.edit(issue, title=f"Looked at {number}", by=town.blake_gitlab)
        await town.settled()
    town.clock.forward(hours=20)
    await town.settled()
    assert issue.comments == []
    assert town.choices() == ["pending"] * 3
    assert town.steps(issue) == []

    town.gitlab.up()
    town.clock.forward(minutes=6)

    card = await town.card(issue, "Contacted", delivered=True)
    await town.settled()
    assert [opening(note.body) for note in issue.comments] == [
        "Claimed",
        "Feedback label",
        "Customer contacted",
    ]
    assert town.steps(issue) == [
        CLAIMED,
        f"🏷️ Blake Sample chose the feedback label *{SOFT_SKILLS}*",
        "✅ Avery Example contacted the customer by call",
    ]
    assert issue.state == "closed"
    assert issue.assigned_to == ["avery"]
    assert SOFT_SKILLS in issue.labels
    assert "Claim" not in buttons(card)


@pytest.mark.parametrize(
    "trouble",
    [
        pytest.param(
            {"body": json.dumps({"message": READ_ONLY}), "headers": JSON}, id="maintenance mode"
        ),
        pytest.param(
            {"body": '{"message": "Back at noon"}', "headers": JSON},
            id="in an administrator's words",
        ),
        pytest.param({"body": "<html>Request blocked</html>"}, id="a firewall's page"),
    ],
)
async def test_a_403_that_says_nothing_about_the_choice_is_an_outage(
    town: Town, trouble: dict[str, Any]
) -> None:
    issue, card = await town.request()
    fault = town.gitlab.faults.add(method="POST", status=403, times=None, **trouble)
    await town.slack.click(town.avery, card, "Claim")
    await town.card(issue, "Claimed by Avery Example", "⏳ Saved", "when GitLab is back")
    town.clock.forward(hours=1)
    await town.settled()
    assert town.choices() == ["pending"]
    assert town.steps(issue) == []

    town.gitlab.faults.pending.remove(fault)
    town.clock.forward(minutes=6)
    await town.claimed(issue, "Avery Example")
    await town.settled()
    assert [opening(note.body) for note in issue.comments] == ["Claimed"]
    assert town.steps(issue) == [CLAIMED]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        pytest.param("GET", r"/issues/\d+$", id="while the issue is read"),
        pytest.param("GET", "/resource_label_events$", id="while its history is read"),
        pytest.param("GET", "/labels$", id="while the labels are read"),
        pytest.param("POST", "/notes$", id="at the note"),
        pytest.param("PUT", r"/issues/\d+$", id="at the change"),
    ],
)
async def test_a_404_that_passes_is_no_deletion(town: Town, method: str, path: str) -> None:
    issue, card = await town.request()
    fault = town.gitlab.faults.add(method=method, path=path, status=404)
    await town.slack.choose(town.avery, card, "Feedback label", SOFT_SKILLS)
    await town.in_gitlab(lambda: fault.left == 0)
    await town.settled()
    town.clock.forward(seconds=3)
    await town.card(issue, without_scope(SOFT_SKILLS), delivered=True)
    await town.settled()
    assert town.choices() == ["delivered"]
    assert [opening(note.body) for note in issue.comments] == ["Feedback label"]
    assert town.steps(issue) == [f"🏷️ Avery Example chose the feedback label *{SOFT_SKILLS}*"]


async def test_choices_in_quick_succession_arrive_in_the_order_of_the_clicks(town: Town) -> None:
    issue = town.feedback()
    card = as_seen(await town.card(issue, "🟠 Unclaimed"))
    await town.slack.click(town.avery, card, "Claim")
    await town.slack.choose(town.avery, card, "Feedback label", SOFT_SKILLS)
    await town.slack.choose(town.avery, card, "Feedback label", OUTSIDE)
    await town.mark_contacted(town.avery, card, channel="Zendesk ticket")

    await town.card(issue, "Contacted", without_scope(OUTSIDE), delivered=True)
    await town.settled()
    assert [opening(note.body) for note in issue.comments] == [
        "Claimed",
        "Feedback label",
        "Feedback label",
        "Customer contacted",
    ]
    assert SOFT_SKILLS in issue.comments[1].body
    assert OUTSIDE in issue.comments[2].body
    assert [label for label in issue.labels if label.startswith("feedback::")] == [OUTSIDE]
    assert len(town.steps(issue)) == 4


@pytest.mark.parametrize("trouble", GOES_DOWN)
async def test_a_note_with_a_doubtful_outcome_stands_once(
    town: Town, trouble: dict[str, Any]
) -> None:
    issue, card = await town.request()
    fault = town.gitlab.faults.add(method="POST", path="/notes", **trouble)
    await town.slack.click(town.avery, card, "Claim")
    await town.in_gitlab(lambda: fault.left == 0)
    await town.settled()
    town.clock.forward(seconds=3)

    await town.claimed(issue, "Avery Example")
    await town.settled()
    assert [opening(note.body) for note in issue.comments] == ["Claimed"]
    assert issue.assigned_to == ["avery"]
    assert town.steps(issue) == [CLAIMED]


@pytest.mark.parametrize("trouble", GOES_DOWN)
async def test_a_change_with_a_doubtful_outcome_is_nobody_elses(
    town: Town, trouble: dict[str, Any]
) -> None:
    issue, card = await town.request()
    fault = town.gitlab.faults.add(method="PUT", **trouble)
    await town.slack.click(town.avery, card, "Claim")
    await town.in_gitlab(lambda: fault.left == 0)
    await town.settled()
    town.clock.forward(seconds=3)

    await town.claimed(issue, "Avery Example")
    await town.settled()
    assert issue.assigned_to == ["avery"]
    assert [opening(note.body) for note in issue.comments] == ["Claimed"]
    assert town.steps(issue) == [CLAIMED]


async def test_gitlabs_limit_on_notes_is_obeyed_while_everything_else_goes_on(town: Town) -> None:
    issue, other = town.feedback(), town.feedback("Negative feedback for ticket 412346")
    card, other_card = (
        await town.card(issue, "🟠 Unclaimed"),
        await town.card(other, "🟠 Unclaimed"),
    )
    await town.settled()
    town.gitlab.faults.add(
        method="POST",
        path="/notes",
        status=429,
        headers={"Retry-After": "600"},
        body="Retry later\n",
    )

    await town.slack.click(town.avery, card, "Claim")
    await town.card(issue, "Claimed by Avery Example", "too many requests")
    # The limit is the bot's, whatever the issue: nothing is sent, but everything is recorded.
    await town.slack.click(town.blake, other_card, "Claim")
    await town.card(other, "Claimed by Blake Sample", "⏳ Saved", "too many requests")
    # What needs no note is not held up.
    town.gitlab.change_labels(other, add=[SOFT_SKILLS], by=town.blake_gitlab)
    await town.card(other, without_scope(SOFT_SKILLS))
    await town.card(town.feedback("Negative feedback for ticket 412347"), "🟠 Unclaimed")
    await town.settled()
    assert notes_tried(town) == 1
    town.clock.forward(seconds=601)  # though the bot's clock says that it is time
    await town.settled()
    assert notes_tried(town) == 1


async def test_a_note_is_written_once_gitlabs_limit_has_passed(town: Town) -> None:
    issue, card = await town.request()
    town.gitlab.faults.add(
        method="POST", path="/notes", status=429, headers={"Retry-After": "2"}, body="Retry later\n"
    )
    begun = time.monotonic()
    await town.slack.click(town.avery, card, "Claim")
    await town.in_gitlab(lambda: notes_tried(town) > 1)
    assert time.monotonic() - begun >= 2
    await town.claimed(issue, "Avery Example")
    assert issue.assigned_to == ["avery"]


# GitLab refuses


@pytest.mark.parametrize(
    ("method", "status", "reason"),
    [
        pytest.param("POST", 403, "403 Forbidden", id="403"),
        pytest.param("PUT", 422, "422 Unprocessable Entity", id="422"),
    ],
)
async def test_what_gitlab_refuses_is_shown_and_can_be_tried_again(
    town: Town, method: str, status: int, reason: str
) -> None:
    issue, card = await town.request()
    town.gitlab.faults.add(
        method=method,
        status=status,
        body=json.dumps({"message": reason}),
        headers=JSON,
        times=2,
    )
    await town.slack.click(town.avery, card, "Claim")

    problem = f"Error {status}: {reason}"
    told = await town.thread(issue, "<@U0AVERY>", "not carried out", problem)
    assert told.pings == {"<@U0AVERY>"}
    card = await town.card(
        issue, "🟠 Unclaimed", "GitLab rejected this:", "claim by Avery Example", problem
    )
    assert {"Claim", "Try again", "Dismiss"} <= set(buttons(card))
    town.clock.forward(minutes=10)  # it is not tried again by itself
    await town.settled()
    assert town.choices() == ["refused"]
    noted = ["Claimed", "Not carried out"] if method == "PUT" else []
    assert [opening(note.body) for note in issue.comments] == noted

    # Nothing is mended yet; then it is, and a colleague tries again.
    await town.slack.click(town.avery, card, "Try again")
    await town.slack.wait_for(lambda: len(town.steps(issue)) == 2)
    card = await town.card(issue, "🟠 Unclaimed", "GitLab rejected this:")
    await town.settled()
    await town.slack.click(town.blake, card, "Try again")

    card = await town.claimed(issue, "Avery Example")
    assert not {"Try again", "Dismiss"} & set(buttons(card))
    await town.settled()
    assert issue.assigned_to == ["avery"]
    assert [opening(note.body) for note in issue.comments] == [*noted, *noted, "Claimed"]
    assert town.steps(issue)[2:] == [CLAIMED]


def accept_and_do_nothing(town: Town, issue: Issue, **how: Any) -> Fault:
    """Let GitLab answer changes with success, and with the issue as it was."""
    return town.gitlab.faults.add(
        method="PUT",
        status=200,
        headers=JSON,
        body=json.dumps(Entities(town.gitlab.url).issue(issue)),
        **how,
    )


async def test_a_label_that_gitlab_leaves_out_without_a_word_is_not_chosen(town: Town) -> None:
    issue, card = await town.request()
    late = town.gitlab.faults.add(method="PUT", hang=60)
    await town.slack.choose(town.avery, card, "Feedback label", SOFT_SKILLS)
    await town.in_gitlab(lambda: late.left == 0)
    town.gitlab.archive_label(town.project, SOFT_SKILLS)
    town.gitlab.faults.release()

    problem = f"did not set the label {SOFT_SKILLS}"
    await town.thread(issue, "<@U0AVERY>", "not carried out", problem)
    assert chosen_label(await town.card(issue, "GitLab rejected this:", problem)) is None
    await town.settled()
    assert len(town.steps(issue)) == 1
    assert [opening(note.body) for note in issue.comments] == ["Feedback label", "Not carried out"]


@pytest.mark.parametrize(
    "trouble",
    [pytest.param({}, id="paid tier"), pytest.param({"hang": 0}, id="free tier"), *GOES_DOWN],
)
async def test_a_label_whose_successor_gitlab_leaves_out_stays(
    town: Town, trouble: dict[str, Any]
) -> None:
    town.gitlab.premium = not trouble
    issue = town.feedback(labels=[CONTACT, OUTSIDE])
    card = await town.card(issue, without_scope(OUTSIDE))
    late = town.gitlab.faults.add(method="PUT", hang=60)
    await town.slack.choose(town.avery, card, "Feedback label", SOFT_SKILLS)
    await town.in_gitlab(lambda: late.left == 0)
    putting_back = town.gitlab.faults.add(method="PUT", **(trouble or {"hang": 0}))
    town.gitlab.archive_label(town.project, SOFT_SKILLS)
    town.gitlab.faults.release()
    await town.in_gitlab(lambda: putting_back.left == 0)
    await town.settled()
    town.clock.forward(seconds=3)

    await town.thread(
        issue, "<@U0AVERY>", "not carried out", f"did not set the label {SOFT_SKILLS}"
    )
    await town.card(issue, "GitLab rejected this:", without_scope(OUTSIDE))
    await town.settled()
    assert issue.labels == [CONTACT, OUTSIDE]
    assert len(town.steps(issue)) == 1
    assert [opening(note.body) for note in issue.comments] == ["Feedback label", "Not carried out"]


async def test_a_label_that_cannot_be_put_back_is_told(town: Town) -> None:
    issue = town.feedback(labels=[CONTACT, OUTSIDE])
    card = await town.card(issue, without_scope(OUTSIDE))
    late = town.gitlab.faults.add(method="PUT", hang=60)
    await town.slack.choose(town.avery, card, "Feedback label", SOFT_SKILLS)
    await town.in_gitlab(lambda: late.left == 0)
    for label in (SOFT_SKILLS, OUTSIDE):
        town.gitlab.archive_label(town.project, label)
    town.gitlab.faults.release()
    lost = f"did not set the label {SOFT_SKILLS}. It took off the label {OUTSIDE}"
    await town.thread(issue, "<@U0AVERY>", "not carried out", lost)
    await town.card(issue, "GitLab rejected this:")
    await town.settled()  # the issue has been read again since
    shown = town.card_of(issue)
    assert shown
    assert chosen_label(shown) is None


@pytest.mark.parametrize("trouble", [{"hang": 0}, *GOES_DOWN])
async def test_what_gitlab_leaves_out_of_a_contact_is_told_in_the_thread_and_below_the_note(
    town: Town, trouble: dict[str, Any]
) -> None:
    issue, card = await town.request()
    accepted = accept_and_do_nothing(town, issue, times=1, hang=60)
    await town.mark_contacted(town.avery, card, channel="Call")
    await town.in_gitlab(lambda: accepted.left == 0)
    accept_and_do_nothing(town, issue, times=None)
    supplement = town.gitlab.faults.add(method="POST", path="/notes$", **trouble)
    town.gitlab.faults.release()
    await town.in_gitlab(lambda: supplement.left == 0)
    await town.settled()
    town.clock.forward(seconds=3)

    left_out = f"the label {CONTACTED} isn't set, the issue is still open"
    await town.thread(issue, "<@U0AVERY>", "left out a part", left_out)
    await town.card(issue, "Contacted", delivered=True)
    await town.settled()
    assert [opening(note.body) for note in issue.comments] == [
        "Customer contacted",
        "Not all carried out",
    ]
    assert f"`{CONTACTED}` isn't set, the issue is still open" in issue.comments[1].body
    assert len(town.steps(issue)) == 2


async def test_who_stays_assigned_after_a_release_is_told(town: Town) -> None:
    issue = town.feedback()
    card = await claimed(town, issue)
    accept_and_do_nothing(town, issue)
    await town.slack.click(town.avery, card, "Release")
    await town.thread(issue, "<@U0AVERY>", "left out a part", "the assignees aren't as chosen")
    await town.card(issue, "🟠 Unclaimed", delivered=True)


async def test_a_choice_about_an_issue_that_is_deleted_meanwhile_is_told_so(town: Town) -> None:
    issue, card = await town.request()
    late = town.gitlab.faults.add(method="PUT", hang=60)
    await town.slack.click(town.avery, card, "Claim")
    await town.in_gitlab(lambda: late.left == 0)
    town.gitlab.delete_issue(issue)
    town.gitlab.faults.release()
    await town.thread(issue, "<@U0AVERY>", "not carried out", "deleted or moved in GitLab")
    await town.settled()
    town.clock.forward(seconds=3)
    await town.card(issue, "No longer in GitLab")


@pytest.mark.parametrize("trouble", GOES_DOWN)
async def test_a_note_is_withdrawn_once_whatever_becomes_of_the_answer(
    town: Town, trouble: dict[str, Any]
) -> None:
    issue, card = await town.request()
    refusal = town.gitlab.faults.add(method="PUT", status=422, hang=60)
    await town.slack.click(town.avery, card, "Claim")
    await town.in_gitlab(lambda: refusal.left == 0)
    town.gitlab.faults.add(method="POST", path="/notes", **trouble)
    town.gitlab.faults.release()
    await town.card(issue, "🟠 Unclaimed", "GitLab rejected this:")
    await town.settled()
    town.clock.forward(seconds=3)
    await town.settled()

    assert [opening(note.body) for note in issue.comments] == ["Claimed", "Not carried out"]
    assert len(town.steps(issue)) == 1


async def test_a_choice_tried_again_before_its_note_was_withdrawn_goes_on_from_the_note(
    town: Town,
) -> None:
    issue, card = await town.request()
    refusal = town.gitlab.faults.add(method="PUT", status=422, hang=60)
    await town.slack.click(town.avery, card, "Claim")
    await town.in_gitlab(lambda: refusal.left == 0)
    town.gitlab.faults.add(method="POST", path="/notes", status=502, times=None)
    town.gitlab.faults.release()
    card = await town.card(issue, "🟠 Unclaimed", "GitLab rejected this:")
    await town.settled()
    await town.slack.click(town.blake, card, "Try again")

    await town.claimed(issue, "Avery Example")
    await town.settled()
    assert [opening(note.body) for note in issue.comments] == ["Claimed"]
    assert issue.assigned_to == ["avery"]


async def test_a_withdrawal_that_gitlab_refuses_stays_to_be_written(town: Town) -> None:
    issue, card = await town.request()
    refusal = town.gitlab.faults.add(method="PUT", status=422, hang=60)
    await town.slack.click(town.avery, card, "Claim")
    await town.in_gitlab(lambda: refusal.left == 0)
    town.gitlab.faults.add(method="POST", path="/notes", status=403, times=None)
    town.gitlab.faults.release()
    await town.card(issue, "🟠 Unclaimed", "GitLab rejected this:")
    await town.settled()
    assert [opening(note.body) for note in issue.comments] == ["Claimed"]

    town.gitlab.faults.clear()
    town.gitlab.edit(issue, title="Looked at", by=town.blake_gitlab)
    await town.settled()
    assert [opening(note.body) for note in issue.comments] == ["Claimed", "Not carried out"]


async def test_a_bot_that_may_only_read_says_so_and_goes_on_once_it_may_write(town: Town) -> None:
    issue = town.feedback()
    card = as_seen(await town.card(issue, "🟠 Unclaimed"))
    town.gitlab.add_member(town.project, town.bot, 10)  # a guest: may comment, not change
    await town.slack.click(town.avery, card, "Claim")
    card = await town.card(issue, "GitLab rejected this:", "Error 403")

    town.gitlab.add_member(town.project, town.bot, 20)
    await town.settled()
    await town.slack.click(town.avery, card, "Try again")
    await town.claimed(issue, "Avery Example")
    assert issue.assigned_to == ["avery"]
    said = [opening(note.body) for note in issue.comments]
    assert said == ["Claimed", "Not carried out", "Claimed"]


async def test_dismissing_a_refused_choice_clears_it_and_another_can_be_made(town: Town) -> None:
    issue, card = await town.request()
    town.gitlab.faults.add(method="POST", path="/notes", status=403)
    await town.slack.click(town.avery, card, "Claim")
    card = await town.card(issue, "🟠 Unclaimed", "GitLab rejected this:")
    seen = as_seen(card)

    await town.slack.click(town.blake, card, "Dismiss")

    card = await town.card(issue, "🟠 Unclaimed", delivered=True)
    assert not {"Try again", "Dismiss"} & set(buttons(card))
    assert town.choices() == ["dropped"]
    # Whoever has the old card before their eyes gets words, and nothing comes back to life.
    await town.slack.click(town.avery, seen, "Dismiss")
    await town.slack.click(town.blake, seen, "Try again")
    for user in (town.avery, town.blake):
        await town.told(user, "already tried this again or dismissed it")
    await town.settled()
    assert town.choices() == ["dropped"]
    assert issue.comments == []

    await town.slack.click(town.blake, card, "Claim")
    await town.in_gitlab(lambda: issue.assigned_to == ["blake.sample"])


async def test_a_refused_choice_does_not_hold_up_those_after_it(town: Town) -> None:
    issue = town.feedback()
    card = as_seen(await town.card(issue, "🟠 Unclaimed"))
    town.gitlab.faults.add(method="POST", path="/notes", status=403)
    await town.slack.click(town.avery, card, "Claim")
    await town.slack.choose(town.avery, card, "Feedback label", SOFT_SKILLS)

    await town.card(issue, "🟠 Unclaimed", "GitLab rejected this:", "\nsoft-skills", without="⏳")
    await town.in_gitlab(lambda: SOFT_SKILLS in issue.labels)
    assert town.choices() == ["refused", "delivered"]
    assert issue.assigned_to == []


# Slack is away, or asks for patience


async def test_slacks_limits_are_obeyed_while_everything_else_goes_on(town: Town) -> None:
    issue, busy = town.feedback(), town.feedback("Negative feedback for ticket 412346")
    card = await town.card(issue, "🟠 Unclaimed")
    await town.card(busy, "🟠 Unclaimed")
    await town.settled()
    town.clock.stop()  # the two seconds must not pass by themselves
    patience: dict[str, Any] = {
        "status": 429,
        "error": "ratelimited",
        "headers": {"Retry-After": "2"},
    }
    for method in ("chat.update", "chat.postMessage"):
        town.slack.faults.add(method, **patience)
    late = town.feedback("Negative feedback for ticket 412347")

    # People are served at once, and so is GitLab.
    assert (await town.slack.click(town.avery, card, "Claim")).ok
    await town.in_gitlab(lambda: issue.assigned_to == ["avery"])
    assert town.card_of(late) is None
    await town.slack.wait_for(lambda: len(refused(town)) == 2)
    await town.idle(IssueQueue.CARD)
    town.clock.forward(seconds=10)

    await town.card(issue, "Claimed by Avery Example")
    await town.card(late, "🟠 Unclaimed")
    await town.thread(issue, "Avery Example claimed")
    for first in refused(town):
        later = (one.at for one in calls(town, first.method) if one.at > first.at)
        assert min(later) - first.at >= 2
    assert len(town.cards) == 3


def refused(town: Town) -> list[ApiRequest]:
    return [call for call in town.slack.requests if call.error == "ratelimited"]


@pytest.mark.parametrize("trouble", GOES_DOWN)
async def test_a_post_with_a_doubtful_outcome_makes_one_card(
    town: Town, trouble: dict[str, Any]
) -> None:
    town.slack.faults.add("chat.postMessage", **trouble)
    issue = town.feedback()
    await town.slack.wait_for(lambda: calls(town, "chat.postMessage"))
    await town.settled()
    town.clock.forward(seconds=3)
    await town.slack.wait_for(lambda: calls(town, "conversations.history"))
    await town.settled()
    assert len(town.channel.messages) == 1

    # The bot knows where it stands: it can repaint it, and tell in its thread.
    await claimed(town, issue)
    assert len(town.channel.messages) == 1
    assert town.steps(issue) == [CLAIMED]


async def test_a_post_that_slack_takes_too_long_over_is_left_alone_until_it_has_surely_ended(
    quiet_town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    town = quiet_town
    monkeypatch.setattr(workspace, "TIMEOUT_SECONDS", 2)
    late = town.slack.faults.add("chat.postMessage", hang=60)  # and then it is posted after all
    async with town.bot_running():
        issue = town.feedback()
        await town.slack.wait_for(lambda: late.hits == 1, PATIENCE)
        await town.idle(IssueQueue.CARD)
        assert town.cards == []
        # Whoever wants it sooner, and whatever the bot's clock says: Slack may still be at it.
        town.clock.forward(minutes=10)
        town.gitlab.edit(issue, title="Looked at", by=town.blake_gitlab)
        await town.gitlab.hooks_settled()
        await town.idle(IssueQueue.SYNC)
        town.slack.faults.release()
        await town.slack.wait_for(lambda: town.cards, PATIENCE)
        assert len(calls(town, "chat.postMessage")) == 1
        assert len(calls(town, "conversations.history")) == 1  # before the first card of all

        await town.elapse(PLATFORM_TIMEOUT)
        await town.slack.wait_for(lambda: len(calls(town, "conversations.history")) == 2, PATIENCE)
        await town.slack.wait_for(lambda: calls(town, "chat.update"), PATIENCE)
        await claimed(town, issue)
        assert len(town.channel.messages) == 1
        assert town.steps(issue) == [CLAIMED]


@pytest.mark.parametrize("trouble", GOES_DOWN)
async def test_a_step_with_a_doubtful_outcome_is_told_once(
    town: Town, trouble: dict[str, Any]
) -> None:
    issue, card = await town.request()
    town.slack.faults.add("chat.postMessage", **trouble)
    await town.slack.click(town.avery, card, "Claim")
    await town.slack.wait_for(lambda: len(calls(town, "chat.postMessage")) == 2)
    await town.settled()
    town.clock.forward(seconds=3)
    await town.slack.wait_for(lambda: calls(town, "conversations.replies"))
    await town.thread(issue, "Avery Example claimed")
    await town.settled()
    assert town.steps(issue) == [CLAIMED]
    assert len(town.channel.messages) == 1


@pytest.mark.parametrize("trouble", GOES_DOWN)
async def test_a_card_that_could_not_be_repainted_is_repainted_later(
    town: Town, trouble: dict[str, Any]
) -> None:
    issue, card = await town.request()
    await town.settled()
    town.gitlab.down()
    town.slack.faults.add("chat.update", **trouble)
    await town.slack.click(town.avery, card, "Claim")
    await town.slack.wait_for(lambda: calls(town, "chat.update"))
    await town.settled()
    town.clock.forward(seconds=3)
    await town.card(issue, "Claimed by Avery Example", "⏳ Saved")
    town.gitlab.up()
    town.clock.forward(minutes=1)
    await town.claimed(issue, "Avery Example")
    assert len(town.cards) == 1


async def test_a_repaint_that_lands_over_a_later_one_is_painted_over(town: Town) -> None:
    issue = town.feedback()
    card = await town.card(issue, "🟠 Unclaimed")
    await town.settled()
    late = town.slack.faults.add("chat.update", drop=True, when="late", hang=60)
    await town.slack.click(town.avery, card, "Claim")
    await town.slack.wait_for(lambda: late.hits)
    await town.settled()
    town.clock.forward(seconds=3)
    await town.card(issue, "Claimed by Avery Example", delivered=True)
    await town.settled()
    town.slack.faults.release()  # Slack comes to it after all
    await town.card(issue, "Claimed by Avery Example", "⏳ Saved")

    town.clock.forward(seconds=PLATFORM_TIMEOUT.total_seconds())
    await town.card(issue, "Claimed by Avery Example", delivered=True)
    await town.settled()
    painted = len(calls(town, "chat.update"))
    town.clock.forward(minutes=5)
    await town.settled()
    assert len(calls(town, "chat.update")) == painted  # once is enough


async def test_what_happens_while_slack_is_down_is_seen_when_it_is_back(town: Town) -> None:
    seen = town.feedback()
    await town.card(seen, "🟠 Unclaimed")
    await town.settled()
    town.slack.down()
    unseen = town.feedback("Negative feedback for ticket 412346")
    done = town.feedback("Negative feedback for ticket 412347")
    town.gitlab.assign(seen, town.blake_gitlab, by=town.blake_gitlab)
    await town.settled()
    town.gitlab.close(done, by=town.blake_gitlab)
    await town.settled()
    assert len(town.cards) == 1

    town.slack.up()
    town.clock.forward(minutes=1)

    await town.card(unseen, "🟠 Unclaimed", "ticket 412346")
    await town.card(seen, "Claimed by Blake Sample")
    await town.thread(seen, "Blake Sample assigned themselves")
    # Of this one nobody knows whether it was posted before the line went dead.
    await town.settled()
    assert len(town.cards) <= 3
    assert "🟠 Unclaimed" not in text_of(town.card_of(done))


async def test_a_bot_thrown_out_of_the_channel_goes_on_when_it_is_let_in_again(town: Town) -> None:
    town.channel.members.remove(town.slack.bot_user_id)
    issue = town.feedback()
    await town.slack.wait_for(
        lambda: calls(town, "chat.postMessage") or calls(town, "users.conversations")
    )
    await town.settled()
    assert town.cards == []

    town.channel.members.add(town.slack.bot_user_id)
    town.clock.forward(minutes=1)
    await town.card(issue, "🟠 Unclaimed")


# The card itself


@pytest.mark.parametrize("has_thread", [False, True], ids=["without a thread", "with a thread"])
async def test_a_card_deleted_in_slack_is_posted_afresh_with_the_next_change(
    town: Town, has_thread: bool
) -> None:
    issue = town.feedback()
    card = await (claimed(town, issue) if has_thread else town.card(issue, "🟠 Unclaimed"))
    await town.settled()
    town.slack.delete_message(town.channel, card.ts)

    town.gitlab.change_labels(issue, add=[SOFT_SKILLS], by=town.blake_gitlab)

    fresh = await town.card(issue, without_scope(SOFT_SKILLS), "Nobody answered for three days")
    assert fresh.ts != card.ts
    told = await town.thread(issue, "Blake Sample chose the feedback label")
    assert told.thread_ts == fresh.ts
    # It is a card like any other.
    await town.slack.choose(town.avery, fresh, "Feedback label", OUTSIDE)
    await town.card(issue, without_scope(OUTSIDE), delivered=True)
    assert len(town.cards) == 1


async def test_a_finished_card_deleted_in_slack_stays_deleted(town: Town) -> None:
    issue = town.feedback()
    card = await claimed(town, issue)
    await town.mark_contacted(town.avery, card, channel="Call")
    card = await town.card(issue, "Contacted", delivered=True)
    await town.settled()
    town.slack.delete_message(town.channel, card.ts)
    town.gitlab.change_labels(issue, add=[SOFT_SKILLS], by=town.blake_gitlab)
    await town.slack.wait_for(
        lambda: [call for call in calls(town, "chat.update") if call.error == "message_not_found"]
    )
    await town.settled()
    assert town.cards == []


async def test_a_card_too_old_to_be_edited_is_left_alone_and_the_thread_goes_on(town: Town) -> None:
    issue = town.feedback()
    card = as_seen(await town.card(issue, "🟠 Unclaimed"))
    await town.settled()
    town.slack.edit_window = timedelta(minutes=1)
    town.clock.forward(minutes=2)
    await town.slack.click(town.avery, card, "Claim")
    await town.thread(issue, "Avery Example claimed")
    await town.settled()
    assert len(town.channel.messages) == 1
    assert {call.error for call in calls(town, "chat.update")} == {"edit_window_closed"}


async def test_blocks_that_slack_refuses_make_a_bare_card_that_works(town: Town) -> None:
    town.slack.faults.add("chat.postMessage", error="invalid_blocks")
    issue = town.feedback()

    card = await town.card(issue, "🟠 Unclaimed", "ticket 412345", "business hours left")

    assert "Nobody answered" not in text_of(card)
    assert buttons(card) == ["Claim", "Mark contacted"]
    town.slack.faults.add("chat.update", error="msg_blocks_too_long")
    await town.slack.click(town.avery, card, "Claim")
    await town.in_gitlab(lambda: issue.assigned_to == ["avery"])
    await town.thread(issue, "Avery Example claimed")
    await town.claimed(issue, "Avery Example")
    assert len(town.cards) == 1


async def test_the_time_left_is_repainted_as_hours_pass_and_past_the_deadline(town: Town) -> None:
    # Friday 15:00; due on Tuesday at 15:00.
    issue = town.feedback()
    await town.card(issue, "🟠 Unclaimed", "47 business hours left", "Tue 3 Feb, 15:00 UTC")
    await town.settled()
    painted = len(calls(town, "chat.update"))

    async def after(forward: Callable[[], None], *words: str, without: str = "\0") -> None:
        nonlocal painted
        forward()
        await town.card(issue, *words, without=without)
        await town.settled()
        painted += 1
        assert len(calls(town, "chat.update")) == painted  # however many hours went by

    await after(lambda: town.clock.forward(hours=2), "45 business hours left")
    await after(lambda: town.clock.forward(hours=7, minutes=30), "39 business hours left")
    town.clock.forward(hours=46, minutes=30)  # Sunday 23:00: a weekend takes nothing away
    await town.settled()
    assert "39 business hours left" in text_of(town.card_of(issue))
    await after(lambda: town.clock.forward(hours=38, minutes=30), "1 business hour left")
    await after(
        lambda: town.clock.forward(hours=1), "less than 1 business hour left", without="Overdue"
    )
    await after(
        lambda: town.clock.forward(minutes=31),
        "🔴 Overdue, unclaimed · Example Ltd* · ticket 412345",
        "less than 1 hour overdue",
    )
    await after(lambda: town.clock.forward(hours=2), "2 hours overdue")

    await claimed_overdue(town, issue)
    card = await town.card(issue, "Overdue, claimed by Avery Example")
    await town.mark_contacted(town.avery, card, channel="Call")
    await town.card(issue, "Contacted", "2 hours late", delivered=True)
    await town.settled()
    painted = len(calls(town, "chat.update"))
    town.clock.forward(hours=30)
    await town.settled()
    assert len(calls(town, "chat.update")) == painted  # no time is running any more


async def claimed_overdue(town: Town, issue: Issue) -> None:
    card = await town.card(issue, "Overdue")
    await town.slack.click(town.avery, card, "Claim")
    await town.card(issue, "claimed by Avery Example", delivered=True)
