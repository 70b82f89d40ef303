"""The card: what it says in every state, and that nothing anybody writes can spoil it."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from slackbot.blocks.answers.duty import DutyView
from slackbot.blocks.card import (
    CARD_EVENT,
    actions_id,
    headline,
    notification,
    render_bare_card,
    render_card,
)
from slackbot.blocks.elements import LABELS_BUDGET, label_options
from slackbot.blocks.view import CardView
from slackbot.blocks.words import INDIRECT, TOKEN_REFUSED
from slackbot.local.slack import links, pings
from slackbot.local.slack.block_kit import characters, validate_blocks
from slackbot.platforms.slack.message import SlackMessage
from slackbot.platforms.slack.outbox import metadata
from slackbot.rules.decision import (
    Action,
    Channel,
    ChooseLabel,
    Claim,
    Decision,
    MarkContacted,
    Release,
    TakeOver,
)
from slackbot.rules.handbook import HANDBOOK_LABELS
from slackbot.rules.reading.feedback import Sentiment
from slackbot.rules.request import IssueKey, Person, Request, State
from slackbot.rules.timing.deadline import ALWAYS, BusinessHours

KEY = IssueKey(7, 12)
FRIDAY = datetime(2026, 1, 30, 15, 0, tzinfo=UTC)
MONDAY = datetime(2026, 2, 2, 9, 0, tzinfo=UTC)
DUE = datetime(2026, 2, 3, 15, 0, tzinfo=UTC)
CHARACTERS = 10_000
"""What a message of ours may have over all blocks; Slack refuses it at about 12,000."""

AVERY = Person(name="Avery Example", slack_team="T1", slack_user="U1", gitlab="avery")
BLAKE = Person(name="Blake Sample", slack_team="T1", slack_user="U2")
SOFT_SKILLS = "feedback::soft-skills"
TICKET = "https://support.gitlab.com/hc/requests/412345"

WAITING = Request(
    key=KEY,
    url="https://gitlab.example/-/issues/12",
    title="Negative feedback for ticket 412345",
    ticket=412345,
    comment="Nobody answered for three days.",
    labels=frozenset({"SSAT::Contact"}),
    asked_at=FRIDAY,
    due_at=DUE,
)
CLAIMED = replace(WAITING, holder=AVERY, held_since=FRIDAY + timedelta(minutes=5))
CONTACTED = replace(CLAIMED, contacted_at=MONDAY, contacted_by=AVERY, is_open=False)
STATES = {
    State.OPEN: replace(
        WAITING, sentiment=Sentiment.NEGATIVE, is_requested=False, was_requested=False
    ),
    State.WAITING: WAITING,
    State.CLAIMED: CLAIMED,
    State.CONTACTED: CONTACTED,
    State.CLOSED: replace(CLAIMED, is_open=False),
    State.WITHDRAWN: replace(CLAIMED, is_requested=False),
    State.GONE: replace(CLAIMED, is_gone=True),
}


def a_view(request: Request = WAITING, **changes: Any) -> CardView:
    view = CardView(
        request=request, labels=HANDBOOK_LABELS, scope="feedback", hours=ALWAYS, now=MONDAY
    )
    return replace(view, **changes)


def decided(action: Action, who: Person = AVERY, number: int = 0) -> Decision:
    return Decision(id=uuid5(UUID(int=0), str(number)), key=KEY, by=who, at=MONDAY, action=action)


CALLED = decided(MarkContacted(channel=Channel.CALL, text=None, at=MONDAY))


def texts(node: Any) -> Iterable[str]:
    """Every text in blocks, from top to bottom; options and confirmations left out."""
    if isinstance(node, dict):
        if isinstance(node.get("text"), str):
            yield node["text"]
        for key, value in node.items():
            if key not in ("options", "confirm", "initial_option"):
                yield from texts(value)
    elif isinstance(node, list | tuple):
        for each in node:
            yield from texts(each)


def shown(message: SlackMessage) -> str:
    return "\n".join(texts(message.blocks))


def elements(message: SlackMessage) -> list[dict[str, Any]]:
    """Whatever can be clicked, but for the menus."""
    return [one for one in _elements(message) if one["type"] != "overflow"]


def menu_options(message: SlackMessage) -> list[dict[str, Any]]:
    menus = [one for one in _elements(message) if one["type"] == "overflow"]
    return [option for menu in menus for option in menu["options"]]


def _elements(message: SlackMessage) -> Iterator[dict[str, Any]]:
    for block in message.blocks:
        yield from block["elements"] if block["type"] == "actions" else ()
        if "accessory" in block:
            yield block["accessory"]


def labels_of_elements(message: SlackMessage) -> list[str]:
    return [(one.get("text") or one["placeholder"])["text"] for one in elements(message)]


def labels_of_menu(message: SlackMessage) -> list[str]:
    return [option["text"]["text"] for option in menu_options(message)]


def first_line(card: SlackMessage) -> str:
    """Of the card's title, without the link to the ticket."""
    line = str(card.blocks[0]["text"]["text"]).partition("\n")[0]
    return re.sub(r"<[^|>]*\|([^>]*)>", r"\1", line.replace("*", ""))


