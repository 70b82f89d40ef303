"""What the stand-ins call a JSON object."""

from typing import Any

Json = dict[str, Any]
