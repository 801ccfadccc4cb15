"""What an OAuth 2 client asks authorization servers, and how it reads them (RFC 6749 §3.2)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from math import isnan
from typing import Any, Protocol, cast

import attrs

from oauthkit.clients.overrides import read_texts
from oauthkit.clients.spellings import spell
from oauthkit.errors import OAuthError, ReauthorizationRequired, RequestError, mask
from oauthkit.protocol.client_auth import ClientAuth, ClientAuthMethod, authenticate
from oauthkit.protocol.grants import build_form, client_credentials, password, refresh_token
from oauthkit.protocol.responses import (
    parse_error,
    parse_token_response,
    read_object,
)
from oauthkit.protocol.shape import describe_shape
from oauthkit.protocol.statuses import parse_retry_after
from oauthkit.protocol.token import is_credential
from oauthkit.tokens.grants import PLAIN, Slot
from oauthkit.tokens.seams import LOGIN_REQUIRED, SENDING
from oauthkit.tokens.spending import Spender
from oauthkit.tokens.stores import GrantKey, Record
from oauthkit.transport.seams import Answer, Caller, show_content_type

__all__ = ["OAuth2Exchange", "OAuth2Flow", "ParseToken"]

_ACCEPT = {"Accept": "application/json", "User-Agent": "oauthkit"}
# Members of a form that are no secret: masking "refresh_token" would hide what went wrong.
_PLAIN_MEMBERS = frozenset(
    {"grant_type", "scope", "redirect_uri", "token_type_hint", "client_id", "username"}
)

# What an OAuthError knows of an answer.
_OF_AN_ANSWER = (
    *("error", "error_description", "error_uri", "provider", "endpoint"),
    *("status", "content_type", "length", "shape", "retry_after"),
)


class ParseToken(Protocol):
    """Reads the answer of a token endpoint; a provider may override it."""

    def __call__(self, status: int, body: bytes, *, now: float) -> Mapping[str, Any]:
        """Return the token's members; raise OAuthError where there is none."""
        ...


