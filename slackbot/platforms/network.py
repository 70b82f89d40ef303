"""The way to a platform, the same for each client: through which proxy, and whom to trust."""

import errno
import os
import re
import socket
import ssl
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies, select_proxy

CA_FILE = "SSL_CERT_FILE"
"""Of all clients."""
_OUT_OF_TIME = (9, 10)
"""OpenSSL's codes: not valid yet, expired."""
_PROXY_ANSWERED = re.compile(r"(?:Tunnel connection failed: )?([45]\d\d)\b")
"""How each library's words begin then."""


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
    for each in _causes(error):
        # aiohttp's own is one as well, but does not say why.
        if isinstance(each, ssl.SSLCertVerificationError) and hasattr(each, "verify_code"):
            return each
    return None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        # urllib3 keeps what came from a proxy in an attribute.
        original = getattr(error, "original_error", None)
        error = error.__cause__ or error.__context__ or original


def is_out_of_time(problem: ssl.SSLCertVerificationError) -> bool:
    return problem.verify_code in _OUT_OF_TIME


def distrust_words(name: str, problem: ssl.SSLCertVerificationError) -> str:
    words = f"{name}'s certificate is not trusted ({problem.verify_message})"
    if is_out_of_time(problem):
        return words
    return f"{words}: set {CA_FILE} to a file with the CA certificates to trust"


def no_answer_words(name: str, url: str, error: BaseException) -> str:
    """Say why ``name`` gave no answer at ``url``, and what helps; never a path or a password."""
    proxy = proxy_towards(url)
    said = _proxy_words(proxy, error) if proxy else _direct_words(url, error)
    return f"no answer from {name}: {said}"


def _direct_words(url: str, error: BaseException) -> str:
    reason = _reason(error)
    if reason == _UNKNOWN_NAME:
        host = urlsplit(url).hostname
        return f"the name {host} is {_UNKNOWN_NAME}; behind a proxy set HTTPS_PROXY"
    return f"{reason} at {_address(url)}"


def _proxy_words(proxy: str, error: BaseException) -> str:
    answered = (_PROXY_ANSWERED.match(str(each)) for each in _causes(error))
    status = next(filter(None, answered), None)
    said = f"answers {status[1]}" if status else f"does not answer ({_reason(error)})"
    return (
        f"the proxy {_address(proxy)} {said}: is HTTPS_PROXY right, or does NO_PROXY lack a host?"
    )


_UNKNOWN_NAME = "not known here (DNS)"


def _reason(error: BaseException) -> str:
    for each in _causes(error):
        if isinstance(each, socket.gaierror) or "DNS" in type(each).__name__:
            return _UNKNOWN_NAME
        if isinstance(each, TimeoutError) or "Timeout" in type(each).__name__:
            return "no answer in time"
    numbers = (each.errno for each in _causes(error) if isinstance(each, OSError) and each.errno)
    number = next((each for each in numbers if each in errno.errorcode), None)
    if number is None:
        return type(error).__name__
    words = os.strerror(number)
    return words[:1].lower() + words[1:]


def _address(url: str) -> str:
    """Name the host and the port, without what a URL says of a user."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme in ("https", "wss") else 80)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{host}:{port}"
