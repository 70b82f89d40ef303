"""What ``/ssat help`` says, and what is said where a query was not understood. Pure."""

from slackbot.blocks.card import SlackMessage
from slackbot.blocks.text import escape, mrkdwn, name
from slackbot.rules.query import COMBINED, HELP, Mentioned, NotUnderstood

WORD_LIMIT = 40

MENTIONED = (
    "The queue is not kept by person. `/ssat mine` shows what you have, `/ssat` everything with "
    "who has it."
)


def render_help(problem: NotUnderstood | Mentioned | None = None) -> SlackMessage:
    """Draw the help, after a sentence about what was not understood, if anything."""
    lines = [f"`{_command(words)}`  {about}" for words, about in HELP]
    lines.append(f"Filters hold together: `/ssat {COMBINED}`.")
    said = _problem(problem)
    sections = [said] if said else []
    sections.append("\n".join(lines))
    blocks = tuple({"type": "section", "text": mrkdwn(each)} for each in sections)
    return SlackMessage(text=said or "What /ssat can do", blocks=blocks)


def _command(words: str) -> str:
    return escape(f"/ssat {words}".strip())


def _problem(problem: NotUnderstood | Mentioned | None) -> str | None:
    match problem:
        case None:
            return None
        case Mentioned():
            return MENTIONED
        case NotUnderstood(word=word, nearest=nearest):
            hint = f" Did you mean `/ssat {nearest}`?" if nearest else ""
            return f'I do not know "{name(word, WORD_LIMIT)}".{hint}'
