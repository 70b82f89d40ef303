"""What the record says of a request, decisions on their way included: what a card is drawn from."""

from dataclasses import dataclass

from slackbot.rules.decision import apply
from slackbot.rules.request import IssueKey, Request
from slackbot.store.database import Transaction
from slackbot.store.record import Recorded, Standing, load_standing


@dataclass(frozen=True, kw_only=True)
class Vocabulary:
    """The two labels by which decisions change a request."""

    scope: str
    contacted_label: str


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A request as decided so far, and what of it GitLab does not have."""

    request: Request
    pending: tuple[Recorded, ...]
    refused: tuple[Recorded, ...]

    @classmethod
    def of(cls, standing: Standing, words: Vocabulary) -> "Picture":
        """Apply the decisions that are on their way to what GitLab has."""
        request = standing.confirmed
        for recorded in standing.pending:
            request = apply(
                request,
                recorded.decision,
                scope=words.scope,
                contacted_label=words.contacted_label,
            )
        return cls(request=request, pending=standing.pending, refused=standing.refused)


async def load_picture(
    tx: Transaction, key: IssueKey, words: Vocabulary, *, lock: bool = False
) -> Picture | None:
    """Return the picture of a request; ``lock`` makes others wait until the commit."""
    standing = await load_standing(tx, key, lock=lock)
    return Picture.of(standing, words) if standing else None
