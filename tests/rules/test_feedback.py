import sys
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slackbot.rules.handbook import HANDBOOK_LABELS
from slackbot.rules.reading.description import MAX_COMMENT, MAX_DESCRIPTION, MAX_VALUE, Description
from slackbot.rules.reading.feedback import (
    MAX_TITLE,
    Feedback,
    Sentiment,
    is_feedback,
    is_request_for_contact,
    read_feedback,
    score_sentiment,
    ticket_url,
)

TITLE = "Negative feedback for ticket 412345"


def described(description: str | None) -> Feedback:
    return read_feedback(title=TITLE, description=description, labels=[])


class TestTitle:
    @pytest.mark.parametrize(
        ("title", "sentiment", "ticket"),
        [
            # the handbook's three
            ("Positive feedback for ticket 412345", Sentiment.POSITIVE, 412345),
            ("Negative feedback for ticket 412345", Sentiment.NEGATIVE, 412345),
            ("Neutral feedback for ticket 412345", Sentiment.NEUTRAL, 412345),
            # any case
            ("NEGATIVE FEEDBACK FOR TICKET 412345", Sentiment.NEGATIVE, 412345),
            # words before and between
            ("FYI: Negative customer feedback for the ticket 412345", Sentiment.NEGATIVE, 412345),
            # as a reference
            ("Negative feedback for ticket #412345", Sentiment.NEGATIVE, 412345),
            ("Negative feedback (#412345)", Sentiment.NEGATIVE, 412345),
            # other words for the number
            ("Negative feedback for ticket ID: 412345", Sentiment.NEGATIVE, 412345),
            # the number alone
            ("Negative feedback 412345", Sentiment.NEGATIVE, 412345),
            # a link
            (
                "Neutral feedback https://gitlab.zendesk.com/agent/tickets/412345",
                Sentiment.NEUTRAL,
                412345,
            ),
            # the sentiment elsewhere
            ("Indirect feedback: negative, ticket 412345", Sentiment.NEGATIVE, 412345),
            ("Feedback (positive) for ticket 412345", Sentiment.POSITIVE, 412345),
            ("[Neutral] ticket 412345", Sentiment.NEUTRAL, 412345),
            ("Positive: ticket 412345", Sentiment.POSITIVE, 412345),
            # an emoji before it
            (
                "\N{THUMBS DOWN SIGN} Negative feedback for ticket 412345",
                Sentiment.NEGATIVE,
                412345,
            ),
            # neither
            ("Indirect feedback: from a prospect", None, None),
            ("Feedback for ticket 412345", None, 412345),
            # the form's own title, filled in by nobody
            ("Positive/Negative/Neutral feedback for ticket nnnnnn", None, None),
            ("Feedback: positive/negative for ticket 412345", None, 412345),
            # two things at once say nothing
            ("Positive and negative feedback for ticket 412345", None, 412345),
            # not about the feedback: must not hide a request
            ("Customer is not positive about ticket 412345", None, 412345),
            ("Positive-sounding but angry, ticket 412345", None, 412345),
            # a year is no ticket
            ("Negative feedback of 2026", Sentiment.NEGATIVE, None),
            # nor is a version
            ("Negative feedback on 17.12345", Sentiment.NEGATIVE, None),
            # nor nothing
            ("Negative feedback for ticket 0", Sentiment.NEGATIVE, None),
            # nor a number that no ticket has
            ("Negative feedback for ticket " + "9" * 5000, Sentiment.NEGATIVE, None),
            # a second number, when the first is none
            ("Negative feedback for ticket 0 (#412345)", Sentiment.NEGATIVE, 412345),
            # further along than anybody reads
            (" " * MAX_TITLE + TITLE, None, None),
            ("", None, None),
        ],
    )
    def test_says_sentiment_and_ticket(
        self, title: str, sentiment: Sentiment | None, ticket: int | None
    ) -> None:
        feedback = read_feedback(title=title, description=None, labels=[])
        assert (feedback.title_sentiment, feedback.ticket) == (sentiment, ticket)

    @pytest.mark.parametrize(
        "description",
        [
            # the customer's link
            "See https://support.gitlab.com/hc/requests/412345.",
            "See https://support.gitlab.com/hc/en-us/requests/412345?page=1",
            # the agent's link
            "<https://gitlab.zendesk.com/agent/tickets/412345>",
            # fields
            "Ticket: 412345",
            "**Ticket:** [#412345](https://gitlab.zendesk.com/agent/tickets/412345)",
            "| Ticket ID | 412345 |",
            "### Ticket\n\n412345",
            "- Zendesk ticket - #412345",
            # prose
            "They wrote about ticket 412345 and 55555.",
            # a field goes before a link in the prose
            "See https://gitlab.zendesk.com/agent/tickets/7\n\nTicket: 412345",
        ],
    )
    def test_the_ticket_may_be_in_the_description(self, description: str) -> None:
        feedback = read_feedback(title="Indirect feedback", description=description, labels=[])
        assert feedback.ticket == 412345

    def test_the_titles_ticket_goes_first(self) -> None:
        assert described("Ticket: 7").ticket == 412345

    def test_another_sites_link_is_no_ticket(self) -> None:
        text = "https://example.com/agent/tickets/412345"
        assert read_feedback(title="", description=text, labels=[]).ticket is None

    def test_link_to_a_ticket(self) -> None:
        assert ticket_url(412345) == "https://support.gitlab.com/hc/requests/412345"


