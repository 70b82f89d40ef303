"""A feedback description. Its layout is not public, so reading is lenient and never fails. Pure."""

import html
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto

from slackbot.rules.reading.characters import JOINERS, is_visible, without_invisible

MAX_DESCRIPTION = 100_000
"""In characters; bounds the work on hostile input."""

MAX_COMMENT = 3_000
MAX_VALUE = 200

# What comes later in a line is prose.
_MAX_KEY = 120
_MAX_CELLS = 50

# For the brackets of a regular expression.
DASHES = "\u2013\u2014-"
_COLONS = ":\uff1a"

# --- Text --------------------------------------------------------------------------------------

_LINE_BREAK = re.compile("\r\n?|\u2028|\u2029")
_HTML_BREAK = re.compile(r"<br {0,2}/?>", re.IGNORECASE)
_HTML_TAG = re.compile(r"</?([a-z][a-z0-9:-]*)(?=[\s/>])[^<>]*>", re.IGNORECASE)
_HTML_END = re.compile(r"</([a-z][a-z0-9:-]*)\s{0,9}>", re.IGNORECASE)
_NEEDS_NO_END = {
    *("p", "li", "dt", "dd", "input", "hr", "option"),
    *("thead", "tbody", "tfoot", "tr", "td", "th"),
}
# A link keeps its address; breaks come later, as they may stand in a row.
_LEFT_ALONE = {"a", "br"}
_BETWEEN_CELLS = re.compile(r"(</t[dh]>|<tr\b[^<>]{0,200}>)\s{1,40}(?=<t[dh]\b)", re.IGNORECASE)
_MARKDOWN_OF_TAG = {
    **{
        f"{end}{name}": "\n"
        for name in (
            *("p", "div", "ul", "ol", "dl", "dd", "table", "caption", "pre", "blockquote"),
            *("section", "article", "aside", "header", "footer", "main", "nav", "figure"),
            *("details", "summary", "form", "fieldset", "legend", "option", "textarea"),
            *("center", "address"),
        )
        for end in ("", "/")
    },
    **dict.fromkeys(("/li", "/tr", "/dt"), "\n"),
    **{f"/h{level}": "\n" for level in range(1, 7)},
    **{f"h{level}": f"\n{'#' * level} " for level in range(1, 7)},
    **dict.fromkeys(("b", "/b", "strong", "/strong"), "**"),
    "li": "\n- ",
    "tr": "\n",
    "dt": "\n#### ",
    "hr": "\n---\n",
    **dict.fromkeys(("td", "th"), "| "),
    **dict.fromkeys(("/td", "/th"), " "),
}
_ENTITY = re.compile(r"&(?:#x?[0-9a-f]{1,8}|[a-z][a-z0-9]{1,31});", re.IGNORECASE)
# What forms and programs write where nobody wrote anything.
_WHO = r"(?:the |this )?(?:end[- ]?user|user|customer|requester|respondent)"
_WHERE = r"(?: (?:in|on|with) (?:the|this) (?:survey|form))?"
_LEFT = r" (?:was |were )?(?:left|given|provided|entered|supplied)"
_NOTHING_SAID = re.compile(
    r"(?:n/?a|none|null|nil|nan|undefined|not (?:provided|given|specified|available|applicable)"
    rf"|(?:there (?:is|are|was|were) )?(?:no|without) (?:comments?|feedback|text)(?:{_LEFT})?"
    rf"(?: (?:by|from) {_WHO})?{_WHERE}"
    rf"|no (?:response|answer|reason){_LEFT} by {_WHO}{_WHERE}"
    rf"|{_WHO} (?:did not|didn't|has not|hasn't|left no|gave no)"
    r"(?: (?:leave|left|provide|provided|give|given|write|written|add|added|enter|entered))?"
    rf"(?: (?:a|any))? (?:comments?|feedback|response|answer|reason){_WHERE})?"
)
# Of a value; as a comment it may be the complaint.
_NO_ANSWER = re.compile(rf"(?:no|without) (?:response|answer|reason)(?:{_LEFT})?")
_NO_ANSWER_OF_A_FORM = "_no response_"
_AROUND_WORDS = " \t\n*_`~.!,;\"'()[]<>\u2013\u2014\u2018\u2019\u201c\u201d-"
# Within words an underscore is none.
_MARKS = {
    "*": re.compile(r"\*+"),
    "_": re.compile(r"(?<!\w)_+|_+(?!\w)"),
    "`": re.compile(r"`+"),
}
_LINK = re.compile(r"\[([^\]\n]{1,200})\]\([^)\n]{0,500}\)")
_FENCES = ("```", "~~~")


