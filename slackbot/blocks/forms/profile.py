"""The modal "Your profile" of ``/ssat profile``. Pure."""

from collections.abc import Sequence

from slackbot.blocks.elements import Block, input_block, modal, section, select, text_input
from slackbot.blocks.forms.email import language_name, language_options
from slackbot.blocks.forms.entered import Entered
from slackbot.blocks.text import one_line
from slackbot.rules.profile import FIELDS, LIMITS, Profile

CALLBACK = "profile"

_LABELS = {
    "name": "Name",
    "role": "Your role at GitLab",
    "booking_link": "Booking link",
    "signature": "Signature",
    "language": "Language of your emails",
}


def profile_modal(own: Profile, otherwise: Profile, languages: Sequence[str]) -> Block:
    """``otherwise`` is what counts for a field that is left empty."""
    about = (
        "The bot fills these in when you draft an email to a customer. Leave a field empty to use "
        "what is below it."
    )
    inputs = [
        _input(field, getattr(own, field), getattr(otherwise, field), languages) for field in FIELDS
    ]
    return modal("Your profile", [section(about), *inputs], submit="Save", callback=CALLBACK)


def _input(field: str, own: str, otherwise: str, languages: Sequence[str]) -> Block:
    if field == "language":
        known = dict.fromkeys((*languages, *([own] if own else [])))
        element = select("Choose a language", language_options(list(known)), own)
        instead = language_name(otherwise or languages[0])
    else:
        element = text_input(own, limit=LIMITS[field], is_multiline=field == "signature")
        instead = one_line(otherwise)
    hint = f"If empty: {instead}" if instead else "If empty: your emails offer none."
    return input_block(field, _LABELS[field], element, hint=hint, optional=True)


def read_profile(entered: Entered) -> Profile:
    said = {field: entered.text(field) or entered.chosen(field) or "" for field in FIELDS}
    return Profile(**{field: text.strip()[: LIMITS[field]] for field, text in said.items()})
