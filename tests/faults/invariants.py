"""What must be true of every history, whatever went wrong in it. Pure.

Each check yields its violations in words; no violation, no word. What cards claim (3) is judged in
``claims``, what became of the issues themselves (2) in ``effects``.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from itertools import pairwise

from tests.faults.claims import cards_agree_at_the_end, no_card_claims_too_much
from tests.faults.effects import (
    Aspect,
    assignees,
    effects_are_in_order,
    label_of,
    what_is_delivered_is_done,
)
from tests.faults.history import (
    AS_ADDRESS,
    AS_ISSUE,
    AS_LINK,
    IN_CHANNEL,
    IN_WEEK,
    Call,
    Choice,
    Decided,
    History,
    Painting,
    Standing,
    Telling,
    time_of,
)

Check = Callable[[History], Iterator[str]]

RESTART_NEAR = timedelta(seconds=3)
"""Slack waits this long for an ack; so a death up to so much later can be why none came."""

ACK_WITHIN = timedelta(seconds=3)
"""How long Slack waits for an ack."""

"""What GitLab answers to a change that it will not make."""

_NOT_DELIVERED = "not carried out"


# 1. Cards


def one_card_for_each_request(history: History) -> Iterator[str]:
    """A request that is open at the end has one card; the others have one at most."""
    for key in history.keys():  # noqa: SIM118 - it is no mapping
        cards = history.living_cards(key)
        last = history.standings_of(key)[-1]
        if history.is_waiting(last) and not cards:
            yield f"{key} waits for a contact and has no card"
        if len(cards) > 1:
            yield f"{key} has {len(cards)} cards at the end"
        if cards and not _ever_asked(history, key):
            yield f"{key} has a card and never asked for contact"


def _ever_asked(history: History, key: str) -> bool:
    return any(history.contact_label in each.labels for each in history.standings_of(key))


def never_two_cards(history: History) -> Iterator[str]:
    """A second card is posted only when the first was deleted."""
    first: dict[str, Painting] = {}
    for painting in history.paintings:
        first.setdefault(painting.ts, painting)
    gone = {each.ts: each.at for each in history.deletions}
    standing: dict[str, str] = {}
    for ts, posted in first.items():
        before = standing.get(posted.key)
        if before is not None and not (before in gone and gone[before] <= posted.at):
            yield f"{posted.key} got a second card at {time_of(posted.at)}"
        standing[posted.key] = ts


# 2. Decisions


def accepted_choices_are_on_record(history: History) -> Iterator[str]:
    """What was acked, and not refused to the person's face, is a decision, or has its form."""
    recorded = {each.interaction for each in history.decisions}
    for choice in history.choices:
        is_settled = choice.interaction in recorded or choice.has_effect or choice.is_refused
        if choice.is_acked and not is_settled:
            yield f"{_say(choice)} was acked and is not on record"


def accepted_choices_are_not_denied(history: History) -> Iterator[str]:
    """Nobody is told that nothing was changed by what was accepted before."""
    for choice in history.choices:
        if choice.is_denied:
            yield f"{_say(choice)} was accepted and denied when it came again"


def clicks_are_answered(history: History) -> Iterator[str]:
    """A click gets its ack in time, unless its process, the database or a processor was away."""
    for choice in history.choices:
        if choice.is_acked or _is_excused(choice, history):
            continue
        if not (choice.is_late and _was_kept_waiting(choice, history)):
            yield f"{_say(choice)} got no ack: {choice.problem}"


def _was_kept_waiting(choice: Choice, history: History) -> bool:
    return any(
        each.at <= choice.at + ACK_WITHIN and choice.at <= each.until
        for each in history.kept_waiting
    )


def _is_excused(choice: Choice, history: History) -> bool:
    return choice.process is None or any(
        each.process in (None, choice.process)
        and each.at - RESTART_NEAR <= choice.at <= each.until + RESTART_NEAR
        for each in history.interruptions
    )


def what_was_typed_is_kept(history: History) -> Iterator[str]:
    """What people typed is in the note, or on record to be tried again, or they dismissed it."""
    typed = {each.interaction: each.typed for each in history.choices}
    dismissed = {each.about for each in history.choices if each.what == "Dismiss"}
    noted: defaultdict[str, frozenset[str]] = defaultdict(frozenset)
    for mark in history.marks:
        noted[mark.decision] |= mark.typed
    for arrival in history.arrivals:
        noted[arrival.decision] |= arrival.typed if arrival.place == AS_ISSUE else frozenset()
    for decision in history.decisions:
        wanted = typed.get(decision.interaction, frozenset())
        lost = wanted - noted[decision.id] - decision.typed
        if lost and not (decision.status == "dropped" and decision.id in dismissed):
            yield f"{decision} is {decision.status}, and {sorted(lost)} is lost"


