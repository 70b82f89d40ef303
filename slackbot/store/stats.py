"""What figures are made from: each feedback that a period may count, as people see it."""

from collections import defaultdict
from collections.abc import AsyncIterator
from datetime import datetime

from sqlalchemy import BigInteger, bindparam, or_, select, tuple_

from slackbot.rules.request import IssueKey, Request, Rules
from slackbot.store.decisions import DecisionRecord, Status
from slackbot.store.engine.database import Record
from slackbot.store.requests import RequestRecord
from slackbot.store.schema import Instant, decisions, requests

PAGE = 300
"""Rows in one transaction: clicks go between them."""

_SINCE = bindparam("since", type_=Instant)
_UNTIL = bindparam("until", type_=Instant)
_LAST = tuple_(bindparam("project", type_=BigInteger), bindparam("iid", type_=BigInteger))
# Nobody asks for contact after the deadline of that, nor before the issue is there.
_PAGE = (
    select(requests.c.document)
    .where(
        or_(requests.c.due_at >= _SINCE, requests.c.created_at >= _SINCE),
        or_(requests.c.created_at < _UNTIL, requests.c.created_at.is_(None)),
        tuple_(requests.c.project, requests.c.iid) > _LAST,
    )
    .order_by(requests.c.project, requests.c.iid)
    .limit(PAGE)
)
_PENDING = select(decisions).filter_by(status=Status.PENDING).order_by(decisions.c.seq)
"""Few: GitLab lacks them still."""


async def feedback_between(
    record: Record, since: datetime, until: datetime, rules: Rules
) -> AsyncIterator[Request]:
    """Yield what was created, or asked for contact, between these moments, and perhaps more."""
    last = IssueKey(0, 0)
    while True:
        async with record.transaction() as tx:
            where = {"since": since, "until": until, "project": last.project, "iid": last.iid}
            page: list[Request] = list((await tx.execute(_PAGE, **where)).scalars())
            pending: defaultdict[IssueKey, list[DecisionRecord]] = defaultdict(list)
            for row in await tx.execute(_PENDING):
                pending[IssueKey(row.project, row.iid)].append(DecisionRecord.of(row))
        for each in page:
            found = RequestRecord(confirmed=each, pending=tuple(pending[each.key]))
            yield found.decided(rules)
        if len(page) < PAGE:
            return
        last = page[-1].key
