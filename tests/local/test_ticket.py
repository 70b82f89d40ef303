"""The page that stands for a ticket shows what was said about it, and nothing about another one."""

import re

import pytest

from slackbot.local.cast import AVERY, FRESH, NASTY
from slackbot.local.clock import LocalClock
from slackbot.local.sample import Sample
from slackbot.local.ticket import ticket_page

NOTHING = "Nobody has left feedback on this ticket."


@pytest.fixture
def sample() -> Sample:
    sample = Sample(LocalClock(), with_past=False)
    for story in (NASTY, FRESH):
        sample.open_feedback(story)
    return sample


def test_a_ticket_shows_its_feedback_and_no_other(sample: Sample) -> None:
    page = ticket_page(FRESH.ticket, sample)
    assert f"<h1>Ticket {FRESH.ticket}</h1>" in page
    assert FRESH.comment in page
    assert NOTHING not in page
    assert "wake up everybody" not in page
    assert page.count("<h2>") == 1


def test_what_a_customer_wrote_is_text(sample: Sample) -> None:
    page = ticket_page(NASTY.ticket, sample)
    assert "<script" not in page
    assert "&lt;script&gt;alert(&#x27;boo&#x27;)&lt;/script&gt;" in page
    assert "&lt;!here&gt; &amp; *Sons*" in page
    assert "&lt;https://example.com|click me&gt;<br />" in page
    tags = set(re.findall(r"</?(\w+)", page))
    known = {"html", "head", "meta", "title", "link", "body", "main", "p", "h1", "h2", "br"}
    assert tags == known


def test_a_title_is_text(sample: Sample) -> None:
    author = sample.account(AVERY)
    sample.gitlab.open_issue(sample.project, author=author, title="<b>Ticket</b> 77 & more")
    assert "<h2>&lt;b&gt;Ticket&lt;/b&gt; 77 &amp; more</h2>" in ticket_page(77, sample)


@pytest.mark.parametrize("number", [0, 4, 41219, 12199, 4121990, 1412199])
def test_a_number_is_a_ticket_as_a_whole_only(sample: Sample, number: int) -> None:
    page = ticket_page(number, sample)
    assert NOTHING in page
    assert "<h2>" not in page
