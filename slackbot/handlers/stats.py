"""``/ssat stats``: the figures of a period, for the asker only; files come by direct message."""

from dataclasses import dataclass

from slack_bolt.kwargs_injection.async_args import AsyncArgs

from slackbot.blocks.answers.csv_file import csv_of, file_name
from slackbot.blocks.answers.stats import (
    CHARTS_SENT,
    CSV_SENT,
    NO_DIRECT_MESSAGES,
    NOT_DRAWN,
    no_picture_words,
    not_asked_words,
    not_sent_words,
    render_stats,
)
from slackbot.blocks.elements import message
from slackbot.channel.trends import Trends, picture_of
from slackbot.handlers.answers import Answers, explain, present
from slackbot.platforms.errors import PlatformError
from slackbot.platforms.slack.client import SlackClient
from slackbot.platforms.slack.files import File, upload
from slackbot.platforms.slack.message import SlackMessage
from slackbot.rules.stats import Stats
from slackbot.rules.timing.period import NotAsked, Question

STATS = "stats"


@dataclass(frozen=True)
class StatsAnswer:
    """Answers after the ack, because Slack says only then whether it takes charts."""

    answers: Answers
    trends: Trends
    slack: SlackClient

    async def tell(self, args: AsyncArgs, text: str) -> None:
        """``text`` is what was typed after ``stats``; no text is an error."""
        try:
            last = await self._tell(args, text)
        except NotAsked as asked:
            last = message(not_asked_words(asked))
        except Exception as error:
            last = message(explain(error, STATS))
        if last is not None:
            await present(args.respond, last, in_place=False)

    async def _tell(self, args: AsyncArgs, text: str) -> SlackMessage | None:
        """Return what is left to say."""
        await self.answers.look(str(args.body["team_id"]), str(args.body["user_id"]))
        question = self.trends.read(text)
        stats = await self.trends.stats(question)
        if question.as_csv:
            return message(await self._send_csv(args, question, stats))
        full, *reduced = render_stats(stats)
        if not reduced:
            return full
        if await _is_taken(args, full):
            return None
        await present(args.respond, reduced[0], in_place=False)
        return message(await self._send_picture(args, stats))

    async def _send_csv(self, args: AsyncArgs, question: Question, stats: Stats) -> str:
        # With a mark, spreadsheets read it as UTF-8.
        content, name = csv_of(stats).encode("utf-8-sig"), file_name(stats)
        problem = await self._send(args, File(name=name, title=name, content=content))
        return not_sent_words(question, problem) if problem else CSV_SENT

    async def _send_picture(self, args: AsyncArgs, stats: Stats) -> str:
        picture = await picture_of(stats)
        problem = await self._send(args, picture) if picture else NOT_DRAWN
        return no_picture_words(problem) if problem else CHARTS_SENT

    async def _send(self, args: AsyncArgs, file: File) -> str | None:
        """Return what keeps it from being sent."""
        try:
            channel = await self.slack.direct_messages(str(args.body["user_id"]))
            if channel is None:
                return NO_DIRECT_MESSAGES
            await upload(self.slack, file, channel)
        except PlatformError as error:
            return str(error)
        return None


async def _is_taken(args: AsyncArgs, full: SlackMessage) -> bool:
    """Return whether the workspace takes charts and tables: some refuse them."""
    answer = await args.respond(
        text=full.text, blocks=list(full.blocks), response_type="ephemeral", replace_original=False
    )
    return answer.status_code == 200 and "invalid_blocks" not in (answer.body or "")
