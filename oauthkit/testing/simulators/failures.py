"""
What a simulated service does wrong, for a request or two: ``sim.fail("token", status(503))``.

`status`, `html` and `drip` answer in the service's place: it does nothing of what it was asked for.
`dropped` and `rotated_and_lost` come after it has, so what has changed there has changed (RFC 9110,
section 9.2.2: such a request cannot simply be sent again). The handlers of
`oauthkit.testing.servers.failures` may be used as well.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from html import escape
from urllib.parse import parse_qs

from aiohttp import web

from oauthkit.testing.servers import Hook
from oauthkit.testing.servers.failures import Drip
from oauthkit.testing.servers.hooks import After

__all__ = ["drip", "dropped", "html", "rotated_and_lost", "status"]


def status(
    code: int,
    error: str | None = None,
    description: str | None = None,
    *,
    headers: Mapping[str, str] | None = None,
) -> Hook:
    """
    Answer with the status *code*, and nothing else.

    With *error* the body is JSON, with ``error`` and ``error_description`` (RFC 6749, section 5.2).
    """
    _check_status(code)
    fields = dict(headers or {})
    body = b""
    if error is not None:
        fields.setdefault("Content-Type", "application/json")
        members = {"error": error, "error_description": description}
        body = json.dumps({name: text for name, text in members.items() if text}).encode()
    return Hook(name=f"status {code}", status=code, headers=tuple(fields.items()), body=body)


def html(code: int = 502, title: str = "Bad Gateway") -> Hook:
    """Answer with a page, as a gateway or a captive portal does: 200 is not unheard of."""
    _check_status(code)
    page = f"<!doctype html><title>{escape(title)}</title><h1>{escape(title)}</h1>"
    fields = (("Content-Type", "text/html; charset=utf-8"),)
    return Hook(name="html", status=code, headers=fields, body=page.encode())


def drip(
    first: bytes = b'{"access_token": "',
    rest: bytes = b"",
    *,
    content_type: str = "application/json",
) -> Drip:
    """
    Answer with headers and *first*, and then with nothing until ``release()`` lets *rest* follow.

    It does not end by itself: what asked waits until its own deadline.
    """
    return Drip(first=first, rest=rest, content_type=content_type)


def dropped(octets: int | None = None) -> Hook:
    """
    Do what was asked for, then drop the connection in place of an answer.

    With *octets*, headers and as many octets of the body come before.
    """
    if octets is not None and octets < 0:
        raise ValueError(f"dropped({octets}): expected a number of octets, or none")
    return Hook(name="dropped", after=_cut(octets))


def rotated_and_lost() -> Hook:
    """
    Take a refresh token, issue the next one, and drop the connection (RFC 9700, section 4.14.2).

    The old token is spent, and nobody has the new one. Requests that refresh nothing are answered.
    """
    return Hook(name="rotated_and_lost", after=_cut(None), when=is_refresh)


def is_refresh(body: bytes) -> bool:
    """Tell whether *body* is a request for a refresh (RFC 6749, section 6)."""
    return parse_qs(body).get(b"grant_type") == [b"refresh_token"]


def check_failure(failure: object) -> None:
    """Raise `TypeError` for what can take no answer's place."""
    known = "a failure such as failures.status(503), or a handler"
    for name in __all__:
        if failure is globals()[name]:
            raise TypeError(f"expected {known}: call it, failures.{name}(…)")
    if not isinstance(failure, Hook) and not callable(failure):
        raise TypeError(f"expected {known}, not {type(failure).__name__}")


def _check_status(code: object) -> None:
    if not isinstance(code, int) or not 200 <= code <= 999:
        raise ValueError(f"status {code!r}: expected a number of three digits, from 200 on")


def _cut(octets: int | None) -> After:
    async def answer(request: web.Request, response: web.Response) -> web.StreamResponse:
        partial = web.StreamResponse(status=response.status, headers=response.headers)
        body = response.body
        if octets is not None and isinstance(body, bytes):
            if octets >= len(body):
                raise ValueError(f"dropped({octets}): the answer has {len(body)} octets")
            partial.content_length = len(body)
            await partial.prepare(request)
            await partial.write(body[:octets])
        if request.transport is not None:
            # close() flushes what was sent; abort() might not.
            request.transport.close()
        return partial

    return answer
