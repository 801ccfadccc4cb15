"""
Where secrets may show (RFC 6749 §10.3, RFC 6819 §4.6.7): in no error, repr, log, warning or print.

Servers that refuse, and quote what they were sent, are asked for all that a declaration offers; and
everything that the program then could have shown to somebody is searched.
"""

from __future__ import annotations

import base64
import io
import json
import logging
import re
import traceback
import warnings
from collections.abc import Awaitable, Callable, Generator, Iterable
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from html import escape
from typing import Any, cast
from urllib.parse import quote, quote_plus, urlsplit

import attrs
from aiohttp import web
from hypothesis import strategies as st

from oauthkit import (
    AssertionCredentials,
    AssertionProvider,
    OAuth1Provider,
    OAuth2Provider,
    OAuthKitError,
    Provider,
)
from oauthkit.testing import strategies
from oauthkit.testing.laws.law import law
from oauthkit.testing.laws.played import NOW, Played
from oauthkit.testing.laws.subject import Subject
from oauthkit.testing.servers import Exchange

_Call = Callable[[], Awaitable[object] | object]

_CALLBACK = "https://app.example/callback"
_LONGEST_SHOWN = 160

# What a server answers, of all that it was sent, and of a secret that is its own.
_ANSWERS: dict[str, Callable[[str, str], str]] = {
    "a refusal": lambda sent, _: json.dumps({"error": "invalid_grant", "error_description": sent}),
    "JSON": lambda sent, own: json.dumps({"accessToken": own, "request": sent, own: 1}),
    "a refusal with a token": lambda _, own: json.dumps({"error": "busy", "old": {"token": own}}),
    "broken JSON": lambda _, own: json.dumps({"access_token": own})[:-1],
    "a form": lambda sent, own: f"token={quote_plus(own)}&request={quote_plus(sent)}",
    "HTML": lambda sent, own: f"<html><title>No</title><p>{escape(own)}</p>{escape(sent)}",
    "text": lambda sent, own: f"unknown: {own}, {sent}",
}
_STATUSES = [400, 200, 401, 503]


@contextmanager
def _overheard() -> Generator[list[tuple[str, str]]]:
    """Collect what is logged, warned of and printed meanwhile: where it was, and its text."""
    heard: list[tuple[str, str]] = []
    root, printed = logging.getLogger(), io.StringIO()
    level, disabled = root.level, root.manager.disable
    handler = _Listening(heard)
    root.addHandler(handler)
    root.setLevel(1)
    logging.disable(logging.NOTSET)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            with redirect_stdout(printed), redirect_stderr(printed):
                yield heard
        heard += [("a warning", str(one.message)) for one in caught]
        heard += [("what is printed", printed.getvalue())]
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
        logging.disable(disabled)