def second_line(card: SlackMessage) -> str:
    return str(card.blocks[0]["text"]["text"]).partition("\n")[2]


def the_quote(card: SlackMessage) -> str:
    """Return the customer's words on a card."""
    found = [block for block in card.blocks if block["type"] == "rich_text"]
    return str(found[0]["elements"][0]["elements"][0]["text"]) if found else ""


def check(message: SlackMessage, ticket: str | None = TICKET) -> None:
    """Whatever anybody wrote, the only link is that to the ticket."""
    blocks = list(message.blocks)
    assert validate_blocks(blocks, "message") == []
    assert characters(blocks) < CHARACTERS
    assert pings(blocks) == set()
    assert pings(message.text) == set()
    assert links(blocks) <= {ticket}
    assert message.text.strip()


# --- States ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "title", "buttons", "menu"),
    [
        (
            State.WAITING,
            "🟠 Unclaimed · ticket 412345",
            ["Claim", "Mark contacted", "Feedback label"],
            ["Review…", "Draft email…", "Open issue", "Open ticket", "More…"],
        ),
        (
            State.CLAIMED,
            "🔵 Claimed by Avery Example · ticket 412345",
            ["Take over", "Mark contacted", "Feedback label"],
            # The title leads to the ticket.
            ["Review…", "Draft email…", "Release", "Open issue", "More…"],
        ),
        # Nobody asked for contact.
        (
            State.OPEN,
            "🙁 Negative feedback · ticket 412345",
            ["Claim", "Mark contacted", "Feedback label"],
            ["Review…", "Close…", "Open issue", "Open ticket", "More…"],
        ),
        (
            State.CONTACTED,
            "✅ Contacted on time · ticket 412345",
            [],
            ["Add note…", "Change label…", "Open issue", "Open ticket", "More…"],
        ),
        (
            State.CLOSED,
            "⚫ Closed without contact · ticket 412345",
            [],
            ["Add note…", "Change label…", "Open issue", "Open ticket", "More…"],
        ),
        (
            State.WITHDRAWN,
            "⚪ Contact request withdrawn · ticket 412345",
            [],
            ["Review…", "Close without contact…", "Open issue", "Open ticket", "More…"],
        ),
        # A link to what is gone would lead nowhere.
        (State.GONE, "⚫ No longer in GitLab · ticket 412345", [], ["Open ticket"]),
    ],
)
def test_a_card_says_its_state_in_words_and_offers_what_can_be_done(
    state: State, title: str, buttons: list[str], menu: list[str]
) -> None:
    assert STATES[state].state is state
    card = render_card(a_view(STATES[state]))
    check(card)
    assert first_line(card) == title
    assert labels_of_elements(card) == buttons
    assert labels_of_menu(card) == menu
    check(render_bare_card(a_view(STATES[state])))


