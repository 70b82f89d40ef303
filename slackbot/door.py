"""The door of the bot's port: who may post, and what the port says to everybody else."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from http import HTTPStatus
from typing import Protocol, cast

import structlog
from aiohttp import hdrs, web

from slackbot import metrics
from slackbot.platforms.hooks import NotAuthentic

log = structlog.get_logger()

BODY_LIMIT = 10 * 1024 * 1024
"""The largest body accepted, bytes: room for an issue's description thrice, GitLab's largest."""
BODY_SECONDS = 10.0
"""How long a body may take to arrive; Slack and GitLab have given up by then."""
UNPROVEN_AT_ONCE = 200
"""How many bodies are read at once before it is known who sends them."""
ROOM_SECONDS = 3.0
"""How long such a post waits for its turn to be read: Slack waits no longer for an answer."""
LINGER_SECONDS = 1.0
"""How long who is sent away may go on sending: a client that is cut off hears no answer."""
BACKLOG = 1024
"""How many connections the system accepts ahead of the bot: GitLab's hooks come in bursts."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Receiver(Protocol):
    """Takes the posts of one platform."""

    def is_proven(self, headers: Mapping[str, str]) -> bool:
        """Return whether the headers alone prove who posts; if not, the body has to.

        Raises:
            NotAuthentic: Whatever the body is, it cannot prove it.
        """

    def verify(self, headers: Mapping[str, str], body: bytes) -> None:
        """Check the proof that needs the body.

        Raises:
            NotAuthentic: It proves nothing.
        """

    def turn_away(self, problem: NotAuthentic, remote: str | None) -> None:
        """Note that a stranger has posted."""

    async def receive(self, request: web.Request) -> web.StreamResponse:
        """Answer an authentic post, whose body has been read."""


class Doorkeeper:
    """Lets in what proves where it comes from, however much that is, and keeps strangers small.

    A stranger is sent away unread where the headers show it. Where only the body can prove it, so
    many bodies are read at once, for so long, and nothing else happens until one has proved itself.
    """

    def __init__(self, seconds: float = BODY_SECONDS) -> None:
        self._seconds = seconds
        self._room = asyncio.Semaphore(UNPROVEN_AT_ONCE)

    def admit(self, receiver: Receiver) -> Handler:
        """Wrap a receiver: 401 for strangers, 408, 413 and 415 for bad bodies, 503 without room."""

        async def watch(request: web.Request) -> web.StreamResponse:
            try:
                await self._let_in(request, receiver)
            except NotAuthentic as problem:
                receiver.turn_away(problem, request.remote)
                return _sent_away(HTTPStatus.UNAUTHORIZED)
            except _Refused as refused:
                return _sent_away(refused.status)
            return await receiver.receive(request)

        return watch

    async def _let_in(self, request: web.Request, receiver: Receiver) -> None:
        if request.headers.get(hdrs.CONTENT_ENCODING, "identity").lower() != "identity":
            raise _Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE)  # neither platform packs its bodies
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
            raise _Refused(HTTPStatus.SERVICE_UNAVAILABLE) from None
        try:
            yield
        finally:
            self._room.release()

    async def _read(self, request: web.Request) -> bytes:
        """Read the body, which the request then keeps."""
        if (request.content_length or 0) > BODY_LIMIT:
            raise _Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        try:
            async with asyncio.timeout(self._seconds):
                return await request.read()
        except TimeoutError:
            raise _Refused(HTTPStatus.REQUEST_TIMEOUT) from None
        except web.HTTPRequestEntityTooLarge:
            raise _Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE) from None
        except (web.RequestPayloadError, ConnectionError):  # or nobody is there any more
            raise _Refused(HTTPStatus.BAD_REQUEST) from None


class _Refused(Exception):
    """The post is not read, or not to its end."""

    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status.phrase)
        self.status = status


@contextlib.contextmanager
def _proving() -> Iterator[None]:
    try:
        yield
    except NotAuthentic:
        raise
    except Exception as error:
        # A proof over which the check stumbles proves nothing.
        raise NotAuthentic(f"the proof cannot be read ({type(error).__name__})") from error


def _sent_away(status: HTTPStatus) -> web.Response:
    metrics.SENT_AWAY.labels(str(status.value)).inc()
    retry = {hdrs.RETRY_AFTER: "1"} if status is HTTPStatus.SERVICE_UNAVAILABLE else None
    response = web.Response(status=status, text=plain_words(status), headers=retry)
    response.force_close()
    return response


def plain_words(status: int) -> str:
    """Return all that a stranger is told of an error."""
    return f"{HTTPStatus(status).phrase}\n"


class _Answered(ConnectionError):
    """The answer has been sent, past aiohttp."""


class QuietProtocol(web.RequestHandler):
    """HTTP of which broken requests learn nothing.

    aiohttp's own answer to them quotes what they sent, and names its version and Python's; its log
    line quotes it, too.
    """

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer with the status alone, and end the connection."""
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
    """Answer for what fails unforeseen: the log has the story, and a stranger needs none."""
    try:
        return await handler(request)
    except web.HTTPException:
        raise
    except Exception:
        log.exception("request_failed", path=request.path)
        return web.Response(status=500, text=plain_words(500))


async def _hide_insides(_: web.Request, response: web.StreamResponse) -> None:
    response.headers.pop(hdrs.SERVER, None)
    if isinstance(response, web.HTTPException):  # aiohttp's own, which may quote the request
        response.text = words = plain_words(response.status)
        response.headers[hdrs.CONTENT_LENGTH] = str(len(words))  # aiohttp has counted its own


@contextlib.asynccontextmanager
async def serving(application: web.Application, host: str, port: int) -> AsyncIterator[int]:
    """Serve an application, whose errors say little, until the context is left; yields the port."""
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
            auto_decompress=False,  # a few bytes can unpack to as much memory as there is
        )

    try:
        server = await loop.create_server(connect, host, port, backlog=BACKLOG)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
    finally:
        await runner.cleanup()
