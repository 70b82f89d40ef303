"""Which of the first things to try have been done: a choice counts once GitLab has it."""

import contextlib
from collections.abc import Iterator

from slackbot.local.bot import Bot
from slackbot.rules.decision import ChooseLabel, Claim, Decision, MarkContacted, Review, TakeOver

CLAIM, LABEL, CONTACTED = "claim", "label", "contacted"
THINGS = (CLAIM, LABEL, CONTACTED)


class Tried:
    """Looks into the bot's record, beside the bot."""

    def __init__(self, bot: Bot) -> None:
        self._bot = bot
        self._done: set[str] = set()
        self._after = 0
        self._is_paused = False

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Leave out the choices that are made meanwhile: a scene makes them."""
        self.look()
        self._is_paused = True
        try:
            yield
        finally:
            self._is_paused = False
            self._after = max([self._after, *(seq for seq, _ in self._bot.delivered(self._after))])

    def look(self) -> dict[str, bool]:
        """Return of each thing whether it has been done."""
        if not self._is_paused and len(self._done) < len(THINGS):
            for _, decision in self._bot.delivered(self._after):
                self._done |= _things(decision)
        return {thing: thing in self._done for thing in THINGS}


def _things(decision: Decision) -> set[str]:
    match decision.action:
        case Claim() | TakeOver():
            return {CLAIM}
        case ChooseLabel() | Review(label=str()):
            return {LABEL}
        case MarkContacted(label=label):
            return {CONTACTED} | ({LABEL} if label else set())
        case _:
            return set()