def test_every_state_has_other_words_and_not_only_another_mark() -> None:
    titles = [first_line(render_card(a_view(request))) for request in STATES.values()]
    assert len({re.sub(r"^\W+", "", title).split(" · ")[0] for title in titles}) == len(State)


@pytest.mark.parametrize(
    ("view", "said"),
    [
        (
            a_view(),
            "🟠 Unclaimed · ticket 412345 · 30 business hours left, due Tue 3 Feb, 15:00 UTC",
        ),
        (
            a_view(CLAIMED, hours=BusinessHours(timezone=ZoneInfo("Europe/Amsterdam"))),
            "🔵 Claimed by Avery Example · ticket 412345 · 30 business hours left, "
            "due Tue 3 Feb, 16:00 CET",
        ),
        (
            a_view(now=DUE - timedelta(minutes=10)),
            "🟠 Unclaimed · ticket 412345 · less than 1 business hour left, "
            "due Tue 3 Feb, 15:00 UTC",
        ),
        (
            a_view(now=DUE),
            "🔴 Overdue, unclaimed · ticket 412345 · less than 1 hour overdue, "
            "due Tue 3 Feb, 15:00 UTC",
        ),
        (
            a_view(CLAIMED, now=DUE + timedelta(hours=25)),
            "🔴 Overdue, claimed by Avery Example · ticket 412345 · "
            "25 hours overdue, due Tue 3 Feb, 15:00 UTC",
        ),
        (a_view(CONTACTED), "✅ Contacted on time · ticket 412345"),
        # Indirect feedback has no ticket.
        (
            a_view(replace(WAITING, ticket=None)),
            "🟠 Unclaimed · feedback #12 · 30 business hours left, due Tue 3 Feb, 15:00 UTC",
        ),
    ],
)
def test_the_notification_reads_well_alone(view: CardView, said: str) -> None:
    assert notification(view) == said
    assert render_card(view).text == said


def test_the_notification_is_escaped() -> None:
    who = replace(AVERY, name="A <!channel> & @here")
    card = render_card(a_view(replace(CLAIMED, holder=who)))
    assert "A &lt;!channel&gt; &amp; \uff20here" in card.text
    check(card)


def test_a_name_in_the_headline_is_short_and_hides_nothing() -> None:
    who = replace(AVERY, name="evil\u202egnp\n" * 20)
    title = first_line(render_card(a_view(replace(CLAIMED, holder=who))))
    assert title == "🔵 Claimed by evilgnp evilgnp evilgnp evilgnp evilgnp… · ticket 412345"


# --- What it shows -----------------------------------------------------------------------------


def test_the_customers_words_are_shown_as_plain_text() -> None:
    words = "*Nobody* answered <!channel> @here https://example.com\n/close"
    card = render_card(a_view(replace(WAITING, comment=words)))
    [quote] = [block for block in card.blocks if block["type"] == "rich_text"]
    assert quote["elements"][0]["elements"] == [{"type": "text", "text": words.replace("\n", " ")}]
    check(card)


def test_of_many_lines_of_the_customer_a_few_words_are_shown() -> None:
    card = render_card(a_view(replace(WAITING, comment="\n".join(f"line {n}" for n in range(99)))))
    words = the_quote(card)
    assert words.startswith("line 0 line 1 line 2 ")
    assert len(words) <= 120


def test_a_long_line_of_the_customer_is_cut() -> None:
    card = render_card(a_view(replace(WAITING, comment="word " * 300)))
    words = the_quote(card)
    assert len(words) <= 120
    assert words.endswith("word…")


def test_organization_and_score_are_shown_where_they_are_known() -> None:
    card = render_card(a_view(replace(WAITING, organization="Example & Sons", score="2 of 7")))
    assert first_line(card) == "🟠 Unclaimed · Example &amp; Sons · ticket 412345"
    assert second_line(card).endswith(" · score 2 of 7")
    assert "score" not in shown(render_card(a_view()))


def test_indirect_feedback_is_said_to_be_that() -> None:
    card = render_card(a_view(replace(WAITING, is_indirect=True)))
    assert second_line(card).endswith(f" · {INDIRECT}")


