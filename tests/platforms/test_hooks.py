"""Which deliveries of GitLab are authentic, and which issue they say to look at."""

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slackbot.platforms.gitlab.client import GitLabClient
from slackbot.platforms.gitlab.hooks import (
    HookSecrets,
    IsOurs,
    Malformed,
    NotAuthentic,
    delivery_id,
    issue_to_look_at,
    signing_key,
    verify,
)
from slackbot.rules.request import IssueKey

FIXTURES = Path(__file__).parents[1] / "fixtures" / "gitlab"
VECTOR = json.loads((FIXTURES / "signature_vector.json").read_text())
SIGNED_BODY = (FIXTURES / VECTOR["body_file"]).read_bytes()
SIGNED_AT = datetime.fromtimestamp(int(VECTOR["webhook-timestamp"]), UTC)
SIGNED = {name: VECTOR[name] for name in ("webhook-id", "webhook-timestamp", "webhook-signature")}
TOKEN = HookSecrets(secret="right")
SIGNING = HookSecrets(signing_token=VECTOR["signing_token"])
BOTH = HookSecrets(secret="right", signing_token=VECTOR["signing_token"])
OTHER_SIGNATURE = "v1," + base64.b64encode(bytes(32)).decode()


def body_of(name: str, **changes: Any) -> bytes:
    """A captured body, with some of its attributes changed."""
    payload = json.loads((FIXTURES / name).read_text())
    payload["object_attributes"] |= changes
    return json.dumps(payload).encode()


# Is it authentic?


def test_the_right_token_is_accepted() -> None:
    verify({"X-Gitlab-Token": "right"}, b"{}", TOKEN, SIGNED_AT)
    verify({"X-Gitlab-Token": "right"}, b"{}", BOTH, SIGNED_AT)


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({}, "has no token"),
        ({"X-Gitlab-Token": ""}, "token is wrong"),
        ({"X-Gitlab-Token": "righ"}, "token is wrong"),
        ({"X-Gitlab-Token": "right "}, "token is wrong"),
        ({"X-Gitlab-Token": "Right"}, "token is wrong"),
        ({"X-Gitlab-Token": "rïght"}, "token is wrong"),
        # What an HTTP server makes of bytes that are no UTF-8.
        ({"X-Gitlab-Token": "r\udce9ght"}, "token is wrong"),
    ],
)
def test_any_other_token_is_not(headers: dict[str, str], reason: str) -> None:
    with pytest.raises(NotAuthentic, match=reason):
        verify(headers, b"{}", TOKEN, SIGNED_AT)


def test_the_token_does_not_do_where_only_a_signing_token_is_set() -> None:
    with pytest.raises(NotAuthentic, match="not signed"):
        verify({"X-Gitlab-Token": "right"}, b"{}", SIGNING, SIGNED_AT)


def test_the_vector_verifies_byte_for_byte() -> None:
    verify(SIGNED, SIGNED_BODY, SIGNING, SIGNED_AT)
    verify(SIGNED, SIGNED_BODY, BOTH, SIGNED_AT)


@pytest.mark.parametrize("seconds", [-300, -299, 0, 299, 300])
def test_a_timestamp_may_be_five_minutes_off(seconds: int) -> None:
    verify(SIGNED, SIGNED_BODY, SIGNING, SIGNED_AT + timedelta(seconds=seconds))


@pytest.mark.parametrize("seconds", [-301, 301, 86400])
def test_but_no_more_than_that(seconds: int) -> None:
    with pytest.raises(NotAuthentic, match="stale"):
        verify(SIGNED, SIGNED_BODY, SIGNING, SIGNED_AT + timedelta(seconds=seconds))


def test_one_right_signature_of_several_is_enough() -> None:
    several = f"{OTHER_SIGNATURE} v0,nonsense {SIGNED['webhook-signature']} {OTHER_SIGNATURE}"
    verify(SIGNED | {"webhook-signature": several}, SIGNED_BODY, SIGNING, SIGNED_AT)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"webhook-signature": OTHER_SIGNATURE}, "signature is wrong"),
        ({"webhook-signature": f"{OTHER_SIGNATURE} {OTHER_SIGNATURE}"}, "signature is wrong"),
        ({"webhook-signature": ""}, "signature is wrong"),
        ({"webhook-signature": SIGNED["webhook-signature"][3:]}, "signature is wrong"),
        # Another version would be another algorithm.
        ({"webhook-signature": "v2," + SIGNED["webhook-signature"][3:]}, "signature is wrong"),
        ({"webhook-signature": "v1,\udce9"}, "signature is wrong"),
        ({"webhook-id": "another"}, "signature is wrong"),
        ({"webhook-id": "\udce9"}, "signature is wrong"),
        ({"webhook-id": ""}, "no id"),
        ({"webhook-timestamp": ""}, "no timestamp"),
        # Within the tolerance, but not what was signed.
        ({"webhook-timestamp": str(int(SIGNED["webhook-timestamp"]) + 1)}, "signature is wrong"),
        ({"webhook-timestamp": "yesterday"}, "not a number"),
        ({"webhook-timestamp": "9" * 30}, "not a number"),
        ({"webhook-timestamp": "9" * 5000}, "not a number"),
        ({"webhook-timestamp": "NaN"}, "not a number"),
    ],
)
def test_a_wrong_or_incomplete_signature_is_refused(changes: dict[str, str], reason: str) -> None:
    # The right token besides does not help: that would let a thief of the token downgrade.
    headers = SIGNED | {"X-Gitlab-Token": "right"} | changes
    with pytest.raises(NotAuthentic, match=reason):
        verify(headers, SIGNED_BODY, BOTH, SIGNED_AT)


