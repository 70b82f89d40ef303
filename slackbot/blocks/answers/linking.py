"""What people hear who link their GitLab account. Pure."""

from slackbot.blocks.elements import Block, actions, context, link, message, plain, section
from slackbot.blocks.text import name
from slackbot.platforms.slack.message import SlackMessage

LINK_EVENT = "ssat_link"
"""Metadata of a direct message about a link."""


AUTHORIZE, ACT = "authorize_link", "authorize_acting"


def authorize(
    *,
    link: tuple[str, str] | None,
    act: tuple[str, str] | None,
    gitlab: str | None,
    minutes: int,
    otherwise: SlackMessage | None = None,
    problem: str | None = None,
) -> SlackMessage:
    """Show what to authorize, each as address and code; for their eyes only.

    ``problem`` says why there is nothing else for the account that they have named.
    """
    blocks: list[Block] = []
    if link:
        told = "To link your GitLab account, press the button and confirm in GitLab."
        blocks += _to_authorize(told, "Link my GitLab account", AUTHORIZE, link)
    if act:
        told = ACTING if link is None else f"Or do that, and more: {ACTING[0].lower()}{ACTING[1:]}"
        if gitlab is not None:
            told = (
                f"You are linked to *{name(gitlab)}* in GitLab. To change that, first type "
                f"`/ssat unlink`.\n{told}"
            )
        blocks += _to_authorize(told, "Act as yourself", ACT, act)
    blocks.append(
        context(
            f"The buttons are good for {minutes} minutes. You'll get a message here when GitLab "
            "has told me. Confirm only what you have asked for yourself."
        )
    )
    if otherwise:
        blocks += [
            section(f"If you can't do that: {otherwise.text[0].lower()}{otherwise.text[1:]}")
        ]
    if problem:
        blocks += [section(f"⚠️ {problem}")]
    return SlackMessage(text="Link your GitLab account", blocks=tuple(blocks))


ACTING = (
    "With *Act as yourself*, what you choose in Slack is written to the feedback issues under your "
    "own name in GitLab instead of the bot's; for that the bot keeps a permission for all that you "
    "may do there, until you type `/ssat unlink`."
)


def _to_authorize(told: str, title: str, action: str, asked: tuple[str, str]) -> list[Block]:
    url, code = asked
    press = {"type": "button", "action_id": action, "text": plain(title), "url": url}
    return [section(f"{told}\nGitLab shows the code `{name(code)}`."), actions([press])]


def offer(code: str, username: str, issue_url: str, minutes: int) -> SlackMessage:
    """For their eyes only."""
    return message(
        f"To prove that you are *{name(username)}* in GitLab, post this comment on "
        f"{link(issue_url, 'this issue')} as {name(username)} within {minutes} minutes:\n"
        f"`{code}`\nYou'll get a message here when it arrives. Nobody else can use the code."
    )


def linked(username: str) -> SlackMessage:
    return message(
        f"✅ You are now linked to *{name(username)}* in GitLab. What you claim is assigned to "
        "that account. If this wasn't you, tell the bot's administrator."
    )


def taken(username: str) -> SlackMessage:
    """Somebody else got the account meanwhile."""
    return message(
        f"⚠️ Your code has arrived, but someone else is now linked to {name(username)} in GitLab. "
        "Ask the bot's administrator to check `ssat-bot people list`."
    )


def expired(username: str) -> SlackMessage:
    return message(f"⚠️ Your code arrived too late. Get another: `/ssat link {name(username)}`.")


def left_by_another(username: str, author: str) -> SlackMessage:
    """Say that ``author``, not ``username``, posted the code."""
    return message(
        f"⚠️ Your code was posted by {name(author)}, so it doesn't prove that you are "
        f"{name(username)}. Post it as {name(username)}. If you are {name(author)}, get another "
        f"code: `/ssat link {name(author)}`."
    )


def not_this_one(username: str) -> SlackMessage:
    """Only the latest code counts."""
    return message(
        f"⚠️ The code that {name(username)} posted on the issue is not your latest one. Copy it "
        "again from the answer to `/ssat link`, or get another: "
        f"`/ssat link {name(username)}`."
    )


def acts(username: str) -> SlackMessage:
    return message(
        f"✅ From now on your choices are written as *{name(username)}* in GitLab, under your own "
        "name. `/ssat unlink` ends that. If this wasn't you, type it now, and tell the bot's "
        "administrator."
    )


def denied() -> SlackMessage:
    return message("You didn't allow it in GitLab, so nothing has changed.")


def not_authorized() -> SlackMessage:
    return message(
        "⚠️ The button of `/ssat link` wasn't confirmed in GitLab in time, so nothing has changed. "
        "To get another: `/ssat link`."
    )


def not_accepted() -> SlackMessage:
    return message(
        "⚠️ GitLab doesn't accept the bot's application, so nothing has changed. Ask the bot's "
        "administrator to check GITLAB_OAUTH_CLIENT_ID and GITLAB_OAUTH_CLIENT_SECRET."
    )


def bots_own(username: str) -> SlackMessage:
    return message(
        f"⚠️ You confirmed as {name(username)}, which is the bot's own account. Sign in to GitLab "
        "as yourself, and type `/ssat link` again."
    )


def another_account(username: str, known: str) -> SlackMessage:
    return message(
        f"⚠️ You confirmed as {name(username)}, but you are linked to {name(known)}, so nothing has "
        "changed. Sign in to GitLab with that account, or type `/ssat unlink` first. If the people "
        "file names the wrong account, ask the bot's administrator to change your line there."
    )


def wrote_for_you(issue: str, status: str | None) -> SlackMessage:
    """``status``: GitLab's, if the permission is still good."""
    where = link(issue, "this issue")
    if status is None:
        return message(
            f"Your permission in GitLab has ended, so ssat-bot wrote your choice on {where} under "
            "its own name. Nothing is lost. To grant it again: `/ssat link`."
        )
    return message(
        f"GitLab doesn't let you do this yourself (error {name(status)}), so ssat-bot wrote your "
        f"choice on {where} under its own name. Nothing is lost. To write under your own name, you "
        "need the role Planner or higher in the feedback project."
    )


def unlinked(*, was_linked: bool, in_file: str | None) -> SlackMessage:
    file = (
        f" The people file says that you are {name(in_file)} in GitLab, and still does: only the "
        "bot's administrator changes it."
        if in_file
        else ""
    )
    if not was_linked:
        return message(f"You had nothing to take back.{file}")
    return message(
        "Done: your link to GitLab is removed, and ssat-bot no longer writes under your name. If "
        f"you had given it a permission in GitLab, it is being revoked.{file}"
    )
