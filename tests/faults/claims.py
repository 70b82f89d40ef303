"""What cards say, beside what GitLab had: two of the invariants, and how a card is read. Pure."""

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from itertools import pairwise

from tests.faults.history import History, Standing, time_of

Holds = Callable[[Standing], bool]

_CLAIMED = re.compile(r"claimed by (.+?)\*? · ", re.IGNORECASE)
_LABEL = re.compile(r"^Feedback label\n(\S+)$|\A\*[✅⏳⚫⚪][^\n]*\n(?:.* · )?(\S+)$", re.MULTILINE)
"""In the select of an open card, and at the end of what a finished one says; without its scope."""
_ON_ITS_WAY = re.compile(r"⏳ Saved[^\n]*?: (.*)")
_ASSIGNED = re.compile(r" · assigned to (.+?)(?= · |$)", re.MULTILINE)
_CONTACTED, _CLOSED, _WITHDRAWN = "✅ Contacted", "Closed without contact", "withdrawn"
_UNFINISHED = "claimed"
"""As in "Unclaimed", "Claimed by" and both of what is overdue."""


def no_card_claims_too_much(history: History) -> Iterator[str]:
    """Whatever a card shows as done was so in GitLab when the bot last looked, or later."""
    for painting in history.paintings:
        lately = _standings_lately(history, painting.key, painting.at)
        for claim, holds in _claims(painting.text, history):
            if not any(holds(each) for each in lately):
                yield f"{painting.key} at {time_of(painting.at)} says {claim!r}: GitLab has it not"


def _claims(text: str, history: History) -> Iterator[tuple[str, Holds]]:
    """Find what a card says is in GitLab; what it marks as on its way is no such claim."""
    headline = text.partition("\n")[0]
    found = _ON_ITS_WAY.search(text)
    on_its_way = found[1] if found else ""
    if on_its_way.count(" by ") >= 5:
        return  # a card names so many and not more
    is_contact_coming = "customer contacted by" in on_its_way
    if _CONTACTED in headline and not is_contact_coming:
        yield _CONTACTED, lambda each: history.contacted_label in each.labels
    if _CLOSED in headline and "closing by" not in on_its_way:
        yield _CLOSED, lambda each: not each.is_open
    if _WITHDRAWN in headline:
        yield _WITHDRAWN, lambda each: history.contact_label not in each.labels
    holder = _CLAIMED.search(headline)
    if holder and not re.search(r"\b(claim|takeover) by", on_its_way):
        yield holder[0], lambda each: _holds(each, holder[1], history)
    for label in _labels(text, history):
        coming = (f"label {label} by", "review by")
        if not any(each in on_its_way for each in coming) and not is_contact_coming:
            yield label, partial(_has, label)


def _has(label: str, standing: Standing) -> bool:
    return label in standing.labels


def _labels(text: str, history: History) -> set[str]:
    """Return the feedback labels that a card shows, which is one at the most."""
    return {history.scope + (open_ or finished) for open_, finished in _LABEL.findall(text)}


def _holds(standing: Standing, name: str, history: History) -> bool:
    return history.accounts.get(name) in standing.assignees or name in _holders(standing, history)


def _holders(standing: Standing, history: History) -> Iterator[str | None]:
    """Name who has it by the bot's notes; one that is taken back later has changed nothing."""
    yield standing.holder
    for mark in history.withdrawn:
        if mark.key == standing.key and mark.at <= standing.at:
            yield history.standing_at(mark.key, mark.at).holder


def _standings_lately(history: History, key: str, at: datetime) -> list[Standing]:
    """Return the states of an issue since the bot has last heard of it, and what it had then."""
    informed = _last_heard(history, key, at - history.grace)
    standings = [each for each in history.standings_of(key) if each.at <= at]
    return [
        each
        for each, following in zip(standings, [*standings[1:], None], strict=True)
        if informed is None or following is None or following.at > informed
    ]


def _last_heard(history: History, key: str, before: datetime) -> datetime | None:
    """Return when the bot last read an issue and lived to note what it read."""
    reads = [
        each.at
        for each in history.calls
        if each.key == key and each.is_read and each.status == 200 and each.at <= before
    ]
    return next((at for at in reversed(reads) if not _failed_after(history, key, at)), None)


def _failed_after(history: History, key: str, at: datetime) -> bool:
    until = at + history.grace
    has_failed = any(
        at < each.at <= until and (each.status is None or each.status >= 400)
        for each in history.calls
        if each.key == key
    )
    return has_failed or any(
        at <= each.until and each.at <= until for each in history.interruptions
    )


def cards_agree_at_the_end(history: History) -> Iterator[str]:
    """At rest every card says exactly what GitLab has."""
    for key in history.keys():  # noqa: SIM118 - it is no mapping
        last = history.standings_of(key)[-1]
        for card in history.living_cards(key):
            headline = card.text.partition("\n")[0]
            for problem in _disagreements(card.text, headline, last, history):
                yield f"{key}: {problem}; the card: {headline!r}, GitLab: {_describe(last)}"


def _disagreements(text: str, headline: str, last: Standing, history: History) -> Iterator[str]:
    if _ON_ITS_WAY.search(text):
        yield "something is on its way for ever"
    if _expected(last, history).casefold() not in headline.casefold():
        yield "the card tells another state"
    chosen = {each for each in last.labels if each.startswith(history.scope)}
    shown = _labels(text, history)
    if chosen != shown:
        yield f"the card shows the label {sorted(shown)}"
    if history.is_waiting(last):
        yield from _other_holder(text, headline, last, history)


def _expected(last: Standing, history: History) -> str:
    if history.contacted_label in last.labels:
        return _CONTACTED
    if not last.is_open:
        return _CLOSED
    if history.contact_label not in last.labels:
        return _WITHDRAWN
    return _UNFINISHED


def _other_holder(text: str, headline: str, last: Standing, history: History) -> Iterator[str]:
    holder = _CLAIMED.search(headline)
    if holder and not _holds(last, holder[1], history):
        yield f"{holder[1]} does not have it"
    assigned = _ASSIGNED.search(text)
    shown = assigned[1].split(", ") if assigned else []
    named = {history.accounts.get(name, name) for name in shown}
    if not holder and named != last.assignees:
        yield f"the card names {sorted(named)} as assigned"
    if not holder and _assigned_by_people(history, last.key):
        yield "somebody was assigned in GitLab and does not have it"


def _assigned_by_people(history: History, key: str) -> bool:
    """Tell whether who is assigned now was assigned by a person, after the issue's birth."""
    standings = history.standings_of(key)
    changes = [
        after for before, after in pairwise(standings) if before.assignees != after.assignees
    ]
    return bool(changes) and changes[-1].by != history.bot and bool(changes[-1].assignees)


def _describe(standing: Standing) -> str:
    state = "open" if standing.is_open else "closed"
    return f"{state}, {sorted(standing.labels)}, {sorted(standing.assignees)}, {standing.holder}"
