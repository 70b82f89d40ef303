"""A plain page that shows an issue to a person, as the links on the bot's cards point there."""

from html import escape
from typing import TYPE_CHECKING

from aiohttp import web

from slackbot.local.gitlab.faults import BAD_GATEWAY
from slackbot.local.gitlab.model import Issue, Note

if TYPE_CHECKING:
    from slackbot.local.gitlab.instance import GitLab

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:48rem;margin:2rem auto;padding:0 1rem}"
    "pre{white-space:pre-wrap;font:inherit;background:#f5f5f5;padding:.75rem;border-radius:.25rem}"
    ".label{background:#dde6f0;border-radius:1rem;padding:.1rem .6rem;margin-right:.3rem}"
    ".system{color:#666}h1{margin-bottom:.25rem}"
)


class Pages:
    """The human pages of one instance; open to everyone who reaches this machine."""

    def __init__(self, gitlab: "GitLab") -> None:
        self._gitlab = gitlab

    async def issue(self, request: web.Request) -> web.Response:
        """Show one issue."""
        if self._gitlab.faults.down:
            return web.Response(status=502, text=BAD_GATEWAY, content_type="text/html")
        path, iid = request.match_info["path"], int(request.match_info["iid"])
        for project in self._gitlab.projects:
            if project.path == path and iid in project.issues:
                return _html(_issue_page(project.issues[iid]))
        raise web.HTTPNotFound


def _html(text: str) -> web.Response:
    policy = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
    return web.Response(text=text, content_type="text/html", headers=policy)


def _issue_page(issue: Issue) -> str:
    title = escape(f"{issue.title} (#{issue.iid})")
    labels = "".join(f'<span class="label">{escape(name)}</span>' for name in issue.labels)
    assignees = ", ".join(f"{user.name} (@{user.username})" for user in issue.assignees)
    confidential = " · confidential" if issue.confidential else ""
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style></head><body>"
        f"<p>{escape(issue.project.path)}</p><h1>{title}</h1>"
        f"<p>{issue.state}{confidential} · opened by {escape(issue.author.name)},"
        f" {issue.created_at:%Y-%m-%d %H:%M} UTC</p>"
        f"<p>Labels: {labels or 'none'}</p><p>Assigned to: {escape(assignees) or 'nobody'}</p>"
        f"<pre>{escape(issue.description or '')}</pre>"
        f"<h2>Activity</h2>{''.join(_note(note) for note in issue.notes)}</body></html>"
    )


def _note(note: Note) -> str:
    who = f"{escape(note.author.name)}, {note.created_at:%Y-%m-%d %H:%M} UTC"
    if note.system:
        return f'<p class="system">{who}: {escape(note.body)}</p>'
    internal = " · internal note" if note.internal else ""
    return f"<p>{who}{internal}</p><pre>{escape(note.body)}</pre>"
