"""`connect()`: one road for each kind of provider, its options checked, nothing of the others loaded."""

from __future__ import annotations

from typing import Any

import pytest

from oauthkit import (
    AssertionProvider,
    AsyncAssertionClient,
    AsyncOAuth1Client,
    AsyncOAuth2Client,
    Client,
    ConfigurationError,
    CredentialsError,
    MemoryStore,
    OAuth1Provider,
    OAuth2Credentials,
    OAuth2Provider,
    OAuth2Template,
    Provider,
    Registry,
    connect,
)
from support import fresh, run

PEM = "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n"
SITE = "https://api.acme.example"
ONE = OAuth1Provider(name="one", api_base=SITE, token_endpoint=f"{SITE}/access")
TWO = OAuth2Provider(
    name="two",
    authorization_endpoint=f"{SITE}/authorize",
    token_endpoint=f"{SITE}/token",
    api_base=SITE,
    grant_types=["authorization_code", "refresh_token", "client_credentials"],
    scope="declared",
)
ROBOT = AssertionProvider(name="robot", token_endpoint=f"{SITE}/token", api_base=SITE)
ANY = OAuth2Template(name="any")
OF_ONE: dict[str, Any] = {"client_id": "i", "client_secret": "s"}
OF_TWO: dict[str, Any] = {"client_id": "i", "client_secret": "s"}
OF_ROBOT: dict[str, Any] = {"issuer": "i", "private_key": PEM}
OF_ANY: dict[str, Any] = {
    **OF_TWO,
    "grant_type": "client_credentials",
    "token_endpoint": f"{SITE}/token",
    "api_base": SITE,
}
KINDS: list[tuple[Provider[Any], dict[str, Any], type[Client]]] = [
    (ONE, OF_ONE, AsyncOAuth1Client),
    (TWO, OF_TWO, AsyncOAuth2Client),
    (ANY, OF_ANY, AsyncOAuth2Client),
    (ROBOT, OF_ROBOT, AsyncAssertionClient),
]


def refusal(provider: Any, creds: Any, **options: Any) -> str:
    """Return the text of the error that *options* are refused with."""
    with pytest.raises(ConfigurationError) as caught:
        connect(provider, creds, **options)
    assert not isinstance(caught.value, CredentialsError)
    return str(caught.value)


@pytest.mark.parametrize(("provider", "creds", "kind"), KINDS)
def test_each_kind_has_its_client(
    provider: Provider[Any], creds: dict[str, Any], kind: type[Client]
) -> None:
    """By declaration and by name; neither needs a loop."""
    registry = Registry()
    registry.register(provider)
    for chosen in (provider, provider.name):
        client: Client = connect(chosen, creds, registry=registry)
        assert kind is type(client)
        assert client.provider is not None
        assert provider.name == client.provider.name


def test_a_kind_without_a_client_is_refused() -> None:
    """Whatever it says of itself."""

    class Odd(Provider[Client]):
        name = "odd"

    class Posing(Provider[Client]):
        name = "posing"
        protocol = "oauth2"

    for odd in (Odd, Posing, type("P", (Posing,), {"protocol": "oauth1"})):
        provider: Any = object.__new__(odd)
        assert "there is no client for its kind" in refusal(provider, {})
    posing: Any = object.__new__(type("Q", (Posing,), {"protocol": "assertion"}))
    assert "provider 'posing' is a Q" in refusal(posing, {})


# -- scope -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("scope", ["a b", ["a", "b"], ("a", "b")])
def test_a_scope_is_a_text_or_a_list(scope: Any) -> None:
    """It goes before that of the credentials, which goes before the declared one."""
    assert "a b" == connect(TWO, {**OF_TWO, "scope": "c"}, scope=scope).scope
    assert "a b" == connect(ANY, OF_ANY, scope=scope).scope
    assert "a b" == connect(ROBOT, OF_ROBOT, scope=scope).scope
    assert "c" == connect(TWO, {**OF_TWO, "scope": "c"}).scope
    assert "declared" == connect(TWO, OF_TWO).scope


def test_oauth1_has_no_scope() -> None:
    """The error says where it is decided."""
    assert "'scope': OAuth 1.0a has none" in refusal(ONE, OF_ONE, scope="a")


