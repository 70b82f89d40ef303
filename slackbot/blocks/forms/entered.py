"""What a person entered in a modal. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any, TypeVar

from slackbot.rules.refusals import Incomplete

K = TypeVar("K", bound=StrEnum)


@dataclass(frozen=True)
class Entered:
    """``values`` is ``view.state.values``; a block and its element share a name.

    What is read raises ``Incomplete`` if it is no submission of our modal.
    """

    values: Mapping[str, Any]

    @classmethod
    def of(cls, view: Mapping[str, Any]) -> "Entered":
        return cls(view["state"]["values"])

    def text(self, name: str) -> str | None:
        value = self._element(name).get("value")
        return str(value) if value else None

    def chosen(self, name: str) -> str | None:
        """Return the option's value of a select or of radio buttons."""
        option = self._element(name).get("selected_option")
        return str(option["value"]) if isinstance(option, Mapping) and "value" in option else None

    def people(self, name: str) -> tuple[str, ...]:
        """Return Slack ids."""
        return tuple(map(str, self._element(name).get("selected_users") or ()))

    def is_ticked(self, name: str) -> bool:
        return bool(self._element(name).get("selected_options"))

    def day(self, name: str) -> date:
        try:
            return date.fromisoformat(str(self._element(name).get("selected_date")))
        except ValueError as error:
            raise Incomplete from error

    def moment(self, name: str) -> datetime | None:
        picked = self._element(name).get("selected_date_time")
        try:
            return datetime.fromtimestamp(int(picked), UTC) if picked else None
        except (TypeError, ValueError, OverflowError, OSError) as error:
            raise Incomplete from error

    def one_of(self, kind: type[K], name: str) -> K:
        try:
            return kind(self.chosen(name) or "")
        except ValueError as error:
            raise Incomplete from error

    def _element(self, name: str) -> Mapping[str, Any]:
        block = self.values.get(name) or {}
        element = block.get(name) if isinstance(block, Mapping) else None
        return element if isinstance(element, Mapping) else {}
