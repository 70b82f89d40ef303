"""How managers sign their emails: by ``/ssat profile``, else by the people file."""

from slackbot.people.file import PeopleFile
from slackbot.rules.profile import Profile, with_defaults
from slackbot.rules.request import Person
from slackbot.store import interactions
from slackbot.store.engine.database import Record
from slackbot.store.profiles import load_profile, save_profile


class Profiles:
    def __init__(self, record: Record, file: PeopleFile) -> None:
        self._record, self._file = record, file

    async def own(self, person: Person) -> Profile:
        """Return what they said themselves."""
        if person.slack_user is None:
            return Profile()
        async with self._record.transaction() as tx:
            return await load_profile(tx, person.slack_user)

    def without_own(self, person: Person) -> Profile:
        """Return what counts for what they don't say."""
        in_file = self._file.profiles().get(person.slack_user or "", Profile())
        return with_defaults(in_file, person.name)

    async def of(self, person: Person) -> Profile:
        """Return all that an email needs."""
        in_file = self._file.profiles().get(person.slack_user or "", Profile())
        return with_defaults((await self.own(person)).over(in_file), person.name)

    async def save(self, person: Person, profile: Profile, interaction: str) -> None:
        """Save what was sent with an interaction; a repetition replaces nothing later."""
        if person.slack_user is None:
            return
        async with self._record.transaction() as tx:
            if await interactions.note(tx, interaction, self._record.now()):
                await save_profile(tx, person.slack_user, profile)