@pytest.mark.parametrize("missing", ["webhook-id", "webhook-timestamp"])
def test_a_signature_without_what_it_signs_is_refused(missing: str) -> None:
    headers = {name: value for name, value in SIGNED.items() if name != missing}
    with pytest.raises(NotAuthentic, match="no id or no timestamp"):
        verify(headers, SIGNED_BODY, SIGNING, SIGNED_AT)


@pytest.mark.parametrize("body", [SIGNED_BODY + b"\n", SIGNED_BODY[:-1], b""])
def test_a_changed_body_is_refused(body: bytes) -> None:
    with pytest.raises(NotAuthentic, match="signature is wrong"):
        verify(SIGNED, body, SIGNING, SIGNED_AT)


def test_another_signing_token_is_refused() -> None:
    other = HookSecrets(signing_token="whsec_" + base64.b64encode(bytes(32)).decode())
    with pytest.raises(NotAuthentic, match="signature is wrong"):
        verify(SIGNED, SIGNED_BODY, other, SIGNED_AT)


def test_a_signed_delivery_needs_the_signing_token_even_if_its_token_is_right() -> None:
    with pytest.raises(NotAuthentic, match="GITLAB_WEBHOOK_SIGNING_TOKEN is not set"):
        verify(SIGNED | {"X-Gitlab-Token": "right"}, SIGNED_BODY, TOKEN, SIGNED_AT)


def test_no_reason_tells_a_secret() -> None:
    cases = (
        ({"X-Gitlab-Token": "tried-secret"}, BOTH),
        (SIGNED | {"webhook-signature": OTHER_SIGNATURE}, BOTH),
        (SIGNED, TOKEN),
    )
    for headers, secrets in cases:
        with pytest.raises(NotAuthentic) as refused:
            verify(headers, SIGNED_BODY, secrets, SIGNED_AT)
        for secret in ("right", "tried-secret", VECTOR["signing_token"], OTHER_SIGNATURE):
            assert secret not in str(refused.value)


def test_a_signing_token_is_whsec_and_base64() -> None:
    assert signing_key(VECTOR["signing_token"]) == bytes(range(32))
    for broken in ("whsec_%%%", "whsec_abc", "whsec_é", "whsec_", ""):
        with pytest.raises(ValueError, match="whsec_"):
            signing_key(broken)


def test_secrets_are_there_if_one_is_set() -> None:
    assert not HookSecrets()
    assert not HookSecrets(secret="", signing_token="")
    assert TOKEN
    assert SIGNING


# Which delivery is it?


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"webhook-id": "one"}, "one"),
        ({"Idempotency-Key": "one"}, "one"),
        ({"webhook-id": "one", "Idempotency-Key": "two"}, "one"),
        ({"webhook-id": "", "Idempotency-Key": "two"}, "two"),
        ({"webhook-id": "x" * 300}, "x" * 255),
    ],
)
def test_a_delivery_is_known_by_its_id(headers: dict[str, str], expected: str | None) -> None:
    assert delivery_id(headers) == expected


def test_any_id_can_be_written_down() -> None:
    kept = delivery_id({"webhook-id": "odd \udce9"})
    assert kept is not None
    assert kept.encode()


# Which issue is it about?


def of(project: str) -> IsOurs:
    """By the setting alone: GitLab has not told anything yet."""
    return GitLabClient("http://gitlab.invalid", "token", project).is_project


