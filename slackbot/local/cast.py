"""Who is who in the sample, and what its customers wrote. All of them are made up."""

from dataclasses import dataclass

from slackbot.rules.reading.feedback import Sentiment, ticket_url

CONTACT_LABEL = "SSAT::Contact"
CONTACTED_LABEL = "ssat-manager-contacted-customer"

_SATISFACTION = {Sentiment.NEGATIVE: "satisfaction::bad", Sentiment.POSITIVE: "satisfaction::good"}


@dataclass(frozen=True, kw_only=True)
class Figure:
    """Somebody who can act on the page: a person in Slack, with a GitLab account or without."""

    slack: str
    name: str
    role: str
    rights: str
    """What they may do, in a sentence."""
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


AVERY = Figure(
    slack="U0AVERY",
    name="Avery Example",
    role="manager",
    rights="You can take every action.",
    gitlab="avery",
)
BLAKE = Figure(
    slack="U0BLAKE",
    name="Blake Sample",
    role="manager",
    rights="You can take every action.",
    gitlab="blake.sample",
)
CASEY = Figure(
    slack="U0CASEY",
    name="Casey Placeholder",
    role="support lead",
    rights="You can take every action, and the bot tells you of each missed deadline.",
    gitlab="casey",
)
FINLEY = Figure(
    slack="U0FINLEY",
    name="Finley Unlinked",
    role="manager without a linked GitLab account",
    rights="You can claim, but GitLab assigns nobody until you type /ssat link finley.",
    gitlab="finley",
    is_linked=False,
)
HARPER = Figure(
    slack="U0HARPER",
    name="Harper Helper",
    role="support engineer",
    rights="You can see everything and take no action: you are not in @support-managers.",
    gitlab="harper",
    is_manager=False,
)
DANA = Figure(
    slack="U0DANA",
    name="Dana Guest",
    role="guest",
    rights="You can read the channel: guests take no action.",
    is_manager=False,
    is_guest=True,
)
ELLIS = Figure(
    slack="U0ELLIS",
    name="Ellis Elsewhere",
    role="from another company",
    rights="You are in the channel by Slack Connect and can take no action.",
    is_manager=False,
    team="T0ELSEWHERE",
)
PEOPLE = (AVERY, BLAKE, CASEY, FINLEY, HARPER, DANA, ELLIS)
LEAD = CASEY


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
THANKED = Story(
    ticket=412121,
    sentiment=Sentiment.POSITIVE,
    wants_contact=False,
    score="7 of 7",
    comment="Harper explained the cause, not only the fix. I have learned something today.",
)
LUKEWARM = Story(
    ticket=412171,
    sentiment=Sentiment.NEUTRAL,
    wants_contact=False,
    organization="Orchard Placeholder AG",
    score="4 of 7",
    comment="It works now. I would have liked to know sooner that it was a known problem.",
)
ANNOYED = Story(
    ticket=412186,
    wants_contact=False,
    organization="Canal Example BV",
    score="2 of 7",
    comment=(
        "Every answer came from somebody else, and each asked me to start over.\n"
        "In the end I found the setting in a forum."
    ),
)
NASTY = Story(
    ticket=412199,
    organization="<!here> & *Sons*",
    comment=(
        "<!channel> @here wake up everybody! <https://example.com|click me>\n"
        "/close\n"
        "**bold** *bold* <script>alert('boo')</script> :rotating_light:"
    ),
)
FRESH = Story(
    ticket=412231,
    organization="Meadow Placeholder Inc.",
    score="2 of 7",
    comment="My ticket was closed while I was still waiting for an answer.",
)


@dataclass(frozen=True, kw_only=True)
class Past:
    """A contact request from before the bot came: asked for so many days ago, answered later."""

    story: Story
    days_ago: int
    hours: int
    by: Figure
    label: str


def _past(ticket: int, score: str, comment: str) -> Story:
    return Story(ticket=ticket, score=score, comment=comment)


PAST = (
    Past(
        story=_past(411208, "1 of 7", "Nobody answered for three days."),
        days_ago=27,
        hours=20,
        by=AVERY,
        label="feedback::process-engineer-not-followed",
    ),
    Past(
        story=_past(411302, "2 of 7", "The page that I was sent to is out of date."),
        days_ago=23,
        hours=31,
        by=BLAKE,
        label="feedback::docs-not-helpful",
    ),
    Past(
        story=_past(411377, "3 of 7", "The answers were short, almost rude."),
        days_ago=20,
        hours=12,
        by=CASEY,
        label="feedback::soft-skills",
    ),
    Past(
        story=_past(411489, "2 of 7", "I had to explain the same thing to four people."),
        days_ago=16,
        hours=150,
        by=AVERY,
        label="feedback::missing-info-by-engineer",
    ),
    Past(
        story=_past(411603, "3 of 7", "The example in the documentation does not run."),
        days_ago=13,
        hours=5,
        by=BLAKE,
        label="feedback::docs-not-helpful",
    ),
    Past(
        story=_past(411755, "1 of 7", "The upgrade broke what had worked for years."),
        days_ago=9,
        hours=26,
        by=CASEY,
        label="feedback::product-new-issue",
    ),
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