@pytest.mark.parametrize("scope", [3, b"a", {"a": 1}, ["a", 3], [""]])
def test_other_scopes_are_refused(scope: Any) -> None:
    """Neither octets nor lists of other things."""
    assert "scope: expected a text, or a list of texts" in refusal(TWO, OF_TWO, scope=scope)


# -- store and account -----------------------------------------------------------------------------

TOKENS: dict[str, dict[str, Any]] = {
    "oauth1": {"oauth_token": "t", "oauth_token_secret": "s"},
    "oauth2": {"access_token": "a"},
    "assertion": {"access_token": "a"},
}


@pytest.mark.parametrize(("provider", "creds", "kind"), KINDS)
def test_clients_of_one_store_and_account_share_a_token(
    provider: Provider[Any], creds: dict[str, Any], kind: type[Client]
) -> None:
    """Another account, another store, or none: another token."""
    store = MemoryStore()

    def make(**options: Any) -> Client:
        client: Client = connect(provider, creds, **options)
        return client

    alice, again = make(store=store, account="alice"), make(store=store, account="alice")
    alice.token = TOKENS[provider.protocol]
    assert TOKENS[provider.protocol] == again.token
    for other in ({"store": store}, {"store": MemoryStore(), "account": "alice"}, {}):
        assert make(**other).token is None


def test_services_without_endpoints_do_not_share() -> None:
    """Two servers never share a record, also where their sites hand out the tokens."""
    store = MemoryStore()
    tokens = {**OF_ONE, "token": "t", "token_secret": "u"}
    for name in ("x", "y"):
        bare = OAuth1Provider(name=name, api_base=f"https://{name}.example")
        creds = tokens if name == "x" else OF_ONE
        client = connect(bare, creds, store=store)
        assert (name == "x") == (client.token is not None)


def test_a_token_of_the_credentials_is_there_at_once() -> None:
    """With a store and without one."""
    creds = OAuth2Credentials(client_id="i", access_token="a", refresh_token="r")
    with_store: dict[str, Any] = {"store": MemoryStore()}
    for options in ({}, with_store):
        token = connect(TWO, creds, **options).token
        assert {"access_token": "a", "refresh_token": "r"} == token


@pytest.mark.parametrize(("provider", "creds", "kind"), KINDS)
@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"store": "nothing://x"}, "store: nothing opens nothing://"),
        ({"store": dict}, "store: expected a TokenStore such as MemoryStore(), or a URL, got type"),
        ({"account": 3}, "account: expected text"),
        ({"origins": "https://x.example"}, "origins: expected a list of origins"),
        ({"session": 3}, "session: expected an aiohttp.ClientSession"),
    ],
)
def test_what_all_kinds_take_is_checked_for_all(
    provider: Provider[Any],
    creds: dict[str, Any],
    kind: type[Client],
    options: dict[str, Any],
    said: str,
) -> None:
    """One check for the three classes."""
    assert said in refusal(provider, creds, **options)


def test_a_store_needs_to_know_the_server() -> None:
    """A class used without a provider has no endpoint to keep an OAuth 1.0a token under."""
    with pytest.raises(ConfigurationError, match="OAuth1Provider"):
        AsyncOAuth1Client(None, "i", "s", store=MemoryStore())


# -- options ---------------------------------------------------------------------------------------

ALL: dict[str, Any] = {
    "cookies": True,
    "trust_env": True,
    "deadline": 1.0,
    "answer_limit": 1,
    "clock": lambda: 1.0,
}


def test_every_documented_option_is_taken() -> None:
    """Those that the docstring lists."""
    connect(ONE, OF_ONE, **ALL, redirect_uri="oob", realm="r", signature_method="HMAC-SHA1")
    client = connect(
        TWO,
        OF_TWO,
        **ALL,
        redirect_uri="https://me.example/cb",
        grant_type="client_credentials",
        token_endpoint_auth_method="client_secret_post",
        code_challenge_method="plain",
        refresh_token_params={"a": "b"},
        leeway=0,
        update_token=print,
    )
    assert "https://me.example/cb" == client.redirect_uri
    connect(ROBOT, OF_ROBOT, **ALL, subject="u", claims={}, alg="ES256", expires_in=60, leeway=1)


