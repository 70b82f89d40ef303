"""The choice of a feedback label in a form. Pure."""

from slackbot.blocks.elements import (
    OPTION_LIMIT,
    Block,
    context,
    input_block,
    label_options,
    link,
    option,
    select,
)
from slackbot.blocks.text import name
from slackbot.blocks.view import CardView
from slackbot.rules import handbook

LABEL = "label"
NO_LABEL = "-"
MEANINGS = 5


def label_inputs(view: CardView, *, may_clear: bool = False) -> list[Block]:
    options = label_options(view.labels, view.label)
    if may_clear and view.label:
        options.insert(0, option("No feedback label", NO_LABEL))
    if not options:
        return []
    element = select("Why did the customer give this feedback?", options[:100], view.label)
    return [input_block(LABEL, "Feedback label", element, optional=not may_clear), _meanings(view)]


def _meanings(view: CardView) -> Block:
    """Say in full what Slack's options have no room for, and link all."""
    labels = view.request.url.partition("/-/")[0] + "/-/labels?search=" + f"{view.scope}%3A%3A"
    full = link(labels, "All labels with their descriptions")
    cut = [label for label in view.labels if len(view.labels[label]) > OPTION_LIMIT]
    said = [f"*{name(label)}*: {name(view.labels[label], 300)}" for label in sorted(cut)[:MEANINGS]]
    return context("\n".join([*said, f"{full} · {link(handbook.PAGE, 'the handbook')}"]))
