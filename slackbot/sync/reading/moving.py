"""Where an issue went that was moved to another project. Pure."""

import re
from collections.abc import Iterable

from slackbot.platforms.gitlab.snapshot import IssueSnapshot, Note

_MOVED = re.compile(r"moved to ([\w./-]+)#([0-9]+)")


def address_after_move(issue: IssueSnapshot, notes: Iterable[Note]) -> str | None:
    """Return an empty one if GitLab doesn't tell, and ``None`` if the issue was not moved.

    GitLab's note names the new place, to those who may see that; ``moved_to_id`` leads nowhere.
    """
    if issue.moved_to_id is None:
        return None
    said = (_MOVED.fullmatch(note.body.strip()) for note in notes if note.is_system)
    found = next(filter(None, said), None)
    site, is_known, _ = issue.url.partition(f"/{issue.project_path}/-/")
    if found is None or not is_known:
        return ""
    path = found[1]
    if "/" not in path:  # within the same group
        path = f"{issue.project_path.rpartition('/')[0]}/{path}"
    return f"{site}/{path}/-/issues/{found[2]}"
