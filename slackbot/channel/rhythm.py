"""The rhythm of a team: the digest of the morning, and the hand-over at the change of duty."""

from datetime import datetime

from slackbot.channel.digest import DailyDigest
from slackbot.channel.handover import HandingOver
from slackbot.health import Health
from slackbot.platforms.waiting import each_by_itself, waiting_for_slack
from slackbot.rules.request import IssueKey


class Rhythm:
    """Runs the errand of the lane ``rhythm``: one replica's at a time."""

    def __init__(
        self, digest: DailyDigest | None, handing_over: HandingOver, *, health: Health
    ) -> None:
        self._parts = (handing_over, digest) if digest else (handing_over,)
        self._health = health

    async def run(self, _: IssueKey) -> datetime | None:
        """Post what is due.

        Returns:
            When something is due next, but for changes of duty, which ask by themselves.

        Raises:
            Postponed: Slack cannot be reached, throttles, or needs an administrator.
        """
        with waiting_for_slack(self._health):
            return await each_by_itself(each.run() for each in self._parts)
