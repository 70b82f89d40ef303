"""What a person may do with a feedback now, in the order of use. Pure."""

from datetime import datetime
from enum import StrEnum

from slackbot.rules.reading.feedback import Sentiment
from slackbot.rules.request import UNFINISHED, Person, Request, State


class Offer(StrEnum):
    """Each is a button's action id and a menu's option."""

    CLAIM = "claim"
    TAKE_OVER = "take_over"
    RELEASE = "release"
    MARK_CONTACTED = "mark_contacted"
    REVIEW = "review"
    DRAFT_EMAIL = "draft_email"
    KUDOS = "kudos"
    LABEL = "change_label"
    NOTE = "add_note"
    WAIT = "wait_for"
    FOLLOW_UP = "follow_up"
    TELL_MANAGER = "tell_manager"
    TELL_GROUP = "tell_group"
    SNOOZE = "snooze"
    EXPLAIN = "explain_miss"
    UNDO_CONTACTED = "undo_contacted"
    CLOSE = "close_feedback"
    REOPEN = "reopen_feedback"


def offers(request: Request, now: datetime, who: Person | None = None) -> tuple[Offer, ...]:
    """Return what makes sense now, for a person or for all: the rules judge it again when done."""
    if request.is_gone:
        return ()
    # Only the owner releases; only others take over.
    others = Offer.TAKE_OVER if who and who.is_same(request.holder) else Offer.RELEASE
    ranked = dict.fromkeys(_ranked(request, is_missed=request.is_missed(now)))
    return tuple(
        offer
        for offer in ranked
        if _makes_sense(offer, request, now) and not (who and offer is others)
    )


def _ranked(request: Request, *, is_missed: bool) -> tuple[Offer, ...]:
    if request.state in UNFINISHED:
        first = (Offer.EXPLAIN, Offer.REVIEW) if is_missed else (Offer.REVIEW, Offer.DRAFT_EMAIL)
        return (*first, *Offer)
    is_good = request.sentiment is Sentiment.POSITIVE
    if request.state is State.CONTACTED or not request.is_open:
        return (*((Offer.KUDOS,) if is_good else ()), Offer.NOTE, Offer.LABEL, *Offer)
    return (Offer.KUDOS if is_good else Offer.REVIEW, Offer.CLOSE, *Offer)


def _makes_sense(offer: Offer, request: Request, now: datetime) -> bool:
    match offer:
        case Offer.CLAIM:
            return _can_be_owned(request) and request.holder is None
        case Offer.TAKE_OVER | Offer.RELEASE:
            return _can_be_owned(request) and request.holder is not None
        case Offer.SNOOZE:
            return request.state in UNFINISHED and now < request.due_at
        case Offer.EXPLAIN:
            return request.is_missed(now)
        case Offer.CLOSE | Offer.WAIT:
            return request.is_open
        case Offer.REOPEN:
            return not request.is_open
        case _:
            return _suits_customer(offer, request)


def _can_be_owned(request: Request) -> bool:
    return request.state in (*UNFINISHED, State.OPEN)


def _suits_customer(offer: Offer, request: Request) -> bool:
    is_contacted, is_waiting = request.state is State.CONTACTED, request.state in UNFINISHED
    match offer:
        case Offer.MARK_CONTACTED:
            return not is_contacted
        case Offer.DRAFT_EMAIL:
            return is_waiting or not (is_contacted or request.sentiment is Sentiment.POSITIVE)
        case Offer.KUDOS:
            is_bad = request.sentiment is Sentiment.NEGATIVE
            return not (is_bad or is_waiting or request.thanked_by)
        case Offer.UNDO_CONTACTED:
            return request.contacted_at is not None
        case _:
            return True