@pytest.mark.parametrize(
    ("request_", "who"),
    [
        (WAITING, "|Tue 3 Feb, 15:00 UTC>"),
        (
            replace(WAITING, assignees=("dana", "<!here>")),
            " · assigned to dana, &lt;!here&gt;",
        ),
        (replace(CLAIMED, assignees=("avery",)), "|Tue 3 Feb, 15:00 UTC>)"),  # the title names them
        (CONTACTED, "Avery Example · no feedback label"),
        (replace(STATES[State.CLOSED], closed_by="Blake"), "by Blake · no feedback label"),
    ],
)
def test_a_card_says_whose_it_is(request_: Request, who: str) -> None:
    assert who in second_line(render_card(a_view(request_)))


def test_an_assignee_who_is_on_duty_is_named_once() -> None:
    request, duty = replace(WAITING, assignees=("AVERY", "dana")), DutyView(people=(AVERY,))
    card = render_card(a_view(request, on_duty=duty))
    assert second_line(card).endswith(" · On duty: <@U1> · assigned to dana")
    of_plain = replace(STATES[State.OPEN], assignees=("avery",))  # it names nobody on duty
    card = render_card(a_view(of_plain, on_duty=duty))
    assert second_line(card).endswith(" · assigned to Avery Example")


_CLOSED = replace(WAITING, is_open=False, closed_by="Blake Sample", closed_at=FRIDAY)
_UNASKED = replace(_CLOSED, is_requested=False, was_requested=False)


@pytest.mark.parametrize(
    ("last", "words"),
    [
        (CONTACTED, "the last was contacted by Avery Example on <!date^"),
        (_CLOSED, "the last was closed without contact by Blake Sample on <!date^1769785200^"),
        (
            replace(_UNASKED, sentiment=Sentiment.POSITIVE),
            "the last, a good review, was closed by Blake Sample on <!date^1769785200^",
        ),
        (
            replace(_UNASKED, sentiment=Sentiment.NEGATIVE, closed_by="<!here>"),
            "the last, a bad review, was closed by &lt;!here&gt; on <!date^1769785200^",
        ),
        (
            # an earlier release did not note when, and GitLab does not always tell who
            replace(_CLOSED, sentiment=Sentiment.NEUTRAL, closed_by=None, closed_at=None),
            "the last, a neutral review, was closed without contact",
        ),
        (WAITING, "<https://gitlab.example/-/issues/12|#12> is still open"),
    ],
)
def test_a_card_says_what_became_of_the_feedback_before_it(last: Request, words: str) -> None:
    card = render_card(a_view(WAITING, earlier=(last,)))
    assert f"2nd feedback on this ticket; {words}" in shown(card)


def test_who_was_on_duty_when_it_was_created_is_named_beside_who_is_now() -> None:
    request, duty = replace(WAITING, responsible=(BLAKE, AVERY)), DutyView(people=(AVERY,))
    said = "On duty: <@U1> · on duty when it was created: Blake Sample"
    assert said in shown(render_card(a_view(request, on_duty=duty)))
    assert "created" not in shown(
        render_card(a_view(request, on_duty=DutyView(people=(AVERY, BLAKE))))
    )


def test_the_headline_names_the_organization_in_few_words() -> None:
    meadow = replace(WAITING, organization="Meadow Placeholder Inc.")
    assert headline(a_view(meadow)) == "🟠 Unclaimed · Meadow Placeholder Inc. · ticket 412345"
    loud = replace(WAITING, organization="*<!here>*\n@channel " + "x" * 99)
    assert headline(a_view(loud)) == (
        "🟠 Unclaimed · \u2217<!here>\u2217 \uff20channel xxxxxxxxxxxxxxxxxxxx… · ticket 412345"
    )


def test_neither_a_label_nor_its_meaning_wakes_anybody() -> None:
    label = "feedback::<!channel>"
    for request in (WAITING, CONTACTED):
        labeled = replace(request, labels=frozenset({label}))
        check(render_card(a_view(labeled, labels={label: "<!here>"})))
        check(render_card(a_view(labeled, labels={})))


