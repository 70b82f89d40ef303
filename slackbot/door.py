"""The bot's port: who may post, and what others are told."""

import asyncio
import contextlib
import errno
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from http import HTTPStatus
from typing import Protocol, cast

import structlog
from aiohttp import hdrs, web

from slackbot import metrics
from slackbot.platforms.gitlab.hooks import NotAuthentic

log = structlog.get_logger()

BODY_LIMIT = 10 * 1024 * 1024
"""Bytes: three times GitLab's largest issue description."""
BODY_SECONDS = 10.0
"""By then Slack and GitLab have given up."""
UNPROVEN_AT_ONCE = 200
"""Bodies of unknown senders."""
ROOM_SECONDS = 3.0
"""Slack waits no longer for an answer."""
LINGER_SECONDS = 1.0
"""A client that is cut off hears no answer."""
BACKLOG = 1024
"""GitLab's hooks come in bursts."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Receiver(Protocol):
    """Takes the posts of one platform."""

    def is_proven(self, headers: Mapping[str, str]) -> bool:
        """Return whether the headers suffice; if not, the body has to.

        Raises:
            NotAuthentic: No body can prove it.
        """

    def verify(self, headers: Mapping[str, str], body: bytes) -> None:
        """Check the body's proof.

        Raises:
            NotAuthentic: It proves nothing.
        """

    def turn_away(self, problem: NotAuthentic, remote: str | None) -> None:
        """Note a stranger's post."""

    async def receive(self, request: web.Request) -> web.StreamResponse:
        """Answer an authentic post, whose body is read."""


class Doorkeeper:
    """Lets in what proves its origin, and limits what strangers cost.

    Where the body has to prove it, few are read at once, and not for long.
    """

    def __init__(self, seconds: float = BODY_SECONDS) -> None:
        self._seconds = seconds
        self._room = asyncio.Semaphore(UNPROVEN_AT_ONCE)

    def admit(self, receiver: Receiver) -> Handler:
        """Answer 401 to strangers, 503 without room."""

        async def watch(request: web.Request) -> web.StreamResponse:
            try:
                await self._let_in(request, receiver)
            except NotAuthentic as problem:
                receiver.turn_away(problem, request.remote)
                return _sent_away(HTTPStatus.UNAUTHORIZED)
            except web.HTTPException as refused:
                return _sent_away(HTTPStatus(refused.status))
            return await receiver.receive(request)

        return watch

    async def _let_in(self, request: web.Request, receiver: Receiver) -> None:
        encodings = request.headers.getall(hdrs.CONTENT_ENCODING, ())
        if any(each.lower() != "identity" for each in encodings):
            raise web.HTTPUnsupportedMediaType  # neither platform packs its bodies
        with _proving():
            is_proven = receiver.is_proven(request.headers)
        if is_proven:
            await self._read(request)
            return
        async with self._turn():
            body = await self._read(request)
            with _proving():
                receiver.verify(request.headers, body)

    @contextlib.asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(ROOM_SECONDS):
                await self._room.acquire()
        except TimeoutError:
            raise web.HTTPServiceUnavailable from None
        try:
            yield
        finally:
            self._room.release()

    async def _read(self, request: web.Request) -> bytes:
        """Read the body, which the request keeps."""
        if (length := request.content_length or 0) > BODY_LIMIT:
            raise web.HTTPRequestEntityTooLarge(BODY_LIMIT, length)
        try:
            async with asyncio.timeout(self._seconds):
                return await request.read()
        except TimeoutError:
            raise web.HTTPRequestTimeout from None
        except (web.RequestPayloadError, ConnectionError):  # or the client has left
            raise web.HTTPBadRequest from None


@contextlib.contextmanager
def _proving() -> Iterator[None]:
    try:
        yield
    except NotAuthentic:
        raise
    except Exception as error:
        raise NotAuthentic(f"the proof cannot be read ({type(error).__name__})") from error


def _sent_away(status: HTTPStatus) -> web.Response:
    metrics.SENT_AWAY.labels(str(status.value)).inc()
    retry = {hdrs.RETRY_AFTER: "1"} if status is HTTPStatus.SERVICE_UNAVAILABLE else None
    response = web.Response(status=status, text=plain_words(status), headers=retry)
    response.force_close()
    return response


def plain_words(status: int) -> str:
    """All that strangers learn."""
    return f"{HTTPStatus(status).phrase}\n"


class _Answered(ConnectionError):
    """The answer is sent, past aiohttp."""


class QuietProtocol(web.RequestHandler):
    """Tells broken requests nothing: aiohttp would quote them and name versions."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        if isinstance(exc, _Answered):
            raise exc
        problem = type(exc).__name__ if exc else None
        log.warning("request_malformed", status=status, problem=problem, remote=request.remote)
        if self.transport is not None and request.writer.output_size == 0:
            words = plain_words(status).encode()
            self.transport.write(
                b"HTTP/1.1 %d %b\r\nConnection: close\r\nContent-Type: text/plain\r\n"
                b"Content-Length: %d\r\n\r\n%b" % (status, words.strip(), len(words), words)
            )
        raise _Answered  # at which aiohttp ends the connection


@web.middleware
async def _say_little(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Say little: the log has the story."""
    try:
        return await handler(request)
    except web.HTTPException:
        raise
    except Exception:
        log.exception("request_failed", path=request.path)
        return web.Response(status=500, text=plain_words(500))


async def _hide_insides(_: web.Request, response: web.StreamResponse) -> None:
    response.headers.pop(hdrs.SERVER, None)
    if isinstance(response, web.HTTPException):  # it may quote the request
        response.text = words = plain_words(response.status)
        response.headers[hdrs.CONTENT_LENGTH] = str(len(words))  # aiohttp counted its own


def _cannot_listen(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"PORT {port} is taken by another program: end that, or set PORT to another"
    if error.errno == errno.EACCES:
        return f"PORT {port} is not for this account: set PORT to 1024 or more"
    return f"HOST {host}: it is no address of this machine ({error.strerror})"


@contextlib.asynccontextmanager
async def serving(application: web.Application, host: str, port: int) -> AsyncIterator[int]:
    """Yield the port; let errors say little."""
    application.middlewares.append(_say_little)
    application.on_response_prepare.append(_hide_insides)
    runner = web.AppRunner(application, shutdown_timeout=5)
    await runner.setup()
    loop, manager = asyncio.get_running_loop(), cast("web.Server", runner.server)

    def connect() -> QuietProtocol:
        return QuietProtocol(
            manager,
            loop=loop,
            access_log=None,  # type: ignore[arg-type]
            lingering_time=LINGER_SECONDS,
            auto_decompress=False,  # a few bytes can unpack to all memory
        )

    try:
        try:
            server = await loop.create_server(connect, host, port, backlog=BACKLOG)
        except OSError as error:
            raise OSError(_cannot_listen(host, port, error)) from error
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
    finally:
        await runner.cleanup()
