"""The menu of what can be done with a feedback: on cards, in rows, on reminders. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from slackbot.blocks.elements import (
    Block,
    button,
    confirmation,
    is_address,
    option,
    overflow,
    section,
    with_side,
)
from slackbot.blocks.view import CardView
from slackbot.blocks.words import bare, owned_words, subject
from slackbot.rules.offers import Offer, offers
from slackbot.rules.request import Person

MENU = "menu"
"""Action id of the menu; its options name the issue and the offer."""
MORE = "more"
OPEN_ISSUE, OPEN_TICKET = "open_issue", "open_ticket"

MENU_OPTIONS = 5
"""Slack's limit: https://docs.slack.dev/reference/block-kit/block-elements/overflow-menu-element"""


@dataclass(frozen=True)
class OfferWords:
    title: str
    what: str
    """A sentence for the list of all."""


OFFERS = {
    Offer.CLAIM: OfferWords("Claim", "You become the owner, and GitLab assigns you."),
    Offer.TAKE_OVER: OfferWords("Take over", "You become the owner instead of a colleague."),
    Offer.RELEASE: OfferWords("Release", "You give it back. Only the owner can."),
    Offer.MARK_CONTACTED: OfferWords(
        "Mark contacted", "Notes what you sent, sets the label and closes the issue."
    ),
    Offer.REVIEW: OfferWords(
        "Review…", "Summary, action, contact Y/N: becomes the handbook's comment on the issue."
    ),
    Offer.DRAFT_EMAIL: OfferWords(
        "Draft email…", "A first version of your email to the customer, by the handbook's points."
    ),
    Offer.KUDOS: OfferWords(
        "Kudos…", "Thanks a person or the whole team with the customer's words, and closes it."
    ),
    Offer.LABEL: OfferWords("Change label…", "Chooses another feedback label, or removes it."),
    Offer.NOTE: OfferWords("Add note…", "Becomes a comment on the feedback issue."),
    Offer.WAIT: OfferWords(
        "Waiting on…", "What this still depends on. The digest has it again on the day you choose."
    ),
    Offer.FOLLOW_UP: OfferWords(
        "Follow-up issue…", "Creates an issue to discuss this feedback, and links the two."
    ),
    Offer.TELL_MANAGER: OfferWords(
        "Tell a manager…", "Mentions a manager in the feedback issue, to discuss it in a 1:1."
    ),
    Offer.TELL_GROUP: OfferWords(
        "Tell a product group…", "Mentions a product group in the feedback issue, for awareness."
    ),
    Offer.SNOOZE: OfferWords("Snooze…", "Pauses the reminders of this request."),
    Offer.EXPLAIN: OfferWords(
        "Explain missed deadline…", "Why it was late: for the note and for the trends."
    ),
    Offer.UNDO_CONTACTED: OfferWords(
        "Undo contacted…", "The customer was not contacted after all: removes the label."
    ),
    Offer.CLOSE: OfferWords("Close without contact…", "Closes the feedback issue with a reason."),
    Offer.REOPEN: OfferWords("Reopen…", "Reopens the feedback issue."),
}

ON_CARD = frozenset({Offer.CLAIM, Offer.TAKE_OVER, Offer.MARK_CONTACTED})
"""They are buttons of the card."""
IN_ROW = ON_CARD | {Offer.RELEASE}


def menu(view: CardView, *, without: Iterable[Offer] = ON_CARD) -> Block | None:
    """Offer what is most useful, the links, and all the rest behind "More…"."""
    left_out = {*without, Offer.TAKE_OVER}  # which asks first: options cannot
    found = [offer for offer in offers(view.request, view.now) if offer not in left_out]
    # Make room for it: a card's title leads to the ticket, too.
    links = _links(view)[: 1 if found[2:3] == [Offer.RELEASE] else 2]
    options = [_option(view, offer) for offer in found[: MENU_OPTIONS - 1 - len(links)]] + links
    if found:
        options.append(option("More…", f"{view.key}:{MORE}"))
    return overflow(MENU, options) if options else None


def _option(view: CardView, offer: Offer) -> Block:
    return option(_words(view, offer).title, f"{view.key}:{offer}")


def _words(view: CardView, offer: Offer) -> OfferWords:
    request = view.request
    is_without_contact = request.was_requested and request.contacted_at is None
    if offer is Offer.CLOSE and not is_without_contact:
        return OfferWords("Close…", OFFERS[offer].what)
    return OFFERS[offer]


def _links(view: CardView) -> list[Block]:
    request = view.request
    issue = request.moved_to or request.url
    found = []
    if is_address(issue) and not request.is_gone:
        found.append(option("Open issue", f"{view.key}:{OPEN_ISSUE}", url=issue))
    if request.ticket_url:
        found.append(option("Open ticket", f"{view.key}:{OPEN_TICKET}", url=request.ticket_url))
    return found


def offer_rows(view: CardView, who: Person) -> list[Block]:
    """List everything that a person can do, each with a sentence."""
    return [
        with_side(section(_words(view, offer).what), offer_button(view, offer))
        for offer in offers(view.request, view.now, who)
    ]


def offer_button(view: CardView, offer: Offer) -> Block:
    title, holder = _words(view, offer).title, view.request.holder
    about = f"{title.rstrip('…')}, {subject(view.request)}"
    if offer is not Offer.TAKE_OVER or holder is None:
        return button(title, offer, str(view.key), label=about)
    owns = owned_words(holder, bare(holder))
    confirm = confirmation("Take over?", owns, yes="Take over", no="Cancel")
    # Whom they see: if it is somebody else by then, they are asked again.
    return button(title, offer, f"{view.key}:{holder.handle}", label=about, confirm=confirm)
