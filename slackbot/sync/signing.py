"""Signs what the bot writes under a person's name, and recognizes it later. Pure.

Anybody may write a marker into a comment of their own. So the marker of such a note has a
signature over all that it says, the issue and the author; and it is good for one note.
"""

import hashlib
import hmac
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from slackbot.platforms.gitlab.snapshot import Note
from slackbot.rules.request import IssueKey
from slackbot.sync.writing.assignment import Assignment, read_assignment
from slackbot.sync.writing.notes import hidden_in, read_marker

_SIGNED = re.compile(r'(\{.*), "signature": "([0-9a-f]{64})"\}')
_PURPOSE = b"ssat-bot: notes under people's names"


class Signatures:
    """Signs with the first key, and accepts any; ``keys`` are those of ``SSAT_ENCRYPTION_KEY``."""

    def __init__(self, keys: Sequence[str]) -> None:
        # Keys of their own: what is signed must say nothing about what is sealed.
        self._keys = [hmac.digest(key.encode(), _PURPOSE, "sha256") for key in keys]

    def signer(self, key: IssueKey, account: int) -> Callable[[str], str]:
        """Return what signs a marker for a note by ``account``, GitLab's number of the author."""

        def sign(written: str) -> str:
            signature = _signature(self._keys[0], key, account, written)
            return f'{written[:-1]}, "signature": "{signature}"}}'

        return sign

    def recognize(self, key: IssueKey, notes: Sequence[Note], own: str) -> list[Note]:
        """Mark what is signed, and call the bot's own what follows from it.

        Expect all notes of an issue, newest first; ``own`` is the bot's username.
        """
        taken: set[str] = set()
        known = [self._judged(key, note, taken) for note in reversed(notes)]
        return [*reversed(_with_assignments(known, own))]

    def _judged(self, key: IssueKey, note: Note, taken: set[str]) -> Note:
        if note.is_system or (found := _SIGNED.fullmatch(hidden_in(note.body) or "")) is None:
            return note
        written, signature = f"{found[1]}}}", found[2]
        right = (_signature(each, key, note.author_id, written) for each in self._keys)
        # A copy of it, even by the same person, says nothing: the first one counts.
        if signature in taken or not any(hmac.compare_digest(each, signature) for each in right):
            return note
        taken.add(signature)
        return replace(note, is_signed=True)


def _signature(secret: bytes, key: IssueKey, account: int, written: str) -> str:
    said = f"{key}\0{account}\0{written}".encode()
    return hmac.new(secret, said, hashlib.sha256).hexdigest()


def _with_assignments(notes: Iterable[Note], own: str) -> list[Note]:
    """Call the bot's own the assignment that carries out a signed note, oldest first.

    GitLab says that the person did it. But they did it by the choice that the note tells of, and
    not once more by hand.
    """
    announced: dict[str, str | None] = {}
    known = []
    for note in notes:
        change = read_assignment(note)
        if note.is_signed:
            mark = read_marker(note.body)
            announced[note.author] = mark.kind if mark else None
        elif change is not None:
            if _carries_out(announced.get(note.author), change):
                note = replace(note, author=own)
            # Whoever is named from here on was named by hand, until the next signed note.
            for name in (note.author, change.author, *change.added, *change.removed):
                announced.pop(name, None)
        known.append(note)
    return known


def _carries_out(kind: str | None, change: Assignment) -> bool:
    match kind:
        case "claim" | "take_over":
            return change.author not in change.removed and (
                change.author in change.added or not change.added
            )
        case "release":
            return change.author in change.removed and not change.added
        case _:
            return False
