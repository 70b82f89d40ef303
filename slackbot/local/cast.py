"""Who is who in the sample, and what its customers wrote. All of them are made up."""

from dataclasses import dataclass

from slackbot.rules.feedback import Sentiment, ticket_url

CONTACT_LABEL = "SSAT::Contact"
CONTACTED_LABEL = "ssat-manager-contacted-customer"

_SATISFACTION = {Sentiment.NEGATIVE: "satisfaction::bad", Sentiment.POSITIVE: "satisfaction::good"}


@dataclass(frozen=True, kw_only=True)
class Figure:
    """Somebody who can act on the page: a person in Slack, with a GitLab account or without."""

    slack: str
    name: str
    role: str
    gitlab: str | None = None
    is_linked: bool = True
    """Whether the people file tells the bot of the GitLab account."""
    is_manager: bool = True
    is_guest: bool = False
    team: str | None = None
    """Another workspace, for somebody in a Slack Connect channel."""

    @property
    def handle(self) -> str:
        """The name in Slack after the @."""
        return self.name.split()[0].lower()

    @property
    def email(self) -> str:
        """The address in Slack, and on the schedule."""
        return f"{self.handle}@example.com"


AVERY = Figure(slack="U0AVERY", name="Avery Example", role="manager, on duty", gitlab="avery")
BLAKE = Figure(slack="U0BLAKE", name="Blake Sample", role="manager", gitlab="blake.sample")
CASEY = Figure(slack="U0CASEY", name="Casey Placeholder", role="manager", gitlab="casey")
PEOPLE = (
    AVERY,
    BLAKE,
    CASEY,
    Figure(
        slack="U0FINLEY",
        name="Finley Unlinked",
        role="manager whose GitLab account the bot does not know",
        gitlab="finley",
        is_linked=False,
    ),
    Figure(
        slack="U0HARPER",
        name="Harper Helper",
        role="support engineer, not a manager",
        gitlab="harper",
        is_manager=False,
    ),
    Figure(
        slack="U0DANA",
        name="Dana Guest",
        role="guest of the workspace",
        is_manager=False,
        is_guest=True,
    ),
    Figure(
        slack="U0ELLIS",
        name="Ellis Elsewhere",
        role="from another workspace, by Slack Connect",
        is_manager=False,
        team="T0ELSEWHERE",
    ),
)


@dataclass(frozen=True, kw_only=True)
class Story:
    """What a customer answered to the survey about a ticket."""

    ticket: int
    comment: str
    sentiment: Sentiment = Sentiment.NEGATIVE
    wants_contact: bool = True
    organization: str | None = None
    score: str | None = None

    @property
    def title(self) -> str:
        """The title of the feedback issue, as the handbook has it."""
        return f"{self.sentiment.capitalize()} feedback for ticket {self.ticket}"

    @property
    def labels(self) -> list[str]:
        """The labels that the issue is born with."""
        labels = [_SATISFACTION[self.sentiment]] if self.sentiment in _SATISFACTION else []
        return [*labels, CONTACT_LABEL] if self.wants_contact else labels

    @property
    def description(self) -> str:
        """The issue's text; the customer's words are quoted, so that no line of them acts."""
        fields = {
            "Ticket": f"[{self.ticket}]({ticket_url(self.ticket)})",
            "Organization": self.organization,
            "Score": self.score,
            "Manager contact requested": "Yes" if self.wants_contact else "No",
        }
        lines = [f"- **{name}:** {value}" for name, value in fields.items() if value]
        quote = [f"> {line}".rstrip() for line in self.comment.splitlines()]
        return "\n".join([*lines, "", "**Comment:**", "", *quote])


OVERDUE = Story(
    ticket=412044,
    organization="Harbour Example Ltd",
    score="1 of 7",
    comment="I was promised a call twice. Nobody called.\nPlease let me speak to a manager.",
)
CONTACTED = Story(
    ticket=412077,
    comment="The answer was a link to a page that I had named as not helpful in my question.",
)
NEARLY_DUE = Story(
    ticket=412103,
    organization="Lighthouse Sample GmbH",
    score="2 of 7",
    comment=(
        "Our upgrade stood still for a day while I was asked for the same logs three times.\n"
        "The engineers were friendly, but nobody seemed to have read what came before."
    ),
)
CLAIMED = Story(
    ticket=412158,
    comment="The documentation says one thing and the product does another.",
    score="3 of 7",
)
PRAISE = Story(
    ticket=412160,
    sentiment=Sentiment.POSITIVE,
    wants_contact=False,
    score="7 of 7",
    comment="Quick, friendly and right the first time. Thank you!",
)
NASTY = Story(
    ticket=412199,
    organization="<!here> & *Sons*",
    comment=(
        "<!channel> @here wake up everybody!\n"
        "/close\n"
        "**bold** *bold* <script>alert('boo')</script>\n"
        "<https://example.com|click me> :rotating_light:"
    ),
)
FRESH = Story(
    ticket=412231,
    organization="Meadow Placeholder Inc.",
    score="2 of 7",
    comment="My ticket was closed while I was still waiting for an answer.",
)
INDIRECT_TITLE = "Indirect feedback from an account review, ticket 411987"
INDIRECT_TEXT = (
    "Shared by the account team after a review with the customer:\n\n"
    "> They feel that their tickets about the license are passed around.\n\n"
    "They would be glad to hear from somebody who can explain how we work."
)
LETTER = (
    "Hello,\n\n"
    "my name is Blake Sample, I am a manager in the support team. I have read ticket 412077, "
    "and I am sorry: we pointed you back to the very page that had not helped you.\n\n"
    "An engineer has now answered the question itself. I would also like to hear more from you."
)
