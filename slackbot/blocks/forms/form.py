"""The modals of what is done with a feedback, and what is read from them. Pure."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from slackbot.blocks.elements import (
    Block,
    input_block,
    modal,
    option,
    people_select,
    quoted,
    radio_buttons,
    section,
    text_input,
    ticked,
)
from slackbot.blocks.forms.contact import contact_inputs, read_contact
from slackbot.blocks.forms.entered import Entered
from slackbot.blocks.labels import LABEL, NO_LABEL, label_inputs
from slackbot.blocks.menu import offer_rows
from slackbot.blocks.text import capitalized
from slackbot.blocks.view import CardView
from slackbot.blocks.words import (
    CLOSINGS,
    MISSES,
    history_words,
    issue_link,
    organization_words,
    subject,
    subject_link,
    whose_words,
)
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
    Tell,
    UndoContacted,
    WaitFor,
    refuse_contact,
)
from slackbot.rules.offers import Offer
from slackbot.rules.outreach import TEXT_LIMIT
from slackbot.rules.refusals import Incomplete, Refusal
from slackbot.rules.request import UNFINISHED, Person, Request

SHORT_LIMIT = 200
SUMMARY, TO_DO, CONTACT, CSM = "summary", "to_do", "contact", "csm"
TEXT, REASON, UNTIL, REOPEN = "text", "reason", "until", "reopen"
NAMES, PEOPLE = "names", "people"
YES, NO = "yes", "no"
WORDS_LINES, WORDS_SHOWN = 12, 1_500


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """What a modal for one action shows; its id is that of its offer."""

    title: str
    submit: str
    inputs: Callable[[CardView], list[Block]]
    refuses: Callable[[CardView], Refusal | None] = lambda _: None
    is_about_words: bool = False
    """It shows what the customer wrote."""


@dataclass(frozen=True, kw_only=True)
class Form(Sheet):
    read: Callable[[Entered, "Seen"], Action]


@dataclass(frozen=True)
class Seen:
    """What a form showed when it was opened: it comes back with what was entered."""

    label: str | None
    is_waiting: bool
    """A customer waited for contact."""
    now: datetime
    """When it is submitted."""

    @classmethod
    def of(cls, view: CardView) -> "Seen":
        is_waiting = view.request.state in UNFINISHED
        return cls(label=view.label, is_waiting=is_waiting, now=view.now)

    def __str__(self) -> str:
        return f"{'w' if self.is_waiting else '-'}{self.label or ''}"

    @classmethod
    def read(cls, text: str, now: datetime) -> "Seen":
        return cls(label=text[1:] or None, is_waiting=text.startswith("w"), now=now)


def render_form(offer: Offer, view: CardView, who: Person) -> Block:
    return draw_form(FORMS[offer], offer, view, who)


def render_contact(view: CardView, who: Person, text: str) -> Block:
    """Fill in what was sent."""
    form = replace(FORMS[Offer.MARK_CONTACTED], inputs=partial(contact_inputs, text=text))
    return draw_form(form, Offer.MARK_CONTACTED, view, who)


def draw_form(form: Sheet, offer: Offer, view: CardView, who: Person) -> Block:
    """Draw it.

    Raises:
        Refusal: There is nothing to fill in.
    """
    if refusal := form.refuses(view):
        raise refusal
    request = view.request
    about = f"*{subject_link(request)}*{organization_words(request)}{whose_words(request, who)}"
    if view.earlier:
        about += f"\n{history_words(view.earlier, view.hours.timezone)}"
    words = words_of(request) if form.is_about_words else []
    return modal(
        form.title,
        [section(about), *words, *form.inputs(view)],
        submit=form.submit,
        callback=offer,
        about=f"{view.key}:{Seen.of(view)}",
    )


def read_form(offer: Offer, entered: Entered, seen: str, now: datetime) -> Action:
    """Read what was submitted; ``seen`` is what came back with it.

    Raises:
        Incomplete: It is no submission of this form.
    """
    return FORMS[offer].read(entered, Seen.read(seen, now))


def render_more(view: CardView, who: Person) -> Block:
    """Show the whole of a feedback, and all that a person can do with it."""
    links = [each for each in (subject_link(view.request), issue_link(view.request)) if each]
    about = section(f"*{' · '.join(links)}*{organization_words(view.request)}")
    shown = [about, *words_of(view.request), *offer_rows(view, who)]
    return modal(subject(view.request).capitalize(), shown, close="Close")


def after_review(view: Block) -> Block:
    """Say that the review is saved, whatever becomes of the form that it leads to."""
    return view | {"blocks": [section("✅ The review is saved."), *view["blocks"]]}


def saved_modal(view: CardView) -> Block:
    """For feedback without a card, which would show it."""
    said = f"✅ Saved for {subject_link(view.request)}. GitLab gets it in a moment."
    return modal("Saved", [section(said)], close="OK")


def words_of(request: Request) -> list[Block]:
    return quoted(request.comment, WORDS_LINES, WORDS_SHOWN)


# --- Inputs ------------------------------------------------------------------------------------


def _text(
    label: str, *, block: str = TEXT, hint: str = "", optional: bool = False, initial: str = ""
) -> Block:
    element = text_input(initial, limit=TEXT_LIMIT, is_multiline=True)
    return input_block(block, label, element, hint=hint, optional=optional)


def _yes_or_no(block: str, label: str, *, preset: bool) -> Block:
    options = [option("Yes", YES), option("No", NO)]
    return input_block(block, label, radio_buttons(options, YES if preset else NO))


def _reasons(words: Mapping[str, str]) -> Block:
    options = [option(capitalized(text), reason) for reason, text in words.items()]
    return input_block(REASON, "Why?", radio_buttons(options))


# --- Each form ---------------------------------------------------------------------------------


def _review(view: CardView) -> list[Block]:
    summary, to_do, contact, csm = handbook.TEMPLATE
    asks, next_action = view.request.state in UNFINISHED, view.request.next_action
    hint = f"{'Chosen by the account team. ' if next_action else ''}Leave it empty for none."
    questions = [_yes_or_no(CONTACT, contact.removesuffix(" (Y/N)"), preset=asks)]
    if view.asks_csm:
        questions.append(_yes_or_no(CSM, csm.removesuffix(" (Y/N)"), preset=False))
    return [
        _text(summary.rstrip(":"), block=SUMMARY),
        _text(to_do.rstrip(":"), block=TO_DO, optional=True, hint=hint, initial=next_action or ""),
        *questions,
        *label_inputs(view),
    ]


def _read_review(entered: Entered, seen: Seen) -> Action:
    label = entered.chosen(LABEL)
    return Review(
        summary=entered.text(SUMMARY),
        to_do=entered.text(TO_DO),
        contact=entered.chosen(CONTACT) == YES,
        tell_csm=entered.chosen(CSM) == YES if CSM in entered.values else None,
        label=label if label != seen.label else None,
        replaces=seen.label,
    )


def _read_close(entered: Entered, seen: Seen) -> Action:
    reason, text = entered.one_of(Closing, REASON), entered.text(TEXT)
    return Close(reason=reason, text=text, leaves_waiting=seen.is_waiting)


def _read_miss(entered: Entered, _: Seen) -> Action:
    return Explain(reason=entered.one_of(Miss, REASON), text=entered.text(TEXT))


def _read_label(entered: Entered, seen: Seen) -> Action:
    label = entered.chosen(LABEL)
    if label is None:
        raise Incomplete
    if label == NO_LABEL:
        return ClearLabel(label=seen.label or "")
    return ChooseLabel(label=label, replaces=seen.label)


def _wait(view: CardView) -> list[Block]:
    tomorrow = (view.now.astimezone(view.hours.timezone) + timedelta(days=1)).date()
    day = {"type": "datepicker", "initial_date": tomorrow.isoformat()}
    what = text_input(limit=SHORT_LIMIT)
    hint = "Another team, the customer, a merge request: everyone in the channel can read this."
    return [
        input_block(TEXT, "What does this feedback depend on?", what, hint=hint),
        input_block(UNTIL, "Until when?", day, hint="It comes back in that day's digest."),
    ]


def _undo(_: CardView) -> list[Block]:
    reopen = ticked([option("Reopen the feedback issue", REOPEN)])
    return [
        _text("Why?", hint="It becomes a comment on the feedback issue."),
        input_block(REOPEN, "The issue", reopen, optional=True),
    ]


def _closing(view: CardView) -> list[Block]:
    warning = []
    if view.request.state in UNFINISHED:
        warning = [section("⚠️ *The customer asked for contact* and has not been contacted.")]
    return [*warning, _reasons(CLOSINGS), _more_words()]


def _tell_manager(_: CardView) -> list[Block]:
    return [
        input_block(PEOPLE, "People in Slack", people_select(), optional=True),
        input_block(
            NAMES,
            "GitLab usernames",
            text_input(limit=SHORT_LIMIT),
            hint="Separated by spaces or commas. GitLab tells them by email and To-Do item.",
            optional=True,
        ),
        _text("What should they know?", hint=TELLS),
    ]


def _tell_group(_: CardView) -> list[Block]:
    names = text_input(limit=SHORT_LIMIT)
    hint = "Paths in GitLab, such as gitlab-org/manage. All members of a group are told."
    return [
        input_block(NAMES, "Product groups", names, hint=hint),
        _text("What should they know?", hint=TELLS),
    ]


TELLS = "It becomes a comment on the feedback issue, which mentions them and nobody else."


def _read_tell(entered: Entered, _: Seen, *, is_group: bool) -> Action:
    chosen = tuple(Person(name=user, slack_user=user) for user in entered.people(PEOPLE))
    names = names_in(entered.text(NAMES) or "")
    return Tell(names=names, people=chosen, is_group=is_group, text=entered.text(TEXT))


def names_in(text: str) -> tuple[str, ...]:
    """Read usernames or paths, with or without the @, each once."""
    names = (name.lstrip("@").strip("/") for name in re.split(r"[\s,;]+", text))
    return tuple({each.casefold(): each for each in names if each}.values())


def _more_words() -> Block:
    return _text("In your own words", optional=True, hint="Becomes a comment on the issue.")


FORMS: Mapping[Offer, Form] = {
    Offer.MARK_CONTACTED: Form(
        title="Mark contacted",
        submit="Save contact",
        inputs=contact_inputs,
        read=lambda entered, seen: read_contact(entered, seen.now),
        refuses=lambda view: refuse_contact(view.request),
    ),
    Offer.REVIEW: Form(
        title="Review feedback",
        submit="Save review",
        inputs=_review,
        read=_read_review,
        is_about_words=True,
    ),
    Offer.CLOSE: Form(title="Close feedback", submit="Close", inputs=_closing, read=_read_close),
    Offer.REOPEN: Form(
        title="Reopen",
        submit="Reopen",
        inputs=lambda _: [_more_words()],
        read=lambda entered, _: Reopen(text=entered.text(TEXT)),
    ),
    Offer.NOTE: Form(
        title="Add a note",
        submit="Add note",
        inputs=lambda _: [_text("Note", hint="It becomes a comment on the feedback issue.")],
        read=lambda entered, _: AddNote(text=entered.text(TEXT)),
    ),
    Offer.LABEL: Form(
        title="Feedback label",
        submit="Save label",
        inputs=lambda view: label_inputs(view, may_clear=True),
        read=_read_label,
        is_about_words=True,
    ),
    Offer.WAIT: Form(
        title="Waiting on",
        submit="Save",
        inputs=_wait,
        read=lambda entered, _: WaitFor(text=entered.text(TEXT), until=entered.day(UNTIL)),
    ),
    Offer.TELL_MANAGER: Form(
        title="Tell a manager",
        submit="Tell",
        inputs=_tell_manager,
        read=partial(_read_tell, is_group=False),
        is_about_words=True,
    ),
    Offer.TELL_GROUP: Form(
        title="Tell a product group",
        submit="Tell",
        inputs=_tell_group,
        read=partial(_read_tell, is_group=True),
        is_about_words=True,
    ),
    Offer.EXPLAIN: Form(
        title="Missed deadline",
        submit="Save reason",
        inputs=lambda _: [_reasons(MISSES), _more_words()],
        read=_read_miss,
    ),
    Offer.UNDO_CONTACTED: Form(
        title="Undo contacted",
        submit="Undo contacted",
        inputs=_undo,
        read=lambda entered, _: UndoContacted(
            text=entered.text(TEXT), reopen=entered.is_ticked(REOPEN)
        ),
    ),
}
