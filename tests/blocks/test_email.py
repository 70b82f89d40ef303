"""The modals "Draft email" and "Your profile", and how their forms are read."""

import copy
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slackbot.blocks.forms.email import (
    DraftView,
    email_modal,
    facts_of,
    is_untouched,
    read_draft,
    text_block,
)
from slackbot.blocks.forms.entered import Entered
from slackbot.blocks.forms.profile import profile_modal, read_profile
from slackbot.local.slack import links, pings
from slackbot.local.slack.block_kit import validate_view
from slackbot.local.slack.inputs import initial_values
from slackbot.rules.handbook import HANDBOOK_LABELS
from slackbot.rules.outreach import TEXT_LIMIT, Topic, Webmail
from slackbot.rules.profile import FIELDS, LIMITS, Profile, with_defaults
from slackbot.rules.refusals import Incomplete
from slackbot.rules.request import IssueKey, Person, Request

AVERY = Person(name="Avery Example", slack_team="T1", slack_user="U0AVERY", gitlab="avery")
REQUEST = Request(
    key=IssueKey(7, 12),
    url="https://gitlab.example/-/issues/12",
    title="Negative feedback for ticket 412345",
    ticket=412345,
    comment="Nobody\nanswered.",
    organization="Example Ltd",
    labels=frozenset({"feedback::docs-not-helpful"}),
    asked_at=datetime(2026, 1, 30, 15, 0, tzinfo=UTC),
    due_at=datetime(2026, 2, 3, 15, 0, tzinfo=UTC),
)
PROFILE = with_defaults(Profile(), "Avery Example")


def view(text: str = "Dear customer", request: Request = REQUEST, **changes: Any) -> DraftView:
    facts = facts_of(request, PROFILE, labels=HANDBOOK_LABELS, scope="feedback")
    made = DraftView(
        request=request,
        who=AVERY,
        facts=facts,
        subject="Your ticket 412345",
        text=text,
        language="en",
        languages=("en", "de"),
        chosen="en",
        webmail=Webmail.GMAIL,
    )
    return replace(made, **changes)


def shown(modal: dict[str, Any]) -> dict[str, Any]:
    """What Slack sends of a form that nobody has touched."""
    return {**modal, "state": {"values": initial_values(modal["blocks"])}}


def typed(modal: dict[str, Any], text: str | None) -> dict[str, Any]:
    changed = copy.deepcopy(shown(modal))
    block = text_block(modal)
    changed["state"]["values"][block][block]["value"] = text
    return changed


def test_the_record_fills_the_draft() -> None:
    facts = facts_of(REQUEST, PROFILE, labels=HANDBOOK_LABELS, scope="feedback")
    assert (facts.organization, facts.ticket) == ("Example Ltd", "412345")
    assert facts.ticket_link == "https://support.gitlab.com/hc/requests/412345"
    assert facts.words == "Nobody answered."
    assert facts.label_description == HANDBOOK_LABELS["feedback::docs-not-helpful"]
    assert facts.topic is Topic.DOCS
    bare = replace(REQUEST, ticket=None, comment=None, organization=None, labels=frozenset())
    facts = facts_of(bare, PROFILE, labels={}, scope="feedback")
    assert (facts.organization, facts.ticket, facts.words, facts.label) == ("", "", "", "")


def test_the_form_of_nobody_is_read_as_it_was_drawn() -> None:
    read = read_draft(shown(email_modal(view())))
    assert (read.text, read.number, read.chosen) == ("Dear customer", 1, "en")


_typed = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=200)


@given(_typed, _typed)
def test_a_text_is_touched_once_it_says_something_else(first: str, second: str) -> None:
    modal = email_modal(view(first))
    assert is_untouched(read_draft(typed(modal, first)).text, first)
    other = f"{first} and {second}"
    assert not is_untouched(read_draft(typed(modal, other)).text, first)


def test_slacks_line_ends_and_an_empty_field_are_no_change() -> None:
    modal = email_modal(view("Dear\n\ncustomer"))
    for text in ("Dear\r\n\r\ncustomer", "Dear\n\ncustomer\n", None, ""):
        assert is_untouched(read_draft(typed(modal, text)).text, "Dear\n\ncustomer")


def test_what_slack_leaves_out_after_an_update_is_what_stood_there_first() -> None:
    modal = email_modal(view("Guten Tag", language="de", chosen="de"))
    read = read_draft({**modal, "state": {"values": {}}})
    assert (read.text, read.chosen) == ("Guten Tag", "de")


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"blocks": []},
        {"blocks": [{"block_id": "draft_text:x:y"}], "state": {"values": {}}},
        {"blocks": [{"block_id": "draft_text:"}], "state": {"values": {}}},
        {"blocks": None, "state": None},
    ],
)
def test_a_form_of_another_kind_is_incomplete(form: dict[str, Any]) -> None:
    with pytest.raises(Incomplete):
        read_draft(form)


_hostile = st.text(max_size=300) | st.sampled_from(
    ["&" * 5000, "<!channel> @here", "\n" * 99, "*x*", "x|y>z", "あ" * 3000, "<@U0AVERY>"]
)


@given(_hostile, _hostile, _hostile, _hostile, st.sampled_from(Webmail))
def test_no_text_of_anybody_spoils_the_form(
    text: str, organization: str, subject: str, comment: str, webmail: Webmail
) -> None:
    request = replace(REQUEST, organization=organization, comment=comment)
    modal = email_modal(view(text, request, subject=subject, webmail=webmail))
    assert validate_view(modal) == []
    assert pings(modal["blocks"]) == set()
    found = links(modal["blocks"])
    ours = ("mailto:?", "https://mail.google.com/", "https://outlook.office.com/")
    assert all(each.startswith(ours) for each in found)
    assert webmail is not Webmail.OFF or len(found) <= 1


def test_a_text_of_50_kb_is_drawn_within_slacks_limit() -> None:
    modal = email_modal(view("x" * 50_000))
    assert validate_view(modal) == []
    assert f"{TEXT_LIMIT}" in str(modal)


# --- The profile -------------------------------------------------------------------------------


def test_a_profile_is_read_as_it_was_drawn() -> None:
    own = Profile(name="Avery", booking_link="https://calendar.example.com/a", language="pt-BR")
    modal = profile_modal(own, PROFILE, ("en", "de"))
    assert validate_view(modal) == []
    assert read_profile(Entered(initial_values(modal["blocks"]))) == own


@given(
    st.fixed_dictionaries({name: st.text(max_size=LIMITS[name]) for name in FIELDS[:-1]}),
    st.fixed_dictionaries(dict.fromkeys(FIELDS[:-1], _hostile)),
)
def test_no_profile_spoils_the_form(own: dict[str, str], otherwise: dict[str, str]) -> None:
    modal = profile_modal(Profile(**own), Profile(**otherwise), ("en", "de"))
    assert validate_view(modal) == []
    assert pings(modal["blocks"]) == set()
