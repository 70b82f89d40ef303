"""Tickets that receive no survey are known by organization, label or tag."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slackbot.rules.reading.exempt import EXEMPT, exempt_kind, parse_exempt


def kind_of(
    organization: str | None = None,
    labels: tuple[str, ...] = (),
    description: str = "",
    kinds: tuple[str, ...] = EXEMPT,
) -> str | None:
    return exempt_kind(kinds, organization=organization, labels=labels, description=description)


@pytest.mark.parametrize(
    ("organization", "labels", "description", "kind"),
    [
        ("GitLab", (), "", "GitLab"),
        ("gitlab", (), "", "GitLab"),
        ("DigitalOcean Support", (), "", "DigitalOcean Support"),
        ("DigitalOcean", (), "", None),
        ("GitLab Users Ltd", (), "", None),
        (None, ("Spam",), "", "spam"),
        (None, ("free_customer",), "", "free_customer"),
        (None, (), "Tags: com_embargo, emea", "com_embargo"),
        (None, (), "Tags: my_free_customer_x", None),
        # What a customer complains about is no tag.
        (None, (), "I get spam from GitLab", None),
        ("Example Ltd", ("feedback::soft-skills",), "All fine", None),
    ],
)
def test_the_handbooks_kinds_are_known(
    organization: str | None, labels: tuple[str, ...], description: str, kind: str | None
) -> None:
    assert kind_of(organization, labels, description) == kind


def test_a_team_adds_its_own_kinds() -> None:
    kinds = parse_exempt(" Example  Partner, internal_test,, ")
    assert kinds == (*EXEMPT, "Example Partner", "internal_test")
    assert kind_of("example partner", kinds=kinds) == "Example Partner"
    assert kind_of(description="Tags: internal_test", kinds=kinds) == "internal_test"
    assert parse_exempt("") == EXEMPT


@given(st.text(), st.text())
def test_whatever_people_write_is_judged(organization: str, description: str) -> None:
    found = kind_of(organization, description=description)
    assert found is None or found in EXEMPT