CLOSING = frozenset({"close", "kudos", "reopen", "mark_contacted", "undo_contacted"})


def what_was_said_is_remembered(history: History) -> Iterator[str]:
    """What has no other effect than its note is on record at the end."""
    typed = {each.interaction: each.typed for each in history.choices}
    for known in history.remembered:
        said = {
            each.kind: each
            for each in history.decisions
            if each.key == known.key and each.status == "delivered"
        }
        retried = {each.kind for each in history.decisions if each.was_retried}
        if "review" in said and not known.is_reviewed:
            yield f"{said['review']} is delivered, and the review is forgotten"
        if "kudos" in said and not known.is_thanked:
            yield f"{said['kudos']} is delivered, and the kudos are forgotten"
        wait = said.get("wait")
        # What is closed, or was, waits on nothing.
        has_ended = known.has_ended or not CLOSING.isdisjoint(said)
        is_known = wait is None or typed.get(wait.interaction, known.waits_on) == known.waits_on
        is_known = is_known or (has_ended and not known.waits_on)
        if not is_known and "wait" not in retried:
            yield f"{wait} is delivered, and the record waits on {sorted(known.waits_on)}"
        explained = said.get("explain")
        is_known = explained is None or explained.reason == known.missed_because
        if explained and not (is_known or "explain" in retried or _asked_since(history, explained)):
            yield f"{explained} is delivered, and the record says {known.missed_because}"


def _asked_since(history: History, decision: Decided) -> bool:
    """Tell whether the customer has asked anew since: then a deadline of before is over."""
    noted = [each.at for each in history.marks if each.decision == decision.id]
    asks = history.contact_label
    return any(
        asks in after.labels - before.labels and noted and after.at > noted[0]
        for before, after in pairwise(history.standings_of(decision.key))
    )


def nothing_is_left_over(history: History) -> Iterator[str]:
    """No decision is on its way at the end."""
    for decision in history.decisions:
        if decision.status == "pending":
            yield f"{decision} is pending at the end"


def what_is_delivered_is_in_gitlab(history: History) -> Iterator[str]:
    """A delivered decision has its note."""
    marked = {each.decision for each in history.marks}
    for decision in history.decisions:
        if decision.status == "delivered" and decision.id not in marked:
            yield f"{decision} is delivered and has no note in GitLab"


PLACES = {"kudos": (IN_CHANNEL, IN_WEEK), "follow_up": (AS_ISSUE, AS_LINK, AS_ADDRESS)}
"""Where decisions are brought to, beside their notes."""
WITH_WORDS = frozenset({IN_CHANNEL, IN_WEEK, AS_ISSUE})


def what_is_delivered_has_arrived(history: History) -> Iterator[str]:
    """Kudos are in their channel and the week's issue, a follow-up is an issue that is linked."""
    typed = {each.interaction: each.typed for each in history.choices}
    arrived = {(each.decision, each.place): each for each in history.arrivals}
    for decision in history.decisions:
        for place in PLACES.get(decision.kind, ()) if decision.status == "delivered" else ():
            there = arrived.get((decision.id, place))
            if there is None:
                yield f"{decision} is delivered, and is not in {place}"
            elif place in WITH_WORDS and (
                lost := typed.get(decision.interaction, frozenset()) - there.typed
            ):
                yield f"{decision} is in {place} without {sorted(lost)}"


def nothing_arrives_twice(history: History) -> Iterator[str]:
    """What a decision brings to a place is there once, and one feedback gets kudos once."""
    for (decision, place), times in Counter(
        (each.decision, each.place) for each in history.arrivals
    ).items():
        if times > 1:
            yield f"decision {decision[:8]} is in {place} {times} times"
    given = Counter(
        each.key
        for each in history.decisions
        if each.kind == "kudos" and each.status == "delivered"
    )
    yield from (f"{key} got kudos {times} times" for key, times in given.items() if times > 1)


def nothing_arrives_without_a_decision(history: History) -> Iterator[str]:
    """What is in another place was decided, about the feedback that it stands at."""
    by_id = {each.id: each for each in history.decisions}
    for arrival in history.arrivals:
        decided = by_id.get(arrival.decision)
        said = decided.status if decided else "unknown"
        if said not in ("delivered", "pending"):
            yield f"{arrival.place} has decision {arrival.decision[:8]}, which is {said}"
        elif decided and arrival.key not in (None, decided.key):
            yield f"{decided} has brought {arrival.place} to {arrival.key}"


