"""When a token of GitLab ends, and from when on that is told. Pure."""

from datetime import UTC, date, datetime, time, timedelta

NOTICE = timedelta(weeks=2)


def ends_at(last: date) -> datetime:
    """Return the moment, of GitLab's ``expires_at``: the first day without the token, in UTC.

    https://docs.gitlab.com/user/profile/personal_access_tokens/
    """
    return datetime.combine(last, time(), UTC)


def expiry_problem(last: date | None, now: datetime) -> str | None:
    """Say what to do, after the token's name, if it ends within two weeks."""
    if last is None:
        return None
    left = ends_at(last) - now
    if left > NOTICE:
        return None
    if left <= timedelta():
        return f"ended on {last}: create another for the same account, and set it"
    days = left // timedelta(days=1)
    when = {0: "within a day", 1: "in 1 day"}.get(days, f"in {days} days")
    return f"ends {when}, on {last}: rotate it in GitLab, and set the new one"
