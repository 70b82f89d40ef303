"""What managers say of themselves for emails to customers."""

from sqlalchemy import delete, select

from slackbot.rules.profile import Profile
from slackbot.store.engine.database import Transaction, save_row
from slackbot.store.schema import profiles


async def load_profile(tx: Transaction, slack_user: str) -> Profile:
    """Return an empty one where there is none, or where it cannot be read."""
    row = select(profiles.c.document).where(profiles.c.slack_user == slack_user)
    return await tx.scalar(row) or Profile()


async def save_profile(tx: Transaction, slack_user: str, profile: Profile) -> None:
    """Forget an empty one."""
    if profile == Profile():
        await tx.execute(delete(profiles).where(profiles.c.slack_user == slack_user))
        return
    await save_row(tx, profiles, slack_user=slack_user, document=profile)


async def list_profiles(tx: Transaction) -> dict[str, Profile]:
    """Key by Slack user id."""
    rows = await tx.execute(select(profiles).order_by(profiles.c.slack_user))
    return {row.slack_user: row.document for row in rows if row.document is not None}
