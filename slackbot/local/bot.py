"""The bot between the stand-ins: it can be killed and started, and asked what is left to do."""

import asyncio
import base64
import secrets
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic_settings import BaseSettings, PydanticBaseSettingsSource
from sqlalchemy import create_engine, func, or_, select
from sqlalchemy.engine import URL

from slackbot.app import connect, run_bot
from slackbot.local.cast import LEAD, PEOPLE
from slackbot.local.sample import (
    BAD_CHANNEL,
    CHANNEL,
    KUDOS_CHANNEL,
    MANAGERS,
    PROJECT,
    SCHEDULE,
    SPEED,
    Sample,
)
from slackbot.rules.decision import Decision
from slackbot.settings import Settings
from slackbot.store.decisions import Status
from slackbot.store.engine.database import WakeUps, async_url
from slackbot.store.schema import decisions, errands, reminder_plans

A_MOMENT = timedelta(minutes=1)


class LocalSettings(Settings):
    """The settings of the bot here: only what the code says, whatever the environment holds."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take values from the code alone."""
        return (init_settings,)


class Bot:
    """One installation of the bot; its record outlives each run."""

    def __init__(self, sample: Sample, folder: Path, pagerduty_url: str) -> None:
        self._sample = sample
        # The folder's name may have what means something in a URL.
        url = URL.create("sqlite", database=str(folder / "ssat-bot.db")).render_as_string()
        self.settings = LocalSettings(**_settings(sample, folder, url, pagerduty_url))
        # The bot may be writing to the file.
        self._engine = create_engine(async_url(url), connect_args={"timeout": 60})
        self._wake_ups = WakeUps()
        self._running: asyncio.Task[None] | None = None

    @property
    def is_running(self) -> bool:
        """Whether it answers."""
        return self._running is not None and not self._running.done()

    async def start(self) -> None:
        """Start it, unless it runs; return once it answers."""
        if self.is_running:
            return
        started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        running = self._running = asyncio.create_task(self._run(started))
        await asyncio.wait({running, started}, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            running.result()

    async def kill(self) -> None:
        """End it wherever it is: nothing under way is finished, handed back or said good-bye to."""
        if self._running:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
        self._running = None

    def close(self) -> None:
        """Leave its record alone."""
        self._engine.dispose()

    async def _run(self, started: asyncio.Future[None]) -> None:
        async with (
            connect(self.settings, SPEED / 2) as clients,
            run_bot(
                self.settings,
                clients,
                clock=self._sample.clock,
                wake_ups=self._wake_ups,
                shutdown_seconds=0,
            ) as url,
        ):
            self._point_to(url)
            started.set_result(None)
            await asyncio.Event().wait()

    def _point_to(self, url: str) -> None:
        """Let clicks in Slack and hooks of GitLab find the bot."""
        sample, hook_url = self._sample, f"{url}/gitlab/webhook"
        sample.slack.request_url = f"{url}/slack/events"
        for hook in sample.gitlab.hooks:
            hook.url = hook_url
        if not sample.gitlab.hooks:
            token = self.settings.gitlab_webhook_secret
            signing = self.settings.gitlab_webhook_signing_token
            sample.gitlab.add_hook(
                sample.project,
                hook_url,
                token=token.get_secret_value() if token else None,
                signing_token=signing.get_secret_value() if signing else None,
            )

    def wake(self) -> None:
        """Let it look at the clock, which has been moved."""
        self._wake_ups.look_out()

    def is_idle(self) -> bool:
        """Whether nothing is left to do but what it has put off; so is a bot that does not run."""
        if not self.is_running:
            return True
        is_due = or_(errands.c.ready_at <= self._sample.clock(), errands.c.leased_by.is_not(None))
        with self._engine.connect() as connection:
            return connection.scalar(select(func.count()).where(is_due)) == 0

    def next_moments(self) -> Iterator[datetime]:
        """Yield when the next reminder is planned, and when what was put off is tried again.

        Of other jobs this cannot be told: the bot looks at each once an hour at the latest.
        """
        now = self._sample.clock()
        soon = errands.c.ready_at.between(now, now + A_MOMENT)
        queries = (
            select(func.min(reminder_plans.c.planned_at)).where(reminder_plans.c.planned_at > now),
            select(func.min(errands.c.ready_at)).where(errands.c.attempts > 0, soon),
        )
        with self._engine.connect() as connection:
            for query in queries:
                if found := connection.scalar(query):
                    yield found

    def delivered(self, after: int) -> list[tuple[int, Decision]]:
        """Return what people chose and GitLab has, by number; only what came ``after`` one."""
        query = (
            select(decisions.c.seq, decisions.c.document)
            .where(decisions.c.seq > after, decisions.c.status == Status.DELIVERED)
            .order_by(decisions.c.seq)
        )
        with self._engine.connect() as connection:
            return [(row.seq, row.document) for row in connection.execute(query)]


def _settings(
    sample: Sample, folder: Path, database_url: str, pagerduty_url: str
) -> dict[str, Any]:
    return {
        "slack_bot_token": sample.slack.bot_token,
        "slack_signing_secret": sample.slack.signing_secret,
        "slack_api_url": f"{sample.slack.base_url}/api/",
        "ssat_channel": f"#{CHANNEL}",
        "ssat_bad_channel": f"#{BAD_CHANNEL}",
        "ssat_kudos_channel": f"#{KUDOS_CHANNEL}",
        "ssat_stats_channel": f"#{CHANNEL}",
        "ssat_lead": LEAD.slack,
        "ssat_link_issue": sample.link_issue.iid,
        "gitlab_url": sample.gitlab.url,
        "gitlab_token": sample.token,
        "gitlab_oauth_client_id": sample.application.client_id,
        "ssat_encryption_key": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "ssat_act_as_yourself": True,
        "gitlab_project": PROJECT,
        "gitlab_webhook_secret": secrets.token_hex(16),
        "gitlab_webhook_signing_token": f"whsec_{_random_base64()}",
        "database_url": database_url,
        "port": 0,
        "ssat_poll_seconds": 10,
        "ssat_people_file": _people_file(folder),
        "ssat_managers": MANAGERS,
        "pagerduty_api_token": sample.pagerduty.token,
        "pagerduty_schedule": SCHEDULE,
        "pagerduty_api_url": pagerduty_url,
    }


def _random_base64() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


def _people_file(folder: Path) -> Path:
    path = folder / "people.toml"
    people = [each for each in PEOPLE if each.gitlab and each.is_linked]
    linked = [f'{each.slack} = "{each.gitlab}"' for each in people]
    path.write_text("\n".join(["[people]", *linked, ""]), encoding="utf-8")
    return path
