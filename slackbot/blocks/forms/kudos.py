"""Kudos for a good review: the form, the message in the channel, and what is missing. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from slackbot.blocks.elements import (
    Block,
    actions,
    button,
    context,
    inert_text,
    input_block,
    option,
    people_select,
    section,
    text_input,
    ticked,
)
from slackbot.blocks.forms.entered import Entered
from slackbot.blocks.forms.form import Sheet, draw_form, words_of
from slackbot.blocks.text import name
from slackbot.blocks.view import CardView
from slackbot.blocks.words import issue_link, mention, someone, subject, subject_link, whom_words
from slackbot.platforms.slack.message import SlackMessage
from slackbot.rules.decision import Decision, Kudos
from slackbot.rules.offers import Offer
from slackbot.rules.reading.characters import is_visible
from slackbot.rules.request import Person, Request

KUDOS_EVENT = "ssat_kudos"
"""Metadata of kudos in the channel: only the decision's id."""
ABOUT_KUDOS_EVENT = "ssat_about_kudos"
"""Of what the person is told about them."""
TRY_KUDOS_AGAIN = "try_kudos_again"

THANKS, TEXT, CLOSE = "thanks", "text", "close"
MOST_THANKED = 20
TEXT_LIMIT = 1_000


@dataclass(frozen=True, kw_only=True)
class Venue:
    """Where this team's kudos go, besides the feedback issue."""

    channel: str | None = None
    """As it is set: ``#name`` or an id."""
    has_week: bool = False


# --- The form ----------------------------------------------------------------------------------


def render_kudos_form(view: CardView, who: Person, venue: Venue) -> Block:
    form = Sheet(
        title="Kudos",
        submit="Give kudos",
        inputs=partial(_inputs, venue),
        is_about_words=True,
    )
    return draw_form(form, Offer.KUDOS, view, who)


def _inputs(venue: Venue, view: CardView) -> list[Block]:
    people = people_select() | {"max_selected_items": MOST_THANKED}
    text = text_input(limit=TEXT_LIMIT, is_multiline=True)
    close = ticked([option("Close the feedback issue", CLOSE)])
    hint = "Leave it empty to thank the whole team."
    return [
        input_block(THANKS, "Whom does the customer thank?", people, hint=hint, optional=True),
        input_block(TEXT, "In your own words", text, optional=True),
        *([input_block(CLOSE, "The issue", close, optional=True)] if view.request.is_open else []),
        context(_where(venue)),
    ]


def _where(venue: Venue) -> str:
    week = "the week's review issue"
    if venue.channel:
        also = f", {week}" if venue.has_week else ""
        return f"Goes to {channel_words(venue.channel)}{also} and the feedback issue."
    also = f"{week} and " if venue.has_week else ""
    return f"Goes only to {also}the feedback issue: no kudos channel is set (SSAT_KUDOS_CHANNEL)."


def channel_words(channel: str) -> str:
    return name(channel) if channel.startswith("#") else f"<#{channel}>"


def read_kudos(entered: Entered, thanks: tuple[Person, ...]) -> Kudos:
    return Kudos(thanks=thanks, text=entered.text(TEXT), close=entered.is_ticked(CLOSE))


# --- The message -------------------------------------------------------------------------------


def render_kudos(decision: Decision, kudos: Kudos, request: Request) -> SlackMessage:
    """Nothing of the customer's or the person's words pings or formats."""
    by = someone(decision.by)
    whom = ", ".join(map(mention, kudos.thanks)) or "the whole team"
    blocks = [section(f"🎉 *Kudos* to {whom} for {subject_link(request)}"), *words_of(request)]
    if is_visible(kudos.text or ""):
        blocks.append(inert_text(kudos.text or ""))
    links = filter(None, [f"from {by}", issue_link(request)])
    blocks.append(context(" · ".join(links)))
    named = whom_words([each.name for each in kudos.thanks])
    return SlackMessage(text=f"🎉 Kudos to {named} for {subject(request)}", blocks=tuple(blocks))


# --- What the person is told -------------------------------------------------------------------


def render_missing(decision: Decision, request: Request, problems: Sequence[str]) -> SlackMessage:
    said = f"⚠️ Your kudos for {subject_link(request)} could not go everywhere yet."
    lines = [said, *(f"• {each}" for each in problems)]
    lines.append("The rest is done, and I keep trying for this. Nothing you wrote is lost.")
    again = button("Try again", TRY_KUDOS_AGAIN, f"{decision.key}:{decision.id}")
    blocks = (section("\n".join(lines)), actions([again]))
    return SlackMessage(
        text=f"⚠️ Your kudos for {subject(request)} could not go everywhere", blocks=blocks
    )


def render_arrived(request: Request) -> SlackMessage:
    said = f"✅ Your kudos for {subject_link(request)} is now where it belongs."
    return SlackMessage(text=said, blocks=(section(said),))


def channel_problem(channel: str, code: str) -> str:
    where = channel_words(channel)
    match code:
        case "channel_not_found" | "not_in_channel":
            return f"{where}: there is no such channel, or I'm not in it. Invite me there."
        case "is_archived":
            return f"{where} is archived. Ask the bot's administrator to change SSAT_KUDOS_CHANNEL."
        case _:
            return f"Slack does not let me post in {where} ({name(code)})."


def week_problem(project: str, code: str) -> str:
    where = name(project, 120)
    if code == "404":
        why = "GitLab shows me no such project"
    else:
        why = f"GitLab does not let me comment there (error {name(code)})"
    return f"The week's review issue in {where}: {why}. Ask the bot's administrator to look."
