"""The way to a platform, the same for each client: through which proxy, and whom to trust."""

import ssl
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies, select_proxy

CA_FILE = "SSL_CERT_FILE"
"""Of all clients."""
_OUT_OF_TIME = (9, 10)
"""OpenSSL's codes: not valid yet, expired."""


def proxy_towards(url: str) -> str | None:
    """Read the environment as requests does, ``NO_PROXY`` included; a websocket goes as HTTP."""
    address = url.replace("ws", "http", 1) if url.startswith("ws") else url
    proxy = select_proxy(address, get_environ_proxies(address))
    if not proxy:
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def read_environment(session: requests.Session, url: str) -> bool | str:
    """Read it once for all requests to ``url``, not at each; return whom these are to trust."""
    found = session.merge_environment_settings(url, {}, None, None, None)
    session.proxies, session.trust_env = found["proxies"], False
    return True if found["verify"] is None else found["verify"]


class Adapter(HTTPAdapter):
    """Trusts whom the machine and ``SSL_CERT_FILE`` trust, and not only whom requests does."""

    def init_poolmanager(self, *arguments: Any, **more: Any) -> None:
        context = ssl.create_default_context()
        super().init_poolmanager(*arguments, ssl_context=context, **more)

    def proxy_manager_for(self, proxy: str, **more: Any) -> Any:
        context = ssl.create_default_context()
        return super().proxy_manager_for(proxy, ssl_context=context, **more)


def distrust(error: BaseException | None) -> ssl.SSLCertVerificationError | None:
    """Return why a certificate was not trusted, if that is behind an error."""
    while error is not None:
        # aiohttp's own is one as well, but does not say why.
        if isinstance(error, ssl.SSLCertVerificationError) and hasattr(error, "verify_code"):
            return error
        error = error.__cause__ or error.__context__
    return None


def is_out_of_time(problem: ssl.SSLCertVerificationError) -> bool:
    return problem.verify_code in _OUT_OF_TIME


def distrust_words(name: str, problem: ssl.SSLCertVerificationError) -> str:
    words = f"{name}'s certificate is not trusted ({problem.verify_message})"
    if is_out_of_time(problem):
        return words
    return f"{words}: set {CA_FILE} to a file with the CA certificates to trust"