def _normalised(description: str) -> str:
    text = _LINE_BREAK.sub("\n", description[:MAX_DESCRIPTION])
    kept = []
    begin = 0
    while (opened := text.find("<!--", begin)) >= 0:
        closed = text.find("-->", opened)
        if closed < 0:
            # It may be the customer's typing, so it hides nothing.
            break
        kept.append(text[begin:opened])
        begin = closed + len("-->")
    text = _BETWEEN_CELLS.sub(r"\1", "".join([*kept, text[begin:]]))
    text = without_invisible(_ENTITY.sub(_blank_of, text))
    ended = {name.lower() for name in _HTML_END.findall(text)}
    tags = (_NEEDS_NO_END | ended) - _LEFT_ALONE
    return "\n".join(_without_html(line, tags) for line in text.split("\n"))


def _blank_of(entity: re.Match[str]) -> str:
    """Leave what can be seen: a ``&lt;`` begins no tag."""
    character = html.unescape(entity[0])
    if is_visible(character):
        return entity[0]
    return " " if character.isspace() else character


def _without_html(line: str, tags: Collection[str]) -> str:
    """Keep what only looks like a tag, such as ``<url>``: nothing ends it."""
    text = _HTML_TAG.sub(lambda tag: _markdown_of(tag) if tag[1].lower() in tags else tag[0], line)
    if line.lstrip().startswith("|"):
        return text.replace("\n", " ")  # a row stays one line
    return _HTML_BREAK.sub("\n", text)


def _markdown_of(tag: re.Match[str]) -> str:
    inside = tag[0].strip("<>").lower()
    name = f"/{tag[1].lower()}" if inside.startswith("/") else tag[1].lower()
    if name == "input" and "checkbox" in inside:
        return "[x] " if "checked" in inside else "[ ] "
    return _MARKDOWN_OF_TAG.get(name, "")


def _says_nothing(text: str) -> bool:
    words = " ".join(text.replace("\u2019", "'").lower().split())
    is_of_a_form = _NOTHING_SAID.fullmatch(words.strip(_AROUND_WORDS)) is not None
    return is_of_a_form or words.strip("> ") == _NO_ANSWER_OF_A_FORM or not is_visible(text)


def _clean(text: str) -> str:
    return without_invisible(html.unescape(_HTML_BREAK.sub("\n", text)))


def _clean_value(text: str) -> str | None:
    plain = _without_marks(" ".join(_clean(text[: 4 * MAX_VALUE]).split()))
    link = _LINK.fullmatch(plain)
    plain = link[1].strip() if link else plain
    is_missing = _says_nothing(plain) or _NO_ANSWER.fullmatch(plain.lower().strip(_AROUND_WORDS))
    return None if is_missing else _shortened(plain, MAX_VALUE)


def _without_marks(text: str) -> str:
    """Take away the marks around a whole value, and those that begin or end outside of it.

    Others belong to the value, as in ``Acme & *Sons*``.
    """
    before = None
    while text != before:
        before = text
        for mark in _MARKS:
            lead, trail = _foreign(text, mark)
            text = text[lead : len(text) - trail].strip()
    return text


def _foreign(text: str, mark: str) -> tuple[int, int]:
    """Count the marks at each end that are not part of the value."""
    inside = text.lstrip(mark)
    lead = len(text) - len(inside)
    trail = len(inside) - len(inside.rstrip(mark))
    runs = [len(each[0]) for each in _MARKS[mark].finditer(inside.rstrip(mark))]
    if not runs:
        return lead, trail
    if len(runs) % 2 == 0:  # they pair with each other, or the outer ones with those at the ends
        own = (lead, trail) == (runs[0], runs[-1])
        return (0, 0) if own else (lead, trail)
    if trail:
        return lead, max(trail - runs[-1], 0)
    return max(lead - runs[0], 0), 0