def notes_mention_whom_they_are_to(history: History) -> Iterator[str]:
    """A note mentions whom its person has named, and nobody else."""
    by_id = {each.id: each for each in history.decisions}
    for mark in history.marks:
        named = by_id[mark.decision].tells if mark.decision in by_id else frozenset()
        wanted = {history.accounts.get(each, each) for each in named}
        if mark.mentions != wanted:
            yield f"{mark.key}: a note to {sorted(wanted)} mentions {sorted(mark.mentions)}"


def no_note_twice(history: History) -> Iterator[str]:
    """No marker stands in two notes."""
    for (key, decision), times in Counter(
        (each.key, each.decision) for each in history.marks
    ).items():
        if times > 1:
            yield f"{key}: decision {decision[:8]} has {times} notes in GitLab"


def nothing_typed_is_noted_twice(history: History) -> Iterator[str]:
    """What a person typed once stands in one note."""
    times = Counter((each.key, word) for each in history.marks for word in each.typed)
    for (key, word), count in times.items():
        if count > 1:
            yield f"{key}: {word!r} stands in {count} notes"


def no_note_without_a_decision(history: History) -> Iterator[str]:
    """A note stands for a decision that was delivered, or for a contact: that has happened."""
    by_id = {each.id: each for each in history.decisions}
    for mark in history.marks:
        decided = by_id.get(mark.decision)
        said = decided.status if decided else "unknown"
        has_happened = decided is not None and decided.wish.is_contacted
        if said not in ("delivered", "pending") and not has_happened:
            yield f"{mark.key} has a note of decision {mark.decision[:8]}, which is {said}"


def notes_are_in_order(history: History) -> Iterator[str]:
    """The notes on an issue come in the order in which people decided."""
    by_id = {each.id: each for each in history.decisions if not each.was_retried}
    latest: dict[str, Decided] = {}
    for mark in history.marks:
        decision = by_id.get(mark.decision)
        if decision is None:
            continue
        before = latest.get(mark.key)
        if before is not None and before.seq > decision.seq:
            yield f"{decision} is in GitLab after {before}"
        latest[mark.key] = decision


def refusals_are_told(history: History) -> Iterator[str]:
    """What was not carried out was said on the card, in its thread or in direct messages."""
    shown = {each for painting in history.paintings for each in painting.refused}
    shown |= {each for telling in history.tellings for each in telling.refused}
    told = Counter(each.key for each in history.tellings if _NOT_DELIVERED in each.text)
    for decision in history.decisions:
        if decision.status != "refused" or decision.id in shown:
            continue
        if told[decision.key] == 0:
            yield f"{decision} was refused and nobody was told"
        told[decision.key] -= 1


# 4. Once only


def no_step_twice(history: History) -> Iterator[str]:
    """No step is told twice, unless the thread of before went with its card."""
    for telling in _again(history, history.tellings):
        again = time_of(telling.at)
        yield f"{telling.key}: the step {telling.id[:8]} was told again at {again}"


def no_reminder_twice(history: History) -> Iterator[str]:
    """No mark of a request is reminded of twice, unless the thread of before went with its card."""
    for reminder in _again(history, history.reminders):
        yield f"{reminder.key}: {reminder.id} was sent again at {time_of(reminder.at)}"


def _again(history: History, tellings: Iterable[Telling]) -> Iterator[Telling]:
    gone = {each.ts: each.at for each in history.deletions}
    told: dict[str, Telling] = {}
    for telling in tellings:
        before = told.get(telling.id)
        # What was posted to the thread of a deleted card went to the channel, under no card.
        if before and before.card and not (before.card in gone and gone[before.card] <= telling.at):
            yield telling
        told[telling.id] = telling


def writes_are_bounded(history: History) -> Iterator[str]:
    """An issue is changed once for each decision, and once more where a write went wrong."""
    for key in history.keys():  # noqa: SIM118 - it is no mapping
        writes = [each for each in history.calls if each.key == key and each.method != "GET"]
        well = [each for each in writes if each.status is not None and each.status < 300]
        decided = sum(each.key == key for each in history.decisions)
        allowed = 2 * decided + (len(writes) - len(well)) + len(history.interruptions)
        if len(well) > allowed:
            yield f"{key} was written to {len(well)} times for {decided} decisions"


# 5. What the platforms object to


def nobody_complains(history: History) -> Iterator[str]:
    """Neither platform has anything to object to, and no process ended by itself."""
    yield from history.complaints


