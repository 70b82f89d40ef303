"""The modal "Follow-up issue". Pure."""

import re
from dataclasses import dataclass
from functools import partial

from slackbot.blocks.elements import Block, input_block, option, text_input, ticked
from slackbot.blocks.forms.entered import Entered
from slackbot.blocks.forms.form import TEXT, Sheet, draw_form
from slackbot.blocks.text import one_line, shorten
from slackbot.blocks.view import CardView
from slackbot.blocks.words import subject
from slackbot.rules import handbook
from slackbot.rules.decision import FollowUp
from slackbot.rules.offers import Offer
from slackbot.rules.outreach import TEXT_LIMIT
from slackbot.rules.request import Person, Request

TITLE, CONFIDENTIAL = "title", "confidential"
TITLE_LIMIT = 255
"""GitLab's."""
WORDS_LIMIT, POINT_LIMIT = 800, 300
TEMPLATE_LIMIT = 1_000
"""So much finds room beside the rest, whatever that is."""
_NOT_FOR_PEOPLE = re.compile(r"<!--.*?-->|^/[a-z_]+\b[^\n]*", re.DOTALL | re.MULTILINE)
"""Comments, and quick actions, which are of no effect in a quotation."""


@dataclass(frozen=True, kw_only=True)
class Draft:
    project: str
    template: str | None = None
    """Of the project: GitLab's own."""
    points: tuple[str, str] | None = None
    """Summary and action of a review."""


def follow_up_modal(view: CardView, who: Person, draft: Draft) -> Block:
    form = Sheet(
        title="Follow-up issue",
        submit="Create issue",
        inputs=partial(_inputs, draft),
    )
    return draw_form(form, Offer.FOLLOW_UP, view, who)


def _inputs(draft: Draft, view: CardView) -> list[Block]:
    title = text_input(_title(view.request), limit=TITLE_LIMIT)
    text = text_input(description(view.request, draft), limit=TEXT_LIMIT, is_multiline=True)
    members_only = ticked([option("Only members of the project can see it", CONFIDENTIAL)])
    hint = (
        "It begins with a link to the feedback issue, and the two are linked as related. The text "
        "is quoted, so nothing in it acts or mentions anyone."
    )
    return [
        input_block(TITLE, "Title", title, hint=f"A new issue in {draft.project}."),
        input_block(TEXT, "Description", text, hint=hint, optional=True),
        input_block(
            CONFIDENTIAL,
            "Confidential",
            members_only,
            hint="Untick it only if everybody who sees the project may read the customer's words.",
            optional=True,
        ),
    ]


def read_follow_up(entered: Entered) -> FollowUp:
    return FollowUp(
        title=entered.text(TITLE),
        text=entered.text(TEXT),
        is_confidential=entered.is_ticked(CONFIDENTIAL),
    )


def _title(request: Request) -> str:
    return shorten(f"Follow-up: {one_line(request.title) or subject(request)}", TITLE_LIMIT)


def description(request: Request, draft: Draft) -> str:
    """Draft the text: a template that leaves no room for the rest is not used."""
    about = _about(request, draft.points)
    template = _NOT_FOR_PEOPLE.sub("", draft.template or "").strip() or "To discuss:\n"
    if len(template) + len(about) + 2 > TEXT_LIMIT:
        template = "To discuss:\n"
    return f"{about}\n\n{template}"


def _about(request: Request, points: tuple[str, str] | None) -> str:
    facts = [subject(request).capitalize()]
    facts += [each for each in (request.ticket_url, one_line(request.organization or "")) if each]
    facts += [f"score {one_line(request.score)}"] if request.score else []
    said = [shorten(" · ".join(facts), POINT_LIMIT)]
    if request.comment:
        said.append(f"What the customer wrote:\n{shorten(request.comment, WORDS_LIMIT)}")
    if points is not None:
        for question, point in zip(handbook.TEMPLATE, points, strict=False):
            said.append(f"{question}\n{shorten(point, POINT_LIMIT)}")
    return "\n\n".join(said)
