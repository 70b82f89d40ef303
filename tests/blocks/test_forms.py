"""The forms: each fits into Slack whatever anybody wrote, and is read as its action."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from slackbot.blocks.forms.entered import Entered
from slackbot.blocks.forms.form import FORMS, Seen, read_form, render_form, render_more
from slackbot.blocks.labels import NO_LABEL
from slackbot.blocks.view import CardView
from slackbot.local.slack import links, pings
from slackbot.local.slack.block_kit import validate_view
from slackbot.local.slack.inputs import initial_values
from slackbot.rules import handbook
from slackbot.rules.decision import (
    Action,
    AddNote,
    ChooseLabel,
    ClearLabel,
    Close,
    Closing,
    Explain,
    Miss,
    Reopen,
    Review,
    UndoContacted,
    WaitFor,
    decide,
)
from slackbot.rules.offers import Offer
from slackbot.rules.refusals import AskedForContact, Incomplete, LabelChanged, Refusal
from slackbot.rules.request import Request, State
from tests.blocks.test_card import (
    AVERY,
    CLAIMED,
    CONTACTED,
    SOFT_SKILLS,
    STATES,
    WAITING,
    WORST,
    a_view,
    hostile_views,
)

LABELED = replace(WAITING, labels=frozenset({SOFT_SKILLS}))
OTHER = "feedback::known-issue"


def presets(offer: Offer, view: CardView) -> dict[str, Any]:
    """What is submitted by who changes nothing."""
    return dict(initial_values(render_form(offer, view, AVERY)["blocks"]))


def typed(text: str) -> dict[str, Any]:
    return {"value": text}


def chosen(value: str) -> dict[str, Any]:
    return {"selected_option": {"value": value}}


def read(offer: Offer, view: CardView, **entered: dict[str, Any]) -> Action:
    filled = {name: {name: element} for name, element in entered.items()}
    return read_form(offer, Entered(presets(offer, view) | filled), str(Seen.of(view)), view.now)


@given(hostile_views, st.booleans())
@example(WORST, True)
@settings(deadline=None, max_examples=40)
def test_no_text_of_anybody_spoils_a_form_or_wakes_anybody(view: CardView, asks: bool) -> None:
    view = replace(view, asks_csm=asks)
    for offer, its in FORMS.items():
        if its.refuses(view):
            continue  # there is nothing to fill in
        form = render_form(offer, view, AVERY)
        assert validate_view(form) == []
        about, seen = f"{view.key}:", str(Seen.of(view))
        assert (form["callback_id"], form["private_metadata"]) == (offer, about + seen)
        assert Seen.read(seen, view.now) == Seen.of(view)
        assert pings(form["blocks"]) == set()
        ours = {view.request.ticket_url, view.request.url, handbook.PAGE}
        assert {one for one in links(form["blocks"]) if "/-/labels?" not in one} <= ours
    more = render_more(view, AVERY)
    assert validate_view(more) == []
    assert pings(more["blocks"]) == set()


@pytest.mark.parametrize(
    ("offer", "entered", "action"),
    [
        (
            Offer.REVIEW,
            {"summary": typed("Slow."), "to_do": typed("Talk."), "label": chosen(OTHER)},
            Review(summary="Slow.", to_do="Talk.", contact=True, label=OTHER, replaces=SOFT_SKILLS),
        ),
        (
            Offer.REVIEW,
            {"summary": typed("Slow."), "contact": chosen("no")},
            Review(summary="Slow.", to_do=None, contact=False, replaces=SOFT_SKILLS),
        ),
        (
            Offer.CLOSE,
            {"reason": chosen(list(Closing)[-1]), "text": typed("Twice.")},
            Close(reason=list(Closing)[-1], text="Twice.", leaves_waiting=True),
        ),
        (Offer.REOPEN, {"text": typed("Again.")}, Reopen(text="Again.")),
        (Offer.REOPEN, {}, Reopen(text=None)),
        (Offer.NOTE, {"text": typed("*So*")}, AddNote(text="*So*")),
        (Offer.LABEL, {"label": chosen(OTHER)}, ChooseLabel(label=OTHER, replaces=SOFT_SKILLS)),
        (Offer.LABEL, {"label": chosen(NO_LABEL)}, ClearLabel(label=SOFT_SKILLS)),
        (
            Offer.WAIT,
            {"text": typed("A fix"), "until": {"selected_date": "2026-02-09"}},
            WaitFor(text="A fix", until=date(2026, 2, 9)),
        ),
        (
            Offer.EXPLAIN,
            {"reason": chosen(next(iter(Miss)))},
            Explain(reason=next(iter(Miss)), text=None),
        ),
        (Offer.UNDO_CONTACTED, {"text": typed("No.")}, UndoContacted(text="No.", reopen=True)),
        (
            Offer.UNDO_CONTACTED,
            {"text": typed("No."), "reopen": {"selected_options": []}},
            UndoContacted(text="No.", reopen=False),
        ),
    ],
)
def test_what_is_submitted_is_read_as_the_action(
    offer: Offer, entered: dict[str, Any], action: Action
) -> None:
    assert read(offer, a_view(LABELED), **entered) == action


@pytest.mark.parametrize("offer", [Offer.CLOSE, Offer.EXPLAIN])
def test_nobody_is_given_a_reason_that_they_did_not_choose(offer: Offer) -> None:
    with pytest.raises(Incomplete):
        read(offer, a_view(LABELED))


def test_the_action_that_an_account_team_chose_is_filled_into_the_review() -> None:
    view = a_view(replace(LABELED, is_indirect=True, next_action="File a *docs* issue."))
    review = read(Offer.REVIEW, view, summary=typed("Slow."))
    assert isinstance(review, Review)
    assert review.to_do == "File a *docs* issue."
    hint = "Chosen by the account team. Leave it empty for none."
    assert hint in str(render_form(Offer.REVIEW, view, AVERY))
    # It is theirs to take out.
    review = read(Offer.REVIEW, view, summary=typed("Slow."), to_do={"value": None})
    assert isinstance(review, Review)
    assert review.to_do is None


def test_a_label_that_nobody_changed_is_not_part_of_a_review() -> None:
    review = read(Offer.REVIEW, a_view(LABELED), summary=typed("Slow."))
    assert isinstance(review, Review)
    assert review.label is None


def race(
    offer: Offer, before: Request, after: Request, **entered: dict[str, Any]
) -> Refusal | None:
    """Open a form, and submit it once the request is another."""
    view = a_view(before)
    action = read(offer, view, **entered)
    return decide(after, action, AVERY, view.now, labels=[SOFT_SKILLS, OTHER], scope=view.scope)


@pytest.mark.parametrize("label", [SOFT_SKILLS, OTHER, NO_LABEL])
def test_a_label_chosen_while_the_form_was_open_is_not_reverted(label: str) -> None:
    elsewhere = replace(WAITING, labels=frozenset({"feedback::outside-support"}))
    refusal = race(Offer.LABEL, LABELED, elsewhere, label=chosen(label))
    assert isinstance(refusal, LabelChanged)
    assert refusal.label == "feedback::outside-support"


def test_a_label_that_is_as_the_form_showed_it_is_replaced() -> None:
    assert race(Offer.LABEL, LABELED, LABELED, label=chosen(OTHER)) is None


def test_a_customer_who_asks_while_the_form_is_open_is_not_closed_unseen() -> None:
    reason = chosen(Closing.READ)
    plain = STATES[State.OPEN]
    assert race(Offer.CLOSE, plain, plain, reason=reason) is None
    assert isinstance(race(Offer.CLOSE, plain, WAITING, reason=reason), AskedForContact)
    assert race(Offer.CLOSE, WAITING, WAITING, reason=reason) is None
    assert race(Offer.CLOSE, WAITING, CLAIMED, reason=reason) is None


def test_the_account_team_is_asked_about_only_where_it_is_set_up() -> None:
    view = a_view(asks_csm=True)
    review = read(Offer.REVIEW, view, summary=typed("Slow."), csm=chosen("yes"))
    assert isinstance(review, Review)
    assert review.tell_csm is True
    without = read(Offer.REVIEW, a_view(), summary=typed("Slow."))
    assert isinstance(without, Review)
    assert without.tell_csm is None


@pytest.mark.parametrize("offer", [Offer.CLOSE, Offer.EXPLAIN, Offer.LABEL, Offer.WAIT])
@pytest.mark.parametrize(
    "values", [{}, {"reason": None}, {"label": {"label": {}}}, {"until": {"until": "x"}}]
)
def test_what_is_no_submission_of_the_form_is_refused(offer: Offer, values: dict[str, Any]) -> None:
    with pytest.raises(Incomplete):
        read_form(offer, Entered(values), "w", a_view().now)


def test_contact_is_preset_as_the_customer_asked() -> None:
    for request, preset in ((CLAIMED, "yes"), (STATES[State.OPEN], "no")):
        values = presets(Offer.REVIEW, a_view(request))
        assert values["contact"]["contact"]["selected_option"]["value"] == preset


def test_who_closes_without_contact_is_told_that_the_customer_asked_for_it() -> None:
    def said(view: CardView) -> str:
        return str(render_form(Offer.CLOSE, view, AVERY)["blocks"])

    assert "The customer asked for contact" in said(a_view(WAITING))
    assert "The customer asked for contact" not in said(a_view(STATES[State.OPEN]))
    assert "The customer asked for contact" not in said(a_view(CONTACTED))