def _clean_comment(lines: Iterable[str]) -> str:
    """Strip a quotation or code fence that surrounds all the words."""
    rows = _clean("\n".join(lines)).strip("\n").split("\n")
    if len(rows) > 2 and rows[0].strip().startswith(_FENCES) and rows[-1].strip() in _FENCES:
        rows = rows[1:-1]
    if all(row.lstrip().startswith(">") for row in rows if row.strip()):
        rows = [row.lstrip().removeprefix(">").removeprefix(" ") for row in rows]
    text = "\n".join(rows).strip()
    is_short = len(text) <= MAX_VALUE
    says_nothing = is_short and all(map(_says_nothing, text.split("\n")))
    return "" if says_nothing or not is_visible(text) else text


def _shortened(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


# --- Fields ------------------------------------------------------------------------------------


class Kind(Enum):
    CONTACT = auto()
    ORGANIZATION = auto()
    CUSTOMER = auto()
    SCORE = auto()
    COMMENT = auto()
    TICKET = auto()
    TAGS = auto()
    ACTION = auto()


_KEYS: Mapping[Kind, str] = {
    Kind.ORGANIZATION: (
        "organisation, organization, org, company, organisation name, organization name, "
        "company name, customer organisation, customer organization, customer company"
    ),
    # Weaker: it may be the name of a person.
    Kind.CUSTOMER: "customer, customer name, account, account name",
    Kind.SCORE: (
        "score, rating, csat, ssat, satisfaction, csat score, ssat score, csat rating, "
        "satisfaction score, satisfaction rating"
    ),
    Kind.COMMENT: (
        "comment, comments, feedback, customer comment, customer comments, customer's comment, "
        "customer's comments, customer feedback, customer's feedback, feedback comment, "
        "feedback comments, additional comments, what could we have done better"
    ),
    Kind.TICKET: (
        "ticket, ticket id, ticket number, ticket link, ticket url, zendesk ticket, support ticket"
    ),
    Kind.TAGS: "tag, tags, ticket tag, ticket tags, zendesk tag, zendesk tags, zendesk ticket tags",
    Kind.ACTION: "action, next action, next actions, next steps, requested action",
}
_KIND_OF_KEY = {key: kind for kind, keys in _KEYS.items() for key in keys.split(", ")}
# Within a comment these are the customer's own words, unless a form made them bold.
_ALSO_OWN_WORDS = (Kind.TAGS, Kind.ACTION)
# "Would you like a manager to contact you?", "Manager contact", "Contact requested", …
_CONTACT_WORDS = ("manager", "request")

_YES = {
    *("yes", "y", "yep", "yeah", "yup", "true", "1", "x", "requested", "checked", "ticked"),
    *("selected", "✓", "✔", "✅", "☑", "👍", "whitecheckmark", "heavycheckmark"),
    "ballotboxwithcheck",
}
_NO = {
    *("no", "n", "nope", "false", "0", "not", "unchecked", "none", "n/a", "undefined", "null"),
    *("-", "✗", "✘", "❌", "☐", "👎"),
}

_LIST_MARKER = re.compile(r"(?:[-*+•]|[0-9]{1,3}[.)])\s+")
_CHECKBOX = re.compile(r"\[([ xX✓✔]?)\](?!\()\s*")
_HEADING = re.compile(r"#{1,6}\s+(\S.*)")
_RULE = re.compile(r"-{3,}|\*{3,}|_{3,}")
_KEY_END = re.compile(rf"[{_COLONS}?]|\s[={DASHES}]\s|\*\*(?=\s)")
_VALUE_LEAD = re.compile(rf"[*_]{{0,3}}[\s{_COLONS}?]*(?:[={DASHES}]\s+)?")
_OTHER_FIELD = re.compile(r"(?:\*\*|__)[^*_\n]{1,80}(?::(?:\*\*|__)|(?:\*\*|__):)")
_STATEMENT = re.compile(
    r"(?:the |a )?(?:customer )?"
    r"(?:(?:manager )?contact (?:(?:was|is|has been) )?requested"
    r"|(?:has )?request(?:s|ed) (?:a )?(?:manager |manager's )?contact)"
    r"(?: by the customer)?"
)
_TABLE_RULE = re.compile(r"[|\s:-]+")
_CELL_END = re.compile(r"(?<!\\)\|")


@dataclass
class _Field:
    kind: Kind
    lines: list[str] = field(default_factory=list)
    stated: bool = False
    """A whole line says so, such as "Manager contact requested"."""
    is_below_heading: bool = False

    def takes(self, text: str) -> bool:
        if not text:
            return True
        if self.kind is Kind.COMMENT:
            return not _OTHER_FIELD.match(_without_marker(text))
        if self.kind is Kind.CONTACT:
            return _answer(text) is not None or _CHECKBOX.match(_without_marker(text)) is not None
        # Below a heading, a list of tags or actions is read to its end.
        goes_on = self.kind in _ALSO_OWN_WORDS and self.is_below_heading
        return not any(self.lines) or (goes_on and bool(self.lines[-1].strip()))

    def says_yes(self) -> bool:
        answers = [_answer(line) for line in self.lines]
        return True in answers or (self.stated and False not in answers)


def _without_marker(text: str) -> str:
    marker = _LIST_MARKER.match(text)
    return text[marker.end() :] if marker else text


def _bare_key(text: str) -> str:
    words, _, _ = html.unescape(text).replace("\u2019", "'").partition("(")
    return " ".join(words.translate(_NO_MARKUP).lower().split()).strip(f" ?.{_COLONS}")


_NO_MARKUP = {ord(character): None for character in f"*_`~#\ufe0f{JOINERS}"}
_QUOTES = "\"'()\u2018\u2019\u201c\u201d"


def _kind_of(text: str) -> Kind | None:
    if len(text) > _MAX_KEY:
        return None
    key = _bare_key(text)
    if "contact" in key and any(word in key for word in _CONTACT_WORDS):
        return Kind.CONTACT
    return _KIND_OF_KEY.get(key)


def _answer(text: str) -> bool | None:
    """Read a first word, a tick, or a checked box before either."""
    bare = _without_marker(text.strip())
    box = _CHECKBOX.match(bare)
    if box is None:
        return _said(bare)
    checked = bool(box[1].strip())
    said = _said(bare[box.end() :])
    if said is None:
        return checked
    # "[ ] Yes" may stand beside "[x] No".
    return said if checked else None


def _said(text: str) -> bool | None:
    plain = html.unescape(text[:_MAX_KEY]).translate(_NO_MARKUP).lower().strip(f" :,{_QUOTES}")
    words = re.split(r"[\s,.;:!(]", plain, maxsplit=1)
    if words[0] in _YES:
        return True
    return False if words[0] in _NO else None


def _field_in(text: str) -> _Field | None:
    """Read `Key: value` in its several spellings."""
    bare = _without_marker(text)
    box = _CHECKBOX.match(bare)
    if box:
        return _checkbox_field(bare[box.end() :], checked=bool(box[1].strip()))
    if _STATEMENT.fullmatch(_bare_key(bare[:_MAX_KEY])) and _is_sentence(bare):
        return _Field(Kind.CONTACT, stated=True)
    return _keyed_field(bare) or _title_field(bare)


def _is_sentence(text: str) -> bool:
    """Exclude headings and keys, whose answer stands elsewhere."""
    return (
        len(text) <= _MAX_KEY
        and not text.startswith(("**", "__"))
        and text[-1] not in f"?{_COLONS}"
    )


def _keyed_field(text: str) -> _Field | None:
    for end in _KEY_END.finditer(text, 0, _MAX_KEY):
        kind = _kind_of(text[: end.start()])
        if kind is None:
            continue
        value = text[end.end() :]
        lead = _VALUE_LEAD.match(value)
        value = value[lead.end() :] if lead else value
        if kind is Kind.CONTACT and value and _answer(value) is None:
            # Prose: "I asked your manager to contact me: nobody did".
            return None
        return _Field(kind, [value] if value else [])
    return None


def _title_field(text: str) -> _Field | None:
    """Read `**Comment**` as a heading."""
    if not (text.startswith(("**", "__")) and text.endswith(("**", "__"))):
        return None
    kind = _kind_of(text)
    return _Field(kind) if kind else None


def _checkbox_field(text: str, *, checked: bool) -> _Field | None:
    """Read `[x] Manager contact requested`; other boxes are answers or prose."""
    written = _keyed_field(text)
    if written and written.kind is Kind.CONTACT and written.lines:
        return written
    if _kind_of(text) is not Kind.CONTACT:
        return None
    return _Field(Kind.CONTACT, ["yes" if checked else "no"])


class Description:
    """``has_action``: a form's next action is told apart from the customer's own words."""

    def __init__(self, text: str, *, has_action: bool = False) -> None:
        self.text, self._has_action = _normalised(text), has_action
        self._fields: list[_Field] = []
        self._open: _Field | None = None
        self._columns: list[Kind | None] = []
        self._prose: list[str] = []
        self._quoted: list[str] = []
        for line in self.text.split("\n"):
            self._read(line)

    def _read(self, line: str) -> None:
        text = line.strip()
        if text.startswith("|"):
            self._read_row(text)
            return
        self._columns = []
        heading = _HEADING.fullmatch(text)
        if heading:
            self._begin(self._believed(self._heading_field(heading[1])))
        elif _RULE.fullmatch(text):
            self._begin(None)
        elif text and (found := self._believed(_field_in(text))) and not self._is_own(found, text):
            self._begin(found)
        else:
            self._read_text(line, text)

    def _believed(self, found: _Field | None) -> _Field | None:
        return found if self._has_action or not found or found.kind is not Kind.ACTION else None

    def _is_own(self, found: _Field, text: str) -> bool:
        is_in_comment = self._open is not None and self._open.kind is Kind.COMMENT
        is_bold = _without_marker(text).startswith(("**", "__"))
        return is_in_comment and found.kind in _ALSO_OWN_WORDS and not is_bold

    def value(self, kind: Kind) -> str | None:
        values = (_clean_value(" ".join(each.lines)) for each in self._of(kind))
        return next((value for value in values if value), None)

    def raw_values(self, kind: Kind) -> list[str]:
        return [" ".join(each.lines)[: 4 * MAX_VALUE] for each in self._of(kind)]

    def tags(self) -> frozenset[str]:
        """Zendesk separates them by spaces, people by commas."""
        texts = self.raw_values(Kind.TAGS)
        parts = (re.split(r"[,;]" if "," in text else r"[\s;]", text) for text in texts)
        return frozenset(part.strip(_AROUND_WORDS) for each in parts for part in each)

    def comment(self) -> str | None:
        """Return the comment fields, else the prose, else the quotations."""
        text = _clean_comment(self._prose) or _clean_comment(self._quoted)
        return self.written(Kind.COMMENT) or _shortened(text, MAX_COMMENT) or None

    def written(self, kind: Kind) -> str | None:
        text = "\n\n".join(filter(None, (_clean_comment(each.lines) for each in self._of(kind))))
        return _shortened(text, MAX_COMMENT) or None

    def is_form(self) -> bool:
        """Return whether a form wrote it; a team's own notes quote, and name customers, too."""
        return any(map(self._of, (Kind.ORGANIZATION, Kind.COMMENT)))

    def says_contact_requested(self) -> bool:
        """Let no "no" take back a yes."""
        return any(each.says_yes() for each in self._of(Kind.CONTACT))

    def _of(self, kind: Kind) -> list[_Field]:
        return [each for each in self._fields if each.kind is kind]

    def _begin(self, begun: _Field | None) -> None:
        self._open = begun
        if begun:
            self._fields.append(begun)

    def _heading_field(self, text: str) -> _Field | None:
        bare = text.rstrip("# ")
        kind = _kind_of(bare)
        return _keyed_field(bare) or (_Field(kind, is_below_heading=True) if kind else None)

    def _read_text(self, line: str, text: str) -> None:
        if self._open and self._open.takes(text):
            self._open.lines.append(line)
            return
        self._open = None
        (self._quoted if text.startswith(">") else self._prose).append(line)

    def _read_row(self, text: str) -> None:
        """Read a key and its value, or one value under each key of the head."""
        self._open = None
        if _TABLE_RULE.fullmatch(text):
            return
        cells = [cell.strip() for cell in _CELL_END.split(text.strip("|"), _MAX_CELLS)]
        if self._columns:
            self._fields += [
                _Field(kind, [cell])
                for kind, cell in zip(self._columns, cells, strict=False)
                if kind
            ]
            return
        kinds = [_kind_of(cell) for cell in cells]
        if len([kind for kind in kinds if kind]) > 1:
            self._columns = kinds
        elif kinds[0] and len(cells) > 1:
            self._fields.append(_Field(kinds[0], [cells[1]]))
