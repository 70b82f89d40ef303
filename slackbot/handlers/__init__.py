"""Bolt listeners, one module for each thing that a person does."""

from slack_bolt.async_app import AsyncApp

from slackbot.handlers import (
    claiming,
    contacting,
    home,
    labelling,
    queue,
    retrying,
    showing,
    snoozing,
)
from slackbot.handlers.desk import Desk
from slackbot.handlers.linking import LinkVerb
from slackbot.handlers.looking import Answer, Looking
from slackbot.handlers.surface import Surfaces
from slackbot.platforms.slack import Workspace
from slackbot.rules.query import Verb


def register_all(
    app: AsyncApp, desk: Desk, workspace: Workspace, channel: str, link: LinkVerb
) -> None:
    """Listen for everything that people do.

    Args:
        app: Bolt's.
        desk: Judges and records.
        workspace: Slack.
        channel: Where the cards stand.
        link: Answers ``/ssat link``.
    """
    verbs: dict[Verb, Answer] = {
        Verb.LINK: lambda asked: link(asked.asker.person, asked.rest),
    }
    looking = Looking(desk, verbs)
    surfaces = Surfaces(desk, workspace, looking)
    claiming.register(app, desk, surfaces)
    labelling.register(app, desk)
    contacting.register(app, desk, workspace, surfaces)
    retrying.register(app, desk)
    snoozing.register(app, desk, workspace)
    queue.register(app, desk, looking, surfaces)
    home.register(app, desk, surfaces)
    showing.register(app, desk, looking, workspace, channel)
