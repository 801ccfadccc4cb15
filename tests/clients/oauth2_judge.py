"""An OAuth 2 server that oauthlib judges: none of our code is in its verdicts (RFC 6749 §3)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import attrs
import oauthlib.oauth2
from aiohttp import web
from oauthlib.common import generate_token
from oauthlib.oauth2.rfc6749 import errors

from clients.judge import as_sent
from clients.oauth2_accounts import Accounts, make_accounts

__all__ = ["Judge", "Verdict"]

# At run time: the stubs differ from what they describe.
_oauthlib: Any = oauthlib.oauth2
_errors: Any = errors

# What a token may hold, and encoders stumble over: RFC 6750 §2.1 (b64token), and for codes and
# refresh tokens any printable ASCII (RFC 6749 appendices A.11 and A.17).
_IN_ACCESS_TOKENS = "-._~+/=="
_IN_OTHERS = " +%41&=;:?#\"\\'<>~"


@attrs.frozen
class Verdict:
    """What oauthlib said to one request: *error* is its code, None where it agreed."""

    path: str
    status: int
    error: str | None = None


@attrs.define(eq=False, kw_only=True)
class Judge:
    """
    The service: authorization, token, revocation and introspection endpoint, and resources.

    *user* is logged in and *consents*. Without *repeats* a refresh is answered with no refresh
    token unless the client's rotate. *revocable* are the types that can be revoked. *forms* are
    the members of each request as they came, those of its query last.
    """

    accounts: Accounts = attrs.field(factory=make_accounts, repr=False)
    user: str = "alice"
    consents: bool = True
    repeats: bool = True
    revocable: tuple[str, ...] = ("access_token", "refresh_token")
    verdicts: list[Verdict] = attrs.field(factory=list[Verdict], init=False, repr=False)
    forms: list[list[tuple[str, str]]] = attrs.field(
        factory=list[list[tuple[str, str]]], init=False, repr=False
    )

    def app(self) -> web.Application:
        """Return the application to be served."""
        validator = self.accounts
        bearer = _oauthlib.BearerToken(
            validator,
            token_generator=_make_access_token,
            refresh_token_generator=_make_refresh_token,
        )
        code = _oauthlib.AuthorizationCodeGrant(validator)
        code.register_code_modifier(_make_code)
        grants = {
            "authorization_code": code,
            "client_credentials": _oauthlib.ClientCredentialsGrant(validator),
            "password": _oauthlib.ResourceOwnerPasswordCredentialsGrant(validator),
            "refresh_token": _oauthlib.RefreshTokenGrant(
                validator, issue_new_refresh_tokens=self.repeats
            ),
        }
        token = _oauthlib.TokenEndpoint("authorization_code", bearer, grants)
        revocation = _oauthlib.RevocationEndpoint(validator, self.revocable)
        introspection = _oauthlib.IntrospectEndpoint(validator)
        app = web.Application()
        app.router.add_get(
            "/authorize",
            self._authorize(_oauthlib.AuthorizationEndpoint("code", bearer, {"code": code})),
        )
        app.router.add_post("/token", self._respond(token.create_token_response))
        app.router.add_post("/revoke", self._respond(revocation.create_revocation_response))
        app.router.add_post("/introspect", self._respond(introspection.create_introspect_response))
        resources = _oauthlib.ResourceEndpoint("Bearer", {"Bearer": bearer})
        app.router.add_route("*", "/{path:.*}", self._resource(resources))
        return app

    def _authorize(self, endpoint: Any) -> Callable[[web.Request], Any]:
        async def answer(request: web.Request) -> web.Response:
            sent = await as_sent(request)
            self._note(sent)
            try:
                if self.consents:
                    headers, _, status = endpoint.create_authorization_response(
                        *sent, credentials={"user": self.user}
                    )
                else:
                    _, asked = endpoint.validate_authorization_request(*sent)
                    denied = _errors.AccessDeniedError(state=asked["state"])
                    headers, status = {"Location": denied.in_uri(asked["redirect_uri"])}, 302
            except _errors.FatalClientError as refusal:  # not to be sent back (§4.1.2.1)
                return self._say(request, {}, refusal.json, 400)
            location: str = headers["Location"]
            error = dict(parse_qsl(urlsplit(location).query)).get("error")
            self.verdicts.append(Verdict(request.path, status, error))
            return web.Response(status=status, headers=headers)

        return answer

    def _respond(self, respond: Any) -> Callable[[web.Request], Any]:
        async def answer(request: web.Request) -> web.Response:
            sent = await as_sent(request)
            self._note(sent)
            return self._say(request, *respond(*sent))

        return answer

    def _resource(self, endpoint: Any) -> Callable[[web.Request], Any]:
        async def answer(request: web.Request) -> web.Response:
            sent = await as_sent(request)
            self._note(sent)
            valid, read = endpoint.verify_request(*sent, scopes=[])
            if not valid:
                refusal = _errors.InvalidTokenError()
                return self._say(request, refusal.headers, refusal.json, 401)
            return self._say(request, {}, json.dumps({"user": read.user}), 200)

        return answer

    def _note(self, sent: tuple[str, str, str, dict[str, str]]) -> None:
        uri, _, body, _ = sent
        self.forms.append(
            [
                *parse_qsl(body, keep_blank_values=True),
                *parse_qsl(urlsplit(uri).query, keep_blank_values=True),
            ]
        )

    def _say(
        self, request: web.Request, headers: dict[str, str], body: str | None, status: int
    ) -> web.Response:
        error = json.loads(body).get("error") if body else None
        self.verdicts.append(Verdict(request.path, status, error))
        headers = {"Content-Type": "application/json", **headers}
        return web.Response(status=status, headers=headers, text=body or "")


def _make_access_token(_: Any) -> str:
    return generate_token() + _IN_ACCESS_TOKENS


def _make_refresh_token(_: Any) -> str:
    return generate_token() + _IN_OTHERS


def _make_code(grant: dict[str, str], *_: Any) -> dict[str, str]:
    return {**grant, "code": grant["code"] + _IN_OTHERS}
