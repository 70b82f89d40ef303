"""What opens an email: links that carry any text; and profiles."""

from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slackbot.rules.handbook import HANDBOOK_LABELS
from slackbot.rules.outreach import (
    LINK_LIMIT,
    MAILTO_LIMIT,
    Email,
    Topic,
    Webmail,
    compose_link,
    mailto_link,
    topic_of,
)
from slackbot.rules.profile import (
    FIELDS,
    Profile,
    is_language,
    is_web_address,
    judge_profile,
    with_defaults,
)

_texts = st.text(st.characters(codec="utf-8"), max_size=150)
_emails = st.builds(lambda subject, text: Email(subject=subject, text=text), _texts, _texts)


def crlf(text: str) -> str:
    return "\r\n".join(text.splitlines())


@given(_emails)
def test_a_link_carries_subject_and_text_and_nothing_else(email: Email) -> None:
    links = {
        "subject": (mailto_link(email), compose_link(Webmail.OUTLOOK, email)),
        "su": (compose_link(Webmail.GMAIL, email),),
    }
    for subject, made in links.items():
        for link in filter(None, made):
            said = parse_qs(urlsplit(link).query, keep_blank_values=True)
            assert said[subject] == [crlf(email.subject)]
            assert said["body"] == [crlf(email.text)]
            assert set(said) <= {subject, "body", "view", "fs"}
            assert link.isascii()
            assert not set(link) & set("<>|\"' \n\t")


@given(st.text(max_size=5000))
def test_a_link_is_short_enough_or_there_is_none(text: str) -> None:
    email = Email(subject="Your ticket", text=text)
    assert len(mailto_link(email) or "") <= MAILTO_LIMIT
    for webmail in Webmail:
        assert len(compose_link(webmail, email) or "") <= LINK_LIMIT


def test_a_long_text_has_no_link() -> None:
    email = Email(subject="Your ticket", text="x" * 3000)
    assert mailto_link(email) is None
    assert compose_link(Webmail.GMAIL, email) is None
    assert compose_link(Webmail.GMAIL, Email(subject="", text="x" * 2500)) is not None


def test_without_webmail_there_is_only_the_mail_program() -> None:
    email = Email(subject="a&b", text="50 % + 1\nline")
    assert compose_link(Webmail.OFF, email) is None
    assert mailto_link(email) == "mailto:?subject=a%26b&body=50%20%25%20%2B%201%0D%0Aline"


def test_half_a_character_is_left_out() -> None:
    assert mailto_link(Email(subject="x\ud83d", text="")) == "mailto:?subject=x&body="


@pytest.mark.parametrize(
    ("label", "topic"),
    [
        ("feedback::docs-not-helpful", Topic.DOCS),
        ("feedback::new-product-issue", Topic.PRODUCT),
        ("feedback::known-issue", Topic.PRODUCT),
        ("feedback::soft-skills", Topic.SUPPORT),
        ("feedback::process-sfdc", Topic.PROCESS),
        ("feedback::missing-info-from-customer", Topic.OTHER),
        ("other::scope::docs-new-issue", Topic.DOCS),
        ("", Topic.OTHER),
    ],
)
def test_the_label_says_what_an_apology_is_about(label: str, topic: Topic) -> None:
    assert topic_of(label) is topic


def test_no_customer_is_blamed_by_their_label() -> None:
    topics = {label: topic_of(label) for label in HANDBOOK_LABELS}
    assert {label for label, topic in topics.items() if topic is Topic.OTHER} == {
        "feedback::customer-resolved",
        "feedback::missing-info-from-customer",
        "feedback::outside-support",
        "feedback::technical-skills-customer",
    }


# --- Profiles ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "link", ["https://calendar.example.com/avery", "http://example.com", "https://[::1]/x"]
)
def test_a_web_address_is_a_booking_link(link: str) -> None:
    assert judge_profile(Profile(booking_link=link)) is None


@pytest.mark.parametrize(
    "link",
    [
        "calendar.example.com/avery",
        "javascript:alert(1)",
        "mailto:avery@example.com",
        "https://",
        "https:///path",
        "https://[broken",
        "https://example.com/a b",
        "https://example.com\nBcc: x",
    ],
)
def test_anything_else_is_none(link: str) -> None:
    assert judge_profile(Profile(booking_link=link)) is not None


@given(st.text())
def test_no_text_breaks_the_check_of_an_address(text: str) -> None:
    assert is_web_address(text) in (True, False)


def test_an_empty_profile_is_fine_and_has_defaults() -> None:
    assert judge_profile(Profile()) is None
    made = with_defaults(Profile(), "Avery Example")
    assert made == Profile(
        name="Avery Example",
        role="Support Manager",
        signature="Avery Example\nSupport Manager, GitLab",
    )
    assert with_defaults(Profile(role="Lead"), "Avery").signature == "Avery\nLead, GitLab"


@given(*(st.fixed_dictionaries({name: st.sampled_from(["", "a", "b"]) for name in FIELDS}),) * 2)
def test_a_profile_goes_before_another_field_by_field(
    one: dict[str, str], other: dict[str, str]
) -> None:
    both = Profile(**one).over(Profile(**other))
    assert both == Profile(**{name: one[name] or other[name] for name in FIELDS})


def test_a_language_is_a_code() -> None:
    assert all(map(is_language, ("en", "pt-BR", "fil")))
    assert not any(map(is_language, ("", "English", "en_US", "../en", "EN")))
