"""Who is on duty in a town, as the record and the people file have it."""

from sqlalchemy import Connection, update

from slackbot.local.slack import User
from slackbot.rules.request import Person
from slackbot.store.schema import OnDuty, duty_turns
from tests.town import Town

WEEKS = range(1, 53)
"""All of 2026, in which every story plays."""


async def take_duty(town: Town, *people: User) -> None:
    """Let people go on duty in the place of those who are; without people, nobody follows."""
    on_duty = OnDuty(
        people=tuple(
            Person(name=each.real_name, slack_team=each.team_id, slack_user=each.id)
            for each in people
        ),
        source="the people file",
    )
    users = ", ".join(f'"{each.id}"' for each in people)
    weeks = [f'"2026-W{week:02}" = [{users}]' for week in WEEKS if people]
    linked = town.people_file.read_text().partition("[duty]")[0]
    town.people_file.write_text("\n".join([linked, "[duty]", *weeks, ""]))
    now = town.bot_clock()

    def turn(connection: Connection) -> None:
        connection.execute(
            update(duty_turns).where(duty_turns.c.ended_at.is_(None)).values(ended_at=now)
        )
        if people:
            connection.execute(duty_turns.insert().values(began_at=now, document=on_duty))

    await town.change_record(turn)