YES = [
    # the plain spellings
    "Contact requested: yes",
    "Manager contact requested: Yes",
    "manager contact: TRUE",
    "Would you like a manager to contact you? Yes, please!",
    "Would you like to be contacted by a manager?: y",
    "Request manager contact (within 48hrs Mon-Fri): ✓",
    "Manager contact requested = true",
    # bold
    "**Manager contact requested:** Yes",
    "**Manager contact requested**: Yes",
    "**Manager contact requested** Yes",
    "**Manager contact requested: Yes**",
    "**Manager contact requested:** **Yes**",
    # lists
    "* **Manager contact requested:** requested",
    "- Manager contact requested - Yes",
    "1. Contact requested: ✔\ufe0f",
    "+ Contact requested – yes",  # noqa: RUF001
    # tables
    "| Manager contact requested | Yes |",
    "|Field|Value|\n|---|---|\n|Organisation|Acme|\n|**Manager contact**|:white_check_mark:|",
    "| Score | Contact requested |\n|:--|--:|\n| 1 | yes |",
    # headings
    "### Manager contact requested\n\nYes",
    "### Would you like a manager to contact you?\nYes\n### Comment\nNo.",
    "## Contact requested: yes ##",
    "**Would you like a manager to contact you?**\n\nYes",
    "Manager contact requested:\n\n  Yes",
    # boxes
    "- [x] Request manager contact (within 48hrs Mon-Fri)",
    "* [X] Would you like a manager to contact you?",
    "Manager contact requested: [x]",
    "### Would you like a manager to contact you?\n\n- [ ] No\n- [x] Yes",
    # statements
    "Manager contact requested",
    "- Contact was requested.",
    "The customer has requested manager contact.",
    "The customer requests a manager's contact",
    # found late, and after words of the customer's
    "Comment: I am unhappy.\n\nVery.\n\nContact requested: yes",
    # one that says no does not take back one that says yes
    "Contact requested: no\nManager contact: yes",
    # other people's line ends
    "Score: 1\r\nContact requested: yes\r\n",
    "Score: 1\rContact requested: yes",
    # hidden by nothing: a comment that is never closed
    "Comment: <!-- look\nContact requested: yes",
    # HTML
    "<p><strong>Manager contact requested:</strong> Yes</p>",
    "<b>Score:</b> 1<br><b>Manager contact requested:</b> Yes<br/>",
    "<ul><li>Score: 1</li><li>Manager contact requested: <b>Yes</b></li></ul>",
    "<h3>Manager contact requested</h3>\n<p>Yes</p>",
    "<table><tr><th>Manager contact requested</th>\n<td>Yes</td></tr></table>",
    '<div class="field"><span>Manager contact requested:</span>&nbsp;Yes</div>',
    '<input type="checkbox" checked> Manager contact requested',
    # what nobody sees
    "Manager contact requested: \u200bYes",
    "\ufeffManager contact requested:\u00a0\u2060Yes\u200d",
    "Manager contact requested: \u2068Yes\u2069",
    "Manager contact requested: \u202aYes\u202c",
    "Manager contact requested: \u061cYes",
    "Manager contact requested: \u2063Yes",
    "Manager contact requested:\u3164Yes",
    "\u2060\u200d- Manager contact requested: \u115fYes\u2800",
    "Manager contact requested: &#xFEFF;Yes",
    "Manager contact requested: &#65279;Yes",
    "Manager contact requested: &InvisibleTimes;&emsp;Yes",
    # any other HTML
    "<label>Manager contact requested:</label> <span>Yes</span>",
    "<dl><dt>Score</dt><dd>1</dd><dt>Manager contact requested</dt><dd>Yes</dd></dl>",
    "<dl>\n<dt>Manager contact requested:</dt>\n<dd>Yes</dd>\n</dl>",
    '<font color="red">Manager contact requested: Yes</font>',
    "<section><header>1</header>Manager contact requested: Yes</section>",
    "Manager contact requested: <code>Yes</code>",
    "Manager contact requested: <kbd>Yes</kbd>",
    "<o:p>Manager contact requested: <my-answer>Yes</my-answer></o:p>",
    # signs that HTML spells out
    "Manager contact requested: &quot;Yes&quot;",
    "Manager contact requested: &#10004;",
    # in quotation marks
    "Manager contact requested: “Yes”",
    '"manager_contact_requested": "yes",',
    # other words
    "Manager contact requested: Yep",
    "Manager contact requested: :ballot_box_with_check:",
]
NO = [
    # the plain spellings
    "Contact requested: no",
    "Manager contact requested: False",
    "Would you like a manager to contact you? No, yes would be too much",
    "Request manager contact (within 48hrs Mon-Fri): n",
    "* **Manager contact requested:** not requested",
    "| Manager contact requested | No |",
    "| Score | Contact requested |\n|:--|--:|\n| 1 | no |",
    "### Manager contact requested\n\nNo",
    # boxes
    "- [ ] Request manager contact (within 48hrs Mon-Fri)",
    "Manager contact requested: [ ]",
    "### Would you like a manager to contact you?\n\n- [x] No\n- [ ] Yes",
    # a form that nobody filled in
    "Manager contact requested: Yes/No",
    "### Manager contact requested\n\n### Comment\n\nYes",
    "**Manager contact requested**",
    "Manager contact requested:",
    # a statement with an answer
    "Manager contact requested\nNo",
    "Manager contact was not requested.",
    # hidden in an HTML comment
    "<!-- Contact requested: yes -->",
    "<!--\nContact requested: yes\n-->\nScore: 1",
    # a link is no box
    "Manager contact requested: [x](https://example.com)",
    # HTML, and what nobody sees
    "<p><strong>Manager contact requested:</strong> No</p>",
    "<table><tr><td>Manager contact requested</td><td>No</td></tr></table>",
    '<input type="checkbox"> Manager contact requested',
    "Manager contact requested: \u200bNo",
    "Manager contact requested: \u2068No\u2069",
    "<dl><dt>Manager contact requested</dt><dd>No</dd></dl>",
    "<dl><dt>Manager contact requested</dt><dt>Comment</dt><dd>Yes</dd></dl>",
    "<label>Manager contact requested:</label> <kbd>No</kbd>",
    # a line end that HTML spells out ends no line
    "Comment: Why?&#10;Manager contact requested: Yes",
    "Manager contact requested: Undefined",
    # about something else
    "Contact: yes",
    "Can I contact you? yes",
    # prose
    "I asked your manager to contact me: nobody did",
    "",
]


