"""The modal "Mark contacted", and how its submission is read."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slackbot.blocks.forms.contact import read_contact
from slackbot.blocks.forms.entered import Entered
from slackbot.blocks.forms.form import render_contact
from slackbot.blocks.view import CardView
from slackbot.blocks.words import CHANNELS
from slackbot.local.slack import pings
from slackbot.local.slack.block_kit import validate_view
from slackbot.local.slack.inputs import initial_values
from slackbot.rules.decision import Channel, MarkContacted
from slackbot.rules.handbook import HANDBOOK_LABELS
from slackbot.rules.refusals import Incomplete
from slackbot.rules.request import IssueKey, Person, Request
from slackbot.rules.timing.deadline import BusinessHours

AVERY = Person(name="Avery Example", slack_team="T1", slack_user="U0AVERY", gitlab="avery")
BLAKE = Person(name="Blake Sample", slack_team="T1", slack_user="U0BLAKE")
NOW = datetime(2026, 2, 2, 9, 30, 15, tzinfo=UTC)
REQUEST = Request(
    key=IssueKey(7, 12),
    url="https://gitlab.example/-/issues/12",
    title="Negative feedback for ticket 412345",
    ticket=412345,
    asked_at=datetime(2026, 1, 30, 15, 0, tzinfo=UTC),
    due_at=datetime(2026, 2, 3, 15, 0, tzinfo=UTC),
)


def a_view(request: Request = REQUEST, labels: dict[str, str] | None = None) -> CardView:
    known = dict(HANDBOOK_LABELS) if labels is None else labels
    return CardView(request=request, labels=known, scope="feedback", hours=BusinessHours(), now=NOW)


def modal(request: Request = REQUEST, labels: dict[str, str] | None = None) -> dict[str, Any]:
    return render_contact(a_view(request, labels), AVERY, "")


def inputs(view: dict[str, Any]) -> list[str]:
    return [block["label"]["text"] for block in view["blocks"] if block["type"] == "input"]


def read(values: dict[str, Any]) -> MarkContacted:
    return read_contact(Entered(values), a_view().now)


# --- Drawing -----------------------------------------------------------------------------------


def test_the_modal_asks_what_the_handbook_wants_to_know() -> None:
    view = modal()
    assert validate_view(view) == []
    assert view["private_metadata"] == "7/12:w"
    assert inputs(view) == [
        "How did you contact the customer?",
        "What you sent",
        "When",
        "Feedback label",
        "Close the issue",
    ]
    assert view["blocks"][0]["text"]["text"] == (
        "*<https://support.gitlab.com/hc/requests/412345|ticket 412345>*"
    )


@pytest.mark.parametrize(
    ("holder", "warning"),
    [
        (None, ""),
        (AVERY, ""),
        (Person(name="avery", gitlab="Avery"), ""),  # her own account
        (BLAKE, "\n⚠️ Blake Sample owns this request and will be told."),
        (
            Person(name="<!here> *x*"),
            "\n⚠️ &lt;!here&gt; \u2217x\u2217 owns this request.",
        ),
    ],
)
def test_the_modal_says_whose_request_it_is_if_it_is_a_colleagues(
    holder: Person | None, warning: str
) -> None:
    view = modal(replace(REQUEST, holder=holder))
    assert view["blocks"][0]["text"]["text"] == (
        f"*<https://support.gitlab.com/hc/requests/412345|ticket 412345>*{warning}"
    )
    assert pings(view["blocks"]) == set()


def test_a_call_needs_no_text_and_an_issue_may_stay_open() -> None:
    required = [
        block["block_id"]
        for block in modal()["blocks"]
        if block["type"] == "input" and not block.get("optional")
    ]
    assert required == ["channel", "at"]


def test_a_draft_that_was_sent_stands_in_the_form() -> None:
    view = render_contact(a_view(), AVERY, "Dear customer")
    assert validate_view(view) == []
    contact = read(initial_values(view["blocks"]))
    assert (contact.text, contact.channel) == ("Dear customer", Channel.EMAIL)


def test_the_form_has_the_handbooks_checklist_for_the_ticket() -> None:
    [channel] = [block for block in modal()["blocks"] if block.get("block_id") == "channel"]
    hint = channel["hint"]["text"]
    assert hint.startswith("On the ticket: assign and brief a support engineer")
    assert "the reopen rate and the time to resolution" in hint


def test_a_label_that_is_chosen_already_is_not_asked_for() -> None:
    chosen = replace(REQUEST, labels=frozenset({"feedback::soft-skills"}))
    assert "Feedback label" not in inputs(modal(chosen))
    assert "Feedback label" not in inputs(modal(labels={}))
    assert validate_view(modal(labels={})) == []


def test_without_a_ticket_the_issue_is_named() -> None:
    view = modal(replace(REQUEST, ticket=None, organization="Example & <!channel>"))
    assert view["blocks"][0]["text"]["text"] == (
        "*<https://gitlab.example/-/issues/12|feedback #12>* · Example &amp; &lt;!channel&gt;"
    )


_hostile = st.text() | st.sampled_from(["&" * 5000, "<!channel> @here", "\n" * 99, "*x*"])


@given(
    st.none() | _hostile,
    st.dictionaries(_hostile.map("feedback::{}".format), _hostile)
    | st.integers(1, 150).map(lambda n: {f"feedback::{i:03}": "&" * 300 for i in range(n)}),
)
@settings(deadline=None)
def test_no_text_of_anybody_spoils_the_modal(
    organization: str | None, labels: dict[str, str]
) -> None:
    view = modal(replace(REQUEST, organization=organization), labels)
    assert validate_view(view) == []
    assert pings(view["blocks"]) == set()


def test_every_field_that_can_be_wrong_has_an_input_of_its_own() -> None:
    blocks = {block.get("block_id") for block in modal()["blocks"]}
    assert {"text", "at"} <= blocks


# --- Reading -----------------------------------------------------------------------------------


def submitted(view: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """What Slack sends when somebody submits the modal, as they opened it but for some changes."""
    values: dict[str, Any] = initial_values(view["blocks"])
    for name, value in changes.items():
        values[name] = {name: value}
    return values


def test_a_modal_submitted_as_it_opens_says_by_e_mail_now_and_closes() -> None:
    assert read(submitted(modal())) == MarkContacted(
        channel=Channel.EMAIL, text=None, at=NOW, label=None, close=True
    )


def test_what_a_person_fills_in_is_what_is_read() -> None:
    earlier = NOW - timedelta(hours=2)
    values = submitted(
        modal(),
        channel={"selected_option": {"value": "ticket"}},
        text={"value": "Dear customer,\n/close"},
        at={"selected_date_time": int(earlier.timestamp())},
        label={"selected_option": {"value": "feedback::known-issue"}},
        close={"selected_options": []},
    )
    assert read(values) == MarkContacted(
        channel=Channel.TICKET,
        text="Dear customer,\n/close",
        at=earlier,
        label="feedback::known-issue",
        close=False,
    )


@pytest.mark.parametrize("channel", Channel)
def test_every_way_to_contact_a_customer_can_be_chosen(channel: Channel) -> None:
    assert CHANNELS[channel]
    values = submitted(modal(), channel={"selected_option": {"value": channel.value}})
    assert read(values).channel is channel


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        # A time that was cleared means now.
        ({"at": {"selected_date_time": None}}, {"at": NOW}),
        # Slack leaves out what is empty, or sends null.
        ({"text": {}}, {"text": None}),
        ({"text": {"value": ""}}, {"text": None}),
        ({"close": {}}, {"close": False}),
        ({"label": {"selected_option": None}}, {"label": None}),
    ],
)
def test_what_is_left_empty_is_read_as_empty(
    changes: dict[str, Any], expected: dict[str, Any]
) -> None:
    contact = read(submitted(modal(), **changes))
    assert {name: getattr(contact, name) for name in expected} == expected


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"channel": None},
        submitted(modal(), channel={"selected_option": None}),
        submitted(modal(), channel={"selected_option": {"value": "pigeon"}}),
        submitted(modal(), at={"selected_date_time": "soon"}),
        submitted(modal(), at={"selected_date_time": 10**30}),
    ],
)
def test_what_is_no_submission_of_this_modal_is_malformed(values: Any) -> None:
    with pytest.raises(Incomplete):
        read(values)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@given(
    st.dictionaries(
        st.sampled_from(["channel", "text", "at", "label", "close"]),
        st.dictionaries(
            st.sampled_from(["channel", "text", "at", "label", "close"]),
            _json
            | st.dictionaries(
                st.sampled_from(
                    ["value", "selected_option", "selected_options", "selected_date_time"]
                ),
                _json,
            ),
        )
        | _json,
    )
)
@settings(deadline=None)
def test_whatever_is_submitted_is_read_or_malformed(values: dict[str, Any]) -> None:
    try:
        contact = read(values)
    except Incomplete:
        return
    assert contact.at.tzinfo is UTC