@pytest.mark.parametrize(
    ("name", "project", "expected"),
    [
        ("webhook.issue.open.json", "hephaestustest/demo-repository", IssueKey(246765, 5)),
        ("webhook.issue.open.json", "246765", IssueKey(246765, 5)),
        # GitLab's paths know no case, and people copy them with slashes around.
        ("webhook.issue.open.json", "/HephaestusTest/Demo-Repository/", IssueKey(246765, 5)),
        ("webhook.issue.update.json", "hephaestustest/demo-repository", IssueKey(246765, 5)),
        ("webhook.note.issue.create.json", "hephaestustest/demo-repository", IssueKey(246765, 5)),
        # Its project says 1, its attributes say 14: the address is the project's.
        ("webhook.gogitlab.issue.json", "gitlabhq/gitlab-test", IssueKey(1, 23)),
        (
            "webhook.zulip.issue_opened_null_description.json",
            "eeshangarg/my-awesome-project",
            IssueKey(3319043, 7),
        ),
        # Other projects
        ("webhook.issue.open.json", "gitlab-com/support/feedback", None),
        ("webhook.issue.open.json", "hephaestustest/demo", None),
        ("webhook.issue.open.json", "46765", None),
        ("webhook.gogitlab.issue.json", "14", None),
    ],
)
def test_a_captured_delivery_names_its_issue(
    name: str, project: str, expected: IssueKey | None
) -> None:
    assert issue_to_look_at((FIXTURES / name).read_bytes(), of(project)) == expected


@pytest.mark.parametrize("kind", ["Incident", "Task", "Objective", "TestCase", "test_case"])
def test_other_work_items_are_passed_over(kind: str) -> None:
    assert issue_to_look_at(body_of("webhook.issue.open.json", type=kind), of("246765")) is None


@pytest.mark.parametrize("kind", ["Issue", "issue", "ISSUE", None, ""])
def test_an_issue_is_one_however_it_is_spelled(kind: str | None) -> None:
    body = body_of("webhook.issue.open.json", type=kind)
    assert issue_to_look_at(body, of("246765")) == IssueKey(246765, 5)


@pytest.mark.parametrize("kind", ["MergeRequest", "Commit", "Snippet", "Epic", None, ["Issue"]])
def test_comments_on_other_things_are_passed_over(kind: object) -> None:
    body = body_of("webhook.note.issue.create.json", noteable_type=kind)
    assert issue_to_look_at(body, of("246765")) is None


@pytest.mark.parametrize(
    "body",
    [
        b'{"object_kind": "push", "ref": "refs/heads/main"}',
        b'{"object_kind": "pipeline", "object_attributes": {"id": 31}}',
        b'{"object_kind": "merge_request", "object_attributes": {"iid": 1}}',
        b'{"object_kind": "work_item"}',
        b'{"object_kind": "note"}',
        b'{"object_kind": "note", "object_attributes": []}',
        b'{"object_kind": ["issue"]}',
        b'{"event_name": "project_create"}',
        b"{}",
    ],
)
def test_other_events_are_passed_over(body: bytes) -> None:
    assert issue_to_look_at(body, of("246765")) is None


PROJECT = '"project": {"id": 1, "path_with_namespace": "a/b"}'


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not JSON",
        "\ufffe",
        "[]",
        "null",
        "17",
        '"issue"',
        "[" * 100_000,
        '{"a":' * 100_000,
        '{"object_kind": "issue", "object_attributes": ' + "9" * 5000 + "}",
        '{"object_kind": "issue"}',
        '{"object_kind": "issue", "object_attributes": {"iid": 1}}',
        '{"object_kind": "issue", ' + PROJECT + "}",
        '{"object_kind": "issue", ' + PROJECT + ', "object_attributes": null}',
        '{"object_kind": "issue", ' + PROJECT + ', "object_attributes": [{"iid": 1}]}',
        '{"object_kind": "issue", "project": [], "object_attributes": {"iid": 1}}',
        '{"object_kind": "issue", "project": {"id": "1"}, "object_attributes": {"iid": 1}}',
        '{"object_kind": "issue", "project": {"path_with_namespace": "a/b"}, '
        '"object_attributes": {"iid": 1}}',
        '{"object_kind": "issue", "project": {"id": 1, "path_with_namespace": 7}, '
        '"object_attributes": {"iid": 1}}',
        '{"object_kind": "note", ' + PROJECT + ', "object_attributes": {"noteable_type": "Issue"}}',
    ],
    ids=lambda text: text[:60],
)
def test_a_body_of_another_shape_is_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        issue_to_look_at(text.encode("utf-16" if text == "\ufffe" else "utf-8"), of("a/b"))


@pytest.mark.parametrize(
    "iid", ['"5"', "-5", "0", "true", "null", "5.0", "1e400", "NaN", "2147483648", "1" * 400, "[5]"]
)
def test_an_issue_has_a_positive_whole_number(iid: str) -> None:
    body = '{"object_kind": "issue", ' + PROJECT + ', "object_attributes": {"iid": ' + iid + "}}"
    with pytest.raises(Malformed):
        issue_to_look_at(body.encode(), of("a/b"))


@settings(derandomize=True, database=None)
@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_bytes_at_random_are_malformed_or_about_nothing(body: bytes) -> None:
    try:
        found = issue_to_look_at(body, of("a/b"))
    except Malformed:
        found = None
    assert found is None
