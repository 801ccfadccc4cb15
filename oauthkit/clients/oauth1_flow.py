"""The three steps of OAuth 1.0a between client and server (RFC 5849 §2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from hmac import compare_digest
from urllib.parse import parse_qsl, urlsplit

import attrs
from yarl import URL

from oauthkit.clients.oauth1_arguments import Extra
from oauthkit.clients.spellings import spell
from oauthkit.errors import CallbackError, CredentialsError, OAuthError, RequestError, mask
from oauthkit.protocol.oauth1 import (
    Placement,
    SignatureMethod,
    SignedRequest,
    encode_form,
    parse_authorization_response,
    parse_refusal,
    parse_token_response,
    sign_request,
    signature_base_string,
)
from oauthkit.protocol.shape import describe_shape
from oauthkit.protocol.token import Token, oauth1_token
from oauthkit.transport.keys import prepare_key
from oauthkit.transport.oauth1_signer import OAuth1Signer
from oauthkit.transport.seams import Answer, Caller, show_content_type

__all__ = ["OAuth1Flow", "OAuth1Rules"]

FORM = "application/x-www-form-urlencoded"
_HEADERS = {"Accept": "*/*", "User-Agent": "oauthkit"}
_SECRET_PARAMS = ("oauth_token", "oauth_signature", "oauth_nonce", "oauth_verifier")


@attrs.frozen(kw_only=True)
class OAuth1Rules:
    """What a declaration says about the three steps; the defaults are the RFC's."""

    whose: str
    token_method: str = "POST"
    allow_unconfirmed_callback: bool = False
    allow_missing_verifier: bool = False
    parse_token: Callable[[bytes], Mapping[str, str]] = parse_token_response


