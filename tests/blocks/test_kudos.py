"""The form for kudos, their message, and what the person is told."""

from dataclasses import replace
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slackbot.blocks.forms.entered import Entered
from slackbot.blocks.forms.kudos import (
    Venue,
    channel_problem,
    read_kudos,
    render_kudos,
    render_kudos_form,
    render_missing,
    week_problem,
)
from slackbot.local.slack import pings
from slackbot.local.slack.block_kit import validate_blocks, validate_view
from slackbot.rules.decision import Decision, Kudos
from slackbot.rules.request import Person
from tests.blocks.test_card import a_view, texts
from tests.rules.test_good_reviews import AVERY, BLAKE, CLOSES, GOOD
from tests.town import text_of

anything = st.text(max_size=3_000)


def decision(kudos: Kudos, by: Person = AVERY) -> Decision:
    return Decision(id=uuid4(), key=GOOD.key, by=by, at=CLOSES, action=kudos)


@given(anything, anything, anything)
def test_nobody_but_the_thanked_is_pinged_and_slack_takes_it(
    comment: str, text: str, name: str
) -> None:
    strangers = Person(name=name, slack_team="T1", slack_user="U3")
    kudos = Kudos(thanks=(BLAKE, strangers), text=text)
    request = replace(GOOD, ticket=412345, comment=comment[:1500])
    message = render_kudos(decision(kudos, replace(AVERY, name=name)), kudos, request)
    assert validate_blocks(list(message.blocks), "message") == []
    assert pings(list(message.blocks)) == {"<@U2>", "<@U3>"}
    assert pings(message.text) == set()


@pytest.mark.parametrize(
    ("venue", "said"),
    [
        (Venue(channel="#kudos", has_week=True), "Goes to #kudos, the week's review issue and the"),
        (Venue(channel="C012345"), "Goes to <#C012345> and the feedback issue."),
        (Venue(has_week=True), "Goes only to the week's review issue and the feedback issue: no"),
        (Venue(), "Goes only to the feedback issue: no kudos channel is set (SSAT_KUDOS_CHANNEL)."),
    ],
)
def test_the_form_says_where_kudos_go(venue: Venue, said: str) -> None:
    form = render_kudos_form(a_view(GOOD), AVERY, venue)
    assert validate_view(form) == []
    assert said in "\n".join(texts(form))
    assert "The issue" in list(texts(form))
    closed = render_kudos_form(a_view(replace(GOOD, is_open=False)), AVERY, venue)
    assert "The issue" not in list(texts(closed))


def test_what_was_entered_is_read() -> None:
    options = [{"value": "close", "text": {"type": "plain_text", "text": "Close"}}]
    values = {
        "text": {"text": {"type": "plain_text_input", "value": "Well done."}},
        "close": {"close": {"type": "checkboxes", "selected_options": options}},
    }
    assert read_kudos(Entered(values), (BLAKE,)) == Kudos(thanks=(BLAKE,), text="Well done.")
    assert read_kudos(Entered({}), ()) == Kudos(close=False)


@pytest.mark.parametrize(
    ("problem", "said"),
    [
        (channel_problem("#kudos", "not_in_channel"), "#kudos: there is no such channel, or I'm"),
        (channel_problem("#kudos", "is_archived"), "#kudos is archived. Ask the bot's"),
        (channel_problem("C01", "restricted_action"), "Slack does not let me post in <#C01> (re"),
        (week_problem("a/b", "404"), "in a/b: GitLab shows me no such project. Ask"),
        (week_problem("a/b", "403"), "in a/b: GitLab does not let me comment there (error 403)."),
    ],
)
def test_what_is_missing_is_said_with_what_to_do(problem: str, said: str) -> None:
    message = render_missing(decision(Kudos()), GOOD, [problem])
    assert validate_blocks(list(message.blocks), "message") == []
    assert said in text_of(message)
    assert "Nothing you wrote is lost." in text_of(message)
