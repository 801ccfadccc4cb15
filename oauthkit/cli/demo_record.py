"""Play the scenario, and judge each request by what the server has in its log."""

from __future__ import annotations

import base64
import hmac
import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import aclosing
from typing import Any, cast
from urllib.parse import parse_qsl, urlsplit

import aiohttp
import attrs

from oauthkit import Client, OAuthError, UnreachableError
from oauthkit.cli.demo_scenario import PARTS, Step
from oauthkit.protocol.oauth1 import percent_encode, signature_base_string
from oauthkit.testing.servers import (
    AssertionServer,
    Check,
    Exchange,
    OAuth1Server,
    OAuth2Server,
)

__all__ = ["Played", "Request", "Secrets", "play", "summarize"]

_DIGESTS = {"HMAC-SHA1": "sha1", "HMAC-SHA256": "sha256", "HMAC-SHA512": "sha512"}
# Parameters whose values are long and random, and how many characters of them are shown.
_LONG = (
    "client_id",
    "code_challenge",
    "oauth_consumer_key",
    "oauth_nonce",
    "oauth_signature",
    "state",
)
_SHORT = 6
# Members of tokens, and parameters, that nobody may see.
_HIDDEN = (
    "access_token",
    "assertion",
    "client_secret",
    "code",
    "code_verifier",
    "oauth_token",
    "oauth_token_secret",
    "oauth_verifier",
    "refresh_token",
)
_COUNTS = ("nothing sent", "one request sent", "two requests sent")

Server = OAuth1Server | OAuth2Server | AssertionServer


@attrs.frozen(kw_only=True)
class Request:
    """
    One request as the server saw it, its secrets masked.

    *form* is what the body held, where it holds an OAuth 2 request. *base_string* is the server's,
    *signature* what came with the request, *recomputed* what belongs to the server's base string;
    all three are empty where nothing is signed. *server_checks* are from the server's log.
    """

    method: str
    url: str
    authorization: str
    form: str
    base_string: str
    signature_method: str
    signature: str
    recomputed: str
    status: int | None
    server_checks: tuple[Check, ...]