@attrs.define(eq=False, kw_only=True)
class OAuth1Flow:
    """Fetch temporary and token credentials; knows neither client nor source."""

    rules: OAuth1Rules
    signer: OAuth1Signer
    caller: Caller

    async def fetch_request_token(
        self, url: str, *, callback: str, realm: str | None, extra: Extra
    ) -> Token:
        """Ask for temporary credentials (RFC 5849 §2.1), and see the callback confirmed."""
        if realm and self.signer.placement != "header":
            raise RequestError(
                "realm is part of the Authorization header (RFC 5849 §3.5.1), and here the "
                f"parameters go into the {self.signer.placement}: leave it out"
            )
        token = await self._fetch(url, None, realm=realm, callback=callback, extra=extra)
        confirmed = str(token.get("oauth_callback_confirmed", "")).lower() == "true"
        if not confirmed and not self.rules.allow_unconfirmed_callback:
            raise OAuthError(
                f"{_endpoint(url)} did not confirm the callback (oauth_callback_confirmed=true, "
                "RFC 5849 §2.1): a server of OAuth 1.0 lets an attacker finish a user's login. If "
                "the service is known to be so, declare allow_unconfirmed_callback=True",
                error="callback_not_confirmed",
                provider=self.rules.whose,
                endpoint=_endpoint(url),
            )
        return token

    def read_callback(self, url: str, expected: Token | None) -> Token:
        """
        Read the redirect back (RFC 5849 §2.2) for the temporary credentials *expected*.

        Returns them with ``oauth_verifier``. Raises CallbackError for a refusal, another token, or
        no verifier.
        """
        values = parse_authorization_response(url)
        returned = values["oauth_token"]
        if expected is None:
            raise CallbackError(
                "this client holds no request token that the callback could belong to: set "
                "client.token to the one that fetch_request_token() returned for this user",
                error="invalid_request",
                provider=self.rules.whose,
            )
        # As octets: compare_digest() takes no text outside ASCII.
        ours = str(expected["oauth_token"]).encode(errors="surrogatepass")
        if not compare_digest(returned.encode(errors="surrogatepass"), ours):
            raise CallbackError(
                "the callback is for another request token than the one this client holds: it may "
                "belong to another login of the same user, or to somebody else's",
                error="token_mismatch",
                provider=self.rules.whose,
            )
        verifier = values.get("oauth_verifier")
        if not verifier and not self.rules.allow_missing_verifier:
            raise CallbackError(
                "the callback holds no oauth_verifier (RFC 5849 §2.2). If the service is known to "
                "send none, declare allow_missing_verifier=True",
                error="missing_verifier",
                provider=self.rules.whose,
            )
        return Token({**expected, "oauth_verifier": verifier} if verifier else expected)

    async def fetch_access_token(
        self, url: str, temporary: Token, *, verifier: str | None, extra: Extra
    ) -> Token:
        """Exchange temporary credentials and verifier for token credentials (RFC 5849 §2.3)."""
        if not verifier and not self.rules.allow_missing_verifier:
            raise RequestError(
                "a verifier is missing: pass the oauth_verifier of the callback (or the PIN), "
                "or let parse_authorization_response() read the callback's URL"
            )
        return await self._fetch(url, temporary, verifier=verifier or None, extra=extra)

    async def _fetch(
        self, url: str, token: Token | None, *, extra: Extra, **params: str | None
    ) -> Token:
        signer = self.signer
        await prepare_key(signer.rsa_key)
        target = str(URL(url))
        if query := encode_form(extra.params):
            target += f"{'&' if urlsplit(target).query else '?'}{query}"
        form = encode_form(extra.data)
        passed = {name.lower() for name in extra.headers}
        headers = {n: v for n, v in _HEADERS.items() if n.lower() not in passed}
        headers.update(extra.headers)
        method = self.rules.token_method
        if form and method == "GET":
            raise RequestError("this service's token endpoints are called with GET: pass params=")

        async def send() -> tuple[SignedRequest, Answer]:
            signed = self._sign(method, target, token, form, params)
            sent = {**headers, **signed.headers}
            body = signed.body.decode() or None
            return signed, await self.caller.call(method, signed.url, form=body, headers=sent)

        signed, answer = await send()
        late = answer.status == 401 and signer.correct_clock
        if late and signer.clock.correct(answer.headers.get("date")):
            signed, answer = await send()
        return self._read(answer, self._secrets(signed, token, extra))

    def _sign(
        self,
        method: str,
        url: str,
        token: Token | None,
        form: str,
        params: Mapping[str, str | None],
    ) -> SignedRequest:
        signer = self.signer
        placement: Placement = signer.placement
        signature_method: SignatureMethod = signer.signature_method
        return sign_request(
            method,
            url,
            client_id=signer.client_id,
            client_secret=signer.client_secret,
            token=None if token is None else token["oauth_token"],
            token_secret="" if token is None else token["oauth_token_secret"],
            rsa_key=signer.rsa_key,
            signature_method=signature_method,
            placement=placement,
            realm=params.get("realm") or signer.realm,
            callback=params.get("callback"),
            verifier=params.get("verifier"),
            body=form.encode(),
            content_type=FORM if form else None,
            timestamp=signer.clock.timestamp(),
            nonce=signer.nonce(),
            base_string=signer.base_string or signature_base_string,
        )

    def _secrets(self, signed: SignedRequest, token: Token | None, extra: Extra) -> list[str]:
        """Return what was sent and must not be shown when the server echoes it, however encoded."""
        values = [signed.params[name] for name in _SECRET_PARAMS if name in signed.params]
        values += [self.signer.client_secret, str(token["oauth_token_secret"]) if token else ""]
        values += [value for _, value in (*extra.params, *extra.data)]
        values += extra.headers.values()
        # Where the callback leads is worth showing; what an application put into it is its own.
        query = signed.params.get("oauth_callback", "").partition("?")[2]
        values += [query, *(value for _, value in parse_qsl(query))]
        return [spelling for value in values if value for spelling in spell(value)]

    def _read(self, answer: Answer, secrets: Sequence[str]) -> Token:
        fault = ""
        if 200 <= answer.status < 300:
            try:
                return oauth1_token(self.rules.parse_token(answer.body), whose=self.rules.whose)
            except (OAuthError, CredentialsError):
                pass
            except Exception as exc:  # noqa: BLE001 - somebody's parser may raise anything
                # A plugin's own parser; what it raises may quote the answer.
                fault = f" (parse_token() raised {type(exc).__name__})"

        def show(text: str | None) -> str:
            printable = "".join(c if c.isprintable() else " " for c in text or "")
            return mask(printable, secrets)

        code, told = map(
            show, parse_refusal(answer.body, answer.headers.get("www-authenticate", ""))
        )
        shape = show(describe_shape(answer.body))
        said = f"{code}: {told}" if code and told else code or told or shape
        kind = show_content_type(answer.content_type)
        raise OAuthError(
            f"{answer.endpoint} answered {answer.status} ({kind}, {len(answer.body)} bytes) and no "
            f"token{fault}: {said}",
            error=code or "invalid_response",
            error_description=told or None,
            provider=self.rules.whose,
            endpoint=answer.endpoint,
            status=answer.status,
            content_type=kind,
            length=len(answer.body),
            shape=shape,
        )


def _endpoint(url: str) -> str:
    return str(URL(url).with_query(None).with_user(None))
