"""RFC 5849 §4: what a caller passes by mistake, or a browser brings back, is in no error."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oauthkit import (
    AsyncOAuth1Client,
    CredentialsError,
    OAuth1Credentials,
    OAuth1Provider,
    OAuthKitError,
    connect,
)
from oauthkit.credentials import load_credentials
from property import leaks
from property.leaks import find, render
from support import run

pytestmark = pytest.mark.proves(
    "Where secrets may go",
    "OAuth 1.0a: no secret in an error, a repr or a log",
    rfc="RFC 5849 §4",
    judge="none but ours",
)

PROVIDER = OAuth1Provider(name="example", api_base="https://api.example")


# -- callbacks -------------------------------------------------------------------------------------

_CALLBACKS = [
    "oauth_token={0}&oauth_verifier={0}",
    "oauth_token=expected&{0}",
    "oauth_verifier={0}",
    "denied={0}&state={0}",
    "oauth_problem={0}&oauth_token={0}",
    "oauth_problem=bad_{0}&oauth_verifier={0}",
    "{0}",
    "{0}=1&code={0}&state={0}#oauth_token={0}",
]


@given(leaks.hard_secrets, st.sampled_from(_CALLBACKS), st.sampled_from(["", "{0}@", "a/{0}"]))
def test_callbacks(secret: str, query: str, place: str) -> None:
    """§2.2: nothing of the URL that the user came back to is in the error that it gives."""
    escaped = quote(secret, safe="")
    user = place if place.endswith("@") else ""
    path = "" if user else place
    url = f"https://{user}app.example/{path}?{query}".replace("{0}", escaped)
    client = AsyncOAuth1Client(None, "id", "client-secret", "expected", "token-secret-5")
    with pytest.raises(OAuthKitError) as caught:
        client.parse_authorization_response(url)
    assert [] == find(render(caught.value), [secret, "token-secret-5"])
    empty = AsyncOAuth1Client(None, "id", "client-secret")
    with pytest.raises(OAuthKitError) as caught:
        empty.parse_authorization_response(url)
    assert [] == find(render(caught.value), [secret])


# -- credentials, options and URLs that are wrong --------------------------------------------------

_FAULTS: dict[str, Callable[[str], dict[str, Any]]] = {
    "a missing field": lambda secret: {"client_secret": secret},
    "an unknown field": lambda secret: {"client_id": "i", "client_secrets": secret},
    "swapped": lambda secret: {secret: "client_id", "client_id": secret},
    "white space": lambda secret: {"client_id": "i", "client_secret": f" {secret}"},
    "a line": lambda secret: {"client_id": f"{secret}\n", "client_secret": secret},
    "no text": lambda secret: {"client_id": "i", "client_secret": [secret]},
    "no key": lambda secret: {"client_id": "i", "client_secret": "s", "rsa_key": secret},
    "no URI": lambda secret: {"client_id": "i", "client_secret": "s", "redirect_uri": secret},
    "half a token": lambda secret: {"client_id": "i", "client_secret": secret, "token": secret},
}


@given(leaks.hard_secrets, st.sampled_from(sorted(_FAULTS)))
def test_credentials(secret: str, fault: str) -> None:
    """Faults of a mapping, an object and the environment are named without any value."""
    fields = _FAULTS[fault](secret)
    with pytest.raises(CredentialsError) as caught:
        connect(PROVIDER, fields)
    assert [] == find(render(caught.value), [secret])
    known = {name: value for name, value in fields.items() if name in ("client_id", "rsa_key")}
    wrong: Any = {"client_id": None, "client_secret": None, **known, "token": secret}
    with pytest.raises(CredentialsError) as caught:
        connect(PROVIDER, OAuth1Credentials(**wrong))
    assert [] == find(render(caught.value), [secret])
    environ = {
        f"OAUTHKIT_EXAMPLE__{name}".upper(): str(value)
        for name, value in fields.items()
        if name != secret
    }
    with pytest.raises(CredentialsError) as caught:
        load_credentials(PROVIDER, None, environ={**environ, "OAUTHKIT_EXAMPLE__X": secret})
    assert [] == find(render(caught.value), [secret])


@given(
    leaks.hard_secrets,
    st.sampled_from(
        [
            '{{"client_id": {0}, "client_secret":',
            "[{0}]",
            "{0}",
            '{{"client_id": {0}, "client_id": {0}}}',
            '{{"client_id": [{0}]}}',
            "{{{0}: {0}}}",
            "client_id = {0}",
        ]
    ),
)
def test_files(tmp_path_factory: pytest.TempPathFactory, secret: str, text: str) -> None:
    """A file of credentials that is none is described, not quoted; nor is text for a path."""
    file = tmp_path_factory.getbasetemp() / "creds.json"
    file.write_text(text.format(json.dumps(secret)), encoding="utf-8")
    sources: list[str | Path] = [file, secret, text.format(json.dumps(secret))]
    for source in sources:
        with pytest.raises(CredentialsError) as caught:
            connect(PROVIDER, source)
        assert [] == find(render(caught.value), [secret])


@given(
    leaks.hard_secrets,
    st.sampled_from(
        ["{0}", "-----BEGIN PRIVATE KEY-----\n{0}\n-----END PRIVATE KEY-----\n",
         "-----BEGIN RSA PRIVATE KEY-----\nTUlJ{0}\n-----END RSA PRIVATE KEY-----\n"]
    ),
)  # fmt: skip
def test_keys(secret: str, pem: str) -> None:
    """A key file that is none is described, when it is given or when it is first used."""
    key = pem.format(secret)

    async def main() -> None:
        client = AsyncOAuth1Client(None, "id", rsa_key=key, signature_method="RSA-SHA256")
        await client.fetch_request_token("https://api.example/")

    with pytest.raises(OAuthKitError) as caught:
        run(main())
    assert [] == find(render(caught.value), [secret])


_OPTIONS = (
    "deadline", "answer_limit", "cookies", "trust_env", "clock", "nonce", "redirect_uri",
    "signature_method", "signature_type", "force_include_body", "origins", "session", "token_secret",
)  # fmt: skip


@given(leaks.hard_secrets, st.sampled_from(_OPTIONS))
def test_options(secret: str, name: str) -> None:
    """A secret in the place of another argument, as a slip in their order puts it there."""
    arguments: dict[str, Any] = {"session": None, name: secret}
    with pytest.raises(OAuthKitError) as caught:
        AsyncOAuth1Client(client_id="id", client_secret="s", **arguments)
    assert [] == find(render(caught.value), [secret])


@given(leaks.hard_secrets, st.sampled_from(["{0}", "/{0}", "https://a:{0}@h/",
                                            "https://[{0}", "http://h/{0}?{0}", "x:{0}"]))  # fmt: skip
def test_urls(secret: str, pattern: str) -> None:
    """A URL that nothing is sent to is not quoted beyond its origin."""
    url = pattern.format(quote(secret, safe=""))

    async def main() -> None:
        client = AsyncOAuth1Client(None, "id", "s", token="t", token_secret="u")
        calls: list[Callable[[], Any]] = [
            lambda: client.fetch_request_token(url),
            lambda: client.fetch_access_token(url, "v"),
            lambda: client.get(url),
        ]
        for call in calls:
            with pytest.raises(OAuthKitError) as caught:
                await call()
            assert [] == find(render(caught.value), [secret])

    run(main())