class TestContactRequested:
    @pytest.mark.parametrize("description", YES)
    def test_asked_for(self, description: str) -> None:
        assert described(description).says_contact_requested

    @pytest.mark.parametrize("description", NO)
    def test_not_asked_for(self, description: str) -> None:
        assert not described(description).says_contact_requested

    def test_an_answer_is_not_taken_from_later_prose(self) -> None:
        feedback = described("Manager contact requested:\nNobody answered.\nYes")
        assert not feedback.says_contact_requested
        assert feedback.comment == "Nobody answered.\nYes"


class TestFields:
    @pytest.mark.parametrize(
        "description",
        [
            # plain
            "Organisation: Acme Ltd\nScore: 2/7\nComment: Too slow.",
            "COMPANY: Acme Ltd\nrating: 2/7\nCustomer comments: Too slow.",
            # American, and bold
            "**Organization:** Acme Ltd\n**CSAT:** 2/7\n**Customer feedback:** Too slow.",
            # the colon outside
            "**Organization**: Acme Ltd\n**CSAT**: 2/7\n**Feedback**: Too slow.",
            # lists
            "* **Account:** Acme Ltd\n* **Satisfaction:** 2/7\n* **Comment:** Too slow.",
            "- Customer - Acme Ltd\n- Score - 2/7\n- Comment - Too slow.",
            # a table of two columns
            "| Key | Value |\n| --- | --- |\n| Company | Acme Ltd |\n| Score | 2/7 |\n"
            "| Comment | Too slow. |",
            # a table of one row
            "| Company | Score | Comment |\n| --- | --- | --- |\n| Acme Ltd | 2/7 | Too slow. |",
            # headings
            "### Organisation\n\nAcme Ltd\n\n### Score\n\n2/7\n\n### Comment\n\nToo slow.\n",
            # headings in bold
            "**Company**\nAcme Ltd\n\n**Score**\n2/7\n\n**Comment**\n\nToo slow.",
            # an explanation within the key
            "Company (account): Acme Ltd\nScore (1 to 7): 2/7\n**Comment (optional):** Too slow.",
            # a form's question
            "Company: Acme Ltd\nScore: 2/7\nWhat could we have done better? Too slow.",
            "### What could we have done better?\nToo slow.\n### Company\nAcme Ltd\n### CSAT\n2/7",
            # values in Markdown
            "Company: **Acme Ltd**\nScore: `2/7`\nComment:\n> Too slow.",
            "Company: [Acme Ltd](https://example.com)\nScore: _2/7_\nComment:\n```\nToo slow.\n```",
            # the rest is the comment
            "Company: Acme Ltd\n\nToo slow.\n\nScore: 2/7",
            # or else the quotation
            "Company: Acme Ltd\nScore: 2/7\n\n> Too slow.",
            # other fields are left out
            "Company: Acme Ltd\nComment: Too slow.\n* **Assignee:** somebody\nScore: 2/7",
            # a rule ends the comment
            "Company: Acme Ltd\nScore: 2/7\nComment: Too slow.\n\n---\n\nMade by a form.",
            # what says nothing does not stand in the way
            "Company: N/A\nCompany: No response\nCompany: _No response_\nCompany: Acme Ltd\n"
            "Comment: _No response_\nScore: No answer given\nScore: -\nScore: 2/7\n\n"
            "Too slow.",
            # an organization goes before a customer, who may be a person
            "Customer: Somebody\nCompany: Acme Ltd\nScore: 2/7\nComment: Too slow.",
            # HTML comments are dropped
            "<!-- form 7 -->Company: Acme<!-- x --> Ltd\nScore: 2/7\nToo slow.<!--->",
            # controls and overrides of direction are stripped
            "Company: Acme\u202e Ltd\x00\nScore: \u20662/7\u2069\nComment: Too\x1b \ud800slow.\x07",
        ],
    )
    def test_every_layout_says_the_same(self, description: str) -> None:
        feedback = described(description)
        assert feedback.organization == "Acme Ltd"
        assert feedback.score == "2/7"
        assert feedback.comment == "Too slow."

    @pytest.mark.parametrize(
        ("value", "organization"),
        [
            # marks that belong to the name
            ("<!here> & *Sons*", "<!here> & *Sons*"),
            ("*Sons* & Daughters", "*Sons* & Daughters"),
            ("*Sons* & *Daughters*", "*Sons* & *Daughters*"),
            ("Acme `beta`", "Acme `beta`"),
            ("**Acme** and **Sons**", "**Acme** and **Sons**"),
            ("acme_of_sons", "acme_of_sons"),
            # marks around all of it
            ("**Acme Ltd**", "Acme Ltd"),
            ("***Acme Ltd***", "Acme Ltd"),
            ("**_Acme Ltd_**", "Acme Ltd"),
            ("_acme of sons_", "acme of sons"),
            ("``Acme Ltd``", "Acme Ltd"),
            ("**[Acme Ltd](https://example.com/a_b)**", "Acme Ltd"),
            # marks that begin or end outside of it
            ("Acme Ltd**", "Acme Ltd"),
            ("**Acme Ltd", "Acme Ltd"),
            ("Acme *Sons***", "Acme *Sons*"),
            ("***", None),
        ],
    )
    @pytest.mark.parametrize("key", ["- **Organization:** ", "Organization: "])
    def test_a_name_keeps_its_own_marks(
        self, key: str, value: str, organization: str | None
    ) -> None:
        assert described(f"{key}{value}\nComment: Slow.").organization == organization

    @pytest.mark.parametrize(
        ("description", "comment"),
        [
            # over several paragraphs, with Markdown as it was written
            ("Comment: One.\n\n- *two*\n\t- three", "One.\n\n- *two*\n\t- three"),
            # two fields: nothing is lost
            ("Comment: One.\nCustomer feedback: Two.", "One.\n\nTwo."),
            # a heading that says "Feedback" and its fields
            ("## Feedback\n\n* **Comment:** One.", "One."),
            # a value that is spelt like a key
            ("| Company | Score |\n| --- | --- |\n| Feedback | 2 |", None),
            # breaks in a table
            ("| Comment | One.<br>Two.<br />Three. |", "One.\nTwo.\nThree."),
            # a table ends it
            ("Comment: One.\n| Assignee | somebody |\nMade by a form.", "One."),
            # a bar in a table
            (r"| Comment | a \| b |", r"a \| b"),
            # a quotation in the middle is kept as it is
            ("Comment: One.\n> two\nThree.", "One.\n> two\nThree."),
            # only known fields are fields
            ("Note: this is prose, and so is: that", "Note: this is prose, and so is: that"),
            # prose that speaks of contact is prose
            (
                "I asked your manager to contact me: never!",
                "I asked your manager to contact me: never!",
            ),
            # boxes of somebody's own
            ("- [x] done\n- [ ] not done", "- [x] done\n- [ ] not done"),
            # mentions are the renderer's business
            ("<!channel> @all /close", "<!channel> @all /close"),
            # no words, as forms and programs say it
            ("Comment: User did not leave a comment", None),
            ("Comment: Undefined\nScore: 1", None),
            ("**Comment:** _The customer didn\u2019t leave any comment._", None),
            ("### Comment\n\n> (No comment provided)", None),
            ("<p><strong>Comment:</strong> <em>undefined</em></p>", None),
            ("Comment: Undefined\n\nUndefined", None),
            ("User did not leave a comment\n\nManager contact requested: Yes", None),
            ("Comment: No comment was left by the user", None),
            ("Comment: There is no comment.", None),
            ("Comment: User did not leave a comment in the survey", None),
            ("Comment: There was no feedback provided by the customer", None),
            ("Comment: No response was left by the user", None),
            ("### Comment\n\n_No response_", None),
            ("### Comment\n\n> _No response_", None),
            # what may be the complaint itself
            ("Comment: No response", "No response"),
            ("Comment: No answer.", "No answer."),
            ("Comment: Without response", "Without response"),
            ("Comment: No reason given", "No reason given"),
            ("Comment: No response was given!", "No response was given!"),
            ("Comment: **No answer**", "**No answer**"),
            # some of the same words, but the customer's
            ("Comment: No comment of yours helped.", "No comment of yours helped."),
            ("Comment: undefined method `nil'", "undefined method `nil'"),
            # HTML
            ("<p>One.</p><p>Two &amp; <b>three</b>.</p>", "One.\n\nTwo & **three**."),
            ("| Comment | <p>One.</p> |", "One."),
            ("Comment: a &lt;b&gt; and 1 < 2 <3", "a <b> and 1 < 2 <3"),
            ("Comment: <label>One</label> <q>two</q>", "One two"),
            # no HTML
            ("Comment: git clone <url>, then <you@x.org>", "git clone <url>, then <you@x.org>"),
            ("Comment: <https://example.com/p> a<b and c>d", "<https://example.com/p> a<b and c>d"),
            # a link keeps its address
            ('Comment: <a href="https://x.org">this</a>', '<a href="https://x.org">this</a>'),
            # joiners within a word
            ("Comment: \u0645\u06cc\u200c\u062e", "\u0645\u06cc\u200c\u062e"),
            # several signs that are one emoji
            ("Comment: \U0001f469\u200d\U0001f4bb", "\U0001f469\u200d\U0001f4bb"),
            # other letters
            ("Comment：とても遅い", "とても遅い"),  # noqa: RUF001
            # nothing
            ("", None),
            (None, None),
            ("Score: 1", None),
            ("# Negative feedback for ticket 412345\n\n---", None),
        ],
    )
    def test_the_customers_words(self, description: str | None, comment: str | None) -> None:
        assert described(description).comment == comment

    def test_a_long_comment_is_shortened_and_says_so(self) -> None:
        comment = described("Comment: " + "a" * 10_000).comment
        assert comment is not None
        assert len(comment) == MAX_COMMENT
        assert comment.endswith("a…")

    def test_a_comment_that_just_fits_is_whole(self) -> None:
        assert described("a" * MAX_COMMENT).comment == "a" * MAX_COMMENT

    def test_long_values_are_shortened(self) -> None:
        feedback = described(f"Company: {'b' * 999}\nScore: {'c' * 999}")
        assert feedback.organization == "b" * (MAX_VALUE - 1) + "…"
        assert feedback.score == "c" * (MAX_VALUE - 1) + "…"