# 6. What people do in GitLab stands


def nobody_is_overwritten(history: History) -> Iterator[str]:
    """The bot undoes no one's change that it has heard of, unless somebody decided so later.

    GitLab has no conditional update: what is done between the bot's reading and its writing is
    beyond it.
    """
    for key in history.keys():  # noqa: SIM118 - it is no mapping
        for name, aspect in (("assignment", assignees), ("label", label_of(history))):
            yield from _overwritten(history, key, name, aspect)


def _overwritten(history: History, key: str, name: str, aspect: Aspect) -> Iterator[str]:
    made: tuple[Standing, frozenset[str]] | None = None
    for before, after in pairwise(history.standings_of(key)):
        if aspect(before) == aspect(after):
            continue
        if after.by != history.bot:
            # What people leave empty may be filled by whoever chose so before.
            came = aspect(after) - aspect(before)
            made = (after, came) if came and _is_news(history, after, aspect) else None
            continue
        if made and _knew(history, key, made[0].at, after.at):
            decision = _decision_behind(history, key, after.at)
            if not _may_replace(history, decision, *made):
                yield (
                    f"{key}: the {name} that {made[0].by} made at {time_of(made[0].at)} was "
                    f"overwritten at {time_of(after.at)} by {decision}"
                )
        made = None


def _is_news(history: History, made: Standing, aspect: Aspect) -> bool:
    """Tell whether a reading can show it: not what was undone and done again between two."""
    reads = [each.at for each in _readings(history, made.key) if each.at < made.at]
    return not reads or aspect(history.standing_at(made.key, reads[-1])) != aspect(made)


def _may_replace(
    history: History, decision: Decided | None, made: Standing, came: frozenset[str]
) -> bool:
    """Tell whether a decision is later than what was made in GitLab, or meant just that."""
    if decision is None:
        return False
    if decision.was_retried:  # its person has seen by then what was made
        return True
    # A click that was under way when GitLab changed is judged by what the bot knows by then.
    chosen = [each for each in history.choices if each.interaction == decision.interaction]
    judged = (each.answered_at or each.at for each in chosen)
    return any(at > made.at for at in judged) or decision.instead_of in came


def _knew(history: History, key: str, since: datetime, until: datetime) -> bool:
    """Tell whether the reading before a write came after a moment."""
    # A call that hung has its effect late, by what was known when it was sent.
    puts = [
        each.at for each in history.calls if each.key == key and each.is_change and each.at <= until
    ]
    sent = max(puts, default=until)
    reads = [each.at for each in _readings(history, key) if each.at <= sent]
    return bool(reads) and reads[-1] > since


def _readings(history: History, key: str) -> list[Call]:
    return [
        each for each in history.calls if each.key == key and each.is_read and each.status == 200
    ]


def _decision_behind(history: History, key: str, at: datetime) -> Decided | None:
    """Return the decision that a write of the bot's carries out: that of the note before it."""
    noted = [each.decision for each in history.marks if each.key == key and each.at <= at]
    return next((each for each in history.decisions if noted and each.id == noted[-1]), None)


# Words


def _say(choice: Choice) -> str:
    return f"{choice.who}'s {choice.what!r} on {choice.key} at {time_of(choice.at)}"


LOST: tuple[Check, ...] = (
    one_card_for_each_request,
    accepted_choices_are_on_record,
    accepted_choices_are_not_denied,
    nothing_is_left_over,
    what_is_delivered_is_in_gitlab,
    what_is_delivered_is_done,
    what_is_delivered_has_arrived,
    what_was_typed_is_kept,
    what_was_said_is_remembered,
    refusals_are_told,
)
DOUBLED: tuple[Check, ...] = (
    never_two_cards,
    no_note_twice,
    nothing_typed_is_noted_twice,
    nothing_arrives_twice,
    no_step_twice,
    no_reminder_twice,
    writes_are_bounded,
)
OTHERS: tuple[Check, ...] = (
    clicks_are_answered,
    no_note_without_a_decision,
    nothing_arrives_without_a_decision,
    notes_mention_whom_they_are_to,
    notes_are_in_order,
    effects_are_in_order,
    no_card_claims_too_much,
    cards_agree_at_the_end,
    nobody_complains,
    nobody_is_overwritten,
)


def violations(history: History, checks: tuple[Check, ...] = LOST + DOUBLED + OTHERS) -> list[str]:
    """Return every violation, each with the name of its check."""
    return [f"{check.__name__}: {what}" for check in checks for what in check(history)]
