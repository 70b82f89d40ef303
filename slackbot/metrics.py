"""What ``GET /metrics`` shows, for Prometheus; docs/monitoring.md has the same list.

A gauge of a moment is 0 where there is none. No label has an id, or what people write.
"""

import time

from prometheus_client import (
    PLATFORM_COLLECTOR,
    REGISTRY,
    Counter,
    Gauge,
    Histogram,
    Info,
    disable_created_metrics,
)

from slackbot import __version__

REGISTRY.unregister(PLATFORM_COLLECTOR)  # Python's version helps strangers only
disable_created_metrics()  # type: ignore[no-untyped-call]  # they double the series

CALL_BUCKETS = (0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
JOB_BUCKETS = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
WAY_BUCKETS = (0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600)

BUILD = Info("ssat_build", "The release that runs")
PART_READY = Gauge("ssat_part_ready", "1 if the part works; /readyz says what is wrong", ["part"])
SOCKET_CONNECTED = Gauge("ssat_socket_mode_connected", "1 if the websocket to Slack is open")

# Customers: of the record, as last measured
CONTACT_REQUESTS_OPEN = Gauge(
    "ssat_contact_requests_open", "Customers who wait for a manager's contact"
)
CONTACT_REQUESTS_OVERDUE = Gauge(
    "ssat_contact_requests_overdue", "Customers who wait beyond their deadline"
)
MEASURED_AT = Gauge(
    "ssat_record_measured_timestamp_seconds", "When the gauges of the record were last measured"
)
DEADLINES = Counter(
    "ssat_deadlines", "Customers contacted: before the deadline (met) or after it", ["outcome"]
)
REMINDERS = Counter("ssat_reminders", "Reminders posted, by mark", ["mark"])

# Choices
CHOICES = Counter("ssat_choices", "Choices of people, by kind and outcome", ["kind", "outcome"])
ACK_SECONDS = Histogram(
    "ssat_ack_seconds",
    "From a person's click to the ack; Slack waits for three seconds",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3),
)
DECISIONS = Counter("ssat_decisions", "Decisions that came to an end in GitLab", ["outcome"])
PENDING = Gauge("ssat_decisions_pending", "Decisions that GitLab does not have yet")
PENDING_SINCE = Gauge(
    "ssat_decisions_pending_since_timestamp_seconds",
    "When the oldest decision was made that GitLab does not have yet",
)
REJECTED = Gauge("ssat_decisions_rejected", "Decisions that GitLab rejected; their cards say why")
CHOICE_TO_GITLAB_SECONDS = Histogram(
    "ssat_choice_to_gitlab_seconds", "From a choice until GitLab has it", buckets=WAY_BUCKETS
)

# Platforms
CALLS = Counter("ssat_platform_calls", "Calls to platforms", ["platform", "method", "outcome"])
CALL_SECONDS = Histogram(
    "ssat_platform_call_seconds",
    "From a call to its answer",
    ["platform", "method"],
    buckets=CALL_BUCKETS,
)
PACE_SECONDS = Counter("ssat_pace_wait_seconds", "What calls have waited for their turns", ["pace"])
PACE_REFUSALS = Counter(
    "ssat_pace_refusals", "Calls that were not made: their turn was too far away", ["pace"]
)
WEBHOOKS = Counter("ssat_webhooks", "GitLab's webhook deliveries, by outcome", ["outcome"])
WEBHOOK_AT = Gauge("ssat_webhook_last_timestamp_seconds", "When GitLab last delivered a webhook")
WEBHOOK_TO_CARD_SECONDS = Histogram(
    "ssat_webhook_to_card_seconds",
    "From a webhook until the card shows the change, within a minute",
    buckets=[each for each in WAY_BUCKETS if each <= 60],
)
POLLS = Counter("ssat_polls", "Polls of GitLab, by outcome", ["outcome"])
POLLED_AT = Gauge("ssat_poll_last_success_timestamp_seconds", "When a poll last read a project")
POSTS = Counter("ssat_slack_messages", "Messages of the bot in Slack, by kind", ["kind"])
HOMES = Counter("ssat_home_publications", "App Homes, by what became of them", ["outcome"])
DUTY = Counter("ssat_duty_reads", "Readings of who is on duty, by outcome", ["outcome"])
TOKEN_ENDS_AT = Gauge(
    "ssat_gitlab_token_expires_timestamp_seconds",
    "When GITLAB_TOKEN ends; 0 if it never does, or GitLab doesn't tell",
)
DISABLED_GROUPS = Counter(
    "ssat_disabled_group_reads", "Readings of a user group that Slack has disabled"
)
LINKS = Counter("ssat_link_codes", "Codes of /ssat link, by what became of them", ["outcome"])

