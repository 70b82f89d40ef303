"""Whether a status in Slack says that a person is away for a while. Pure."""

import re
from dataclasses import dataclass
from datetime import datetime

_EMOJIS = frozenset(
    {
        # Slack suggests these two, for "Vacationing" and "Out sick".
        "palm_tree",
        "face_with_thermometer",
        "beach_with_umbrella",
        "desert_island",
        "ooo",
        "vacation",
    }
)
_AWAY = re.compile(
    r"\b(?:ooo|o\.o\.o\.?|out[ -]of[ -](?:the[ -])?office|pto|sick(?! of\b)|vacation(?:ing)?"
    r"|on holidays?|(?:on|parental|maternity|paternity|family|medical|annual) leave"
    r"|time off|days? off)(?!\w)",
    re.IGNORECASE,
)
_AT_WORK = re.compile(r"\b(?:working|wfh|remote(?:ly)?|back (?:from|to work))\b", re.IGNORECASE)
"""As in "Working from the beach" and "Back from vacation"."""


@dataclass(frozen=True, kw_only=True)
class Status:
    """As people set it in their profile."""

    text: str = ""
    emoji: str = ""
    """With its colons."""
    ends_at: datetime | None = None
    """UTC; ``None`` if it has no end."""

    def is_away(self, now: datetime) -> bool:
        """Return whether they are away for days; a meeting or the way to work soon ends."""
        if self.ends_at is not None and self.ends_at <= now:
            return False
        if _AT_WORK.search(self.text):
            return False
        return self._emoji in _EMOJIS or _AWAY.search(self.text) is not None

    @property
    def _emoji(self) -> str:
        return self.emoji.strip(":").partition("::")[0]  # without the color of the skin
