"""Bolt listeners, one module for each thing that a person does."""

from slack_bolt.async_app import AsyncApp

from slackbot.handlers import claiming, contacting, labelling, queue, retrying
from slackbot.handlers.desk import Desk
from slackbot.workspace import Workspace


def register_all(app: AsyncApp, desk: Desk, workspace: Workspace) -> None:
    """Listen for everything that people do."""
    claiming.register(app, desk)
    labelling.register(app, desk)
    contacting.register(app, desk, workspace)
    retrying.register(app, desk)
    queue.register(app, desk)