def test_a_finished_card_says_the_label_even_if_the_project_does_not_describe_it() -> None:
    card = render_card(a_view(replace(CONTACTED, labels=frozenset({"feedback::new"}))))
    assert second_line(card).endswith(" · new")
    assert second_line(render_card(a_view(CONTACTED))).endswith(" · no feedback label")


@pytest.mark.parametrize(
    ("contacted_at", "said"),
    [
        (MONDAY, "✅ Contacted on time"),
        # To the second, and over the weekend.
        (DUE, "✅ Contacted on time"),
        (DUE + timedelta(seconds=1), "✅ Contacted less than a minute late"),
        (DUE + timedelta(hours=1), "✅ Contacted 1 hour late"),
        (datetime(2026, 2, 9, 15, 0, tzinfo=UTC), "✅ Contacted 6 days late"),
        # Contacted in the very minute of the request, as people pick minutes.
        (FRIDAY, "✅ Contacted on time"),
    ],
)
def test_a_card_says_whether_the_promise_was_kept(contacted_at: datetime, said: str) -> None:
    asked_at = FRIDAY + timedelta(seconds=20) if contacted_at == FRIDAY else FRIDAY
    request = replace(CONTACTED, asked_at=asked_at, contacted_at=contacted_at)
    assert first_line(render_card(a_view(request))) == f"{said} · ticket 412345"


def test_who_had_not_asked_for_contact_had_no_deadline_to_keep() -> None:
    request = replace(CONTACTED, is_requested=False, was_requested=False)
    assert first_line(render_card(a_view(request))) == "✅ Contacted · ticket 412345"


# --- On the way, refused -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("problem", "said"),
    [
        (None, "⏳ Saved, updating GitLab: claim by Blake Sample"),
        (
            "error 502",
            "⏳ Saved; will be sent when GitLab is back (error 502): claim by Blake Sample",
        ),
        (
            TOKEN_REFUSED,
            "⏳ Saved; will be sent when the bot's administrator has fixed this "
            "(GitLab does not accept GITLAB_TOKEN): claim by Blake Sample",
        ),
    ],
)
def test_what_gitlab_does_not_have_yet_is_said_with_the_reason(
    problem: str | None, said: str
) -> None:
    view = a_view(CLAIMED, pending=(decided(Claim(), BLAKE),), waits_because=problem)
    assert said in shown(render_card(view))


def test_of_many_choices_on_their_way_a_few_are_named() -> None:
    view = a_view(CLAIMED, pending=tuple(decided(Release(), number=n) for n in range(9)))
    assert shown(render_card(view)).count("release by Avery Example") == 5


def test_a_contact_is_not_said_to_be_done_before_gitlab_has_it() -> None:
    card = render_card(a_view(CONTACTED, pending=(CALLED,)))
    assert first_line(card) == "⏳ Contact saved, updating GitLab · ticket 412345"


def test_a_label_on_its_way_does_not_put_the_contact_in_doubt() -> None:
    card = render_card(a_view(CONTACTED, pending=(decided(ChooseLabel(label=SOFT_SKILLS)),)))
    assert first_line(card) == "✅ Contacted on time · ticket 412345"


def test_what_gitlab_refused_is_said_with_what_can_be_done() -> None:
    label = decided(ChooseLabel(label=SOFT_SKILLS))
    card = render_card(a_view(CLAIMED, refused=((label, "Error 403: Forbidden"),)))
    check(card)
    assert (
        f"⚠️ *GitLab rejected this:* label {SOFT_SKILLS} by Avery Example\nError 403: Forbidden"
    ) in shown(card)
    again, dismiss = elements(card)[:2]
    assert labels_of_elements(card)[:2] == ["Try again", "Dismiss"]
    assert again["value"] == dismiss["value"] == f"7/12:{label.id}"
    assert "confirm" in dismiss  # it cannot be undone
    assert "confirm" not in again


# --- Buttons -----------------------------------------------------------------------------------


