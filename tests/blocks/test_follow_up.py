"""The modals of what a feedback leads to, and the words about it."""

from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slackbot.blocks.card import render_step
from slackbot.blocks.forms.entered import Entered
from slackbot.blocks.forms.follow_up import (
    TEMPLATE_LIMIT,
    Draft,
    description,
    follow_up_modal,
    read_follow_up,
)
from slackbot.blocks.forms.form import names_in, read_form, render_form
from slackbot.blocks.words import OBSTACLES, refusal_words, step_words
from slackbot.local.slack.block_kit import validate_view
from slackbot.rules.decision import (
    Channel,
    Decision,
    FollowUp,
    MarkContacted,
    Step,
    StepKind,
    Tell,
)
from slackbot.rules.offers import Offer
from slackbot.rules.outreach import TEXT_LIMIT
from slackbot.rules.refusals import NoFollowUp, NotInGitLab, Obstacle
from slackbot.rules.request import Person
from tests.blocks.test_card import AVERY, BLAKE, CLAIMED, KEY, MONDAY, WAITING, a_view
from tests.blocks.test_words import RULES

ID = UUID(int=1)

DRAFT = Draft(project="gitlab-com/support/support-team-meta")
anything = st.text(max_size=5_000)


@given(anything, anything, st.none() | anything, st.none() | st.tuples(anything, anything))
def test_the_form_is_one_that_slack_takes_whatever_is_known(
    comment: str, organization: str, template: str | None, points: tuple[str, str] | None
) -> None:
    request = replace(WAITING, comment=comment[:1_500], organization=organization, title=comment)
    draft = replace(DRAFT, template=template, points=points)
    assert validate_view(follow_up_modal(a_view(request), AVERY, draft)) == []


@given(anything, st.tuples(anything, anything))
def test_a_template_within_its_limit_finds_room(comment: str, points: tuple[str, str]) -> None:
    template = "x" * TEMPLATE_LIMIT
    request = replace(WAITING, comment=comment, organization=comment, score=comment)
    draft = replace(DRAFT, template=template, points=points)
    text = description(request, draft)
    assert text.endswith(template)
    assert len(text) <= TEXT_LIMIT


def test_a_template_that_is_too_long_gives_way_to_the_bots_own() -> None:
    draft = replace(DRAFT, template="x" * TEXT_LIMIT)
    assert description(WAITING, draft) == description(WAITING, DRAFT)


@pytest.mark.parametrize("offer", [Offer.TELL_MANAGER, Offer.TELL_GROUP])
def test_the_forms_to_tell_people_are_taken_by_slack(offer: Offer) -> None:
    assert validate_view(render_form(offer, a_view(CLAIMED), BLAKE)) == []


def test_what_lacks_in_a_submission_is_nothing() -> None:
    nothing = Entered({})
    assert read_follow_up(nothing) == FollowUp(title=None, text=None, is_confidential=False)
    seen = "w"
    assert read_form(Offer.TELL_MANAGER, nothing, seen, MONDAY) == Tell(names=(), text=None)
    assert read_form(Offer.TELL_GROUP, nothing, seen, MONDAY) == Tell(
        names=(), is_group=True, text=None
    )


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", ()),
        (" @, ;\n", ()),
        ("avery", ("avery",)),
        ("@avery,@Blake;  @AVERY", ("AVERY", "Blake")),
        ("/gitlab-org/manage/ gitlab-org", ("gitlab-org/manage", "gitlab-org")),
    ],
)
def test_names_are_read_with_or_without_their_sign(text: str, names: tuple[str, ...]) -> None:
    assert names_in(text) == names


username = st.from_regex(r"[a-z0-9_][a-z0-9_.-]{0,10}", fullmatch=True)


@given(
    st.lists(username, unique=True),
    st.sampled_from([" ", ", ", "; ", "\n", " @", ",@"]),
)
def test_names_are_read_however_they_are_separated(names: list[str], separator: str) -> None:
    assert names_in(separator.join(names)) == tuple(names)


# --- Words -------------------------------------------------------------------------------------


def step(kind: StepKind, **more: object) -> Step:
    return replace(Step(kind=kind, who=AVERY, at=MONDAY), **more)  # type: ignore[arg-type]


def test_the_thread_leads_to_the_new_issue_and_the_owner_is_told() -> None:
    url = "https://gitlab.example/meta/-/issues/3"
    said = step_words(step(StepKind.FOLLOWED_UP, detail=url, owner=BLAKE), RULES)
    assert said.startswith(
        f"🔗 Avery Example created a <{url}|follow-up issue> · owner: <@{BLAKE.slack_user}>"
    )
    assert "created a follow-up issue ·" in step_words(step(StepKind.FOLLOWED_UP), RULES)


def test_who_was_told_is_named_without_a_ping() -> None:
    said = step_words(step(StepKind.TOLD, detail="<!here>, @blake"), RULES)
    assert "told &lt;!here&gt;, \uff20blake in the feedback issue" in said


@pytest.mark.parametrize("obstacle", list(Obstacle))
def test_a_refusal_names_the_setting_and_what_to_do(obstacle: Obstacle) -> None:
    said = refusal_words(NoFollowUp("team/meta", obstacle))
    assert said.startswith(f"No issue can be created in team/meta: {OBSTACLES[obstacle]}")
    assert "(SSAT_FOLLOW_UP_PROJECT)" in said
    assert len(said) < 400  # the card shows all of it


def test_what_gitlab_has_against_an_issue_is_said_without_markup() -> None:
    said = refusal_words(NoFollowUp("team/meta", None, "title <b> *is* bad"))
    assert said == "GitLab did not create the follow-up issue: title &lt;b&gt; \u2217is\u2217 bad."
    assert "@" not in refusal_words(NotInGitLab("names", "@here"))


def test_a_refusal_in_the_thread_gives_back_what_was_typed_for_colleagues_only() -> None:
    refused = step(StepKind.REFUSED, detail="why", decision=ID)
    tell = Decision(
        id=ID, key=KEY, by=AVERY, at=MONDAY, action=Tell(names=("x",), text="Please <look>.")
    )
    shown = render_step(refused, RULES, tell)
    assert shown.blocks[1]["elements"][0]["elements"][0]["text"] == "Please <look>."
    sent = MarkContacted(channel=Channel.EMAIL, text="Dear customer", at=MONDAY)
    assert len(render_step(refused, RULES, replace(tell, action=sent)).blocks) == 1
    assert render_step(refused, RULES) == replace(shown, blocks=shown.blocks[:1])


def test_people_chosen_in_slack_keep_their_ids() -> None:
    chosen = Entered({"people": {"people": {"selected_users": ["U1", "U2"]}}})
    tell = read_form(Offer.TELL_MANAGER, chosen, "w", MONDAY)
    assert isinstance(tell, Tell)
    assert tell.people == (
        Person(name="U1", slack_user="U1"),
        Person(name="U2", slack_user="U2"),
    )
