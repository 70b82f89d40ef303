"""Trouble to order from PagerDuty: everything fails, or takes its time."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from slackbot.local.pagerduty.account import PagerDuty


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What every request meets until the fault is called off."""

    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    hang: float = 0


class Faults:
    """The trouble of one account; there is one at a time."""

    def __init__(self, account: "PagerDuty") -> None:
        self._account = account

    @property
    def pending(self) -> list[Fault]:
        """The present trouble, if there is any."""
        account = self._account
        fault = Fault(status=account.status, headers=dict(account.headers), hang=account.hang)
        return [] if fault == Fault() else [fault]

    def add(
        self, *, status: int | None = None, headers: dict[str, str] | None = None, hang: float = 0
    ) -> Fault:
        """Order trouble for all requests from now on; it takes the place of what was ordered.

        Args:
            status: answered instead of the right answer
            headers: sent with `status`
            hang: seconds to wait before any answer
        """
        account = self._account
        account.status, account.headers, account.hang = status, headers or {}, hang
        return Fault(status=status, headers=dict(account.headers), hang=hang)

    def clear(self) -> None:
        """Call it off."""
        self.add()