def test_a_button_carries_the_key_and_a_take_over_whom_the_person_saw() -> None:
    values = {one["action_id"]: one.get("value") for one in elements(render_card(a_view(CLAIMED)))}
    assert values["take_over"] == "7/12:U1"
    assert values["mark_contacted"] == "7/12"
    assert "7/12:release" in [one["value"] for one in menu_options(render_card(a_view(CLAIMED)))]
    in_gitlab = replace(CLAIMED, holder=Person(name="Dana", gitlab="dana"))
    values = {
        one["action_id"]: one.get("value") for one in elements(render_card(a_view(in_gitlab)))
    }
    assert values["take_over"] == "7/12:@dana"


def test_a_take_over_is_confirmed_against_a_name() -> None:
    [take_over] = [
        one for one in elements(render_card(a_view(CLAIMED))) if one["action_id"] == "take_over"
    ]
    assert take_over["confirm"]["text"]["text"] == (
        "Avery Example owns this request and will be told."
    )


def test_the_links_lead_to_issue_and_ticket() -> None:
    card = render_card(a_view())
    urls = {one["text"]["text"]: one.get("url") for one in menu_options(card)}
    assert urls["Open issue"] == "https://gitlab.example/-/issues/12"
    assert urls["Open ticket"] == TICKET
    assert links(list(card.blocks)) == {TICKET}


def test_an_address_that_is_none_is_no_link() -> None:
    card = render_card(a_view(replace(WAITING, url="", ticket=None)))
    assert "Open issue" not in labels_of_menu(card)
    assert "Open ticket" not in labels_of_menu(card)
    check(card, ticket=None)
    assert links(list(card.blocks)) == set()


def test_what_marks_a_card_holds_nothing_of_the_customer() -> None:
    assert metadata(CARD_EVENT, str(WAITING.key))["metadata"] == {
        "event_type": "ssat_card",
        "event_payload": {"key": "7/12"},
    }


# --- The select of labels ----------------------------------------------------------------------


def the_select(card: SlackMessage) -> dict[str, Any]:
    return next(one for one in elements(card) if one["type"] == "static_select")


def test_the_handbooks_labels_are_offered_with_their_meanings() -> None:
    options = the_select(render_card(a_view()))["options"]
    assert [one["value"] for one in options] == sorted(HANDBOOK_LABELS)
    described = {one["value"]: one["description"]["text"] for one in options}
    assert described["feedback::known-issue"] == HANDBOOK_LABELS["feedback::known-issue"]


def test_a_meaning_too_long_for_slack_is_cut_between_words() -> None:
    for option in label_options(HANDBOOK_LABELS, None):
        said, whole = option["description"]["text"], HANDBOOK_LABELS[option["value"]]
        assert len(said) <= 75
        if said != whole:
            kept = said.removesuffix("…")
            assert whole.startswith(kept)
            assert not whole[len(kept)].isalnum()


def test_the_scope_of_the_labels_is_not_said_again_and_again() -> None:
    labeled = replace(WAITING, labels=frozenset({SOFT_SKILLS}))
    select = the_select(render_card(a_view(labeled)))
    assert select["initial_option"]["text"]["text"] == "soft-skills"
    assert all("::" not in one["text"]["text"] for one in select["options"])


def test_the_label_chosen_is_shown_as_chosen() -> None:
    card = render_card(a_view(replace(WAITING, labels=frozenset({SOFT_SKILLS}))))
    assert the_select(card)["initial_option"]["value"] == SOFT_SKILLS
    assert "initial_option" not in the_select(render_card(a_view()))


def test_another_label_makes_another_block_so_that_slack_shows_it() -> None:
    assert actions_id(KEY, None) != actions_id(KEY, SOFT_SKILLS)
    assert actions_id(KEY, SOFT_SKILLS).startswith("7/12:")


def test_without_labels_there_is_no_select() -> None:
    card = render_card(a_view(labels={}))
    assert "Feedback label" not in labels_of_elements(card)
    check(card)


