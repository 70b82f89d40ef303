"""Emails to customers, from the team's templates or the bot's own: Jinja2, sandboxed."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from slackbot.blocks.text import one_line, shorten
from slackbot.rules.outreach import TEXT_LIMIT, Email, EmailFacts, Topic
from slackbot.rules.profile import is_language
from slackbot.rules.reading.characters import is_visible, whole_text
from slackbot.written import encoding_of, nearest

if TYPE_CHECKING:
    from jinja2 import Template, nodes

log = structlog.get_logger()

LANGUAGES = ("en", "de", "fr", "es", "ja")
"""Those of the bot's own templates; the first is for everybody else."""
MOST_BYTES = 20_000
WORDS_LIMITS = (800, 300, 0)
"""How much of the customer's words is quoted, in characters; the most that fits."""
SUBJECT, SUBJECT_LIMIT = "Subject:", 120
SUFFIX = ".j2"

NAMES = tuple(field.name for field in fields(EmailFacts))
FILTERS = ("capitalize", "default", "lower", "title", "trim", "truncate", "upper")
# Without loops, calls and sums each template ends, and its text is no longer than it looks.
_SAYING = ("Template", "Output", "TemplateData", "Name", "Const", "Filter", "Keyword")
_CHOOSING = ("If", "CondExpr", "Compare", "Operand", "And", "Or", "Not")

_SAMPLE = EmailFacts(
    name="Avery Example",
    role="Support Manager",
    signature="Avery Example",
    booking_link="https://calendar.example.com/avery",
    organization="Example Ltd",
    ticket="412345",
    ticket_link="https://support.gitlab.com/hc/requests/412345",
    words="Nobody answered.",
    score="2",
    label="feedback::soft-skills",
    label_description="Customer expectations mishandled",
)
_BARE = EmailFacts(name="Avery Example", role="Support Manager", signature="Avery Example")


class TemplateProblem(Exception):
    """The message says what to fix in the file, and nothing of any customer."""


@dataclass(frozen=True, kw_only=True)
class Draft:
    email: Email
    language: str
    replaces_own: bool = False
    """The team's own template does not render, so this is the bot's."""


class EmailTemplates:
    """``folder`` has the team's own, such as ``en.j2``, which go before the bot's."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    @property
    def languages(self) -> tuple[str, ...]:
        own = (file.stem for file in self._own_files() if is_language(file.stem))
        return tuple(dict.fromkeys((*LANGUAGES, *own)))

    def problems(self) -> Iterator[str]:
        """Say what to fix in the team's own templates, a line each."""
        for file in self._own_files("*"):
            language, _, _ = file.name.partition(".")
            proper = file.with_name(f"{language}{SUFFIX}")
            if file.suffix != SUFFIX:
                if is_language(language) and not proper.exists():
                    yield f"{file.name}: it is not used; name it {proper.name}"
            elif file != proper or not is_language(language):
                yield f"{file.name}: name it by its language, such as en{SUFFIX}"
            else:
                try:
                    _try_out(_read(file))
                except TemplateProblem as problem:
                    yield f"{file.name}: {problem}"

    def draft(self, language: str, facts: EmailFacts) -> Draft:
        """Write in this language, or in English; never fails."""
        if language not in self.languages:
            language = LANGUAGES[0]
        own = next((file for file in self._own_files() if file.stem == language), None)
        if own is not None:
            try:
                source = _read(own)
                _try_out(source)
                return Draft(email=_render(source, facts), language=language)
            except TemplateProblem as problem:
                log.warning("email_template_not_used", problem=f"{own.name}: {problem}")
            language = language if language in LANGUAGES else LANGUAGES[0]
        email = _render(_built_in(language), facts)
        return Draft(email=email, language=language, replaces_own=own is not None)

    def _own_files(self, pattern: str = f"*{SUFFIX}") -> list[Path]:
        return sorted(self._folder.glob(pattern)) if self._folder else []


def _built_in(language: str) -> str:
    return (Path(__file__).parent / f"email.{language}{SUFFIX}").read_text(encoding="utf-8")


def _read(file: Path) -> str:
    try:
        if not file.is_file():  # of a pipe there may be no end
            raise TemplateProblem("it is no file")
        if file.stat().st_size > MOST_BYTES:
            raise TemplateProblem(f"it is larger than {MOST_BYTES:,} bytes")
        return file.read_text(encoding=encoding_of(file))
    except UnicodeError as error:
        raise TemplateProblem("it is no text in UTF-8; save it anew") from error
    except OSError as error:
        raise TemplateProblem(f"it cannot be read ({error.strerror})") from error


@lru_cache(maxsize=32)
def _try_out(source: str) -> None:
    """Render for a customer of whom all is known, and for one of whom nothing is."""
    for facts in (*(replace(_SAMPLE, topic=topic) for topic in Topic), _BARE):
        if not is_visible(_render(source, facts).text):
            raise TemplateProblem("it has no text")


def _render(source: str, facts: EmailFacts) -> Email:
    template = _compile(source)
    for limit in WORDS_LIMITS:
        words = shorten(one_line(facts.words), limit) if limit else ""
        try:
            said = template.render({**vars(facts), "words": words})
        except Exception as error:  # a filter may raise anything
            raise TemplateProblem(f"it does not render ({type(error).__name__})") from error
        email = _email(said)
        if len(email.text) <= TEXT_LIMIT:
            return email
    raise TemplateProblem(f"its text is longer than {TEXT_LIMIT:,} characters, Slack's limit")


def _email(said: str) -> Email:
    """Take the subject from the first line."""
    first, _, rest = whole_text(said).strip().partition("\n")
    if not first.startswith(SUBJECT):
        first, rest = "", f"{first}\n{rest}"
    subject = shorten(one_line(first.removeprefix(SUBJECT)), SUBJECT_LIMIT)
    text = re.sub(r"\n{3,}", "\n\n", rest)
    return Email(subject=subject or "GitLab Support", text=text.strip())


@lru_cache(maxsize=32)
def _compile(source: str) -> "Template":
    """Compile it; Jinja2 takes a tenth of a second to import, and few starts need it."""
    from jinja2 import StrictUndefined, TemplateSyntaxError
    from jinja2.sandbox import SandboxedEnvironment

    environment = SandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
    environment.globals.clear()
    try:
        _check(environment.parse(source))
        return environment.from_string(source)
    except TemplateSyntaxError as error:
        raise TemplateProblem(f"line {error.lineno}: {error.message}") from error
    except (RecursionError, SyntaxError, MemoryError, ValueError) as error:
        raise TemplateProblem("it is nested too deeply") from error


def _check(tree: "nodes.Template") -> None:
    from jinja2.nodes import Filter, Name, Node

    for node in (tree, *tree.find_all(Node)):
        place = f"line {node.lineno}"
        if isinstance(node, Name) and node.name not in NAMES:
            raise TemplateProblem(f"{place}: there is no {{{{ {node.name} }}}}{_hint(node.name)}")
        if isinstance(node, Filter) and node.name not in FILTERS:
            raise TemplateProblem(
                f"{place}: the filter {node.name} can't be used; there are {', '.join(FILTERS)}"
            )
        if type(node).__name__ not in (*_SAYING, *_CHOOSING):
            what = type(node).__name__.lower()
            raise TemplateProblem(
                f"{place}: {what} can't be used in an email, only names, if and filters"
            )


def _hint(name: str) -> str:
    near = nearest(name, NAMES)
    return f"; is it {{{{ {near} }}}}?" if near else f"; there are {', '.join(NAMES)}"