# Jobs
JOBS = Counter("ssat_jobs", "Jobs that ended, by queue and outcome", ["queue", "outcome"])
JOB_SECONDS = Histogram("ssat_job_seconds", "How long a job ran", ["queue"], buckets=JOB_BUCKETS)
QUEUED = Gauge("ssat_queue_jobs", "Jobs in a queue, those for later included", ["queue"])
READY_SINCE = Gauge(
    "ssat_queue_ready_since_timestamp_seconds",
    "Since when the oldest job is ready that no worker has taken",
    ["queue"],
)
STUCK = Gauge("ssat_queue_jobs_stuck", "Jobs that have failed eight times or more", ["queue"])

# The process
SENT_AWAY = Counter("ssat_posts_sent_away", "Posts refused unread, by HTTP status", ["status"])
TRANSACTION_SECONDS = Histogram(
    "ssat_database_transaction_seconds",
    "From a transaction's beginning to its commit",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5),
)
DATABASE_ERRORS = Counter(
    "ssat_database_errors", "Transactions that failed: record away, or a fault", ["kind"]
)

# Counters begin at 0, so that the first increase shows.
for _counter, _outcomes in {
    DATABASE_ERRORS: ("away", "fault"),
    DEADLINES: ("met", "missed"),
    DECISIONS: ("delivered", "rejected"),
    DUTY: ("known", "stranger", "nobody", "no_answer"),
    POLLS: ("done", "partial", "failed"),
    WEBHOOKS: ("accepted", "ignored", "malformed", "not_authentic", "not_recorded"),
}.items():
    for _outcome in _outcomes:
        _counter.labels(_outcome)


BUILD.info({"version": __version__})


class WayToCard:
    """How long a webhook takes to a card, where one process does all of it.

    Another replica may do the rest, so what has arrived is only awaited for a minute.
    """

    LONGEST_SECONDS = 60.0

    def __init__(self) -> None:
        self._arrived: dict[object, float] = {}
        """The oldest is first."""
        self._is_changed: set[object] = set()

    def __len__(self) -> int:
        return len(self._arrived)

    def arrived(self, key: object) -> None:
        self.over(key)
        now = time.monotonic()
        while (first := next(iter(self._arrived), None)) is not None:
            if now - self._arrived[first] <= self.LONGEST_SECONDS:
                break
            self.over(first)
        self._arrived[key] = now

    def changed(self, key: object) -> None:
        """Expect a card: what the webhook was about is news."""
        if key in self._arrived:
            self._is_changed.add(key)

    def looked(self, key: object) -> None:
        """Forget what was no news."""
        if key not in self._is_changed:
            self._arrived.pop(key, None)

    def shown(self, key: object) -> None:
        arrived = self._arrived.get(key)
        if arrived is not None and key in self._is_changed:
            seconds = time.monotonic() - arrived
            if seconds <= self.LONGEST_SECONDS:
                WEBHOOK_TO_CARD_SECONDS.observe(seconds)
        self.over(key)

    def over(self, key: object) -> None:
        self._arrived.pop(key, None)
        self._is_changed.discard(key)


way_to_card = WayToCard()
