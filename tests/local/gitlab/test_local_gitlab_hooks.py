"""Webhooks: what they say, who signed them, and what becomes of those that fail."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from slackbot.local.gitlab import GitLab, Hook, Issue, Project, User, signature

if TYPE_CHECKING:
    from tests.local.gitlab.conftest import Clock, Receiver

FIXTURES = Path(__file__).parent / "fixtures"
SIGNING_TOKEN = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="


def fixture(name: str) -> Any:
    return json.loads((FIXTURES / name).read_text())


@pytest.fixture
def hook(gitlab: GitLab, project: Project, issue: Issue, receiver: "Receiver") -> Hook:
    return gitlab.add_hook(project, receiver.url, token="secret", signing_token=SIGNING_TOKEN)


def test_the_signature_is_the_recorded_one() -> None:
    vector = fixture("signature_vector.json")
    body = (FIXTURES / vector["body_file"]).read_bytes()
    made = signature(
        vector["signing_token"], vector["webhook-id"], vector["webhook-timestamp"], body
    )
    assert made == vector["webhook-signature"]


@pytest.mark.parametrize("times", ["utc", "offset", "iso"])
async def test_payloads_have_the_shape_of_recorded_ones(
    gitlab: GitLab, hook: Hook, issue: Issue, manager: User, clock: "Clock", times: Any
) -> None:
    gitlab.hook_times = times
    gitlab.open_issue(issue.project, author=manager, title="Fresh", labels=["satisfaction::bad"])
    clock.advance(seconds=3)
    gitlab.close(issue, manager)
    gitlab.comment(issue, "On it", manager)
    await gitlab.hooks_settled()
    opened, _, updated, noted = (delivery.payload for delivery in gitlab.deliveries)
    assert keys_of(opened) == keys_of(fixture("webhook.issue.open.json"))
    assert keys_of(updated) == keys_of(fixture("webhook.issue.update.json"))
    assert keys_of(noted) == keys_of(fixture("webhook.note.issue.create.json"))
    written = {"utc": " UTC", "offset": " +0100", "iso": "Z"}[times]
    assert opened["object_attributes"]["created_at"].endswith(written)


def keys_of(value: Any) -> Any:
    """The keys of a JSON value, all the way down; one item stands for its list."""
    if isinstance(value, dict):
        return {key: keys_of(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [keys_of(value[0])] if value else []
    return None


async def test_headers_name_the_event_and_carry_both_secrets(
    gitlab: GitLab, hook: Hook, issue: Issue, manager: User, receiver: "Receiver", clock: "Clock"
) -> None:
    gitlab.edit(issue, title="Louder", by=manager)
    await gitlab.hooks_settled()
    [(headers, body)] = receiver.received
    assert set(fixture("headers.gitlab-17.11.issue_hook.json")) <= set(headers)
    assert headers["X-Gitlab-Event"] == "Issue Hook"
    assert headers["X-Gitlab-Token"] == "secret"
    assert headers["webhook-timestamp"] == str(int(clock.now.timestamp()))
    assert headers["webhook-signature"] == signature(
        SIGNING_TOKEN, headers["webhook-id"], headers["webhook-timestamp"], body
    )


async def test_closing_once_delivers_close_and_then_update(
    gitlab: GitLab, hook: Hook, issue: Issue, manager: User
) -> None:
    gitlab.close(issue, manager)
    await gitlab.hooks_settled()
    actions = [d.payload["object_attributes"]["action"] for d in gitlab.deliveries]
    assert actions == ["close", "update"]
    assert gitlab.deliveries[1].payload["changes"]["state_id"] == {"previous": 1, "current": 2}


async def test_labels_and_assignees_come_as_changes(
    gitlab: GitLab, hook: Hook, issue: Issue, manager: User
) -> None:
    gitlab.change_labels(issue, add=["feedback::other"], by=manager)
    gitlab.assign(issue, manager, by=manager)
    await gitlab.hooks_settled()
    labelled, assigned = (delivery.payload for delivery in gitlab.deliveries)
    changed = labelled["changes"]["labels"]
    assert [label["title"] for label in changed["previous"]] == ["SSAT::Contact"]
    assert [label["title"] for label in changed["current"]] == ["SSAT::Contact", "feedback::other"]
    assert "assignees" not in labelled
    assert [user["username"] for user in assigned["assignees"]] == ["avery"]


@pytest.mark.parametrize(
    ("confidential", "internal", "event"),
    [
        (False, False, "Note Hook"),
        # an internal note is confidential on any issue
        (False, True, "Confidential Note Hook"),
        # and so is any note on a confidential issue
        (True, False, "Confidential Note Hook"),
    ],
)
async def test_what_is_hidden_has_events_of_its_own(
    gitlab: GitLab,
    hook: Hook,
    project: Project,
    manager: User,
    confidential: bool,
    internal: bool,
    event: str,
) -> None:
    issue = gitlab.open_issue(project, author=manager, title="A", confidential=confidential)
    gitlab.comment(issue, "B", manager, internal=internal)
    await gitlab.hooks_settled()
    opened, noted = gitlab.deliveries
    assert opened.event == ("Confidential Issue Hook" if confidential else "Issue Hook")
    assert noted.event == event
    assert noted.payload["event_type"] == event.removesuffix(" Hook").lower().replace(" ", "_")


async def test_other_work_items_arrive_on_the_same_hook(
    gitlab: GitLab, hook: Hook, project: Project, manager: User
) -> None:
    gitlab.open_issue(project, author=manager, title="A task", issue_type="task")
    await gitlab.hooks_settled()
    [delivery] = gitlab.deliveries
    assert delivery.event == "Issue Hook"
    assert delivery.payload["object_kind"] == "work_item"
    assert delivery.payload["object_attributes"]["type"] == "Task"
    assert "/-/work_items/2" in delivery.payload["object_attributes"]["url"]


async def test_a_hook_loses_and_doubles_on_order(
    gitlab: GitLab, hook: Hook, issue: Issue, manager: User, receiver: "Receiver"
) -> None:
    hook.lose = True
    gitlab.comment(issue, "lost", manager)
    hook.lose, hook.double = False, True
    gitlab.comment(issue, "doubled", manager)
    await gitlab.hooks_settled()
    assert [delivery.outcome for delivery in gitlab.deliveries] == [
        "lost",
        "delivered",
        "delivered",
    ]
    ids = [headers["webhook-id"] for headers, _ in receiver.received]
    assert len(ids) == 2
    assert len(set(ids)) == 1


async def test_a_hook_reorders_on_order(
    gitlab: GitLab, hook: Hook, issue: Issue, manager: User
) -> None:
    hook.reorder = True
    for body in ("one", "two", "three"):
        gitlab.comment(issue, body, manager)
    await gitlab.hooks_settled()
    notes = [delivery.payload["object_attributes"]["note"] for delivery in gitlab.deliveries]
    assert notes == ["two", "one", "three"]


async def test_errors_are_not_redelivered_and_disable_the_hook_for_longer_each_time(
    gitlab: GitLab, hook: Hook, issue: Issue, manager: User, receiver: "Receiver", clock: "Clock"
) -> None:
    async def outcome() -> str:
        gitlab.comment(issue, "Hello", manager)
        await gitlab.hooks_settled()
        return gitlab.deliveries[-1].outcome

    receiver.status = 500
    assert [await outcome() for _ in range(5)] == [*["failed"] * 4, "disabled"]
    assert len(receiver.received) == 4
    clock.advance(seconds=60)
    assert await outcome() == "failed"
    clock.advance(seconds=119)
    assert await outcome() == "disabled"
    clock.advance(seconds=1)
    receiver.status = 200
    assert await outcome() == "delivered"
    assert hook.failures_in_row == 0


async def test_the_fortieth_failure_disables_for_good(
    gitlab: GitLab, hook: Hook, issue: Issue, manager: User, receiver: "Receiver", clock: "Clock"
) -> None:
    receiver.status = 404
    for _ in range(40):
        gitlab.comment(issue, "Hello", manager)
        await gitlab.hooks_settled()
        clock.advance(hours=24)
    assert hook.disabled
    clock.advance(days=365)
    gitlab.comment(issue, "Hello", manager)
    await gitlab.hooks_settled()
    assert gitlab.deliveries[-1].outcome == "disabled"
    assert len(receiver.received) == 40


async def test_a_receiver_that_is_gone_counts_as_a_failure(
    gitlab: GitLab, project: Project, issue: Issue, manager: User
) -> None:
    hook = gitlab.add_hook(project, "http://127.0.0.1:1/gitlab/webhook")
    gitlab.comment(issue, "Hello", manager)
    await gitlab.hooks_settled()
    [delivery] = gitlab.deliveries
    assert (delivery.status, delivery.outcome) == (None, "failed")
    assert hook.failures_in_row == 1
