"""Words for who links themselves to a GitLab account. Pure."""

from slackbot.blocks.card import SlackMessage
from slackbot.blocks.text import mrkdwn, name

LINK_EVENT = "ssat_link"
"""The event type in the metadata of a direct message about a link."""


def offer(code: str, username: str, issue_url: str, minutes: int) -> SlackMessage:
    """Tell a person what to leave in GitLab, and where; for their eyes only."""
    where = f"<{issue_url}|this issue>" if issue_url.startswith(("https://", "http://")) else ""
    return _message(
        f"To show that you are *{name(username)}* in GitLab, leave this comment on "
        f"{where or 'the issue for codes'} as {name(username)}, within {minutes} minutes:\n"
        f"`{code}`\nThen you get a message here. Nobody else can use the code."
    )


def linked(username: str) -> SlackMessage:
    """Tell a person that their link holds."""
    return _message(
        f"✅ You are *{name(username)}* in GitLab from now on: what you claim is assigned to that "
        "account. If that was not you, tell the bot's administrator."
    )


def taken(username: str) -> SlackMessage:
    """Tell a person that somebody else has been linked to the account meanwhile."""
    return _message(
        f"⚠️ Your code has arrived, but somebody else is linked to {name(username)} in GitLab by "
        "now. Ask the bot's administrator to look: `ssat-bot people list`."
    )


def expired(username: str) -> SlackMessage:
    """Tell a person that their code came too late."""
    return _message(
        f"⚠️ Your code has arrived too late. Ask for another: `/ssat link {name(username)}`."
    )


def left_by_another(username: str, author: str) -> SlackMessage:
    """Tell a person that their code was left by another GitLab user than they had named."""
    return _message(
        f"⚠️ Your code was left by {name(author)}, so it shows nothing about {name(username)}. "
        f"Leave it as {name(username)}; or, if you are {name(author)}, ask for another code: "
        f"`/ssat link {name(author)}`."
    )


def not_this_one(username: str) -> SlackMessage:
    """Tell a person that what they left is not the code that they were given last."""
    return _message(
        f"⚠️ What {name(username)} has left on the issue is not your latest code. Copy it again "
        f"from the answer to `/ssat link`, or ask for another: `/ssat link {name(username)}`."
    )


def _message(said: str) -> SlackMessage:
    return SlackMessage(text=said, blocks=({"type": "section", "text": mrkdwn(said)},))
