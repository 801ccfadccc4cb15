"""The authorization request: where a user is sent, and what is kept until he is back."""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from os import urandom
from typing import Any, cast

import attrs

from oauthkit.errors import ConfigurationError
from oauthkit.protocol.oauth1.encoding import encode_form

__all__ = ["AuthorizationRequest", "build_authorization_url", "generate_state"]


# A nonce; and a code_challenge, which by the method "plain" is the verifier itself.
_HIDDEN = re.compile(r"([?&](?:nonce|code_challenge)=)[^&#]*+")


def _show_url(url: str) -> str:
    return repr(_HIDDEN.sub(r"\1***", url))


def generate_state(random: Callable[[int], bytes] = urandom) -> str:
    """Return 32 random octets as 43 characters: a ``state`` or ``nonce`` that cannot be guessed."""
    return urlsafe_b64encode(random(32)).rstrip(b"=").decode()


@attrs.frozen(kw_only=True)
class AuthorizationRequest:
    """
    One authorization request (RFC 6749 §4.1.1), and what finishing it needs.

    *url* is where the user is sent. Keep the value until he comes back, in his session: it goes to
    JSON (``to_json``) and back, and finishes in any process. *code_verifier* (RFC 7636) and *nonce*
    (OpenID Connect Core §3.1.2.1) are None where they are not used; the repr shows neither them nor
    what the URL holds of them. *issuer* is what the ``iss`` of the callback must be (RFC 9207),
    None where it is not known.

    It unpacks as the pair ``url, state``.
    """

    url: str = attrs.field(repr=_show_url)
    state: str
    code_verifier: str | None = attrs.field(default=None, repr=False)
    nonce: str | None = attrs.field(default=None, repr=False)
    redirect_uri: str | None = None
    issuer: str | None = None

    def __iter__(self) -> Iterator[str]:
        """Unpack as ``url, state``."""
        return iter((self.url, self.state))

    def to_json(self) -> str:
        """Return the value as JSON, verifier included: keep it where the user cannot read it."""
        return json.dumps(attrs.asdict(self))

    @classmethod
    def from_json(cls, text: str | bytes) -> AuthorizationRequest:
        """Return the value of ``to_json()``; raises ConfigurationError for anything else."""
        try:
            members: Any = json.loads(text)
            return cls(**members)
        except (RecursionError, TypeError, ValueError):
            pass
        raise ConfigurationError("this is not the JSON of an AuthorizationRequest")

    def __attrs_post_init__(self) -> None:
        """Check the types: the value may come out of somebody's session."""
        for field in attrs.fields(type(self)):
            value = getattr(self, field.name)
            if value is None and field.default is None:
                continue
            if not isinstance(value, str) or not value:
                raise ConfigurationError(f"{field.name}: expected text that is not empty")


def build_authorization_url(
    endpoint: str, params: Mapping[str, str | None] | Iterable[tuple[str, str | None]]
) -> str:
    """
    Add *params* to the query of *endpoint* (RFC 6749 §3.1), a space as ``%20``.

    The query that the endpoint has is kept; empty parameters are left out.
    """
    given = cast("Mapping[str, str | None]", params) if isinstance(params, Mapping) else None
    items = cast("Iterable[tuple[str, str | None]]", params) if given is None else given.items()
    base, hash_, fragment = endpoint.partition("#")
    query = encode_form([(name, value) for name, value in items if value])
    joint = "?" if "?" not in base else "" if base.endswith(("?", "&")) else "&"
    return f"{base}{joint if query else ''}{query}{hash_}{fragment}"
