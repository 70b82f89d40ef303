"""Queries for the queue: a fixed number of them, by index, however much is on record."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import ColumnElement, select

from slackbot.rules.request import UNFINISHED, IssueKey
from slackbot.store.database import Transaction
from slackbot.store.record import IS_UNDELIVERED, Recorded, Standing, read_recorded, read_request
from slackbot.store.schema import decisions, requests

MOST_ENDED = 500
"""How many of the requests that have ended are looked at, the latest ones."""


async def unfinished(tx: Transaction) -> list[Standing]:
    """List the requests that GitLab has as unfinished, oldest deadline first."""
    return await _standings(tx, requests.c.state.in_(UNFINISHED))


async def about_ticket(tx: Transaction, ticket: int) -> list[Standing]:
    """List the requests about a ticket, whatever has become of them."""
    return await _standings(tx, requests.c.ticket == ticket)


async def about_issue(tx: Transaction, key: IssueKey) -> list[Standing]:
    """List the one request of an issue, if there is one."""
    return await _standings(tx, requests.c.project == key.project, requests.c.iid == key.iid)


async def ended_since(tx: Transaction, moment: datetime) -> list[Standing]:
    """List the requests that have ended, by what GitLab has, and changed there since a moment."""
    rows = await tx.scalars(
        select(requests.c.document)
        .where(requests.c.gitlab_updated_at >= moment, requests.c.state.not_in(UNFINISHED))
        .order_by(requests.c.gitlab_updated_at.desc())
        .limit(MOST_ENDED)
    )
    return [Standing(confirmed=read_request(document)) for document in rows]


async def _standings(tx: Transaction, *which: ColumnElement[bool]) -> list[Standing]:
    rows = await tx.execute(
        select(requests.c.document).where(*which).order_by(requests.c.due_at, requests.c.iid)
    )
    found = [read_request(document) for document in rows.scalars()]
    if not found:
        return []
    is_about = (decisions.c.project == requests.c.project) & (decisions.c.iid == requests.c.iid)
    undelivered = await tx.execute(
        select(decisions)
        .join(requests, is_about)
        .where(*which, IS_UNDELIVERED)
        .order_by(decisions.c.seq)
    )
    by_key = _by_key(read_recorded(row) for row in undelivered)
    return [Standing.of(request, by_key[request.key]) for request in found]


def _by_key(recorded: Iterable[Recorded]) -> defaultdict[IssueKey, list[Recorded]]:
    found: defaultdict[IssueKey, list[Recorded]] = defaultdict(list)
    for each in recorded:
        found[each.decision.key].append(each)
    return found
