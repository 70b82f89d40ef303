"""Seals what the database must not show: codes and tokens of people."""

import base64
import hashlib
import json
from collections.abc import Sequence
from datetime import datetime, timedelta

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from pydantic import SecretStr

from slackbot.platforms.gitlab.oauth import Tokens


class Unsealable(Exception):
    """It was sealed with a key that is no longer there, or it is damaged."""


class Vault:
    """Seals with the first key, and opens with any."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._fernet = MultiFernet([Fernet(key) for key in keys])

    def seal(self, secret: SecretStr) -> str:
        return self._fernet.encrypt(secret.get_secret_value().encode()).decode()

    def unseal(self, sealed: str) -> SecretStr:
        """Raise ``Unsealable`` where no key fits."""
        try:
            return SecretStr(self._fernet.decrypt(sealed.encode()).decode())
        except (InvalidToken, UnicodeError) as error:
            raise Unsealable from error

    def seal_tokens(self, tokens: Tokens) -> str:
        held = {
            "access": tokens.access.get_secret_value(),
            "refresh": tokens.refresh.get_secret_value(),
            "expires_at": tokens.expires_at.isoformat(),
        }
        return self.seal(SecretStr(json.dumps(held)))

    def unseal_tokens(self, sealed: str) -> Tokens:
        """Raise ``Unsealable`` where no key fits, or where there are none."""
        try:
            held = json.loads(self.unseal(sealed).get_secret_value())
            return Tokens(
                access=SecretStr(held["access"]),
                refresh=SecretStr(held["refresh"]),
                expires_at=datetime.fromisoformat(held["expires_at"]),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise Unsealable from error


def key_from(secret: str) -> str:
    """Derive a key, where none is set: for codes that are good for a few minutes."""
    derived = hashlib.sha256(b"ssat-bot device codes\0" + secret.encode()).digest()
    return base64.urlsafe_b64encode(derived).decode()


SOON = timedelta(minutes=5)
"""Before it ends, an access token counts as ended: a delivery may take a while."""


def is_usable(tokens: Tokens, now: datetime) -> bool:
    # One that ends far ahead was noted while the clock was wrong.
    return now + SOON < tokens.expires_at <= now + timedelta(days=1)