@attrs.define(eq=False, kw_only=True)
class OAuth2Flow:
    """Call an authorization server's endpoints as one client; knows neither client nor source."""

    whose: str
    client_id: str
    client_secret: str = attrs.field(default="", repr=False)
    auth_method: ClientAuthMethod | None = "client_secret_basic"
    raw_basic: bool = False
    caller: Caller
    prepare_token: Callable[[Mapping[str, str]], Mapping[str, str]] | None = None
    parse_token: ParseToken = parse_token_response
    clock: Callable[[], float] = time.time
    hooks: Mapping[str, Iterable[Callable[..., Any]]] = attrs.field(
        factory=dict[str, list[Callable[..., Any]]], repr=False
    )

    async def fetch(
        self,
        url: str,
        form: Mapping[str, Any],
        *,
        hook: str = "access_token_response",
        headers: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """Send a token request; return the members of the token. Raises OAuthError."""
        now = self.clock()
        before = hook.replace("_response", "_request")
        answer, secrets = await self._call(
            url, form, headers, hook=before, prepare=self.prepare_token
        )
        for change in self.hooks.get(hook, ()):
            answer = change(answer)
        try:
            found = dict(self.parse_token(answer.status, answer.body, now=now))
            token = {name: value for name, value in found.items() if value is not None}
            fault = _find_fault(token)
            if fault is None:
                return token
            none = OAuthError("no token", error="invalid_response")
            refusal = self._explain(answer, secrets, none, f" (parse_token() returned {fault})")
        except OAuthError as error:
            refusal = self._explain(answer, secrets, error)
        except Exception as exc:  # noqa: BLE001 - somebody's parser may raise anything
            # A plugin's own parser; what it raises may quote the answer.
            none = OAuthError("no token", error="invalid_response")
            fault = f" (parse_token() raised {type(exc).__name__})"
            refusal = self._explain(answer, secrets, none, fault)
        try:
            # Outside of the handler: what was caught may quote what was sent.
            raise refusal
        finally:
            del refusal  # it holds this frame

    async def revoke(
        self, url: str, token: str, token_type_hint: str | None, extra: Mapping[str, str]
    ) -> None:
        """Revoke a token (RFC 7009 §2.1); an answer without an error is an acceptance (§2.2)."""
        form = {"token": token, "token_type_hint": token_type_hint, **extra}
        answer, secrets = await self._call(url, form, None, hook="revoke_token_request")
        self._raise_refusal(answer, secrets)

    async def introspect(
        self, url: str, token: str, token_type_hint: str | None, extra: Mapping[str, str]
    ) -> dict[str, Any]:
        """Ask what a token is (RFC 7662 §2.1); return the answer's members."""
        form = {"token": token, "token_type_hint": token_type_hint, **extra}
        answer, secrets = await self._call(url, form, None, hook="introspect_token_request")
        self._raise_refusal(answer, secrets)
        found = read_object(answer.body)
        if not isinstance(found.get("active"), bool):
            error = OAuthError("there is no boolean 'active'", error="invalid_response")
            raise self._explain(answer, secrets, error)
        return found

    async def _call(
        self,
        url: str,
        form: Mapping[str, Any],
        headers: Mapping[str, str] | None,
        *,
        hook: str,
        prepare: Callable[[Mapping[str, str]], Mapping[str, str]] | None = None,
    ) -> tuple[Answer, list[str]]:
        sending = SENDING.get()
        if sending is not None:
            sending.left = False
        auth = ClientAuth()
        if self.auth_method is not None:  # an assertion speaks for itself (RFC 7523 §2.1)
            auth = authenticate(
                self.auth_method, self.client_id, self.client_secret, raw_basic=self.raw_basic
            )
        members = {name: value for name, value in {**form, **auth.form}.items() if value}
        before = members
        if prepare is not None:
            members = read_texts(self.whose, "prepare_token", prepare(members), members)
        sent = {**_ACCEPT, **(headers or {}), **auth.headers}
        encoded = build_form(members)
        for change in self.hooks.get(hook, ()):
            url, sent, encoded = change(url, dict(sent), encoded)
        if sending is not None:
            sending.left = None  # the caller may know
        answer = await self.caller.call("POST", url, form=encoded, headers=sent)
        # What was put together out of a secret is one, and so is the secret that is in it.
        return answer, self._secrets((before, members), auth.headers)

    def _secrets(self, forms: Iterable[Mapping[str, Any]], headers: Mapping[str, str]) -> list[str]:
        values = [str(v) for form in forms for n, v in form.items() if n not in _PLAIN_MEMBERS]
        values += [self.client_secret, *(v.removeprefix("Basic ") for v in headers.values())]
        return [spelling for value in values if value for spelling in spell(value)]

    def _raise_refusal(self, answer: Answer, secrets: list[str]) -> None:
        error, told, uri = parse_error(read_object(answer.body))
        if error is not None or not 200 <= answer.status < 300:
            refusal = OAuthError(
                error or "refused",
                error=error or "invalid_response",
                error_description=told,
                error_uri=uri,
            )
            raise self._explain(answer, secrets, refusal)

    def _explain(
        self, answer: Answer, secrets: list[str], error: OAuthError, fault: str = ""
    ) -> OAuthError:
        """Return *error* with all that is known of the answer, and nothing that was sent to it."""

        def show(text: str | None) -> str:
            printable = "".join(c if c.isprintable() else " " for c in text or "")
            return mask(printable, secrets)

        shape = show(describe_shape(answer.body))
        kind = show_content_type(answer.content_type)
        code, told = show(error.error), show(error.error_description)
        said = shape if code == "invalid_response" else f"{code}: {told}" if told else code
        return OAuthError(
            f"{answer.endpoint} answered {answer.status} ({kind}, {len(answer.body)} bytes): "
            f"{said}{fault}",
            error=code,
            error_description=told or None,
            error_uri=show(error.error_uri) or None,
            provider=self.whose,
            endpoint=answer.endpoint,
            status=answer.status,
            content_type=kind,
            length=len(answer.body),
            shape=shape,
            retry_after=parse_retry_after(answer.headers.get("retry-after"), now=self.clock()),
        )


@attrs.define(eq=False, kw_only=True)
class OAuth2Exchange:
    """
    Get a new access token for a grant: by its refresh token, else by a grant that needs no user.

    It holds no client and no source. *key* and *authorization_endpoint* are for who has to send a
    user there.
    """

    flow: OAuth2Flow
    key: GrantKey
    authorization_endpoint: str | None = None
    token_endpoint: str | None
    refresh_endpoint: str | None = None
    refresh_params: Mapping[str, str] = attrs.field(factory=dict[str, str], repr=False)
    grant_type: str
    rotates: bool = True
    grace: float = 0.0
    scope: str = ""
    slot: Slot = PLAIN
    username: str | None = None
    password: str | None = attrs.field(default=None, repr=False)

    async def __call__(self, record: Record | None) -> Mapping[str, Any]:
        """Return the members of a new token; see ``Exchange``."""
        refusal = None
        if record is not None and (token := self.spends(record)) is not None:
            scope = None if self.slot in record.access_tokens else self.scope
            try:
                return await self.refresh(token, scope)
            except OAuthError as error:
                if error.error != "invalid_grant":
                    raise
                refusal = error
        if self.needs_user:
            try:
                raise self.ask_for_login(refusal)
            finally:
                del refusal  # it holds this frame
        if self.grant_type == "password":
            form = password(self.username or "", self.password or "", self.scope)
        else:
            form = client_credentials(self.scope)
        return await self.flow.fetch(self._endpoint(self.token_endpoint), form)

    @property
    def spender(self) -> Spender:
        """What is to be known of its refresh tokens; see ``Exchange``."""
        return self

    def spends(self, record: Record) -> str | None:
        """Return the refresh token of *record* that a call would send; see ``Spender``."""
        return record.refresh_token if record.refresh_token and self._may_refresh(record) else None

    @property
    def needs_user(self) -> bool:
        """Whether a user has to log in where there is no refresh token; see ``Spender``."""
        return not self._needs_no_user

    def ask_for_login(
        self, refusal: OAuthError | None = None, why: str = ""
    ) -> ReauthorizationRequired:
        """Make the error of a grant that has ended; see ``Spender``."""
        why = why or "there is no token, or it has expired and there is no refresh token"
        known: dict[str, Any] = {"error": LOGIN_REQUIRED, "provider": self.flow.whose}
        if refusal is not None:
            why = str(refusal)
            known = {name: getattr(refusal, name) for name in _OF_AN_ANSWER}
        return ReauthorizationRequired(
            f"{why}: send the user to create_authorization_url() and finish with fetch_token()",
            account=self.key.account,
            issuer=self.key.issuer,
            client_id=self.key.client_id,
            scope=self.scope,
            authorization_endpoint=self.authorization_endpoint,
            **known,
        )

    async def refresh(self, token: str, scope: str | None = None) -> Mapping[str, Any]:
        """Spend a refresh token (RFC 6749 §6)."""
        url = self._endpoint(self.refresh_endpoint or self.token_endpoint)
        form = {**refresh_token(token, scope), **self.refresh_params}
        return await self.flow.fetch(url, form, hook="refresh_token_response")

    def _may_refresh(self, record: Record) -> bool:
        # A refresh token brings the scope that it was got with. A client that needs no user asks
        # anew where it could be that of another one.
        return not self._needs_no_user or all(slot == self.slot for slot in record.access_tokens)

    @property
    def _needs_no_user(self) -> bool:
        if self.grant_type == "password":
            return bool(self.username and self.password)
        return self.grant_type == "client_credentials"

    def _endpoint(self, url: str | None) -> str:
        if url is None:
            raise RequestError(
                "the token has to be renewed, and this client knows no token endpoint: pass "
                "token_endpoint= when it is made"
            )
        return url


def _find_fault(token: Mapping[str, Any]) -> str | None:
    """Say what of a token can be neither sent nor kept; None where it is right."""
    if not all(isinstance(name, str) for name in cast("Iterable[object]", token)):
        return "a name that is no text"
    if not is_credential(token.get("access_token")):
        return "no access_token that can be sent"
    for name in ("refresh_token", "token_type"):
        if not isinstance(token.get(name, ""), str):
            return f"a {name} that is no text"
    for name in ("expires_in", "expires_at"):
        value = token.get(name, 0)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or isnan(value):
            return f"an {name} that is no number of seconds"
    return None
