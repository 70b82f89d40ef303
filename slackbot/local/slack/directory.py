"""The methods that tell who and what is there: auth, users, usergroups, bots, team, apps."""

from slackbot.local.json_type import Json
from slackbot.local.slack.calls import flag, method, needed, next_cursor, page
from slackbot.local.slack.models import SlackError
from slackbot.local.slack.shapes import user_json
from slackbot.local.slack.state import State


@method("api.test", bearer="none", tier=4)
def api_test(state: State, args: Json) -> Json:
    """Say hello."""
    if error := args.get("error"):
        raise SlackError(str(error))
    return {"args": args}


@method("auth.test", tier=4)
def auth_test(state: State, args: Json) -> Json:
    """Tell whose token this is."""
    return {
        "url": f"https://{state.team_domain}.slack.com/",
        "team": state.team_domain,
        "user": state.users[state.bot_user_id].name,
        "team_id": state.team_id,
        "user_id": state.bot_user_id,
        "bot_id": state.bot_id,
        "is_enterprise_install": False,
    }


@method("users.info", scope="users:read", tier=4)
def users_info(state: State, args: Json) -> Json:
    """Return one person."""
    user = state.users.get(needed(args, "user"))
    if user is None:
        raise SlackError("user_not_found")
    return {"user": user_json(state, user)}


@method("users.list", scope="users:read", tier=2)
def users_list(state: State, args: Json) -> Json:
    """List people and bots, by pages."""
    found, cursor = page(list(state.users.values()), args, 1000, 1000)
    return {"members": [user_json(state, one) for one in found], **next_cursor(cursor)}


@method("users.lookupByEmail", scope="users:read.email", tier=3)
def users_lookup_by_email(state: State, args: Json) -> Json:
    """Find a person by e-mail address."""
    email = needed(args, "email").lower()
    for user in state.users.values():
        if not user.deleted and user.email and user.email.lower() == email:
            return {"user": user_json(state, user)}
    raise SlackError("users_not_found")


@method("usergroups.list", scope="usergroups:read", tier=2)
def usergroups_list(state: State, args: Json) -> Json:
    """List the user groups."""
    groups = []
    for group in state.usergroups.values():
        if group.date_delete and not flag(args, "include_disabled"):
            continue
        shape: Json = {"id": group.id, "handle": group.handle, "name": group.handle}
        shape |= {"team_id": state.team_id, "is_usergroup": True, "date_delete": group.date_delete}
        if flag(args, "include_users"):
            shape["users"] = list(group.users)
        groups.append(shape)
    return {"usergroups": groups}


@method("usergroups.users.list", scope="usergroups:read", tier=2)
def usergroups_users_list(state: State, args: Json) -> Json:
    """Return the ids of a user group's members."""
    group = state.usergroups.get(needed(args, "usergroup"))
    if group is None or (group.date_delete and not flag(args, "include_disabled")):
        raise SlackError("no_such_subteam")
    return {"users": list(group.users)}


@method("bots.info", scope="users:read", tier=3)
def bots_info(state: State, args: Json) -> Json:
    """Return the bot."""
    if args.get("bot", state.bot_id) != state.bot_id:
        raise SlackError("bot_not_found")
    bot = {"id": state.bot_id, "app_id": state.app_id, "user_id": state.bot_user_id}
    return {"bot": {**bot, "name": state.users[state.bot_user_id].name, "deleted": False}}


@method("team.info", scope="team:read", tier=3)
def team_info(state: State, args: Json) -> Json:
    """Return the workspace."""
    domain = state.team_domain
    return {"team": {"id": state.team_id, "name": domain, "domain": domain, "email_domain": ""}}


@method("apps.connections.open", bearer="app", tier=1)
def apps_connections_open(state: State, args: Json) -> Json:
    """Return a websocket's address for Socket Mode; it works once."""
    ticket = state.leases.issue_ticket()
    base = state.base_url.replace("http", "ws", 1)
    return {"url": f"{base}/socket?ticket={ticket}&app_id={state.app_id}"}