class TestRequestForContact:
    @pytest.mark.parametrize(
        ("title", "labels", "sentiment", "is_request"),
        [
            # the ordinary one
            (TITLE, ["satisfaction::bad"], Sentiment.NEGATIVE, True),
            # without a satisfaction label
            (TITLE, ["SSAT::Contact"], Sentiment.NEGATIVE, True),
            # a title that says neither still counts
            ("Indirect feedback", [], None, True),
            ("Indirect feedback", ["satisfaction::bad"], Sentiment.NEGATIVE, True),
            # excluded by the title
            ("Positive feedback for ticket 1", [], Sentiment.POSITIVE, False),
            ("Neutral feedback for ticket 1", [], Sentiment.NEUTRAL, False),
            # excluded by the label
            ("Indirect feedback", ["satisfaction::good"], Sentiment.POSITIVE, False),
            ("Indirect feedback", ["satisfaction::neutral"], Sentiment.NEUTRAL, False),
            # either excludes
            (TITLE, ["satisfaction::good"], Sentiment.NEGATIVE, False),
            ("Positive feedback", ["satisfaction::bad"], Sentiment.POSITIVE, False),
            # of two labels the worse: no request is missed
            ("Feedback", ["satisfaction::good", "satisfaction::bad"], Sentiment.NEGATIVE, True),
            # labels in another case
            ("Feedback", ["Satisfaction::Good"], Sentiment.POSITIVE, False),
            # other labels say nothing
            ("Feedback", ["satisfaction", "feedback::soft-skills", "good"], None, True),
        ],
    )
    def test_sentiment_excludes(
        self, title: str, labels: list[str], sentiment: Sentiment | None, is_request: bool
    ) -> None:
        feedback = read_feedback(title=title, description="Contact requested: yes", labels=labels)
        assert feedback.sentiment == sentiment
        assert is_request_for_contact(feedback, has_contact_label=True) is is_request
        assert is_request_for_contact(feedback, has_contact_label=False) is is_request

    @pytest.mark.parametrize(
        ("has_contact_label", "description", "is_request"),
        [
            # both
            (True, "Contact requested: yes", True),
            # the label alone, even against the field: somebody set it by hand
            (True, "Contact requested: no", True),
            (True, "", True),
            # the field alone
            (False, "Contact requested: yes", True),
            # neither
            (False, "Contact requested: no", False),
            (False, "", False),
        ],
    )
    def test_the_label_or_the_field_asks(
        self, has_contact_label: bool, description: str, is_request: bool
    ) -> None:
        feedback = described(description)
        assert is_request_for_contact(feedback, has_contact_label=has_contact_label) is is_request


