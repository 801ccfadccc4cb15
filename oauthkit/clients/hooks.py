"""Functions of users that a client calls: plain ones and coroutine functions alike."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import Any

from oauthkit.protocol.token import Token

__all__ = ["UpdateToken", "notifier"]

UpdateToken = Callable[..., Any]


def notifier(
    hook: UpdateToken | None, *, older: bool
) -> Callable[[Token, Token | None], Awaitable[None]] | None:
    """Return what calls a user's hook, which may be a function or a coroutine function."""
    if hook is None:
        return None

    async def notify(token: Token, before: Token | None) -> None:
        known = before or Token()
        if older:
            result = hook(token)
        else:
            result = hook(
                token,
                refresh_token=known.get("refresh_token"),
                access_token=known.get("access_token"),
            )
        if inspect.isawaitable(result):
            await result

    return notify
