"""What people hear who link their GitLab account. Pure."""

from slackbot.blocks.elements import link, message
from slackbot.blocks.text import name
from slackbot.platforms.message import SlackMessage

LINK_EVENT = "ssat_link"
"""Metadata of a direct message about a link."""


def offer(code: str, username: str, issue_url: str, minutes: int) -> SlackMessage:
    """For their eyes only."""
    return message(
        f"To prove that you are *{name(username)}* in GitLab, post this comment on "
        f"{link(issue_url, 'this issue')} as {name(username)} within {minutes} minutes:\n"
        f"`{code}`\nYou'll get a message here when it arrives. Nobody else can use the code."
    )


def linked(username: str) -> SlackMessage:
    return message(
        f"✅ You are now linked to *{name(username)}* in GitLab. What you claim is assigned to "
        "that account. If this wasn't you, tell the bot's administrator."
    )


def taken(username: str) -> SlackMessage:
    """Somebody else got the account meanwhile."""
    return message(
        f"⚠️ Your code has arrived, but someone else is now linked to {name(username)} in GitLab. "
        "Ask the bot's administrator to check `ssat-bot people list`."
    )


def expired(username: str) -> SlackMessage:
    return message(f"⚠️ Your code arrived too late. Get another: `/ssat link {name(username)}`.")


def left_by_another(username: str, author: str) -> SlackMessage:
    """Say that ``author``, not ``username``, posted the code."""
    return message(
        f"⚠️ Your code was posted by {name(author)}, so it doesn't prove that you are "
        f"{name(username)}. Post it as {name(username)}. If you are {name(author)}, get another "
        f"code: `/ssat link {name(author)}`."
    )


def not_this_one(username: str) -> SlackMessage:
    """Only the latest code counts."""
    return message(
        f"⚠️ The code that {name(username)} posted on the issue is not your latest one. Copy it "
        "again from the answer to `/ssat link`, or get another: "
        f"`/ssat link {name(username)}`."
    )
