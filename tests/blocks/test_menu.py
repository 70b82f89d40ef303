"""The menu of what can be done: few options, links, and words for a screen reader."""

from dataclasses import replace

import pytest
from hypothesis import given, settings

from slackbot.blocks.elements import Block, actions
from slackbot.blocks.menu import IN_ROW, MENU_OPTIONS, OFFERS, menu, offer_button, offer_rows
from slackbot.blocks.view import CardView
from slackbot.local.slack.block_kit import validate_blocks
from slackbot.rules.offers import Offer, offers
from slackbot.rules.request import Request, State
from tests.blocks.test_card import (
    AVERY,
    BLAKE,
    CLAIMED,
    DUE,
    STATES,
    TICKET,
    WAITING,
    a_view,
    hostile_views,
)


def titles(shown: Block | None) -> list[str]:
    return [one["text"]["text"] for one in shown["options"]] if shown else []


@given(hostile_views)
@settings(deadline=None)
def test_a_menu_has_never_more_options_than_slack_takes_and_each_fits(view: CardView) -> None:
    shown = menu(view)
    if shown is None:
        assert view.request.is_gone
        return
    assert 1 <= len(shown["options"]) <= MENU_OPTIONS
    assert validate_blocks([actions([shown])], "message") == []
    for option in shown["options"]:
        key, _, what = option["value"].rpartition(":")
        assert (key, bool(what)) == (str(view.key), True)
        assert len(option["value"]) <= 75
    rows = offer_rows(view, BLAKE)
    assert rows == [] or validate_blocks(rows, "modal") == []


@pytest.mark.parametrize("request_", STATES.values(), ids=list(STATES))
def test_whatever_is_offered_is_in_the_menu_or_behind_more(request_: Request) -> None:
    view = a_view(request_)
    rows = [row["accessory"]["action_id"] for row in offer_rows(view, BLAKE)]
    assert rows == list(offers(view.request, view.now, BLAKE))
    assert ("More…" in titles(menu(view))) is bool(rows)


def test_only_the_owner_releases_and_others_are_asked_before_they_take_over() -> None:
    view = a_view(CLAIMED)
    own = {row["accessory"]["action_id"] for row in offer_rows(view, AVERY)}
    others = {row["accessory"]["action_id"]: row["accessory"] for row in offer_rows(view, BLAKE)}
    assert own - others.keys() == {Offer.RELEASE}
    assert others.keys() - own == {Offer.TAKE_OVER}
    assert "Avery Example owns this request" in str(others[Offer.TAKE_OVER]["confirm"])
    assert Offer.TAKE_OVER not in str(menu(view, without=()))


def test_the_links_open_in_the_browser() -> None:
    shown = menu(a_view())
    assert shown is not None
    assert {one["text"]["text"]: one["url"] for one in shown["options"] if "url" in one} == {
        "Open issue": "https://gitlab.example/-/issues/12",
        "Open ticket": TICKET,
    }


def test_what_was_moved_is_opened_where_it_is_now() -> None:
    there = "https://gitlab.example/elsewhere/-/issues/3"
    shown = menu(a_view(replace(STATES[State.CLOSED], moved_to=there)))
    assert shown is not None
    assert there in [one.get("url") for one in shown["options"]]


def test_without_any_address_there_is_room_for_more_offers() -> None:
    shown = titles(menu(a_view(replace(WAITING, url="", ticket=None))))
    assert len(shown) == MENU_OPTIONS
    assert not {"Open issue", "Open ticket"} & set(shown)


def test_what_is_gone_and_has_no_ticket_has_no_menu() -> None:
    assert menu(a_view(replace(STATES[State.GONE], ticket=None))) is None


def test_what_is_a_button_beside_is_not_in_the_menu_again() -> None:
    assert "Review…" in titles(menu(a_view()))
    assert "Review…" not in titles(menu(a_view(), without={Offer.REVIEW}))
    assert "Claim" not in titles(menu(a_view()))


def test_on_a_card_it_has_release_and_in_a_row_that_is_a_button() -> None:
    view = a_view(STATES[State.CLAIMED])
    assert "Release" in titles(menu(view))
    assert not {"Release", "Take over"} & set(titles(menu(view, without=IN_ROW)))
    assert "Open ticket" in titles(menu(view, without=IN_ROW))


def test_every_offer_has_a_title_and_a_sentence() -> None:
    assert set(OFFERS) == set(Offer)
    assert all(words.what.endswith(".") for words in OFFERS.values())


@pytest.mark.parametrize("offer", Offer)
def test_a_button_names_the_ticket_to_a_screen_reader(offer: Offer) -> None:
    button = offer_button(a_view(now=DUE), offer)
    assert button["accessibility_label"].endswith(", ticket 412345")
    assert "…" not in button["accessibility_label"]