@attrs.frozen(kw_only=True)
class Played:
    """One step that was played; *part* is the sentence that its part begins with."""

    number: int
    part: str
    code: str
    says: str
    requests: tuple[Request, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    demo_checks: tuple[Check, ...] = ()

    @property
    def checks(self) -> tuple[Check, ...]:
        """Give all checks: the servers' own, then the demo's."""
        return (
            *(check for seen in self.requests for check in seen.server_checks),
            *self.demo_checks,
        )

    @property
    def failed(self) -> tuple[str, ...]:
        """Name the checks that failed."""
        return tuple(check.name for check in self.checks if not check.ok)


@attrs.define(eq=False)
class Secrets:
    """What the clients hold, learned on the way: to recompute signatures, and to show no token."""

    client_secret: str = attrs.field(default="", repr=False)
    token_secrets: dict[str, str] = attrs.field(factory=dict[str, str], repr=False)
    hidden: set[str] = attrs.field(factory=set[str], repr=False)
    shortened: set[str] = attrs.field(factory=set[str], repr=False)

    def learn(self, server: Server, client: Client) -> None:
        """Note the secrets of the server's client, and the token that the client holds."""
        if not isinstance(server, AssertionServer):
            self.client_secret = server.client_secret
            self.hidden.add(server.client_secret)
            self.shortened.add(server.client_id)
        token: Mapping[str, Any] = client.token or {}
        if "oauth_token" in token:
            self.token_secrets[str(token["oauth_token"])] = str(token["oauth_token_secret"])
        self.hidden |= {str(token[name]) for name in _HIDDEN if name in token}

    def notice(self, exchange: Exchange) -> None:
        """Note what a request carried."""
        self._sort(dict(exchange.parameters))
        scheme, _, value = (exchange.header("Authorization") or "").partition(" ")
        if scheme in {"Basic", "Bearer"}:
            self.hidden.add(value)

    def notice_url(self, text: str) -> None:
        """Note what a URL that the browser is sent to carries."""
        self._sort(dict(parse_qsl(urlsplit(text).query)))

    def _sort(self, given: Mapping[str, str]) -> None:
        self.hidden |= {given[n] for n in _HIDDEN if given.get(n)}
        self.shortened |= {given[n] for n in _LONG if given.get(n)}

    def recompute(self, exchange: Exchange) -> str:
        """Sign the server's base string with Python's own `hmac` (RFC 5849 §3.4.2)."""
        given = dict(exchange.parameters)
        digest = _DIGESTS.get(given.get("oauth_signature_method", ""))
        if digest is None:
            return ""
        token_secret = self.token_secrets.get(given.get("oauth_token", ""), "")
        key = f"{percent_encode(self.client_secret)}&{percent_encode(token_secret)}"
        signature = hmac.digest(key.encode(), exchange.base_string.encode(), digest)
        return base64.b64encode(signature).decode()

    def mask(self, text: str) -> str:
        """Put ``***`` for tokens, verifiers and secrets, and the beginning of other long values."""
        for value in sorted(self.hidden, key=len, reverse=True):
            for form in _forms(value):
                text = text.replace(form, "***")
        for value in self.shortened:
            start = percent_encode(value[:_SHORT])
            text = text.replace(percent_encode(value), f"{start}…")
        return text


def _forms(value: str) -> Iterator[str]:
    """Yield *value* as it is, as in a header or a URL, and as in a base string."""
    once = percent_encode(value)
    yield from dict.fromkeys((percent_encode(once), once, value))


async def play(
    parts: Iterable[Callable[[], AsyncIterator[Step]]] = PARTS,
) -> AsyncGenerator[Played, None]:
    """Play *parts* step by step; the first step with a failed check is the last one."""
    number = 0
    for part in parts:
        reader = _Reader(part=inspect.cleandoc(part.__doc__ or ""), number=number)
        async with aclosing(cast("AsyncGenerator[Step, None]", part())) as steps:
            try:
                async for step in steps:
                    played = reader.read(step)
                    yield played
                    if played.failed:
                        return
            except (OAuthError, UnreachableError, aiohttp.ClientError) as error:
                yield reader.read_failure(error)
                return
        number = reader.number


@attrs.define(eq=False, kw_only=True)
class _Reader:
    """Read the steps of one part against the log of its server."""

    part: str
    number: int
    secrets: Secrets = attrs.field(factory=Secrets)
    server: Server | None = None
    seen: int = 0
    comparisons: list[Check] = attrs.field(factory=list[Check])

    def read(self, step: Step) -> Played:
        """Judge one step: the requests that arrived, and what it expected."""
        self.server = step.server
        self.secrets.learn(step.server, step.client)
        for text in step.facts.values():
            if text.startswith("https://"):
                self.secrets.notice_url(text)
        requests = self._requests()
        arrived = Check(
            name=_COUNTS[step.requests],
            ok=len(requests) == step.requests,
            detail=f"{len(requests)} requests arrived",
        )
        expected = [Check(name=name, ok=ok) for name, ok in step.expected.items()]
        return self._played(
            code=step.code,
            says=step.says,
            requests=requests,
            facts=tuple((name, self.secrets.mask(text)) for name, text in step.facts.items()),
            demo_checks=(arrived, *self.comparisons, *expected),
        )

    def read_failure(self, error: Exception) -> Played:
        """Judge what was sent before *error* ended the scenario."""
        return self._played(
            code=type(error).__name__,
            says=self.secrets.mask(str(error)),
            requests=self._requests(),
            demo_checks=(*self.comparisons, Check(name="no error", ok=False)),
        )

    def _played(self, **members: Any) -> Played:
        self.number += 1
        return Played(number=self.number, part=self.part, **members)

    def _requests(self) -> tuple[Request, ...]:
        log = self.server.log[self.seen :] if self.server is not None else []
        self.seen += len(log)
        self.comparisons = []
        return tuple(self._request(exchange) for exchange in log)

    def _request(self, exchange: Exchange) -> Request:
        """Show one request; a signature is compared with what the client's own layer makes."""
        self.secrets.notice(exchange)
        mask = self.secrets.mask
        given = dict(exchange.parameters)
        sent, recomputed = given.get("oauth_signature", ""), self.secrets.recompute(exchange)
        is_signed = isinstance(self.server, OAuth1Server)
        if is_signed:
            ours = signature_base_string(
                exchange.method,
                exchange.url,
                exchange.parameters,
                exchange.body,
                exchange.header("Content-Type"),
            )
            self.comparisons += [
                Check(name="same base string", ok=ours == exchange.base_string),
                Check(name="same signature", ok=sent == recomputed),
            ]
        return Request(
            method=exchange.method,
            url=mask(exchange.url),
            authorization=mask(exchange.header("Authorization") or ""),
            form="" if is_signed else mask(exchange.body.decode()),
            base_string=mask(exchange.base_string),
            signature_method=given.get("oauth_signature_method", ""),
            signature=sent,
            recomputed=recomputed,
            status=exchange.status,
            server_checks=exchange.checks,
        )


def summarize(steps: Iterable[Played]) -> dict[str, Any]:
    """Give the steps as one JSON document."""
    played = list(steps)
    checks = [check for step in played for check in step.checks]
    return {
        "ok": bool(checks) and all(check.ok for check in checks),
        "passed": sum(check.ok for check in checks),
        "failed": [{"step": step.number, "check": name} for step in played for name in step.failed],
        "steps": [{**attrs.asdict(step), "facts": dict(step.facts)} for step in played],
    }
