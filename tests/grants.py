"""People who link themselves in GitLab, and act as themselves: for stories."""

import base64
import re
from typing import Any

from sqlalchemy import Table, func, select

from slackbot.local.gitlab import Issue, Note
from slackbot.local.gitlab import User as GitLabUser
from slackbot.local.slack import User
from slackbot.store.jobs import PeriodicQueue
from slackbot.store.schema import grants, links
from tests.town import PATIENCE, Town, text_of

KEY = base64.urlsafe_b64encode(b"k" * 32).decode()
OTHER_KEY = base64.urlsafe_b64encode(b"o" * 32).decode()


class Grantors:
    """A town whose GitLab knows the bot's application, and Casey, whom nothing links yet."""

    def __init__(self, town: Town) -> None:
        self.town, self.oauth = town, town.gitlab.oauth
        self.application = self.oauth.add_application()
        self.casey_gitlab = town.gitlab.add_user("casey.n", "Casey Nolink")
        town.gitlab.add_member(town.project, self.casey_gitlab, 30)
        self.links: dict[str, Any] = {"gitlab_oauth_client_id": self.application.client_id}
        self.acts: dict[str, Any] = self.links | {
            "ssat_encryption_key": KEY,
            "ssat_act_as_yourself": True,
        }

    async def asks(self, user: User, text: str = "link") -> str:
        return text_of(await self.town.asks(user, text))

    async def code(self, user: User, button: str = "Link my GitLab account") -> str:
        """Type ``/ssat link``; return the code behind a button of the answer."""
        answer = await self.town.asks(user, "link")
        for block in answer.blocks:
            for element in block.get("elements", ()):
                if isinstance(element.get("text"), dict) and element["text"]["text"] == button:
                    found = re.fullmatch(r".*/oauth/device\?user_code=(\w+)", element["url"])
                    assert found, element["url"]
                    return found[1]
        raise AssertionError(text_of(answer))

    async def confirmed(self, code: str, user: GitLabUser) -> None:
        """Let somebody press *Confirm* in GitLab, and let the bot ask again."""
        self.oauth.authorize(code, user)
        await self.asked_again()

    async def asked_again(self) -> None:
        self.town.clock.forward(seconds=6)
        await self.town.idle(PeriodicQueue.GRANTS)

    async def acts_as(self, user: User, account: GitLabUser) -> None:
        """Let somebody grant what they need to act as themselves."""
        await self.confirmed(await self.code(user, "Act as yourself"), account)
        await self.told(user, "From now on your choices are written as")

    async def told(self, user: User, *words: str) -> None:
        def is_told() -> bool:
            texts = [one.text for one in self.town.slack.direct_messages(user)]
            return any(all(word in text for word in words) for text in texts)

        await self.town.slack.wait_for(is_told, PATIENCE)
        await self.town.idle(PeriodicQueue.GRANTS)

    def messages(self, user: User, words: str) -> int:
        return sum(words in one.text for one in self.town.slack.direct_messages(user))

    def count(self, table: Table) -> int:
        with self.town.engine().connect() as connection:
            return connection.scalar(select(func.count()).select_from(table)) or 0

    @property
    def linked(self) -> int:
        return self.count(links)

    @property
    def granted(self) -> int:
        return self.count(grants)

    def expire(self) -> None:
        """Let access tokens expire: they are good for two hours."""
        self.town.clock.forward(hours=2, minutes=1)


def note_by(issue: Issue, user: GitLabUser, words: str) -> Note:
    [found] = [each for each in issue.comments if each.author is user and words in each.body]
    return found
