"""What ``GET /metrics`` shows, for Prometheus."""

from prometheus_client import Counter, Gauge, Histogram

HOOKS = Counter("ssat_hooks", "Webhook deliveries of GitLab, by what became of them", ["outcome"])
CLICKS = Counter("ssat_choices", "Choices of people, by kind and outcome", ["kind", "outcome"])
ERRANDS = Counter("ssat_errands", "Errands that ended, by lane and outcome", ["lane", "outcome"])
DECISIONS = Counter("ssat_decisions", "Decisions that reached an end in GitLab", ["outcome"])
POSTS = Counter("ssat_slack_messages", "Messages of the bot in Slack, by kind", ["kind"])
POLLS = Counter("ssat_polls", "Reconciliations with GitLab, by outcome", ["outcome"])
PENDING = Gauge("ssat_decisions_pending", "Decisions that GitLab does not have yet")
UNFINISHED = Gauge("ssat_requests_open", "Customers waiting for a manager's contact")
OVERDUE = Gauge("ssat_requests_overdue", "Customers waiting beyond their deadline")
ACK_SECONDS = Histogram(
    "ssat_ack_seconds",
    "Time from a person's click to the ack, seconds",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3),
)