UNKNOWN: list[tuple[Provider[Any], dict[str, Any], str, str]] = [
    (ONE, OF_ONE, "leeway", "'leeway': one of "),
    (ONE, OF_ONE, "redirect_url", "did you mean 'redirect_uri'?"),
    (ONE, OF_ONE, "token", "it belongs to the credentials"),
    (ONE, OF_ONE, "signature_type", "the provider's declaration says that: placement"),
    (ONE, OF_ONE, "verifier", "pass it to fetch_access_token()"),
    (TWO, OF_TWO, "realm", "'realm': one of "),
    (TWO, OF_TWO, "update_tokens", "did you mean 'update_token'?"),
    (TWO, OF_TWO, "token_updater", "did you mean 'update_token'?"),
    (TWO, OF_TWO, "client_auth_method", "did you mean 'token_endpoint_auth_method'?"),
    (TWO, OF_TWO, "password", "it belongs to the credentials"),
    (TWO, OF_TWO, "token", "access_token, refresh_token, expires_at"),
    (TWO, OF_TWO, "token_endpoint", "the provider's declaration says that: token_endpoint"),
    (TWO, OF_TWO, "state", "pass it to create_authorization_url()"),
    (ANY, OF_ANY, "scopes", "did you mean 'scope'?"),
    (ROBOT, OF_ROBOT, "redirect_uri", "'redirect_uri': one of "),
    (ROBOT, OF_ROBOT, "key", "it belongs to the credentials"),
    (ROBOT, OF_ROBOT, "audience", "the provider's declaration says that: audience"),
    (ROBOT, OF_ROBOT, "expire_in", "did you mean 'expires_in'?"),
    (ROBOT, OF_ROBOT, "_provider", "'_provider': one of "),
]


@pytest.mark.parametrize(("provider", "creds", "name", "said"), UNKNOWN)
def test_options_of_others_are_refused(
    provider: Provider[Any], creds: dict[str, Any], name: str, said: str
) -> None:
    """With the nearest match, or with where it belongs; its value is not shown."""
    text = refusal(provider, creds, **{name: "s3cr3t"})
    assert said in text
    assert "s3cr3t" not in text


def test_a_grant_type_is_one_that_is_declared() -> None:
    """What is needed follows it; a template's is one of its settings."""
    with pytest.raises(CredentialsError) as caught:
        connect(TWO, {"client_id": "i"}, grant_type="client_credentials")
    assert ("client_secret",) == caught.value.missing
    said = "provider 'two' declares 'authorization_code', 'refresh_token', 'client_credentials'"
    assert said in refusal(TWO, OF_TWO, grant_type="password")
    assert "grant_type: it belongs to the credentials" in refusal(
        ANY, OF_ANY, grant_type="password"
    )


def test_origins_that_are_added_count_for_key_files_too() -> None:
    """Whoever passes an origin by hand means it; an iterator is read once."""
    creds = {**OF_ROBOT, "token_endpoint": "https://other.example/token"}
    with pytest.raises(CredentialsError):
        connect(ROBOT, creds)
    run(connect(ROBOT, creds, origins=iter(["https://other.example"])).close())


# -- what it loads ---------------------------------------------------------------------------------

LOADED = """
import sys
from oauthkit import {names}, connect
connect({declaration}, {creds})
print(*sorted(name for name in sys.modules if name.startswith("oauthkit.")))
"""


def loaded(names: str, declaration: str, creds: str) -> set[str]:
    """Return our modules that one `connect()` loads, by the last part of their names."""
    code = LOADED.format(names=names, declaration=declaration, creds=creds)
    return {name.rpartition(".")[2] for name in fresh(code).split()}


def test_nobody_pays_for_other_protocols() -> None:
    """OAuth 1.0a loads nothing of OAuth 2 and assertions, and the other way round."""
    creds = '{"client_id": "i", "client_secret": "s"}'
    one = loaded("OAuth1Provider", "OAuth1Provider(name='a', api_base='https://a.example')", creds)
    assert {"oauth1"} <= one
    assert set() == one & {"oauth2", "oauth2_flow", "assertion", "jose", "pkce", "responses"}
    declaration = (
        "OAuth2Provider(name='a', api_base='https://a.example', token_endpoint='https://a.example/t',"
        "grant_types=['client_credentials'])"
    )
    two = loaded("OAuth2Provider", declaration, creds)
    assert {"oauth2"} <= two
    assert set() == two & {"assertion", "jose", "oauth1_flow", "oauth1_signer", "template"}
