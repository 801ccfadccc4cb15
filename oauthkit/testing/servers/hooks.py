"""
Put answers in the place of a service's own: for good, or for the next requests only.

An answer may come instead of the service's (RFC 9110, section 15), or after it: then the service
has done what it was asked for, and what it answered is lost or spoilt on its way.
"""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable

import attrs
from aiohttp import web

from oauthkit.testing.servers.failures import Handler

__all__ = ["RESOURCES", "After", "Hook", "Hooks"]

RESOURCES = "*"
"""In place of a path: every path that is no endpoint."""

After = Callable[[web.Request, web.Response], Awaitable[web.StreamResponse]]
"""Answer a request for which the service has made the answer that is given."""


@attrs.frozen(kw_only=True)
class Hook:
    """
    Hold an answer that a test has put in place of the service's own.

    *handler* answers by itself. *after* lets the service do what it was asked for, and then decides
    what becomes of its answer. Where *when* is given, the hook is for requests whose body it takes.
    The log shows *name*.
    """

    name: str = ""
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = attrs.field(default=b"", repr=False)
    handler: Handler | None = attrs.field(default=None, repr=False)
    after: After | None = attrs.field(default=None, repr=False)
    when: Callable[[bytes], bool] | None = attrs.field(default=None, repr=False)

    @property
    def replaces(self) -> bool:
        """Tell whether the service itself does nothing."""
        return self.after is None

    def answer(self) -> web.Response:
        """Make the answer, where there is no handler."""
        return web.Response(status=self.status, headers=list(self.headers), body=self.body)


@attrs.define(eq=False)
class _Queued:
    hook: Hook
    left: int | None


@attrs.define(eq=False)
class Hooks:
    """Keep hooks by path; every method may be called by any thread."""

    _lasting: dict[str, Hook] = attrs.field(factory=dict[str, Hook], init=False)
    _queues: dict[str, list[_Queued]] = attrs.field(factory=dict[str, list[_Queued]], init=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False)

    def put(self, path: str, hook: Hook) -> None:
        """Answer requests for *path* with *hook*, until it is removed."""
        with self._lock:
            self._lasting[path] = hook

    def queue(self, path: str, hook: Hook, times: int | None) -> None:
        """Answer the next *times* requests for *path* with *hook* (None: all that come)."""
        with self._lock:
            self._queues.setdefault(path, []).append(_Queued(hook, times))

    def remove(self, path: str) -> None:
        """Remove every hook of *path*."""
        with self._lock:
            self._lasting.pop(path, None)
            self._queues.pop(path, None)

    def take(self, path: str, body: bytes, *, endpoint: bool) -> Hook | None:
        """Give the hook for a request, if there is one; one that is queued is then used up."""
        if not self._queues and not self._lasting:
            return None
        with self._lock:
            for key in (path,) if endpoint else (path, RESOURCES):
                for queued in self._queues.get(key, ()):
                    if queued.hook.when is None or queued.hook.when(body):
                        self._use(key, queued)
                        return queued.hook
            return self._lasting.get(path)

    def _use(self, key: str, queued: _Queued) -> None:
        if queued.left is None:
            return
        queued.left -= 1
        if not queued.left:
            self._queues[key].remove(queued)
            if not self._queues[key]:
                del self._queues[key]
