"""One pass over GitLab's list of issues: from where, and how far. No I/O."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from slackbot.platforms.gitlab.snapshot import IssueSnapshot
from slackbot.store.facts import Cursor

OVERLAP = timedelta(minutes=5)
"""How much is read again: GitLab commits late what it dates early."""
GAP = timedelta(minutes=15)
"""After longer without a poll, things have happened unseen."""

_BEGINNING = datetime.min.replace(tzinfo=UTC)


class Reading:
    """A reading that begins now, or goes on where another broke off.

    Args:
        about: The project and contact label; a place of another does not count.
        last_end: By the bot's clock.
    """

    def __init__(
        self,
        about: str,
        place: Cursor | None,
        last_end: datetime | None,
        now: datetime,
        every: timedelta,
    ) -> None:
        known = place if place and place.about == about else None
        self.place = known or Cursor(until=_BEGINNING, about=about, is_first=True)
        self.begun_at = now
        self.since = known.until - overlap(known, now) if known else None
        is_unknown = last_end is None or last_end > now + GAP
        if is_unknown and not self.place.is_first:
            # An older release did not note it, or a wrong clock did.
            last_end = self.place.until
        self.last_end = last_end
        self.is_after_gap = last_end is None or now - last_end > max(GAP, 2 * every)

    @property
    def is_first(self) -> bool:
        """Then only open issues matter."""
        return self.place.is_first

    def advance(self, page: Sequence[IssueSnapshot], found: int, now: datetime) -> Cursor:
        """Expect in ``found`` how many requests of the page are new."""
        # GitLab's times only: its clock and ours need not agree.
        until = max(self.place.until, *(issue.updated_at for issue in page))
        reached_at = now if until > self.place.until else self.place.reached_at
        self.place = replace(
            self.place,
            until=until,
            reached_at=reached_at,
            read=self.place.read + len(page),
            found=self.place.found + found,
        )
        return self.place

    def end(self) -> Cursor | None:
        """Return ``None`` if there was nothing at all."""
        if self.place.until == _BEGINNING:
            return None
        return replace(self.place, is_first=False, read=0, found=0)


def overlap(place: Cursor, now: datetime) -> timedelta:
    """Shrink it with time: an idle poll need not reread the last busy minutes."""
    since = now - place.reached_at if place.reached_at else timedelta(0)
    return min(max(OVERLAP - since, timedelta(0)), OVERLAP)
