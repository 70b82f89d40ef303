"""Bolt listeners, one module for each thing that a person does."""

from slack_bolt.async_app import AsyncApp

from slackbot.handlers.answers import Answers
from slackbot.handlers.claiming import Claiming
from slackbot.handlers.contacting import Contacting
from slackbot.handlers.desk import Desk
from slackbot.handlers.home import Home
from slackbot.handlers.labeling import Labeling
from slackbot.handlers.queue import QueueCommand
from slackbot.handlers.retrying import Retrying
from slackbot.handlers.showing import Showing
from slackbot.handlers.snoozing import Snoozing
from slackbot.people.accounts import AccountSearch
from slackbot.platforms.slack import SlackClient


def register_all(
    app: AsyncApp,
    desk: Desk,
    answers: Answers,
    accounts: AccountSearch,
    slack: SlackClient,
    channel: str,
) -> None:
    """``channel`` is where the cards stand."""
    for module in (
        Claiming(desk, answers),
        Labeling(desk, answers),
        Contacting(desk, answers),
        Retrying(desk, answers),
        Snoozing(desk, answers),
        QueueCommand(answers, accounts),
        Home(answers),
        Showing(answers, slack, channel),
    ):
        module.register(app)
