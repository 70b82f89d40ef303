"""A stateful, strict stand-in for GitLab: real HTTP, the platform's quirks, no GitLab."""

from slackbot.local.gitlab.hooks import Delivery, Hook, signature
from slackbot.local.gitlab.instance import GitLab
from slackbot.local.gitlab.model import Group, Issue, Label, Note, Project, Request, User
from slackbot.local.gitlab.server import serve

__all__ = [
    "Delivery",
    "GitLab",
    "Group",
    "Hook",
    "Issue",
    "Label",
    "Note",
    "Project",
    "Request",
    "User",
    "serve",
    "signature",
]
