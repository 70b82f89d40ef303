"""Quick actions: lines such as `/close` in a text, which GitLab executes and takes out.

GitLab looks for them in the top-level paragraphs of the Markdown, so not in code, HTML blocks,
quotes or lists (lib/gitlab/quick_actions/extractor.rb, lib/banzai/filter/quick_action_filter.rb).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

NAMES = frozenset(
    """
    add_child add_contacts add_email add_parent approve assign assign_reviewer award blocked_by
    blocks board_move cc checkin_reminder child_of clear_health_status clear_weight clone close
    confidential convert_to_ticket copy_metadata create_merge_request done draft due duplicate
    epic escalate estimate estimate_time health_status iteration label labels link lock merge
    milestone move page parent promote promote_to promote_to_incident publish react ready
    reassign reassign_reviewer rebase relabel relate remove remove_assignee remove_child
    remove_contacts remove_due_date remove_email remove_epic remove_estimate remove_iteration
    remove_label remove_milestone remove_parent remove_time_spent remove_zoom reopen
    request_changes request_review set_parent severity spend spend_time spent status
    submit_review subscribe tag target_branch timeline title todo todo_done type unapprove
    unassign unassign_reviewer unlabel unlink unlock unsubscribe weight zoom
    """.split()  # noqa: SIM905 - a list of words is read as words
)

_COMMAND = re.compile(r"^/(?P<name>[A-Za-z_]+)(?: (?P<argument>[^\n]*))?\s*$")
_FENCE = re.compile(r"^ {0,3}(?P<fence>`{3,}(?=[^`]*$)|~{3,})")
_QUOTE = re.compile(r"^ {0,3}>")
_ITEM = re.compile(r"^ {0,3}(?:[-+*]|\d{1,9}[.)])(?:[ \t]|$)")
_ONE_LINE = re.compile(r"^ {0,3}(?:#{1,6}(?:[ \t]|$)|(?:\* *){3,}$|(?:_ *){3,}$|(?:- *){3,}$)")
_LONE_TAG = re.compile(r"^ {0,3}</?[A-Za-z][A-Za-z0-9-]*(?:\s[^<>]*)?/?>\s*$")
_BLOCK_TAG = re.compile(
    r"^ {0,3}</?(?:address|article|aside|blockquote|body|center|details|dialog|div|dl|dt|dd|"
    r"fieldset|figure|footer|form|h[1-6]|header|hr|iframe|li|main|menu|nav|ol|p|section|summary|"
    r"table|tbody|td|tfoot|th|thead|tr|ul)(?:\s|/?>|$)",
    re.IGNORECASE,
)
# An HTML block that begins with the first ends on the line that holds the second.
_HTML_UNTIL = (
    (re.compile(r"^ {0,3}<!--"), "-->"),
    (re.compile(r"^ {0,3}<\?"), "?>"),
    (re.compile(r"^ {0,3}<!\[CDATA\["), "]]>"),
    (re.compile(r"^ {0,3}<![A-Za-z]"), ">"),
    (re.compile(r"^ {0,3}<pre(?:\s|>|$)", re.IGNORECASE), "</pre>"),
    (re.compile(r"^ {0,3}<script(?:\s|>|$)", re.IGNORECASE), "</script>"),
    (re.compile(r"^ {0,3}<style(?:\s|>|$)", re.IGNORECASE), "</style>"),
    (re.compile(r"^ {0,3}<textarea(?:\s|>|$)", re.IGNORECASE), "</textarea>"),
)


@dataclass(frozen=True)
class QuickAction:
    """A command with its argument, as it will be executed."""

    name: str
    argument: str

    def __str__(self) -> str:
        return f"/{self.name} {self.argument}".rstrip()


def extract(text: str) -> tuple[str, list[QuickAction]]:
    """Part a text into what is left of it and the commands that it holds."""
    text = text.replace("\r", "")
    paragraph_lines = set(_top_level_paragraphs(text.split("\n")))
    kept: list[str] = []
    actions: list[QuickAction] = []
    for number, line in enumerate(text.split("\n")):
        action = _parse(line) if number in paragraph_lines else None
        if action is None:
            kept.append(line)
        else:
            actions.append(action)
    if not actions:
        return text.rstrip(), []
    return "\n".join(kept).strip("\n").rstrip(), actions


def _parse(line: str) -> QuickAction | None:
    match = _COMMAND.match(line)
    if match is None or match["name"].lower() not in NAMES:
        return None
    return QuickAction(match["name"].lower(), (match["argument"] or "").strip())


def _top_level_paragraphs(lines: list[str]) -> Iterator[int]:
    """Return the numbers of the lines in paragraphs that stand in no other block."""
    number, in_paragraph = 0, False
    while number < len(lines):
        end = _block_end(lines, number, in_paragraph=in_paragraph)
        if end is not None:
            number, in_paragraph = end, False
            continue
        in_paragraph = bool(lines[number].strip())
        if in_paragraph:
            yield number
        number += 1


def _block_end(lines: list[str], start: int, *, in_paragraph: bool) -> int | None:
    """Where the block other than a paragraph that begins here ends, None if none begins."""
    line = lines[start]
    fence = _FENCE.match(line)
    if fence:
        return _fence_end(lines, start, fence["fence"])
    if line.strip() == ">>>":
        return _long_quote_end(lines, start)
    if _ONE_LINE.match(line):
        return start + 1
    if _QUOTE.match(line) or _ITEM.match(line):
        return _container_end(lines, start)
    return _html_end(lines, start, in_paragraph=in_paragraph)


def _fence_end(lines: list[str], start: int, fence: str) -> int:
    closing = re.compile(rf"^ {{0,3}}{re.escape(fence[0])}{{{len(fence)},}}\s*$")
    for number in range(start + 1, len(lines)):
        if closing.match(lines[number]):
            return number + 1
    return len(lines)


def _long_quote_end(lines: list[str], start: int) -> int:
    """Return the end of a quote between two lines of `>>>`; an open one quotes nothing."""
    for number in range(start + 1, len(lines)):
        if lines[number].strip() == ">>>":
            return number + 1
    return start + 1


def _html_end(lines: list[str], start: int, *, in_paragraph: bool) -> int | None:
    line = lines[start]
    for opening, closing in _HTML_UNTIL:
        if opening.match(line):
            ends = (n + 1 for n in range(start, len(lines)) if closing in lines[n].lower())
            return next(ends, len(lines))
    if _BLOCK_TAG.match(line) or (_LONE_TAG.match(line) and not in_paragraph):
        blanks = (n for n in range(start, len(lines)) if not lines[n].strip())
        return next(blanks, len(lines))
    return None


def _container_end(lines: list[str], start: int) -> int:
    """Return the end of a quote or list, with the lines that continue its last paragraph lazily."""
    in_fence = open_paragraph = False
    for number in range(start, len(lines)):
        line = lines[number]
        content = _content(line)
        if content is None:
            if open_paragraph and line.strip() and not _interrupts(line):
                continue
            return number
        if _FENCE.match(content):
            in_fence = not in_fence
        plain = bool(content.strip()) and not _interrupts(content)
        open_paragraph = plain and not in_fence
    return len(lines)


def _content(line: str) -> str | None:
    """Return what a line holds behind its quote and list marks or indentation, None without any."""
    content = line
    while match := _QUOTE.match(content) or _ITEM.match(content):
        content = content[match.end() :].removeprefix(" ")
    if content != line:
        return content
    return line.strip() if line.startswith(("  ", "\t")) and line.strip() else None


def _interrupts(line: str) -> bool:
    """Whether a line begins a block of its own even inside a paragraph."""
    starts = (
        _FENCE,
        _ONE_LINE,
        _QUOTE,
        _ITEM,
        _BLOCK_TAG,
        *(opening for opening, _ in _HTML_UNTIL),
    )
    return any(start.match(line) for start in starts)
