"""The answer to ``/ssat``: the open requests for contact, most urgent first. Pure."""

from collections.abc import Sequence

from slackbot.blocks.card import CardView, SlackMessage, headline, notification
from slackbot.blocks.text import Block, escape, moment, mrkdwn

ROWS = 20


def render_queue(views: Sequence[CardView], total: int) -> SlackMessage:
    """Draw the queue; ``total`` says how many there are in all."""
    if not views:
        said = "No customer is waiting for a manager's contact. ✅"
        return SlackMessage(text=said, blocks=({"type": "section", "text": mrkdwn(said)},))
    said = f"{total} customers are" if total > 1 else "1 customer is"
    said = f"*{said} waiting for a manager's contact*"
    blocks: list[Block] = [{"type": "section", "text": mrkdwn(said)}]
    blocks += [_row(view) for view in views]
    if total > len(views):
        rest = f"… and {total - len(views)} more, due later"
        blocks.append({"type": "context", "elements": [mrkdwn(rest)]})
    return SlackMessage(text=escape(notification(views[0])), blocks=tuple(blocks))


def _row(view: CardView) -> Block:
    request = view.request
    line = escape(headline(view).replace("@", "\uff20"))
    due = moment(request.due_at, view.hours.timezone)
    link = f" · <{request.url}|#{request.key.iid}>" if request.url else ""
    return {"type": "section", "text": mrkdwn(f"{line}\ndue {due}{link}")}