class TestHandbookLabels:
    def test_there_are_fifteen_of_one_scope(self) -> None:
        assert len(HANDBOOK_LABELS) == 15
        assert all(label.startswith("feedback::") for label in HANDBOOK_LABELS)
        assert all(HANDBOOK_LABELS.values())

    def test_they_keep_the_handbooks_order_and_words(self) -> None:
        labels = list(HANDBOOK_LABELS)
        assert labels[0] == "feedback::customer-resolved"
        assert labels[-1] == "feedback::technical-skills-customer"
        assert HANDBOOK_LABELS["feedback::known-issue"] == "Known issue with Issue already created"


# Pieces that layouts are made of, so that random text comes near to them.
PIECES = [
    *(
        "- ",
        "* ",
        "# ",
        "### ",
        "> ",
        "|",
        "| --- |",
        "**",
        "__",
        "```",
        "---",
        "<!--",
        "-->",
        "<br>",
    ),
    *(
        ":",
        "?",
        " - ",
        "\n",
        "\n\n",
        "\r",
        "\u2028",
        "\u202e",
        "\ud800",
        "\x00",
        "[x] ",
        "[ ] ",
        "(",
    ),
    *("Comment", "Manager contact requested", "Yes", "No", "Score", "Company", "Ticket", "412345"),
    *("https://support.gitlab.com/hc/requests/", "negative", "feedback", "²", "٣"),
]
hostile = st.lists(st.sampled_from(PIECES) | st.text(max_size=8), max_size=40).map("".join)


# Each of them, repeated to a megabyte, is the worst case of some careless pattern.
AWKWARD = [
    *(
        "a",
        " ",
        "\n",
        "*",
        "**a",
        "|",
        "|a",
        "| a |\n",
        "<!--",
        "<!-- ",
        "<a",
        "<x ",
        "</x",
        "</x>",
        "<x></x>",
        "&#8203;",
        "&#",
        "\u200d",
        "\u200d ",
        "[",
        "[x]",
        "- ",
        ">",
        "#",
    ),
    *("Comment: a\n", "Comment:\n", "Contact requested: ", "ticket ", "ticket#", "zendesk.com/"),
    *("hc/", "1", "# ", "`", "```\n", "a: ", "a - ", "** ", "\\|", "\t", "\r", "<br ", "(a", "_"),
]


WRAPPINGS = [
    *(("", ""), ("**", "**"), ("_", "_"), ("`", "`"), ("<p>", "</p>"), ("<b>", "</b>")),
    *(
        ('<span class="x">', "</span>"),
        ("<div>\n", "\n</div>"),
        ("\u200b", "\ufeff"),
        ("&nbsp;", ""),
        ("&#xFEFF;", "&#8203;"),
        ("\u2068", "\u2069"),
        ("\u061c\u2063", "\u3164"),
        ("<section>", "</section>"),
        ("<dl><dd>", "</dd></dl>"),
        ("<font color='red'>", "</font>"),
        ("<x-y>", "</x-y>"),
    ),
]
wrappings = st.lists(st.sampled_from(WRAPPINGS), max_size=3)
NOTHING_SAID = ["User did not leave a comment", "Undefined", "No comment provided", "n/a", "null"]


def wrapped(text: str, around: list[tuple[str, str]]) -> str:
    for before, after in around:
        text = f"{before}{text}{after}"
    return text


