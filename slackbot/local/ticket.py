"""What stands for a ticket in the help desk, to which the bot's cards lead."""

import re
from html import escape

from slackbot.local.gitlab import Issue
from slackbot.local.sample import Sample

_PAGE = """<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <title>Ticket {number}</title>
    <link rel="stylesheet" href="/static/base.css" />
    <link rel="stylesheet" href="/static/ticket.css" />
  </head>
  <body>
    <main class="ticket">
      <p class="hint">This page stands for the help desk. The real bot leads to
        support.gitlab.com/hc/requests/{number}.</p>
      <h1>Ticket {number}</h1>
      {about}
    </main>
  </body>
</html>
"""


def ticket_page(number: int, sample: Sample) -> str:
    """Return the page of a ticket, with the feedback that the customer left on it."""
    whole = re.compile(rf"(?<!\d){number}(?!\d)")
    issues = [each for each in sample.project.issues.values() if whole.search(each.title)]
    about = "".join(map(_feedback, issues)) or "<p>Nobody has left feedback on this ticket.</p>"
    return _PAGE.format(number=number, about=about)


def _feedback(issue: Issue) -> str:
    said = escape(issue.description or "").replace("\n", "<br />")
    return f"<h2>{escape(issue.title)}</h2><p>{said}</p>"
