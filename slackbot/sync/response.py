"""Whether a manager has responded to a feedback, by what its issue says."""

import re

from slackbot.platforms.gitlab.client import GitLabClient
from slackbot.rules.handbook import is_empty_template
from slackbot.rules.request import Request
from slackbot.sync.writing.notes import own_marks

_BOT = re.compile(r"(?:project|group)_\d+_bot\w*")
"""Bots of access tokens:

https://docs.gitlab.com/user/project/settings/project_access_tokens/#bot-users-for-projects
"""


async def has_response(gitlab: GitLabClient, feedback: Request) -> bool:
    """Tell a manager's words, also by a note of the bot's, from claims and from what bots say.

    Raises:
        PlatformError: GitLab does not tell.
    """
    if not feedback.comments:
        return False
    own, notes = await gitlab.own_username(), await gitlab.notes(feedback.key)
    if any(mark.kind not in _OWNING for _, mark in own_marks(notes, own)):
        return True
    return any(
        not (note.is_system or note.is_signed or note.author in (feedback.author, own))
        and not (_BOT.fullmatch(note.author) or is_empty_template(note.body))
        for note in notes
    )


_OWNING = ("claim", "take_over", "release", "supplement")
"""They say who will respond, or what GitLab has left out of that."""