class TestAnything:
    @given(st.booleans(), wrappings)
    def test_an_answer_is_read_however_it_is_wrapped(
        self, asked: bool, around: list[tuple[str, str]]
    ) -> None:
        line = "Manager contact requested: " + ("Yes" if asked else "No")
        assert described(wrapped(line, around)).says_contact_requested is asked

    @given(st.sampled_from(NOTHING_SAID), wrappings)
    def test_what_stands_for_no_words_is_no_comment(
        self, words: str, around: list[tuple[str, str]]
    ) -> None:
        assert described(f"Comment: {wrapped(words, around)}").comment is None
        assert described(wrapped(words, around)).comment is None

    @given(st.sampled_from(NOTHING_SAID), st.sampled_from(["Why?", "Bad.", "So slow"]))
    def test_of_what_a_customer_wrote_nothing_is_lost(self, words: str, more: str) -> None:
        assert described(f"Comment: {words}: {more}").comment == f"{words}: {more}"

    @settings(deadline=None)
    @given(st.text() | hostile, st.none() | st.text() | hostile, st.lists(st.text()))
    def test_never_fails_and_stays_bounded(
        self, title: str, description: str | None, labels: list[str]
    ) -> None:
        feedback = read_feedback(title=title, description=description, labels=labels)
        assert feedback.comment is None or 0 < len(feedback.comment) <= MAX_COMMENT
        assert feedback.ticket is None or 0 < feedback.ticket < 10**12
        for value in (feedback.organization, feedback.score):
            assert value is None or (0 < len(value) <= MAX_VALUE and "\n" not in value)
        for value in (feedback.organization, feedback.score, feedback.comment):
            # Any database takes it: no lone surrogates, no NUL.
            assert b"\0" not in (value or "").encode()
            assert not {"\u202e", "\u2066", "\x1b"} & set(value or "")

    @settings(deadline=None)
    @given(st.booleans(), st.text(st.characters(codec="utf-8")))
    def test_words_before_the_field_do_not_hide_it(self, asked: bool, words: str) -> None:
        feedback = described(f"{words}\n\nManager contact requested: {'yes' if asked else 'no'}")
        # Only an HTML comment of theirs could; one that is opened and never closed does not.
        assert feedback.says_contact_requested or not asked

    @pytest.mark.parametrize("piece", AWKWARD)
    def test_a_megabyte_of_it_is_bounded_work(self, piece: str) -> None:
        text = piece * (1_000_000 // len(piece))
        at_one, at_two = (_steps(text[: size - size % len(piece)]) for size in (10_000, 20_000))
        # Twice the text takes about twice the steps, not four times.
        assert at_two < 2.5 * at_one + 500
        assert read_feedback(title=text, description=text, labels=[text]) is not None

    def test_only_the_beginning_is_looked_at(self) -> None:
        field = "\nContact requested: yes"
        assert described(" " * (MAX_DESCRIPTION - len(field)) + field).says_contact_requested
        assert not described(" " * MAX_DESCRIPTION + field).says_contact_requested


def _steps(text: str) -> int:
    """Count the lines and calls of Python that reading a description takes."""
    here = {sys.modules[each.__module__].__file__ for each in (read_feedback, Description)}
    steps = 0

    def trace(frame, event, arg):  # type: ignore[no-untyped-def]
        nonlocal steps
        steps += frame.f_code.co_filename in here
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        described(text)
    finally:
        sys.settrace(before)
    return steps


SCORES = {
    "7": Sentiment.POSITIVE,
    "5": Sentiment.POSITIVE,
    "4": Sentiment.NEGATIVE,
    "1": Sentiment.NEGATIVE,
    " 6 ": Sentiment.POSITIVE,
    "5/7": Sentiment.POSITIVE,
    "4 / 7": Sentiment.NEGATIVE,
    "2 of 7": Sentiment.NEGATIVE,
    "7 out of 7": Sentiment.POSITIVE,
    "3.0": Sentiment.NEGATIVE,
    # No score of one to seven.
    "": None,
    "0": None,
    "8": None,
    "10": None,
    "55": None,
    "4.5": None,
    "5/10": None,
    "-5": None,
    "5 stars": None,
    "good": None,
    "4, but the engineer was a 7": None,
    "\u0665": None,  # a digit of another script
}


class TestScore:
    @pytest.mark.parametrize(("score", "sentiment"), SCORES.items())
    def test_a_score_from_five_on_is_good_and_below_it_bad(
        self, score: str, sentiment: Sentiment | None
    ) -> None:
        assert score_sentiment(score) is sentiment

    def test_no_score_says_nothing(self) -> None:
        assert score_sentiment(None) is None

    @given(st.text(max_size=60))
    def test_whatever_a_score_says_it_is_read_or_passed_over(self, score: str) -> None:
        found = score_sentiment(score)
        digits = [int(each) for each in score if each in "1234567"]
        assert found is None or (found is Sentiment.POSITIVE) is (digits[0] >= 5)
        assert found is not Sentiment.NEUTRAL

    @pytest.mark.parametrize(
        ("title", "labels", "score", "sentiment"),
        [
            ("Feedback for ticket 412345", [], 6, Sentiment.POSITIVE),
            ("Feedback for ticket 412345", [], 2, Sentiment.NEGATIVE),
            # Where title or label says it, the score says nothing.
            (TITLE, [], 7, Sentiment.NEGATIVE),
            ("Positive feedback for ticket 412345", [], 1, Sentiment.POSITIVE),
            ("Neutral feedback for ticket 412345", [], 1, Sentiment.NEUTRAL),
            ("Feedback for ticket 412345", ["satisfaction::bad"], 7, Sentiment.NEGATIVE),
            ("Feedback for ticket 412345", ["satisfaction::good"], 1, Sentiment.POSITIVE),
        ],
    )
    def test_a_score_counts_only_where_nothing_else_says_it(
        self, title: str, labels: list[str], score: int, sentiment: Sentiment
    ) -> None:
        found = read_feedback(title=title, description=f"Score: {score}", labels=labels)
        assert found.score == str(score)
        assert found.sentiment is sentiment

    @given(st.integers(1, 7))
    def test_a_good_score_never_hides_a_request_for_contact(self, score: int) -> None:
        description = f"Score: {score}\nManager contact requested: Yes"
        found = read_feedback(
            title="Feedback for ticket 412345", description=description, labels=[]
        )
        assert found.sentiment is not None
        assert is_request_for_contact(found, has_contact_label=False)
        silent = replace(found, says_contact_requested=False)
        assert is_request_for_contact(silent, has_contact_label=True)

    def test_a_score_alone_makes_no_feedback_of_an_issue(self) -> None:
        title = "Collect scores of ticket 412345"
        found = read_feedback(title=title, description="Score: 2", labels=[])
        assert found.sentiment is Sentiment.NEGATIVE
        assert not is_feedback(found, title)


FORM = "**Score:** 2\n**Organization:** Acme\n**Comment:** Slow."
SCORE, QUOTED, PROSE = "Score: 6", "> They were slow.", "Their admin told me that we were slow."
SENTIMENTS = ["Positive", "Negative", "Neutral", "Indirect"]
FEEDBACK = [
    # as in the handbook
    ("Positive feedback for ticket 412345", None),
    # a sentiment, and no ticket
    ("Negative feedback", None),
    ("Negative feedback from Acme", PROSE),
    ("Negative feedback, Acme", PROSE),
    ("Acme: negative feedback", PROSE),
    ("Very negative customer feedback (Acme)", PROSE),
    ("Positive onboarding feedback from Acme", PROSE),
    ("Feedback (negative) from Acme", PROSE),
    ("FYI: Negative feedback from Acme", PROSE),
    ("[SSAT] Neutral feedback \u2013 Acme", PROSE),
    ("\N{THUMBS DOWN SIGN} Negative feedback", None),
    # indirect, and no more than that
    ("Indirect feedback", PROSE),
    ("Indirect feedback from Acme", None),
    ("Indirect Feedback: Acme is unhappy", PROSE),
    ("Indirect customer feedback from Acme", PROSE),
    # neither, but a form
    ("Feedback from Acme", FORM),
    ("Feedback from Acme", "Organization: Acme\n\nThey were slow."),
    ("Acme left feedback", FORM),
    # neither, but a score
    ("Customer feedback", SCORE),
    ("Acme\u2019s feedback", SCORE),
    # neither, but a ticket
    ("Customer feedback: ticket 12345", SCORE),
    ("Customer feedback: ticket 12345", None),
    ("New feedback 412345", None),
    ("Feedback by a customer", "Ticket: 412345"),
    ("[Negative] Acme", SCORE),
    ("Positive: Acme", SCORE),
    # a survey's score
    ("SSAT 412345 score", "Score: 2\nTicket: 412345"),
    ("CSAT for ticket #412345", SCORE),
]
NO_FEEDBACK = [
    # about no feedback at all
    ("Collect scores of ticket 412345", SCORE),
    ("Layoffs in the third quarter", QUOTED),
    ("SSAT for Q3 2026", FORM),
    ("SSAT 412345", PROSE),
    ("Positive: the new rota works", PROSE),
    # about the tools
    ("Improve the feedback form", FORM),
    ("Feedback label list", FORM),
    ("Feedback-form is broken", "Ticket: 412345"),
    ("Feedback form for ticket 412345", None),
    ("Feedback tracker: rename labels", FORM),
    ("Negative feedback template", PROSE),
    ("Indirect feedback process", PROSE),
    # about how people work
    ("Discuss feedback for the docs team", PROSE),
    ("Collect positive feedback for the yearly review", PROSE),
    ("Handling negative feedback", PROSE),
    ("How to respond to negative feedback", PROSE),
    ("Improve indirect feedback", PROSE),
    ("Customer feedback: how we handle it", PROSE),
    ("Feedback from the managers about the rota", PROSE),
    # by the team
    ("Feedback from the offsite 2026", QUOTED),
    ("Team retro - feedback from Q3", QUOTED),
    ("Feedback on the new process", "Customer: Acme\n\nWe changed it."),
    # about more than one
    ("Positive feedback of the week", QUOTED),
    ("Positive and negative feedback by region", PROSE),
    ("Trends in negative feedback", PROSE),
    ("Negative trends in feedback", PROSE),
]
TASKS = ["Add", "Automate", "Collect", "Count", "Discuss", "Improve", "Label", "Review", "Share"]
TOOLS = ["form", "label", "labels", "list", "process", "template", "tracker", "workflow"]
# No numbers, which might be tickets, and no brackets.
_names = st.text(st.characters(categories=["L", "Zs"]), min_size=1, max_size=30)


class TestIsFeedback:
    @pytest.mark.parametrize(("title", "description"), FEEDBACK)
    def test_feedback_is_known_by_its_title_and_what_goes_with_it(
        self, title: str, description: str | None
    ) -> None:
        assert is_feedback(read_feedback(title=title, description=description, labels=[]), title)

    @pytest.mark.parametrize(("title", "description"), NO_FEEDBACK)
    def test_what_the_team_writes_about_feedback_is_none(
        self, title: str, description: str | None
    ) -> None:
        found = read_feedback(title=title, description=description, labels=[])
        assert not is_feedback(found, title)

    @given(st.sampled_from(SENTIMENTS), st.sampled_from(["from", "by"]), _names, st.text())
    def test_a_sentiment_needs_no_ticket_whoever_gave_the_feedback(
        self, sentiment: str, by: str, who: str, description: str
    ) -> None:
        title = f"{sentiment} feedback {by} {who}"
        assert is_feedback(read_feedback(title=title, description=description, labels=[]), title)

    @given(_names, st.integers(1, 7), st.sampled_from(["", "/7", " of 7"]))
    def test_a_score_needs_neither_sentiment_nor_ticket(
        self, who: str, score: int, of: str
    ) -> None:
        for title in (f"Feedback from {who}", "Customer feedback", f"{who}: feedback"):
            found = read_feedback(title=title, description=f"Score: {score}{of}", labels=[])
            assert is_feedback(found, title)

    @given(
        st.sampled_from(TASKS),
        st.sampled_from(["", "customer ", *(f"{each.lower()} " for each in SENTIMENTS)]),
        st.sampled_from(["", *(f" {each}" for each in TOOLS)]),
        _names,
    )
    def test_a_task_about_feedback_is_none_whatever_it_is_about(
        self, task: str, kind: str, tool: str, what: str
    ) -> None:
        title = f"{task} {kind}feedback{tool} for {what}"
        found = read_feedback(title=title, description=PROSE, labels=[])
        assert not is_feedback(found, title)

    @given(st.sampled_from(TOOLS), st.sampled_from([*SENTIMENTS, "The"]), st.integers(1, 7))
    def test_a_tool_for_feedback_is_none_whatever_the_example_in_its_description(
        self, tool: str, kind: str, score: int
    ) -> None:
        title = f"{kind} feedback {tool}"
        found = read_feedback(title=title, description=f"Score: {score}\n\n{PROSE}", labels=[])
        assert not is_feedback(found, title)

    @given(hostile, st.none() | hostile)
    def test_whatever_the_title_it_is_judged(self, title: str, description: str | None) -> None:
        found = read_feedback(title=title, description=description, labels=[])
        assert is_feedback(found, title) in (True, False)

    @pytest.mark.parametrize("piece", ["feedback ", "negative ", "a: ", "[] ", "new \t", "ssat \n"])
    def test_a_long_title_is_bounded_work(self, piece: str) -> None:
        title = piece * 100_000
        assert not is_feedback(read_feedback(title=title, description=None, labels=[]), title)


ACTION = "File a docs issue, and tell the CSM."
ACTIONS = [
    f"**Next action:** {ACTION}",
    f"- **Requested action**: {ACTION}\n- **Score:** 2",
    f"Action: {ACTION}",
    f"| Next steps | {ACTION} |",
    f"### Next action\n\n{ACTION}\n\nThe customer was angry.",
    f"**Comment:** Slow.\n**Next action:** {ACTION}\n\nThey waited.",
]


class TestNextAction:
    @pytest.mark.parametrize("description", ACTIONS)
    def test_the_next_action_of_indirect_feedback_is_read(self, description: str) -> None:
        found = read_feedback(title="Indirect feedback", description=description, labels=[])
        assert found.next_action == ACTION
        assert ACTION not in (found.comment or "")
        assert described(description).next_action is None

    def test_a_list_of_actions_is_read_to_its_end(self) -> None:
        description = "## Next actions\n\n- File a docs issue\n- [ ] Call them\n\nThey waited."
        found = read_feedback(title="Indirect feedback", description=description, labels=[])
        assert found.next_action == "- File a docs issue\n- [ ] Call them"
        assert found.comment == "They waited."

    @pytest.mark.parametrize("key", ["Action", "- next action", "Tags", "tag", "* Next steps"])
    def test_such_words_of_a_customer_stay_in_their_comment(self, key: str) -> None:
        words = f"I waited.\n{key}: none.\nNobody called."
        found = read_feedback(title="Indirect feedback", description=f"Comment: {words}", labels=[])
        assert (found.comment, found.next_action, found.tags) == (words, None, frozenset())

    @pytest.mark.parametrize("nothing", ["", " n/a", " None", " _No response_"])
    def test_an_action_that_nobody_chose_is_none(self, nothing: str) -> None:
        description = f"**Next action:**{nothing}\n**Score:** 2"
        found = read_feedback(title="Indirect feedback", description=description, labels=[])
        assert found.next_action is None


class TestIndirect:
    @pytest.mark.parametrize(
        ("title", "labels", "is_indirect"),
        [
            ("Indirect feedback: negative, ticket 412345", [], True),
            ("Negative INDIRECT feedback for ticket 412345", [], True),
            (TITLE, ["feedback-source::Indirect"], True),
            (TITLE, ["indirect feedback"], True),
            (TITLE, [], False),
            (TITLE, ["indirectly"], False),
            ("Negative feedback for ticket 412345, indirectly", [], False),
        ],
    )
    def test_what_an_account_team_tells_is_known_by_title_or_label(
        self, title: str, labels: list[str], is_indirect: bool
    ) -> None:
        found = read_feedback(title=title, description="This is indirect.", labels=labels)
        assert found.is_indirect is is_indirect


@pytest.mark.parametrize(
    "words",
    [
        "The support was slow.\nNext steps: call me back today.\nThanks",
        "Action: I demand a refund.",
        "**Next steps**\n- Call me.\n- Write to me.",
    ],
)
def test_what_a_customer_wants_done_stays_their_words(words: str) -> None:
    found = read_feedback(title="Negative feedback for ticket 412345", description=words, labels=[])
    assert found.next_action is None
    for line in words.splitlines():
        assert line in str(found.comment)


@pytest.mark.parametrize("key", ["Action", "Requested action", "1. Action", "Zendesk tags"])
def test_a_key_within_a_comment_ends_it_only_where_a_form_made_it_bold(key: str) -> None:
    said = f"Comment: Slow.\n{key}: refund me\nI am leaving."
    found = read_feedback(title="Indirect feedback from Acme", description=said, labels=[])
    assert found.comment == f"Slow.\n{key}: refund me\nI am leaving."


def test_a_list_below_a_heading_is_read_to_its_end() -> None:
    said = "## Next steps\n- call\n- write\n\n## Tags\nspam\nfoo\n"
    found = read_feedback(title="Indirect feedback from Acme", description=said, labels=[])
    assert found.next_action == "- call\n- write"
    assert {"spam", "foo"} <= set(found.tags)
    assert found.comment is None
