"""A clock that people may move forward, to see a deadline come near."""

from datetime import UTC, datetime, timedelta


class LocalClock:
    """Real time plus an offset; returns aware datetimes in UTC and never goes back."""

    def __init__(self) -> None:
        self._offset = timedelta(0)

    def __call__(self) -> datetime:
        """Return the moment that it is here."""
        return datetime.now(UTC) + self._offset

    @property
    def offset(self) -> timedelta:
        """How far this clock is ahead of real time; negative while the past is played."""
        return self._offset

    def start_at(self, moment: datetime) -> None:
        """Begin at some moment, before anybody has looked at the clock."""
        self._offset = moment - datetime.now(UTC)

    def move(self, by: timedelta) -> None:
        """Go forward at once.

        Raises:
            ValueError: That would be backwards, which nothing that keeps times could follow.
        """
        if by < timedelta(0):
            raise ValueError("The time goes forward only.")
        self._offset += by

    def move_to(self, moment: datetime) -> None:
        """Go forward to a moment; one that has passed is where the clock is already."""
        self.move(max(moment - self(), timedelta(0)))
