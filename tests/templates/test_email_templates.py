"""Emails from templates: the bot's own in each language, and what the team's may do."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slackbot.rules.handbook import POINTS
from slackbot.rules.outreach import TEXT_LIMIT, EmailFacts, Topic, mailto_link
from slackbot.rules.profile import LIMITS
from slackbot.templates import email as templates
from slackbot.templates.email import LANGUAGES, EmailTemplates

FACTS = EmailFacts(
    name="Avery Example",
    role="Regional Manager",
    signature="Avery Example\nGitLab",
    booking_link="https://calendar.example.com/avery",
    organization="Example Ltd",
    ticket="412345",
    ticket_link="https://support.gitlab.com/hc/requests/412345",
    words="Nobody answered for three days.",
    label="feedback::soft-skills",
    topic=Topic.SUPPORT,
)
BARE = EmailFacts(name="Avery Example", role="Manager", signature="Avery")


def own(folder: Path, source: str | bytes, name: str = "en.j2") -> EmailTemplates:
    (folder / name).write_bytes(source if isinstance(source, bytes) else source.encode())
    return EmailTemplates(folder)


# --- The bot's own -----------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_language_has_the_five_points_in_order(language: str) -> None:
    source = (Path(templates.__file__).parent / f"email.{language}.j2").read_text()
    assert [int(each) for each in re.findall(r"\{# (\d)\.", source)] == [
        number for number, _ in enumerate(POINTS, 1)
    ]
    email = EmailTemplates(None).draft(language, FACTS).email
    text = email.text
    said = ("Avery Example", "412345", FACTS.ticket_link, FACTS.words, "[", FACTS.booking_link)
    places = [text.index(each) for each in said]
    assert places == sorted(places)
    assert FACTS.role in text
    assert FACTS.organization in text
    assert text.endswith(FACTS.signature)
    assert "412345" in email.subject


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("topic", Topic)
def test_no_text_has_a_gap_where_something_is_unknown(language: str, topic: Topic) -> None:
    for facts in (BARE, FACTS):
        text = EmailTemplates(None).draft(language, replace(facts, topic=topic)).email.text
        assert not re.search(r"[ \t]\n|\n{3}|  |\(\)|{|}|None", text)
        assert text.count("[") >= 1


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_the_label_says_of_a_colleague_is_not_told_to_a_customer(language: str) -> None:
    facts = replace(FACTS, label_description="Support Engineer lacks skills")
    draft = EmailTemplates(None).draft(language, facts)
    assert "lacks skills" not in draft.email.text
    assert "soft-skills" not in draft.email.text


_wild = st.text() | st.sampled_from(["x" * 50_000, "あ" * 50_000, "a b " * 9_000, "{{ name }}"])


@given(
    st.sampled_from(LANGUAGES),
    _wild,
    st.text(max_size=120),
    *(st.text(max_size=LIMITS[each]) for each in ("name", "role", "signature", "booking_link")),
)
def test_the_text_fits_into_slacks_form_whatever_anybody_wrote(
    language: str, words: str, organization: str, name: str, role: str, signature: str, link: str
) -> None:
    facts = replace(FACTS, words=words, organization=organization, name=name, role=role)
    facts = replace(facts, signature=signature, booking_link=link)
    draft = EmailTemplates(None).draft(language, facts)
    assert 0 < len(draft.email.text) <= TEXT_LIMIT
    assert not draft.replaces_own
    assert "\n" not in draft.email.subject


def test_most_drafts_are_short_enough_for_a_mail_program() -> None:
    facts = replace(FACTS, words="word " * 60)
    for language in ("en", "de", "fr", "es"):
        assert mailto_link(EmailTemplates(None).draft(language, facts).email)


def test_what_looks_like_a_template_in_a_customers_words_is_text() -> None:
    facts = replace(FACTS, words="{{ signature }} {% for x in y %} {# z #}")
    assert facts.words in EmailTemplates(None).draft("en", facts).email.text


def test_an_unknown_language_is_english() -> None:
    assert EmailTemplates(None).draft("tlh", BARE).language == "en"
    assert EmailTemplates(None).draft("", BARE).language == "en"


# --- The team's --------------------------------------------------------------------------------


def test_a_good_template_has_no_problem_and_goes_first(tmp_path: Path) -> None:
    source = "Subject: {{ ticket or 'you' }}\n{% if not booking_link %}-{% endif %}{{ name|upper }}"
    found = own(tmp_path, source)
    assert list(found.problems()) == []
    draft = found.draft("en", FACTS)
    assert (draft.email.subject, draft.email.text) == ("412345", "AVERY EXAMPLE")
    assert found.draft("de", FACTS).email.text.startswith("Guten Tag")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_template_of_an_editor_on_windows_is_read(tmp_path: Path, encoding: str) -> None:
    found = own(tmp_path, "Zoë\r\n\r\n{{ name }}".encode(encoding))
    assert found.draft("en", BARE).email.text == "Zoë\n\nAvery Example"


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("{% for each in range(10 ** 9) %}x{% endfor %}", "line 1: for can't be used"),
        ("Hi\n{% macro m() %}{{ m() }}{{ m() }}{% endmacro %}", "line 2: macro can't be used"),
        ("{{ 10 ** 10 ** 10 }}", "line 1: pow can't be used"),
        ("{{ 'x' * 999999999 }}", "line 1: mul can't be used"),
        ("{{ '%999999999d' % 1 }}", "line 1: mod can't be used"),
        ("{{ name|center(999999999) }}", "line 1: the filter center can't be used"),
        ("{% set x = name %}{{ x }}", "can't be used"),
        ("{{ name.__class__.__mro__ }}", "line 1: getattr can't be used"),
        ("{{ ''['__class__'] }}", "line 1: getitem can't be used"),
        ("{{ range(3) }}", "line 1: call can't be used"),
        ("{% include '/etc/passwd' %}", "line 1: include can't be used"),
        ("\n\n{{ organisation }}", "line 3: there is no {{ organisation }}; is it {{ organization"),
        ("{{ xyz }}", "there is no {{ xyz }}; there are name, role"),
        ("{% if name %}", "line 1: Unexpected end of template"),
        ("{{ name", "line 1: unexpected end of template"),
        ("{{" + "(" * 9_000 + ")" * 9_000 + "}}", "it is nested too deeply"),
        ("{{ name|truncate('x') }}", "it does not render (TypeError)"),
        ("{% if ticket %}x{% endif %}", "it has no text"),
        ("", "it has no text"),
        ("x" * 3_001, "its text is longer than 3,000 characters"),
        ("x" * 20_001, "it is larger than 20,000 bytes"),
        (b"caf\xe9", "it is no text in UTF-8"),
    ],
)
def test_a_template_that_cannot_be_used_is_named_and_the_bots_own_serves(
    tmp_path: Path, source: str | bytes, problem: str
) -> None:
    found = own(tmp_path, source)
    [named] = found.problems()
    assert named.startswith("en.j2: ")
    assert problem in named
    draft = found.draft("en", FACTS)
    assert draft.replaces_own
    assert draft.email.text.startswith("Hello,")


def test_a_template_in_no_language_of_the_bots_gives_way_to_english(tmp_path: Path) -> None:
    found = own(tmp_path, "{{ nobody }}", "pt-BR.j2")
    draft = found.draft("pt-BR", FACTS)
    assert (draft.language, draft.replaces_own) == ("en", True)
    assert "pt-BR" in found.languages


def test_a_file_with_a_strange_name_and_one_that_is_none_are_named(tmp_path: Path) -> None:
    (tmp_path / "fr.j2").mkdir()
    (tmp_path / "notes.txt").touch()
    found = own(tmp_path, "x", "email.en.j2")
    assert list(found.problems()) == [
        "email.en.j2: name it by its language, such as en.j2",
        "fr.j2: it is no file",
    ]
    assert found.languages == LANGUAGES


def test_a_file_of_another_kind_that_is_named_for_a_language_is_named(tmp_path: Path) -> None:
    for name in ("en.j2~", "fr.html", "pt-BR.jinja2", "README.md", ".de.j2.swp"):
        (tmp_path / name).touch()
    found = own(tmp_path, "x", "en.j2")
    assert list(found.problems()) == [
        "fr.html: it is not used; name it fr.j2",
        "pt-BR.jinja2: it is not used; name it pt-BR.j2",
    ]
    assert found.languages == LANGUAGES
    assert not found.draft("fr", FACTS).replaces_own


def test_a_template_that_is_mended_is_used_at_once(tmp_path: Path) -> None:
    found = own(tmp_path, "{{ broken")
    assert found.draft("en", BARE).replaces_own
    own(tmp_path, "Dear customer")
    assert found.draft("en", BARE).email.text == "Dear customer"


def test_a_text_is_shortened_by_the_customers_words(tmp_path: Path) -> None:
    found = own(tmp_path, "x" * 2_500 + "{{ words }}")
    text = found.draft("en", replace(FACTS, words="word " * 500)).email.text
    assert len(text) <= TEXT_LIMIT
    assert text.endswith("word…")
