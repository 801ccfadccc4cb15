"""What happens to tokens, for those who look on: ``on_token``, logging, OpenTelemetry."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager, suppress
from contextvars import Context, ContextVar
from time import perf_counter
from typing import Literal

import attrs

from oauthkit.errors import OAuthError, ReauthorizationRequired
from oauthkit.tokens.news import Landing
from oauthkit.tokens.stores import GrantKey
from oauthkit.tokens.telemetry import Telemetry, find_telemetry

__all__ = ["EventKind", "OnToken", "Sight", "TokenEvent"]

# Seconds that a hook has for one event.
_FOR_A_HOOK = 30.0
_LOG = logging.getLogger("oauthkit.tokens")

EventKind = Literal[
    "login", "requested", "refreshed", "adopted", "waited", "failed", "reauthorization_required"
]
_LEVELS = {
    "login": logging.INFO,
    "refreshed": logging.INFO,
    "failed": logging.WARNING,
    "reauthorization_required": logging.WARNING,
}
# The event loop keeps tasks weakly: a hook is told even when its client has gone.
_IN_PROGRESS: set[asyncio.Task[None]] = set()
# Marks what a hook does while it is told, in the tasks too that it makes.
_INSIDE: ContextVar[object] = ContextVar("_INSIDE", default=None)


@attrs.frozen(kw_only=True)
class TokenEvent:
    """
    Something that happened to the token of a grant; it holds no secret.

    *kind* is ``login`` (a new grant is stored), ``requested`` (a token request was sent, and what
    came of it is another event), ``refreshed`` (a new token is stored), ``adopted`` (the token of
    another process was taken over), ``waited`` (a caller has waited for a flight that others had
    begun), ``failed`` (a token could not be got) or ``reauthorization_required`` (the grant has
    ended: once for a grant, whoever waits for it). *provider* is the declaration's name, *issuer*
    (or the token endpoint), *client_id* and *account* say whose grant it is, *scope* which token.
    *seconds* is how long it took; *error* is the error's code (RFC 6749 §5.2), or its class.
    """

    kind: EventKind
    provider: str
    issuer: str
    client_id: str
    account: str
    scope: str = ""
    seconds: float | None = None
    error: str | None = None


OnToken = Callable[[TokenEvent], Awaitable[object]]


@attrs.define(eq=False)
class Sight:
    """
    Tells of one client's tokens: *hook*, the log ``oauthkit.tokens``, and OpenTelemetry.

    The hook is awaited for one event after the other, in a task of its own and an empty context.
    What it raises is logged, and nobody else's business. It may use its client, or close it.
    """

    provider: str
    key: GrantKey
    scope: str = ""
    hook: OnToken | None = None
    _telemetry: Telemetry | None = attrs.field(factory=find_telemetry, init=False, repr=False)
    _waiting: deque[TokenEvent] = attrs.field(factory=deque[TokenEvent], init=False, repr=False)
    _task: asyncio.Task[None] | None = attrs.field(default=None, init=False, repr=False)
    _mark: object | None = attrs.field(default=None, init=False, repr=False)

    def tell(
        self, kind: EventKind, *, seconds: float | None = None, error: BaseException | None = None
    ) -> None:
        """Tell of something; waits for nothing, and raises nothing."""
        level = _LEVELS.get(kind, logging.DEBUG)
        if self.hook is None and self._telemetry is None and not _LOG.isEnabledFor(level):
            return
        event = TokenEvent(
            kind=kind,
            provider=self.provider,
            issuer=self.key.issuer,
            client_id=self.key.client_id,
            account=self.key.account,
            scope=self.scope,
            seconds=seconds,
            error=None if error is None else _name(error),
        )
        # A token is on its way: what a filter of the log raises, or a meter, must not lose it.
        with suppress(Exception):
            _log(level, event)
        with suppress(Exception):
            if self._telemetry is not None:
                self._telemetry.count(kind, self.provider, event.error, seconds)
        if self.hook is not None:
            self._waiting.append(event)
            self._begin()

    @contextmanager
    def request(self) -> Generator[None, None, None]:
        """Look on while a token is asked for: a span, and ``requested``, whatever came of it."""
        began, telemetry, span = perf_counter(), self._telemetry, None
        if telemetry is not None:
            with suppress(Exception):
                span = telemetry.begin(self.provider, self.scope)
        failure: BaseException | None = None
        try:
            yield
        except BaseException as error:
            failure = error  # a deadline cancels what it ends
            raise
        finally:
            seconds = perf_counter() - began
            if telemetry is not None and span is not None:
                with suppress(Exception):
                    telemetry.end(span, None if failure is None else _name(failure))
            self.tell("requested", seconds=seconds, error=failure)
            del failure  # it holds this frame

    async def attempt(self, flight: Callable[[], Awaitable[Landing]]) -> Landing:
        """Return what *flight* brings; tell where it fails, unless the grant has ended with it."""
        try:
            return await flight()
        except ReauthorizationRequired:
            raise
        except Exception as error:
            self.tell("failed", error=error)
            raise

    async def settle(self) -> None:
        """Wait until the hook knows all; a hook does not wait for itself."""
        if self._mark is not None and _INSIDE.get() is self._mark:
            return
        task = self._task
        if task is not None and task.get_loop() is asyncio.get_running_loop() and not task.done():
            await asyncio.wait([task])

    def _begin(self) -> None:
        """Have the hook told of what waits, unless that is being done."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return  # a loop that was closed in the middle of it: with the next event
        task = self._task
        if task is not None and task.get_loop() is loop and not task.done():
            return
        if task is not None:
            _IN_PROGRESS.discard(task)  # of a loop that is closed
        # With asyncio.eager_task_factory it may end before it is known here.
        task = self._task = loop.create_task(self._tell_hook(), context=Context())
        if not task.done():
            _IN_PROGRESS.add(task)
            task.add_done_callback(_IN_PROGRESS.discard)

    async def _tell_hook(self) -> None:
        mark = self._mark = object()
        _INSIDE.set(mark)  # in this task's own context, and in those of its tasks
        try:
            while self._waiting and self.hook is not None:
                await self._tell_once(self.hook, self._waiting.popleft())
        finally:
            if self._mark is mark:
                self._mark = None

    async def _tell_once(self, hook: OnToken, event: TokenEvent) -> None:
        try:
            async with asyncio.timeout(_FOR_A_HOOK):
                await hook(event)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            _LOG.exception("on_token was cancelled for an event of kind %s", event.kind)
        except Exception:  # noqa: BLE001 - whatever a hook raises
            _LOG.exception("on_token failed for an event of kind %s", event.kind)


def _name(error: BaseException) -> str:
    return error.error if isinstance(error, OAuthError) else type(error).__name__


def _log(level: int, event: TokenEvent) -> None:
    if _LOG.isEnabledFor(level):
        members = {f"oauthkit_{name}": value for name, value in attrs.asdict(event).items()}
        text = "%s: token of %r %s%s"
        failure = "" if event.error is None else f" ({event.error})"
        _LOG.log(level, text, event.provider, event.account, event.kind, failure, extra=members)