def test_a_label_is_confirmed_before_it_is_written() -> None:
    confirm = the_select(render_card(a_view()))["confirm"]["text"]["text"]
    assert "GitLab gets the label and a note with your name" in confirm


def test_forty_labels_are_offered_with_their_meanings() -> None:
    labels = {f"feedback::reason-{n:03}": "What it means, in some words" for n in range(40)}
    assert all("description" in option for option in label_options(labels, None))


def test_of_very_many_labels_as_many_as_fit_are_offered_and_the_chosen_one_always() -> None:
    labels = {f"feedback::{n:03}{'x' * 62}": "y" * 300 for n in range(150)}
    chosen = max(labels)
    options = label_options(labels, chosen)
    assert len(options) > 30
    assert chosen in [option["value"] for option in options]
    assert characters(options) < LABELS_BUDGET
    check(render_card(a_view(replace(WAITING, labels=frozenset({chosen})), labels=labels)))


def test_a_label_that_slack_has_no_room_for_is_not_offered() -> None:
    labels = {"feedback::" + "x" * 65: "", "feedback::" + "x" * 66: ""}
    assert [len(option["value"]) for option in label_options(labels, None)] == [75]


# --- Whatever people write ---------------------------------------------------------------------

_PIECES = [
    *("<!channel>", "<!here>", "<@U123>", "<!subteam^S1>", "@here", "@everyone", "@channel"),
    *("*b*", "`c`", "```", "~g~", "> q", "<https://example.com|x>", "https://example.com"),
    *("&", "<", ">", "&lt;", "\u202e", "\u200b", "\x00", "\n", "\r", "\u2028", " ", "😀"),
]
hostile = st.one_of(
    st.lists(st.sampled_from(_PIECES) | st.text(max_size=3), max_size=12).map("".join),
    st.sampled_from(["&" * 5000, "<!channel>" * 500, "word " * 2000, "x" * 3000, "\n" * 500, ""]),
)
_people = st.builds(
    Person,
    name=hostile,
    slack_team=st.just("T1"),
    slack_user=st.sampled_from(["U1", "U2"]),
    gitlab=st.none() | hostile,
)
_moments = st.timedeltas(timedelta(days=-8), timedelta(days=8)).map(DUE.__add__)
_labels = st.one_of(
    st.dictionaries(hostile.map("feedback::{}".format), hostile, max_size=5),
    st.integers(1, 150).map(
        lambda many: {f"feedback::{n:03}{'&' * (n % 70)}": "&" * 300 for n in range(many)}
    ),
)
_actions: st.SearchStrategy[Action] = st.one_of(
    st.just(Claim()),
    st.just(Release()),
    st.builds(TakeOver, holder=_people),
    st.builds(ChooseLabel, label=hostile),
    st.just(CALLED.action),
)
_decisions = st.builds(
    Decision, id=st.uuids(), key=st.just(KEY), by=_people, at=_moments, action=_actions
)


@st.composite
def _requests(draw: st.DrawFn) -> Request:
    return replace(
        draw(st.sampled_from(list(STATES.values()))),
        title=draw(hostile),
        ticket=draw(st.none() | st.integers(1, 10**12)),
        comment=draw(st.none() | hostile),
        organization=draw(st.none() | hostile),
        score=draw(st.none() | hostile),
        labels=draw(st.frozensets(hostile.map(lambda text: f"feedback::{text}"[:255]), max_size=3)),
        assignees=draw(st.lists(hostile, max_size=3).map(tuple)),
        holder=draw(st.none() | _people),
        contacted_by=draw(st.none() | _people),
        due_at=draw(_moments),
    )


hostile_views = st.builds(
    CardView,
    request=_requests(),
    pending=st.lists(_decisions, max_size=8).map(tuple),
    waits_because=st.none() | hostile,
    refused=st.lists(
        st.tuples(_decisions, hostile), max_size=5, unique_by=lambda one: one[0].id
    ).map(tuple),
    labels=_labels,
    scope=st.just("feedback"),
    hours=st.just(ALWAYS),
    now=_moments,
    url=st.none() | st.just(f"https://{'x' * 40}.slack.com/archives/C0123456789/p1769785200000100"),
)

