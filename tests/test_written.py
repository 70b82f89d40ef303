"""Names nearly right."""

import pytest

from slackbot.written import nearest

LABELS = ["SSAT::Contact", "satisfaction::bad", "feedback::known-issue"]


@pytest.mark.parametrize("written", ["SSAT::contact", "SSAT:Contact", "~SSAT::Contact", "Contact"])
def test_the_name_that_was_meant_is_found_whatever_the_case(written: str) -> None:
    assert nearest(written, LABELS) == "SSAT::Contact"


def test_where_none_is_alike_none_is_named() -> None:
    assert nearest("urgent", LABELS) is None
    assert nearest("urgent", []) is None
