"""The list of safeguards follows the bot; ``make safeguards`` takes each of them out."""

import ast

import pytest

from tests.faults.safeguards import PROJECT, SAFEGUARDS, Safeguard


@pytest.mark.parametrize("safeguard", SAFEGUARDS, ids=str)
def test_each_safeguard_is_in_the_bot_and_leaves_a_program_when_taken_out(
    safeguard: Safeguard,
) -> None:
    source = (PROJECT / "slackbot" / safeguard.module).read_text()
    broken = safeguard.taken_out(source)
    assert broken != source
    ast.parse(broken)
