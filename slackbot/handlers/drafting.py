"""Draft an email to a customer: the modal, its tools, and its submission."""

from dataclasses import dataclass, replace

from slack_bolt.async_app import AsyncApp
from slack_bolt.kwargs_injection.async_args import AsyncArgs

from slackbot.blocks.elements import Block
from slackbot.blocks.forms.email import (
    LANGUAGE,
    OWN_TEMPLATE_BROKEN,
    START_OVER,
    UPDATE_LINK,
    DraftView,
    email_modal,
    facts_of,
    is_untouched,
    kept_words,
    read_draft,
)
from slackbot.blocks.forms.form import render_contact
from slackbot.handlers.answers import Answers
from slackbot.handlers.desk import Desk
from slackbot.handlers.dialog import Answer
from slackbot.handlers.incoming import Body, Interaction
from slackbot.people.profiles import Profiles
from slackbot.rules.decision import refuse_contact
from slackbot.rules.outreach import TEXT_LIMIT, Webmail
from slackbot.rules.reading.characters import is_visible
from slackbot.rules.refusals import TextRequired, TextTooLong
from slackbot.templates.email import EmailTemplates


@dataclass(frozen=True)
class Drafting:
    """Keeps nothing of a draft: it is in Slack's form until it is marked as sent."""

    desk: Desk
    answers: Answers
    profiles: Profiles
    templates: EmailTemplates
    webmail: Webmail

    def register(self, app: AsyncApp) -> None:
        for tool in (LANGUAGE, UPDATE_LINK, START_OVER):
            app.action(tool)(self._use)

    async def form(self, click: Interaction) -> Block:
        view = await self._draft(click)
        if refusal := refuse_contact(view.request):
            raise refusal
        return email_modal(view)

    async def _use(self, args: AsyncArgs) -> None:
        tool = str(args.body["actions"][0]["action_id"])
        async with self.answers.answering(args, tool) as reply:
            click = Interaction.of_form(args.body)
            typed = read_draft(args.body["view"])
            before = await self._draft(click, click.detail)
            view = replace(before, text=typed.text, number=typed.number, chosen=typed.chosen)
            is_kept = not is_untouched(typed.text, before.text)
            if tool == START_OVER or (tool == LANGUAGE and not is_kept):
                view = replace(await self._draft(click, typed.chosen), number=typed.number + 1)
            elif tool == LANGUAGE:
                view = replace(view, notice=kept_words(before.language, typed.chosen))
            await reply.change_form(email_modal(view))

    async def _draft(self, interaction: Interaction, language: str | None = None) -> DraftView:
        """Draft it from the record, by default in the language of who writes."""
        who = await self.desk.admit(interaction)
        card = await self.answers.view(interaction.key)
        profile = await self.profiles.of(who)
        facts = facts_of(card.request, profile, labels=card.labels, scope=card.scope)
        draft = self.templates.draft(language or profile.language, facts)
        return DraftView(
            request=card.request,
            who=who,
            facts=facts,
            subject=draft.email.subject,
            text=draft.email.text,
            language=draft.language,
            languages=self.templates.languages,
            chosen=draft.language,
            webmail=self.webmail,
            notice=OWN_TEMPLATE_BROKEN if draft.replaces_own else "",
        )

    async def submit(self, form: Interaction, view: Body) -> Answer:
        """Lead on to "Mark contacted", with the text as sent; *Cancel* leads back."""
        who = await self.desk.admit(form)
        text = read_draft(view).text
        if not is_visible(text):
            raise TextRequired("text")
        if len(text) > TEXT_LIMIT:
            raise TextTooLong("text")
        contact = render_contact(await self.answers.view(form.key), who, text)
        return {"response_action": "push", "view": contact}
