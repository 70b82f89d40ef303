"""A plain page that shows an issue to a person, as the links on the bot's cards point there."""

from html import escape
from typing import TYPE_CHECKING

from aiohttp import web

from slackbot.local.gitlab.faults import BAD_GATEWAY
from slackbot.local.gitlab.model import Issue, Note, User

if TYPE_CHECKING:
    from slackbot.local.gitlab.instance import GitLab
    from slackbot.local.gitlab.oauth import DeviceGrant

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
                return html(_issue_page(project.issues[iid]))
        raise web.HTTPNotFound


def html(text: str, *, forms: bool = False) -> web.Response:
    """Make a response; only a page with a form may send one."""
    allowed = "; form-action 'self'" if forms else "; form-action 'none'"
    policy = {
        "Content-Security-Policy": f"default-src 'none'; style-src 'unsafe-inline'{allowed}; "
        "frame-ancestors 'none'"
    }
    return web.Response(text=text, content_type="text/html", headers=policy)


def device_page(code: str, asked: "DeviceGrant | None", people: list[User]) -> str:
    """Ask somebody to authorize an application: as GitLab does, but for who is signed in."""
    if asked is None:
        return ended_page("The user code is invalid, or it has expired.")
    options = "".join(
        f'<option value="{escape(user.username)}">{escape(user.name)} (@{escape(user.username)})'
        for user in people
    )
    return _page(
        "Authorize device to access your GitLab account",
        f"<p>Please make sure that you intended to authorize {escape(asked.application.name)}."
        f"</p><p>Scopes associated with this request: {escape(' '.join(asked.scopes))}</p>"
        '<form method="post" action="/oauth/device">'
        f'<input type="hidden" name="user_code" value="{escape(code)}">'
        f'<p><label>You are signed in as <select name="user">{options}</select></label></p>'
        '<p><button name="answer" value="confirm">Confirm</button> '
        '<button name="answer" value="deny">Deny</button></p></form>',
    )


def ended_page(words: str) -> str:
    """Say how it has ended."""
    return _page("Authorize device", f"<p>{escape(words)}</p>")


def _page(title: str, body: str) -> str:
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}'
        f"</title><style>{_STYLE}</style></head><body><h1>{escape(title)}</h1>{body}</body></html>"
    )


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
