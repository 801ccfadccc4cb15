"""What happens to tokens, for those who look on: ``on_token``, logging, OpenTelemetry."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from contextvars import Context
from time import perf_counter
from typing import Any, Literal

import attrs

from oauthkit.errors import OAuthError
from oauthkit.tokens.stores import GrantKey
from oauthkit.tokens.telemetry import Telemetry, find_telemetry

__all__ = ["EventKind", "OnToken", "Sight", "TokenEvent"]

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

    The hook is awaited for one event after the other, in a task of its own. What it raises is
    logged, and nobody else's business.
    """

    provider: str
    key: GrantKey
    scope: str = ""
    hook: OnToken | None = None
    _telemetry: Telemetry | None = attrs.field(factory=find_telemetry, init=False, repr=False)
    _waiting: deque[TokenEvent] = attrs.field(factory=deque[TokenEvent], init=False, repr=False)
    _task: asyncio.Task[None] | None = attrs.field(default=None, init=False, repr=False)

    def tell(
        self, kind: EventKind, *, seconds: float | None = None, error: Exception | None = None
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
        _log(level, event)
        if self._telemetry is not None:
            self._telemetry.count(kind, self.provider, event.error, seconds)
        if self.hook is not None:
            self._waiting.append(event)
            if self._task is None or self._task.done():
                loop = asyncio.get_running_loop()
                self._task = loop.create_task(self._tell_hook(), context=Context())

    @contextmanager
    def request(self) -> Generator[None, None, None]:
        """Look on while a token is asked for: a span, and ``requested`` or ``failed``."""
        began, telemetry = perf_counter(), self._telemetry
        span: Any = None if telemetry is None else telemetry.begin(self.provider, self.scope)
        failure: Exception | None = None
        try:
            yield
        except Exception as error:
            failure = error
            raise
        finally:
            seconds = perf_counter() - began
            if telemetry is not None:
                telemetry.end(span, None if failure is None else _name(failure))
            self.tell("requested", seconds=seconds, error=failure)
            del failure  # it holds this frame

    async def settle(self) -> None:
        """Wait until the hook knows all; a hook does not wait for itself."""
        task = self._task
        if task is None or task is asyncio.current_task() or task.done():
            return
        if task.get_loop() is asyncio.get_running_loop():
            await asyncio.wait([task])

    async def _tell_hook(self) -> None:
        while self._waiting and self.hook is not None:
            event = self._waiting.popleft()
            try:
                await self.hook(event)
            except Exception:  # noqa: BLE001 - whatever a hook raises
                _LOG.exception("on_token failed for an event of kind %s", event.kind)


def _name(error: Exception) -> str:
    return error.error if isinstance(error, OAuthError) else type(error).__name__


def _log(level: int, event: TokenEvent) -> None:
    if _LOG.isEnabledFor(level):
        members = {f"oauthkit_{name}": value for name, value in attrs.asdict(event).items()}
        text = "%s: token of %r %s%s"
        failure = "" if event.error is None else f" ({event.error})"
        _LOG.log(level, text, event.provider, event.account, event.kind, failure, extra=members)
