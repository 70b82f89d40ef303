"""What the notes say of kudos and of closing by itself, and what a lost record learns from them."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from slackbot.platforms.gitlab.snapshot import Note
from slackbot.rules.decision import CloseIdle, Kudos
from slackbot.rules.request import Person
from slackbot.sync.writing.notes import comment_of_kudos, note_of, own_marks, withdrawal_of
from tests.rules.test_good_reviews import AVERY, BLAKE, CLOSES, GOOD, decided
from tests.sync.test_restore import ours, past

THANKS = Kudos(thanks=(replace(BLAKE, gitlab="blake.sample"), Person(name="Casey Nolink")))


def marks(body: str) -> list[tuple[object, str | None, str | None]]:
    note = Note(id=1, body=body, author="ssat-bot", by=None, at=CLOSES, is_system=False)
    return [(mark.decision, mark.kind, mark.reason) for _, mark in own_marks([note], "ssat-bot")]


def test_a_note_names_who_is_thanked_without_a_mention() -> None:
    decision = decided(replace(THANKS, text="Well done.\n/close"))
    note = note_of(decision)
    assert note.startswith(
        "**Kudos** to Blake Sample (`@blake.sample`), Casey Nolink, from Avery Example "
        "(`@avery`).\n\n> Well done.\n> /close\n\n<!-- ssat-bot: "
    )
    assert marks(note) == [(decision.id, "kudos", "thanked")]
    left_open = decided(Kudos(close=False))
    assert note_of(left_open).startswith("**Kudos** to the whole team, from Avery Example")
    assert marks(note_of(left_open)) == [(left_open.id, "kudos", None)]
    assert "**Not carried out**: the kudos by Avery Example" in withdrawal_of(decision)


def test_a_note_says_why_a_review_was_closed_by_itself() -> None:
    decision = decided(CloseIdle())
    note = note_of(decision)
    assert note.startswith("**Closed**: nobody has acted on this good review for 7 days.\n\n<!--")
    assert marks(note) == [(decision.id, "close_idle", "idle")]


@given(st.text(max_size=500), st.text(max_size=500))
def test_the_weeks_comment_has_its_marker_whatever_people_wrote(comment: str, text: str) -> None:
    decision = decided(replace(THANKS, text=text))
    request = replace(GOOD, ticket=412345, comment=comment)
    body = comment_of_kudos(decision, replace(THANKS, text=text), request)
    assert body.startswith(
        "**Kudos** to Blake Sample (`@blake.sample`), Casey Nolink, from Avery Example "
        "(`@avery`): [ticket 412345](https://support.gitlab.com/hc/requests/412345), "
        "[feedback #1](https://gitlab.example/-/issues/1)"
    )
    assert marks(body) == [(decision.id, "kudos", "thanked")]
    quoted = body.split("\n\n")[1:-1]
    assert all(part.startswith(">") or part == f"{AVERY.name}:" for part in quoted if part)


def test_a_lost_record_knows_again_who_gave_kudos_and_why_a_review_was_closed() -> None:
    found = past([ours(1, Kudos(close=False), AVERY)])
    assert (found.thanked_by, found.closed_because) == (AVERY, None)
    found = past([ours(1, Kudos(), AVERY)])
    assert (found.thanked_by, found.closed_because, found.closed_by) == (
        AVERY,
        "thanked",
        "Avery Example",
    )
    found = past([ours(1, CloseIdle(), Person(name="ssat-bot", gitlab="ssat-bot"))])
    assert (found.thanked_by, found.closed_because, found.closed_by) == (None, "idle", "ssat-bot")
