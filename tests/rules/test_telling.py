"""Follow-up issues and mentions, as the rules see them."""

from dataclasses import replace
from uuid import UUID

import pytest

from slackbot.rules.decision import (
    Action,
    Decision,
    FollowUp,
    NewIssue,
    Step,
    StepKind,
    Tell,
    apply,
    decide,
    step_of,
    typed_in,
)
from slackbot.rules.refusals import IssueGone, NobodyNamed, Refusal, TextRequired
from slackbot.rules.request import IssueKey, Request
from tests.rules.test_decision import (
    AVERY,
    BLAKE,
    CLAIMED,
    CONTACTED,
    KEY,
    LABELS,
    NOW,
    RULES,
    SCOPE,
    WAITING,
)

FOLLOW = FollowUp(title="Silence", text=None)
TELL = Tell(names=("blake.sample",), text="Please look.")
CREATED = NewIssue(key=IssueKey(8, 3), url="https://gitlab.example/meta/-/issues/3")


def verdict(action: Action, request: Request = WAITING) -> Refusal | None:
    return decide(request, action, AVERY, NOW, labels=LABELS, scope=SCOPE)


@pytest.mark.parametrize(
    "request_",
    [WAITING, CLAIMED, CONTACTED, replace(WAITING, is_open=False)],
    ids=lambda it: it.state,
)
@pytest.mark.parametrize("action", [FOLLOW, TELL], ids=lambda action: action.kind)
def test_it_is_allowed_at_any_time_and_changes_nothing(action: Action, request_: Request) -> None:
    assert verdict(action, request_) is None
    decision = Decision(id=UUID(int=1), key=KEY, by=AVERY, at=NOW, action=action)
    after = apply(request_, decision, RULES)
    assert replace(after, triage=request_.triage, triaged_at=request_.triaged_at) == request_


@pytest.mark.parametrize("action", [FOLLOW, TELL], ids=lambda action: action.kind)
def test_what_is_gone_is_not_followed_up(action: Action) -> None:
    assert isinstance(verdict(action, replace(WAITING, is_gone=True)), IssueGone)


@pytest.mark.parametrize("blank", [None, "", " \n", "\u3164"])
def test_a_follow_up_needs_a_title_and_a_mention_a_text(blank: str | None) -> None:
    for action, field in (
        (replace(FOLLOW, title=blank), "title"),
        (replace(TELL, text=blank), "text"),
    ):
        refusal = verdict(action)
        assert isinstance(refusal, TextRequired)
        assert (refusal.field, refusal.kind) == (field, action.kind)


@pytest.mark.parametrize("is_group", [True, False])
def test_somebody_must_be_named(*, is_group: bool) -> None:
    refusal = verdict(replace(TELL, names=(), is_group=is_group))
    assert isinstance(refusal, NobodyNamed)
    assert (refusal.field, refusal.is_group) == ("names", is_group)
    assert verdict(Tell(names=(), people=(BLAKE,), text="Look")) is None


def test_what_was_typed_is_known_with_its_title() -> None:
    assert typed_in(replace(FOLLOW, text="Why?")) == {"title": "Silence", "text": "Why?"}
    assert typed_in(TELL) == {"text": "Please look."}


@pytest.mark.parametrize(
    ("action", "kind", "detail"),
    [
        (replace(FOLLOW, created=CREATED), StepKind.FOLLOWED_UP, CREATED.url),
        (FOLLOW, StepKind.FOLLOWED_UP, None),
        (replace(TELL, people=(BLAKE,)), StepKind.TOLD, "blake.sample, Blake Sample"),
    ],
)
def test_the_thread_is_told(action: Action, kind: StepKind, detail: str | None) -> None:
    decision = Decision(id=UUID(int=1), key=KEY, by=BLAKE, at=NOW, action=action)
    step = step_of(decision, CLAIMED)
    assert step == Step(kind=kind, who=BLAKE, at=NOW, detail=detail, owner=AVERY)
