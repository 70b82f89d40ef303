"""``/ssat profile``: how a manager signs emails to customers."""

from dataclasses import dataclass

from slack_bolt.async_app import AsyncApp
from slack_bolt.kwargs_injection.async_args import AsyncArgs

from slackbot.blocks.forms.entered import Entered
from slackbot.blocks.forms.profile import CALLBACK, profile_modal, read_profile
from slackbot.handlers.answers import Answers
from slackbot.handlers.incoming import Body, id_of, sender_of
from slackbot.people.profiles import Profiles
from slackbot.rules.profile import judge_profile
from slackbot.rules.request import Person
from slackbot.templates.email import EmailTemplates


@dataclass(frozen=True)
class ProfileForm:
    answers: Answers
    profiles: Profiles
    templates: EmailTemplates

    def register(self, app: AsyncApp) -> None:
        app.view(CALLBACK)(self._submit)

    async def open(self, person: Person, body: Body) -> None:
        """Open it before the ack.

        Raises:
            FormNotOpened: Slack does not answer, or not in time.
            PlatformError: Slack will not open it.
        """
        own = await self.profiles.own(person)
        otherwise = self.profiles.without_own(person)
        view = profile_modal(own, otherwise, self.templates.languages)
        await self.answers.open_form(body, view)

    async def _submit(self, args: AsyncArgs) -> None:
        async with self.answers.submitting(args, CALLBACK):
            asker = await self.answers.look(*sender_of(args.body))
            profile = read_profile(Entered.of(args.body["view"]))
            if refusal := judge_profile(profile):
                raise refusal
            await self.profiles.save(asker.person, profile, id_of(args.body))
