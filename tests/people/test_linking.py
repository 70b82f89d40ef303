"""What people type behind ``/ssat link`` and leave in GitLab, however they spell it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slackbot.people.linking import codes_in, read_username
from slackbot.rules.refusals import NameYourAccount
from slackbot.store.people import digest_of

CODE = "ssat-link-0123456789abcdef"


@pytest.mark.parametrize(
    "typed",
    ["avery.e-x_1", "@avery.e-x_1", " `avery.e-x_1` ", '"@avery.e-x_1"', "<@U0AVERY|avery.e-x_1>"],
)
def test_a_username_is_read_as_people_type_it(typed: str) -> None:
    assert read_username(typed) == "avery.e-x_1"


@given(st.text(max_size=400))
def test_whatever_is_typed_is_a_username_or_refused(typed: str) -> None:
    try:
        username = read_username(typed)
    except NameYourAccount:
        return
    assert set(username) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")
    assert 0 < len(username) <= 255


@pytest.mark.parametrize(
    ("body", "number"),
    [
        (CODE, 1),
        (f"Hello, here it is:\n> {CODE}\n", 1),
        (f"`{CODE.upper()}`", 1),  # as a keyboard may spell it
        (f"{CODE} and {CODE}", 1),
        ("ssat-link-0123456789abcde", 0),  # a piece is missing
        ("no code at all", 0),
    ],
)
def test_codes_are_found_in_a_comment(body: str, number: int) -> None:
    assert len(codes_in(body)) == number
    assert codes_in(body) <= {digest_of(CODE)}


@given(st.text())
def test_any_comment_can_be_read(body: str) -> None:
    assert digest_of(CODE) in codes_in(f"{body} {CODE}")
