"""``/ssat link <gitlab username>``: a code by which a person proves who they are in GitLab."""

from collections.abc import Awaitable, Callable

from slackbot.blocks.linking import offer
from slackbot.people.linking import LIFETIME, Linking
from slackbot.platforms.message import SlackMessage
from slackbot.rules.request import Person

LinkVerb = Callable[[Person, str], Awaitable[SlackMessage]]
"""Answers what stands behind a verb of ``/ssat``, for a person who may look."""


def link_verb(linking: Linking) -> LinkVerb:
    """Return what answers the verb ``link``; it raises ``NotLinkable`` with the reason."""

    async def answer(person: Person, text: str) -> SlackMessage:
        issued = await linking.begin(person, text)
        minutes = int(LIFETIME.total_seconds() // 60)
        return offer(issued.code, issued.username, issued.issue_url, minutes)

    return answer
