"""Forget what ended long ago; the poll sees to it."""

from datetime import timedelta

import structlog

from slackbot.store import facts, retention
from slackbot.store.changes import announce
from slackbot.store.engine.database import Record
from slackbot.store.people import forget_turns

log = structlog.get_logger()

DELIVERY_MEMORY = timedelta(days=2)
"""For webhooks; GitLab repeats one within seconds."""


async def forget_ended(record: Record, kept: timedelta) -> None:
    """Forgets only some rows of each kind."""
    now = record.now()
    before = now - kept
    async with record.transaction() as tx:
        await facts.forget_deliveries(tx, now - DELIVERY_MEMORY)
        for key in await retention.drop_refused(tx, before, now):
            await announce(tx, key, now)
        await retention.forget_decisions(tx, before)
        await retention.forget_messages(tx, before)
        await retention.forget_posts(tx, before)
        await retention.forget_feedbacks(tx, before)
        await forget_turns(tx, before)
        forgotten = await retention.forget_requests(tx, before)
        if forgotten:
            log.info("requests_forgotten", requests=forgotten)
    await record.database.tidy()