_LONG = "&" * 400
_LOUD = replace(AVERY, name=_LONG)
WORST = a_view(
    replace(
        WAITING,
        comment="x" * 1500,
        organization=_LONG,
        score=_LONG,
        labels=frozenset({"feedback::" + "&" * 65}),
        assignees=(_LONG,) * 10,
        holder=_LOUD,
        held_since=FRIDAY,
    ),
    pending=tuple(decided(ChooseLabel(label=_LONG), _LOUD, number) for number in range(9)),
    waits_because=_LONG,
    refused=tuple((decided(ChooseLabel(label=_LONG), _LOUD, n), _LONG * 9) for n in range(9)),
    labels={f"feedback::{'&' * (n % 60)}{n:03}": "&" * 300 for n in range(150)}
    | {"feedback::" + "&" * 65: "&" * 400},
)


@given(hostile_views)
@example(WORST)
@settings(deadline=None)
def test_no_text_of_anybody_spoils_a_card_or_wakes_anybody(view: CardView) -> None:
    card = render_card(view)
    check(card, view.request.ticket_url)
    assert all("\u202e" not in text for text in texts(card.blocks))
    check(render_bare_card(view), view.request.ticket_url)


@given(hostile_views)
@settings(deadline=None)
def test_a_card_is_short(view: CardView) -> None:
    """On a phone two open cards fit the screen, and five finished ones."""
    card = render_card(replace(view, refused=(), pending=()))
    is_open = view.request.state in (State.OPEN, State.WAITING, State.CLAIMED)
    assert len(card.blocks) <= (4 if is_open else 1)
    assert shown(card).count("\n") <= (9 if is_open else 1)
    assert len(the_quote(card)) <= 120
    on_the_way = render_card(replace(view, refused=()))
    assert len(on_the_way.blocks) <= len(card.blocks) + 1
    refused = render_card(view)
    assert len(refused.blocks) <= len(on_the_way.blocks) + 2 * min(len(view.refused), 3)


def test_the_buttons_name_the_ticket_to_a_screen_reader() -> None:
    for request in (WAITING, CLAIMED):
        buttons = [one for one in elements(render_card(a_view(request))) if one["type"] == "button"]
        assert [one["accessibility_label"] for one in buttons] == [
            f"{one['text']['text']}, ticket 412345" for one in buttons
        ]


# --- The time left -----------------------------------------------------------------------------

_AMSTERDAM = BusinessHours(timezone=ZoneInfo("Europe/Amsterdam"))
_OFFICE = BusinessHours(opens=9 * 60, closes=17 * 60, holidays={date(2026, 2, 2)})


def _words_at(view: CardView, now: datetime) -> str:
    return notification(replace(view, now=now))


@given(
    st.timedeltas(timedelta(days=-6), timedelta(days=6)),
    st.sampled_from([WAITING, CLAIMED]),
    st.sampled_from([ALWAYS, _AMSTERDAM, _OFFICE]),
)
@example(timedelta(0), WAITING, ALWAYS)
@example(timedelta(hours=-72), WAITING, ALWAYS)  # on Saturday, when the clock stands still
@example(timedelta(hours=-64), WAITING, _OFFICE)
@settings(deadline=None)
def test_the_words_change_at_the_next_change_and_not_before(
    late: timedelta, request_: Request, hours: BusinessHours
) -> None:
    view = a_view(request_, hours=hours, now=DUE + late)
    then = view.changes_at
    assert then is not None
    assert then > view.now
    words = notification(view)
    before, after = then - timedelta(seconds=2), then + timedelta(seconds=1)
    assert _words_at(view, max(before, view.now)) == words
    assert _words_at(view, after) != words


@pytest.mark.parametrize("state", [State.CONTACTED, State.CLOSED, State.WITHDRAWN, State.GONE])
def test_nothing_changes_by_itself_once_nobody_waits(state: State) -> None:
    assert a_view(STATES[state]).changes_at is None
