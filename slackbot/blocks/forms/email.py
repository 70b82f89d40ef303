"""The modal "Draft email". Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from slackbot.blocks.elements import (
    Block,
    actions,
    button,
    confirmation,
    context,
    input_block,
    modal,
    option,
    section,
    select,
    text_input,
)
from slackbot.blocks.text import escape, name, one_line, shorten
from slackbot.blocks.words import organization_words, subject, whose_words
from slackbot.rules.handbook import POINTS
from slackbot.rules.offers import Offer
from slackbot.rules.outreach import (
    TEXT_LIMIT,
    Email,
    EmailFacts,
    Webmail,
    compose_link,
    mailto_link,
    topic_of,
)
from slackbot.rules.profile import Profile
from slackbot.rules.reading.characters import is_visible, whole_text
from slackbot.rules.refusals import Incomplete
from slackbot.rules.request import Person, Request

LANGUAGE, UPDATE_LINK, START_OVER = "draft_language", "draft_link", "draft_anew"
TOOLS = "draft_tools"
_TEXT = "draft_text"

LANGUAGE_NAMES = {
    "en": "English",
    "de": "Deutsch",
    "fr": "Français",
    "es": "Español",
    "ja": "日本語",
    "it": "Italiano",
    "ko": "한국어",
    "nl": "Nederlands",
    "pl": "Polski",
    "pt": "Português",
    "zh": "中文",
}
WEBMAIL_NAMES = {Webmail.GMAIL: "Gmail", Webmail.OUTLOOK: "Outlook"}
FACT_LIMIT = 120
"""In characters, of a name of the customer's or the project's."""


@dataclass(frozen=True, kw_only=True)
class DraftView:
    request: Request
    who: Person
    facts: EmailFacts
    subject: str
    text: str
    number: int = 1
    """Slack keeps what was typed into a field that stays: a new text of the bot's needs another."""
    language: str
    """Of the bot's text."""
    languages: Sequence[str]
    chosen: str
    """The language that the select shows."""
    webmail: Webmail
    notice: str = ""


def language_name(code: str) -> str:
    return LANGUAGE_NAMES.get(code, code)


def language_options(codes: Sequence[str]) -> list[Block]:
    return [option(language_name(code), code) for code in codes]


def facts_of(
    request: Request, profile: Profile, *, labels: Mapping[str, str], scope: str
) -> EmailFacts:
    """Return what the record knows; nothing of a customer's breaks a line."""
    label = request.label_of(scope) or ""
    return EmailFacts(
        name=profile.name,
        role=profile.role,
        signature=profile.signature,
        booking_link=profile.booking_link,
        organization=_fact(request.organization),
        ticket=str(request.ticket or ""),
        ticket_link=request.ticket_url or "",
        words=one_line(request.comment or ""),
        score=_fact(request.score),
        label=_fact(label),
        label_description=_fact(labels.get(label)),
        topic=topic_of(label),
    )


def _fact(said: str | None) -> str:
    return shorten(one_line(said or ""), FACT_LIMIT)


# --- Drawing -----------------------------------------------------------------------------------


def email_modal(view: DraftView) -> Block:
    return modal(
        "Draft email",
        [
            *([section(view.notice)] if view.notice else []),
            section(_heading(view)),
            input_block(
                f"{_TEXT}:{view.number}",
                "Email",
                text_input(view.text[:TEXT_LIMIT], limit=TEXT_LIMIT, is_multiline=True),
                hint="Edit it freely, and replace what is in [brackets]. " + _points(),
            ),
            _tools(view),
            *_ways_out(view),
        ],
        submit="Mark contacted…",
        callback=Offer.DRAFT_EMAIL,
        about=f"{view.request.key}:{view.language}",
    )


def _heading(view: DraftView) -> str:
    request, facts = view.request, view.facts
    lines = f"*{subject(request).capitalize()}*{organization_words(request)}"
    lines += whose_words(request, view.who)
    if facts.label:
        about = f": {name(facts.label_description, 150)}" if facts.label_description else ""
        lines += f"\nFeedback label: {name(facts.label)}{about}"
    if not facts.booking_link:
        lines += "\nTo offer your booking link, type `/ssat profile` first."
    return lines


def _points() -> str:
    numbered = (f"({number}) {point}" for number, point in enumerate(POINTS, 1))
    return f"The handbook's five points: {'; '.join(numbered)}."


def _tools(view: DraftView) -> Block:
    languages = select("Language", language_options(view.languages), view.chosen)
    anew = confirmation(
        "Start over?",
        f"This replaces the text with a new one in {language_name(view.chosen)}.",
        yes="Start over",
        no="Keep my text",
    )
    key = str(view.request.key)
    return actions(
        [
            {"action_id": LANGUAGE, **languages},
            button("Update link", UPDATE_LINK, key),
            button("Start over", START_OVER, key, confirm=anew),
        ],
        TOOLS,
    )


def _ways_out(view: DraftView) -> list[Block]:
    email = Email(subject=view.subject, text=view.text)
    found = [
        (mailto_link(email), "your mail program"),
        (compose_link(view.webmail, email), WEBMAIL_NAMES.get(view.webmail, "")),
    ]
    links = [f"<{escape(url)}|Open in {where}>" for url, where in found if url]
    about = f"Subject: {name(view.subject, 200)}\n"
    if not links:
        about += "The text is too long for a link: copy it into your email."
    else:
        about += "The link has the text as it was when it was made. If you edit it, *Update link*."
    about += " The bot doesn't know the customer's address: take it from the ticket."
    return [*(section(each) for each in links), context(about)]


def kept_words(drafted: str, chosen: str) -> str:
    return (
        f"⚠️ You have changed the text, so it was kept in {language_name(drafted)}. *Start over* "
        f"replaces it with a new one in {language_name(chosen)}."
    )


OWN_TEMPLATE_BROKEN = (
    "⚠️ Your team's template can't be used, so this is the bot's own text. `ssat-bot check` tells "
    "the bot's administrator what to fix."
)


# --- Reading -----------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Typed:
    text: str
    number: int
    chosen: str


def read_draft(view: Mapping[str, Any]) -> Typed:
    """Read the form as it is in front of the person.

    Raises:
        Incomplete: It is no such form.
    """
    try:
        block = text_block(view)
        text = whole_text(_entered(view, block, block) or "")
        chosen = str(_entered(view, TOOLS, LANGUAGE)["value"])
        return Typed(text=text, number=int(block.split(":")[1]), chosen=chosen)
    except (KeyError, TypeError, ValueError, AttributeError, StopIteration) as error:
        raise Incomplete from error


def is_untouched(text: str, drafted: str) -> bool:
    """Slack may end lines its own way, and trim the text."""
    return not is_visible(text) or text.split() == drafted.split()


def text_block(view: Mapping[str, Any]) -> str:
    blocks = (str(each.get("block_id")) for each in view["blocks"])
    return next(each for each in blocks if each.startswith(f"{_TEXT}:"))


def _entered(view: Mapping[str, Any], block: str, action: str) -> Any:
    """Return what was entered, else what stood there at first.

    After an update Slack may leave that out: https://github.com/slackapi/bolt-js/issues/1258
    """
    state = view["state"]["values"].get(block, {}).get(action, {})
    entered = state.get("value") or state.get("selected_option")
    if entered:
        return entered
    blocks = {each.get("block_id"): each for each in view["blocks"]}
    elements = [blocks[block].get("element"), *blocks[block].get("elements", ())]
    element = next(each for each in elements if each and each["action_id"] == action)
    return element.get("initial_value") or element.get("initial_option")
