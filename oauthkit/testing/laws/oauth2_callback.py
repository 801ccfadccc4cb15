"""
Reading the redirect back (RFC 6749 §4.1.2, RFC 9207): whose code it is, and whether it is one.

The callback is made of what the authorization request held, as a service makes it; what the client
took from it is read from the token request that follows.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode

from hypothesis import strategies as st

from oauthkit import AuthorizationRequest, CallbackError, OAuth2Provider, OAuthKitError, Provider
from oauthkit.testing import strategies
from oauthkit.testing.laws.law import law
from oauthkit.testing.laws.oauth2_messages import (
    ask,
    form_of,
    give_tokens,
    query_of,
    sends_users,
    visible_text,
)
from oauthkit.testing.laws.played import Played
from oauthkit.testing.laws.subject import Subject

_BACK = "https://client.example/back"
_NAMES = ["code", "state", "error", "error_description", "iss", "scope", "x"]


def _names_its_issuer(provider: Provider[Any]) -> bool:
    return sends_users(provider) and getattr(provider, "issuer", None) is not None


def _redirected(provider: OAuth2Provider, request: AuthorizationRequest, **members: str) -> str:
    """Make the URL that the service sends the user back to; an empty member is left out."""
    answer = {"state": dict(query_of(request.url)).get("state", "")}
    if provider.issuer is not None:
        answer["iss"] = provider.issuer
    answer |= members
    return f"{_BACK}?{urlencode({name: value for name, value in answer.items() if value})}"


def _client_of(played: Played) -> tuple[Any, AuthorizationRequest]:
    client = played.connect(grant_type="authorization_code")
    return client, client.create_authorization_url(redirect_uri=_BACK)


def _refusal(client: Any, url: str, request: AuthorizationRequest | None, played: Played) -> str:
    """Return the code of the error that the callback is refused with; "" where it is not."""
    with suppress(OAuthKitError):
        try:
            played.run(client.fetch_token(authorization_response=url, request=request))
        except CallbackError as error:
            return error.error
    return ""


@law("RFC 6749 §4.1.2", kind=OAuth2Provider, when=sends_users)
def callback_gives_its_code(subject: Subject) -> None:
    """The code of the callback is what is exchanged, decoded once."""
    with subject.played() as played:
        give_tokens(played)

        def check(code: str) -> None:
            client, request = _client_of(played)
            url = _redirected(subject.provider, request, code=code)
            work = client.fetch_token(authorization_response=url, request=request)
            sent = form_of(ask(subject, played, work))
            told = f"exchanged is {dict(sent).get('code')!r}, and the callback's code is {code!r}"
            subject.require(code in [value for _, value in sent], told)

        subject.for_all(check, examples=subject.examples // 2, code=visible_text())


@law("RFC 6749 §10.12", kind=OAuth2Provider, when=sends_users)
def callback_for_another_state_is_refused(subject: Subject) -> None:
    """A callback with another state, or none, is refused: somebody may have forged it."""
    with subject.played() as played:
        give_tokens(played)

        def check(state: str, pass_request: bool) -> None:
            client, request = _client_of(played)
            url = _redirected(subject.provider, request, code="code", state=state)
            refused = _refusal(client, url, request if pass_request else None, played)
            subject.require(refused == "state_mismatch", f"the code of {url} was exchanged")

        _, of_another_login = _client_of(played)
        foreign = dict(query_of(of_another_login.url)).get("state", "")
        states = st.one_of(st.just(""), visible_text(), st.just(foreign))
        subject.for_all(
            check, examples=subject.examples // 3, state=states, pass_request=st.booleans()
        )


@law("RFC 9207 §2.4", kind=OAuth2Provider, when=_names_its_issuer)
def callback_from_another_issuer_is_refused(subject: Subject) -> None:
    """A callback that names another issuer is refused, and one without where all name theirs."""
    provider = subject.provider
    with subject.played() as played:
        give_tokens(played)

        def check(iss: str) -> None:
            client, request = _client_of(played)
            url = _redirected(provider, request, code="code", iss=iss)
            refused = _refusal(client, url, request, played) == "iss_mismatch"
            required = provider.authorization_response_iss_parameter_supported
            wanted = bool(iss) or required
            told = "refused" if refused else "accepted"
            subject.require(refused == wanted, f"with iss = {iss!r} the callback is {told}")

        own = provider.issuer
        others = st.sampled_from(["", f"{own}/", f"{own}.example", own.rstrip("/") + "#", "x"])
        subject.for_all(check, examples=subject.examples // 5, iss=others)


@law("RFC 6749 §4.1.2.1", kind=OAuth2Provider, when=sends_users)
def refusal_in_a_callback_is_told(subject: Subject) -> None:
    """Where the service refused, the error is its own, and nothing is exchanged."""
    with subject.played() as played:
        give_tokens(played)

        def check(error: str, members: dict[str, str]) -> None:
            client, request = _client_of(played)
            url = _redirected(subject.provider, request, error=error, **members)
            told = _refusal(client, url, request, played)
            subject.require(told == error, f"the callback says {error!r}, the client {told!r}")

        members = {"code": st.just("code"), "error_description": visible_text()}
        subject.for_all(
            check,
            examples=subject.examples // 3,
            error=st.sampled_from(["access_denied", "server_error", "login_required", "x-1"]),
            members=st.fixed_dictionaries({}, optional=members),
        )


@law("RFC 6749 §4.1.2", kind=OAuth2Provider, when=sends_users)
def any_callback_gives_a_code_or_an_error_of_ours(subject: Subject) -> None:
    """Whatever a callback's query holds, it is read, or refused with an error of ours."""
    read = subject.provider.read_callback

    def check(query: str) -> None:
        url = f"{_BACK}?{query}"
        try:
            found: Mapping[object, object] = read(url)
        except OAuthKitError:
            return
        text = all(isinstance(part, str) for item in found.items() for part in item)
        subject.require(text, f"read_callback({url!r}) returned what is not all text")

    pairs = st.lists(st.tuples(st.sampled_from(_NAMES), strategies.unicode_text()), max_size=4)
    queries = st.one_of(
        pairs.map(urlencode),
        st.lists(st.sampled_from([*_NAMES, *"&=%+#?;/", "%ff", "%zz", "é"])).map("".join),
    )
    subject.for_all(check, query=queries)
