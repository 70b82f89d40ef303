"""Whether people can authorize the bot in GitLab, and how many let it act under their name."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from slackbot.app import Clients
from slackbot.blocks.text import count
from slackbot.check.findings import Finding, good, not_answered, warning
from slackbot.health import Health
from slackbot.people.grants.vault import Unsealable, Vault
from slackbot.platforms.errors import Denied, PlatformError, Rejected
from slackbot.platforms.gitlab.oauth import PENDING, GitLabOAuth
from slackbot.settings import Settings
from slackbot.store.schema import GrantScope

CLIENT_ID = "GITLAB_OAUTH_CLIENT_ID"


async def examine_application(
    settings: Settings, client_id: str, clients: Clients, now: datetime
) -> Finding:
    """Ask for a code that nobody uses: it ends after five minutes."""
    secret = settings.gitlab_oauth_client_secret
    oauth = GitLabOAuth(clients.gitlab, client_id, secret, lambda: now, Health())
    scopes = [GrantScope.LINK, *([GrantScope.ACT] if settings.ssat_act_as_yourself else [])]
    for scope in scopes:
        try:
            code = (await oauth.authorize(scope)).device_code
            await oauth.redeem(code)  # with the secret, if there is one
        except Denied as error:
            return warning(CLIENT_ID, error)
        except Rejected as error:
            if error.reason != PENDING:
                return _refused(scope, error)
        except PlatformError as error:
            return not_answered(CLIENT_ID, error)
    said = f"{CLIENT_ID}: GitLab knows the application, scopes {', '.join(scopes)}"
    return good(said, scopes=list(scopes))


def _refused(scope: GrantScope, error: Rejected) -> Finding:
    if error.reason == "invalid_scope":
        problem = f"the application lacks the scope {scope}: add it in GitLab"
        return warning(CLIENT_ID, problem)
    problem = f"{error}: people cannot authorize the bot there; does GitLab have device grants?"
    return warning(CLIENT_ID, problem)


def examine_grants(settings: Settings, granted: Sequence[str]) -> Iterator[Finding]:
    """``granted``: the sealed tokens."""
    if not settings.ssat_act_as_yourself:
        yield good("act as yourself: off")
        return
    about = f"act as yourself: granted by {count(len(granted), 'person', 'people')}"
    vault = Vault(settings.encryption_keys)
    lost = sum(not _is_readable(vault, each) for each in granted)
    if lost:
        problem = (
            f"{lost} cannot be read with SSAT_ENCRYPTION_KEY, so the bot writes under its own "
            "name: add the former key behind the new one, or let them use /ssat link again"
        )
        yield warning(about, problem, granted=len(granted), unreadable=lost)
    else:
        yield good(about, granted=len(granted))


def _is_readable(vault: Vault, sealed: str) -> bool:
    try:
        vault.unseal_tokens(sealed)
    except Unsealable:
        return False
    return True