class _Listening(logging.Handler):
    """Keep the text of each record, but those of the servers' own threads."""

    def __init__(self, heard: list[tuple[str, str]]) -> None:
        super().__init__()
        self.heard = heard
        self.own = logging.Formatter()

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it."""
        if not (record.threadName or "").startswith("oauthkit-"):
            text = f"{self.own.format(record)} {record.args}"
            self.heard.append((f"a log record of {record.name!r}", text))


def _render(error: BaseException) -> str:
    """Return all that can be seen of *error*: text, attributes, notes, traceback, causes."""
    chain = [error]
    for link in chain:
        following = (link.__cause__, link.__context__, *getattr(link, "exceptions", ()))
        chain.extend(one for one in following if one is not None and one not in chain)
    parts = ["".join(traceback.format_exception(link)) for link in chain]
    return "\n".join([*parts, *(f"{link!r} {link.args!r} {vars(link)!r}" for link in chain)])


def _spellings(secret: str) -> set[str]:
    encoded = base64.b64encode(secret.encode()).decode().rstrip("=")
    return {secret, quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1], encoded}


@attrs.define(eq=False)
class _Search:
    """The secrets of one flow, and what was shown meanwhile."""

    subject: Subject
    needles: set[str] = attrs.field(factory=set[str])

    def add(self, *secrets: str) -> None:
        """Search for *secrets*, too, in every spelling that is sent."""
        self.needles.update(spelt for secret in secrets if secret for spelt in _spellings(secret))

    def require_none(self, shown: Iterable[tuple[str, str]], doing: str) -> None:
        """Refuse texts with a secret in them; each comes with where it was seen."""
        for where, text in shown:
            found = [text.index(needle) for needle in self.needles if needle in text]
            if found:
                start = max(0, min(found) - _LONGEST_SHOWN // 2)
                quoted = text[start : start + _LONGEST_SHOWN]
                self.subject.require(False, f"a secret is in {where} ({doing}): {quoted!r}")


@attrs.define(eq=False)
class _Echo:
    """What answers at every path: by *kind*, with what it was sent, as *log* has it."""

    log: list[Exchange]
    kind: str = "text"
    status: int = 400
    own: str = ""

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        """Answer."""
        text = _ANSWERS[self.kind](f"{request.rel_url}\n{_sent(self.log[-1])}", self.own)
        kind = "application/json" if text[:1] == "{" else "text/html"
        return web.Response(status=self.status, text=text, content_type=kind)

    def credentials(self) -> list[str]:
        """Return what was made of secrets for one request: signatures, assertions, Basic."""
        made = r"Basic (\S+)|oauth_signature=\"([^\"]+)|assertion=[^&.]+\.[^&.]+\.([^&]+)"
        texts = map(_sent, self.log)
        return [part for text in texts for found in re.findall(made, text) for part in found]


def _sent(exchange: Exchange) -> str:
    fields = "\n".join(f"{name}: {value}" for name, value in exchange.headers)
    return f"{fields}\n{exchange.body.decode(errors='replace')}"


def _creds(played: Played, secret: str, search: _Search) -> Any:
    """Make the credentials of a client; all that is secret of them is *secret*, or a key."""
    given = dict(played.server.creds)
    for name, value in given.items():
        if "-----BEGIN" in value:
            lines = value.splitlines()
            search.add(lines[len(lines) // 2], *lines[1:-1])
        else:
            is_public = name in ("client_id", "issuer", "key_id")
            given[name] = name if is_public else f"{secret}.{name}"
    if isinstance(played.provider, AssertionProvider):
        return AssertionCredentials(**given)
    return given


def _calls(played: Played, client: Any, s: str) -> dict[str, _Call]:
    """Return what can be asked of *client*; *s* is part of every secret that it is handed."""
    provider: Any = played.provider
    base = provider.api_base or str(provider.token_origins[0]).replace("*", "api")
    calls: dict[str, _Call] = {}
    if isinstance(provider, OAuth1Provider):
        token: dict[str, object] = {"oauth_token": f"{s}.t", "oauth_token_secret": f"{s}.u"}
        url = f"{_CALLBACK}?oauth_token={quote(s)}.x&oauth_verifier={quote(s)}.v"
        if provider.token_endpoint:
            calls["fetch_access_token"] = lambda: client.fetch_access_token(verifier=f"{s}.v")
        if provider.temporary_credential_endpoint:
            calls["fetch_request_token"] = client.fetch_request_token
        calls["parse_authorization_response"] = lambda: client.parse_authorization_response(url)
    else:
        token = {"access_token": f"{s}.a", "expires_at": NOW + 100}
        if isinstance(provider, OAuth2Provider):
            token["refresh_token"] = f"{s}.r"
            calls |= _oauth2_calls(provider, client, s)
        else:
            calls["fetch_token"] = client.fetch_token

    async def call() -> None:
        client.token = token
        async with client.post(f"{base.rstrip('/')}/conformance", data={"a": "b"}) as answer:
            await answer.read()

    return {**calls, "post": call}


def _oauth2_calls(provider: OAuth2Provider, client: Any, s: str) -> dict[str, _Call]:
    calls: dict[str, _Call] = {}
    if "authorization_code" in provider.grant_types and provider.authorization_endpoint:
        url = f"{_CALLBACK}?code={quote(s)}.c&state={quote(s)}.s"
        verifier = f"{s}.{'v' * 30}"

        def exchange() -> Awaitable[object]:
            request = client.create_authorization_url(code_verifier=verifier)
            code: Awaitable[object] = client.fetch_token(code=f"{s}.c", request=request)
            return code

        calls["fetch_token(code=…)"] = exchange
        calls["fetch_token(authorization_response=…)"] = lambda: client.fetch_token(
            authorization_response=url
        )
    if "password" in provider.grant_types:
        calls["fetch_token(password=…)"] = lambda: client.fetch_token(
            username="alice", password=f"{s}.p", grant_type="password"
        )
    if "client_credentials" in provider.grant_types:
        calls["fetch_token(grant_type='client_credentials')"] = lambda: client.fetch_token(
            grant_type="client_credentials"
        )
    calls["refresh_token"] = lambda: client.refresh_token(refresh_token=f"{s}.r")
    if provider.revocation_endpoint:
        calls["revoke_token"] = lambda: client.revoke_token(token=f"{s}.a")
    if provider.introspection_endpoint:
        calls["introspect_token"] = lambda: client.introspect_token(token=f"{s}.a")
    return calls


def _token_like() -> st.SearchStrategy[str]:
    # Nothing that a verifier may not hold (RFC 7636 §4.1): one secret is part of all.
    return strategies.secrets().map(lambda secret: re.sub(r"[+/]", "~", secret))


def _paths(provider: Any) -> set[str]:
    kind = cast("type[attrs.AttrsInstance]", type(provider))
    names = [field.name for field in attrs.fields(kind) if field.name.endswith("_endpoint")]
    urls: list[str | None] = [getattr(provider, name) for name in names]
    base: str = urlsplit(provider.api_base or "").path
    return {urlsplit(url).path or "/" for url in urls if url} | {f"{base.rstrip('/')}/conformance"}


@law("RFC 6749 §10.3, RFC 6819 §4.6.7")
def no_secret_shows(subject: Subject) -> None:
    """Whatever a server answers, no secret is in an error, a repr, a log record or a print."""
    provider = subject.provider
    with subject.played() as played:
        echo = _Echo(played.server.log)
        for path in _paths(provider):
            played.server.respond(path, body=echo)

        async def ask(call: _Call) -> list[tuple[str, str]]:
            try:
                answer = call()
                if isinstance(answer, Awaitable):
                    await answer
            except Exception as error:  # noqa: BLE001 - whatever it is, it is searched
                return [(f"{type(error).__name__}, which was raised", _render(error))]
            return []

        def check(secret: str, answer: str, status: int) -> None:
            echo.kind, echo.status, echo.own = answer, status, f"{secret}.own"
            echo.log.clear()
            search = _Search(subject)
            search.add(secret)
            creds = _creds(played, secret, search)
            client = (
                played.connect(creds, redirect_uri=_CALLBACK)
                if _has_users(provider)
                else played.connect(creds)
            )
            for doing, call in _calls(played, client, secret).items():
                with _overheard() as heard:
                    raised = played.run(ask(call))
                search.add(*echo.credentials())
                shown = [
                    ("the client's repr", repr(client)),
                    ("the declaration's repr", f"{provider!r} {provider}"),
                    ("the credentials' repr", "" if isinstance(creds, dict) else repr(creds)),
                    ("the token's repr", f"{client.token!r} {client.token}"),
                ]
                search.require_none([*raised, *heard, *shown], doing)

        subject.for_all(
            check,
            examples=min(subject.examples, len(_ANSWERS) * len(_STATUSES)),
            secret=_token_like(),
            answer=st.sampled_from(list(_ANSWERS)),
            status=st.sampled_from(_STATUSES),
        )


def _has_users(provider: Provider[Any]) -> bool:
    return isinstance(provider, OAuth1Provider) or (
        isinstance(provider, OAuth2Provider) and "authorization_code" in provider.grant_types
    )


@law("RFC 6749 §10.3")
def parse_token_quotes_nothing(subject: Subject) -> None:
    """What parse_token() raises holds nothing of an answer, but the server's own error in it."""
    provider = subject.provider

    def read(status: int, body: bytes) -> object:
        if isinstance(provider, OAuth1Provider):
            return provider.parse_token(body)
        answer: object = provider.parse_token(status, body, now=NOW)
        return answer

    def check(secret: str, answer: str, status: int) -> None:
        search = _Search(subject)
        search.add(secret)
        body = _ANSWERS[answer]("nothing", secret).encode()
        raised: list[tuple[str, str]] = []
        with _overheard() as heard:
            try:
                read(status, body)
            except OAuthKitError as error:
                raised = [(f"{type(error).__name__}, which was raised", _render(error))]
            except (AttributeError, LookupError, TypeError, ValueError):
                pass  # the client tells their type and nothing else
        search.require_none([*raised, *heard], f"parse_token() of {answer}")

    subject.for_all(
        check,
        secret=_token_like(),
        answer=st.sampled_from(list(_ANSWERS)),
        status=st.sampled_from(_STATUSES),
    )
