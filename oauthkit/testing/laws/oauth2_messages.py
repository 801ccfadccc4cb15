"""How the laws of OAuth 2 ask a client, and read what it sends: with the standard library alone."""

from __future__ import annotations

import json
from collections.abc import Coroutine, Mapping
from string import ascii_letters, digits
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from hypothesis import strategies as st
from yarl import URL

from oauthkit import (
    AssertionCredentials,
    AssertionProvider,
    OAuth2Provider,
    OAuthKitError,
    Provider,
    Token,
    connect,
)
from oauthkit.testing.laws.played import NOW, Played
from oauthkit.testing.laws.subject import Subject
from oauthkit.testing.servers import Exchange
from oauthkit.testing.strategies import unicode_text, urls

__all__ = [
    "CLIENT",
    "Pairs",
    "ask",
    "begin",
    "extras",
    "fetch",
    "form_of",
    "give_tokens",
    "overrides",
    "query_of",
    "reads_answers",
    "redirect_uris",
    "require_exactly",
    "sends_users",
    "visible_text",
    "visit",
]

Pairs = list[tuple[str, str]]

CLIENT = "client-1"
"""The identifier of the client where no server is played."""

_PLAIN = f"{ascii_letters}{digits}-._~!*'();:@,$[]|\"\\<>^`{{}}#?"
_TRICKY = ["+", "%41", "%2B", "%", "&", "=", "/"]


def sends_users(provider: Provider[Any]) -> bool:
    """Tell whether *provider* has users log in (RFC 6749 §4.1)."""
    return (
        isinstance(provider, OAuth2Provider)
        and "authorization_code" in provider.grant_types
        and provider.authorization_endpoint is not None
    )


def reads_answers(provider: Provider[Any]) -> bool:
    """Tell whether *provider* reads answers as those of OAuth 2 (RFC 6749 §5)."""
    return isinstance(provider, (AssertionProvider, OAuth2Provider))


def overrides(provider: object, method: str) -> bool:
    """Tell whether a declaration has a *method* of its own: its last word on a message."""
    usual = [getattr(kind, method, None) for kind in (AssertionProvider, OAuth2Provider)]
    return getattr(type(provider), method) not in usual


def visible_text(*, max_size: int = 8) -> st.SearchStrategy[str]:
    """Draw codes, names and passwords (RFC 6749 appendix A): what encoders stumble over, often."""
    pieces = st.one_of(st.sampled_from(_PLAIN), st.sampled_from(_TRICKY))
    return st.lists(pieces, min_size=1, max_size=max_size).map("".join)


def extras() -> st.SearchStrategy[dict[str, str]]:
    """Draw parameters that a caller adds; none has the name of one that is there already."""
    values = st.one_of(st.sampled_from(["a", " ", "+", "%20", "é"]), unicode_text(min_size=1))
    return st.dictionaries(unicode_text(max_size=4).map("x{}".format), values, max_size=2)


def redirect_uris() -> st.SearchStrategy[str]:
    """Draw where a user may come back to (RFC 6749 §3.1.2): of a web site, or an app."""
    of_apps = ["com.example.app:/back?x=y", "http://127.0.0.1:8080/", "urn:ietf:wg:oauth:2.0:oob"]
    return st.one_of(urls(), st.sampled_from(of_apps))


def begin(provider: Provider[Any], **options: Any) -> Any:
    """Make a client that need not reach anything: for what is asked for in the browser."""
    creds = {"client_id": CLIENT}
    if provider.grant_types[0] == "client_credentials":
        creds["client_secret"] = "not-needed"
    if sends_users(provider):
        options["grant_type"] = "authorization_code"
    return connect(provider, creds, clock=lambda: NOW, **options)


def query_of(url: str) -> Pairs:
    """Take the query of *url* apart (RFC 6749 appendix B)."""
    return parse_qsl(urlsplit(url).query, keep_blank_values=True)


def visit(played: Played, url: str) -> Exchange:
    """Go to *url* as a browser does, and return the request as it arrived."""

    async def go() -> None:
        async with played.session.get(URL(url, encoded=True), allow_redirects=False):
            pass

    played.run(go())
    arrived: Exchange = played.server.log[-1]
    return arrived


def form_of(exchange: Exchange) -> Pairs:
    """Take the form of a request apart, from its octets."""
    return parse_qsl(exchange.body.decode("ascii"), keep_blank_values=True)


def give_tokens(played: Played, **members: object) -> None:
    """Have the token endpoint answer each request with the same, whatever was asked."""
    answer = json.dumps({"access_token": "t", **members})
    kind = {"Content-Type": "application/json"}
    played.server.respond(played.server.token_path, 200, kind, answer)


def fetch(played: Played) -> Coroutine[Any, Any, Token]:
    """Let a client ask for a token, by the first grant type that is declared."""
    provider = played.provider
    creds: Any = played.server.creds
    if isinstance(provider, AssertionProvider):
        creds = AssertionCredentials(**creds)
    client = played.connect(creds)
    work: Coroutine[Any, Any, Token]
    if provider.grant_types[0] == "authorization_code":
        work = client.fetch_token(code="code", request=client.create_authorization_url())
    else:
        work = client.fetch_token()
    return work


def ask(subject: Subject, played: Played, work: Coroutine[Any, Any, object]) -> Exchange:
    """Let a client do *work*, and return the one request that came of it, as it arrived."""
    before = len(played.server.log)
    told = ""
    try:
        played.run(work)
    except OAuthKitError as error:  # what it makes of the answer is another law's affair
        told = f": {error}"
    arrived: list[Exchange] = played.server.log[before:]
    subject.require(len(arrived) == 1, f"{len(arrived)} requests were sent{told}")
    return arrived[0]


def require_exactly(
    subject: Subject, found: Pairs, wanted: Mapping[str, str], *, reworded: bool
) -> None:
    """
    Require that *found* is *wanted*: nothing is lost, doubled, changed or added.

    *reworded* is true where the declaration has the last word on the request: then a name may be
    another one, and there may be more members; what was asked for is still there.
    """
    names = [name for name, _ in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    subject.require(not twice, f"sent more than once: {', '.join(twice)}")
    rest = dict(found)
    for name in wanted.keys() & rest.keys():
        value = rest.pop(name)
        subject.require(value == wanted[name], f"{name} is {value!r}, expected {wanted[name]!r}")
    for name in sorted(wanted.keys() - set(names)):
        renamed = [other for other, value in rest.items() if value == wanted[name]]
        subject.require(
            reworded and renamed, f"{name} is missing; there are {', '.join(names) or 'none'}"
        )
        del rest[renamed[0]]
    subject.require(reworded or not rest, f"nobody asked for {', '.join(sorted(rest))}")
