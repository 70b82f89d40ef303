"""The template of the handbook's page, as another bot may post it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slackbot.rules.handbook import TEMPLATE, is_empty_template

PAGE = """\
* **Summary of ticket/feedback:**
* **Action to be taken:**
* **Contact customer to discuss feedback? (Y/N)**
"""


@pytest.mark.parametrize(
    "comment",
    [
        PAGE,
        PAGE.replace("\n", "\r\n"),
        PAGE.replace("* **", "- ").replace("**", ""),
        PAGE.replace("\n", "\n\n"),
        PAGE.replace("* ", "1. ").upper(),
        PAGE.replace("* ", "> "),
        PAGE + "* **Make the CSM aware? (Y/N)**\n",
        PAGE + "* CSM to be made aware (Y/N):\n",
        PAGE + "\n---\n<!-- an answer would stand here -->",
        f"@avery, please fill this in within 7 days:\n\n{PAGE}",
        "Summary of ticket / feedback\nAction to be taken\nContact customer to discuss feedback",
    ],
)
def test_the_template_without_answers_is_known(comment: str) -> None:
    assert is_empty_template(comment)


@pytest.mark.parametrize(
    "comment",
    [
        "",
        "Please look.",
        PAGE.replace("feedback:**", "feedback:** They waited."),
        PAGE.replace("feedback:**", "feedback:** 5"),
        PAGE.replace("feedback:**", "feedback:**\n遅い返事"),
        PAGE.replace("(Y/N)", "(Y/N) N"),
        PAGE.replace("(Y/N)", "Y"),
        f"{PAGE}\nDone.",
        f"{PAGE}* **Make the CSM aware? (Y/N)** Y",
        "\n".join(PAGE.splitlines()[:2]),
        PAGE.replace("Action", "Actions"),
    ],
)
def test_an_answer_or_another_comment_is_not(comment: str) -> None:
    assert not is_empty_template(comment)


words = st.text(st.characters(categories=["L", "N"]), min_size=1)


@given(at=st.integers(0, 3), answer=words, same_line=st.booleans())
def test_any_word_below_or_beside_a_line_is_an_answer(
    at: int, answer: str, *, same_line: bool
) -> None:
    lines = [f"* **{line}**" for line in TEMPLATE]
    lines[at] += f"{' ' if same_line else chr(10)}{answer}"
    assert not is_empty_template("\n".join(lines)) or answer.lower() == "yn"
