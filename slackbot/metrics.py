"""What ``GET /metrics`` shows, for Prometheus."""

from prometheus_client import PLATFORM_COLLECTOR, REGISTRY, Counter, Gauge, Histogram

REGISTRY.unregister(PLATFORM_COLLECTOR)  # Python's version helps strangers only

HOOKS = Counter("ssat_hooks", "Webhook deliveries of GitLab, by what became of them", ["outcome"])
SENT_AWAY = Counter("ssat_posts_sent_away", "Posts refused unread, by HTTP status", ["status"])
CLICKS = Counter("ssat_choices", "Choices of people, by kind and outcome", ["kind", "outcome"])
ERRANDS = Counter("ssat_errands", "Jobs that ended, by queue and outcome", ["lane", "outcome"])
DECISIONS = Counter("ssat_decisions", "Decisions that reached an end in GitLab", ["outcome"])
POSTS = Counter("ssat_slack_messages", "Messages of the bot in Slack, by kind", ["kind"])
HOMES = Counter("ssat_homes", "App Homes, by what became of publishing them", ["outcome"])
POLLS = Counter("ssat_polls", "Reconciliations with GitLab, by outcome", ["outcome"])
DUTY = Counter("ssat_duty_looks", "Looks at who is on duty, by outcome", ["outcome"])
DISABLED_GROUPS = Counter(
    "ssat_disabled_groups", "Times that a user group was asked about which Slack has disabled"
)
LINKS = Counter("ssat_links", "Codes of people who say who they are in GitLab", ["outcome"])
PENDING = Gauge("ssat_decisions_pending", "Decisions that GitLab does not have yet")
OLDEST_PENDING = Gauge(
    "ssat_decisions_pending_oldest_seconds", "Age of the oldest decision that GitLab does not have"
)
REFUSED = Gauge("ssat_decisions_refused", "Decisions that GitLab rejected; their cards say why")
STUCK = Gauge("ssat_errands_stuck", "Jobs that have failed many times in a row", ["lane"])
UNFINISHED = Gauge("ssat_requests_open", "Customers waiting for a manager's contact")
OVERDUE = Gauge("ssat_requests_overdue", "Customers waiting beyond their deadline")
ACK_SECONDS = Histogram(
    "ssat_ack_seconds",
    "Time from a person's click to the ack, seconds",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3),
)
