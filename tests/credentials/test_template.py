"""Settings of a template: a declaration and credentials in one mapping, and all faults at once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from oauthkit.credentials import OAuth2Credentials, environment_name, load_template
from oauthkit.errors import CredentialsError
from oauthkit.provider import OAuth2Template

TEMPLATE = OAuth2Template(name="any", title="Any server")
SETTINGS = {
    "grant_type": "client_credentials",
    "token_endpoint": "https://acme.example/token",
    "api_base": "https://api.acme.example",
    "client_id": "i",
    "client_secret": "s",
    "scope": "a b",
}


def refusal(creds: Any, **options: Any) -> CredentialsError:
    """Return the error that *creds* are refused with; nothing is read from this process."""
    with pytest.raises(CredentialsError) as caught:
        load_template(TEMPLATE, creds, environ=options.pop("environ", {}), **options)
    return caught.value


def test_settings_are_declaration_and_credentials(tmp_path: Path) -> None:
    """From a mapping, a file, the environment: the same provider, the same credentials."""
    provider, credentials = load_template(TEMPLATE, SETTINGS)
    assert ("any", "Any server", ("client_credentials",)) == (
        provider.name,
        provider.title,
        provider.grant_types,
    )
    assert "https://acme.example/token" == provider.token_endpoint
    assert OAuth2Credentials(client_id="i", client_secret="s", scope="a b") == credentials
    file = tmp_path / "settings.json"
    file.write_text(json.dumps({**SETTINGS, "issuer": None}))
    assert (provider, credentials) == load_template(TEMPLATE, file)
    environ = {environment_name("any", name): value for name, value in SETTINGS.items()}
    assert (provider, credentials) == load_template(TEMPLATE, None, environ=environ)


def test_nothing_at_all_is_answered_with_what_is_needed() -> None:
    """Grant types as a list, and the variable of each setting."""
    assert str(refusal({})).splitlines() == [
        "any",
        "  missing   grant_type        \"grant_type\", or OAUTHKIT_ANY__GRANT_TYPE: one of 'authorization_code', 'client_credentials', 'password', 'refresh_token'",
        '  missing   api_base          "api_base", or OAUTHKIT_ANY__API_BASE: api_base or origins must say where tokens may go',
        '  missing   token_endpoint    "token_endpoint", or OAUTHKIT_ANY__TOKEN_ENDPOINT: the URL where tokens come from',
        '  missing   client_id         "client_id", or OAUTHKIT_ANY__CLIENT_ID',
    ]


def test_all_faults_of_both_are_told_at_once() -> None:
    """Grant type, endpoints, credentials, and what nobody asked for; no value of any."""
    error = refusal(
        {
            "grant_type": "s3cr3t",
            "token_endpoint": "http://s3cr3t.example/token",
            "origins": ["s3cr3t"],
            "issuer": ["s3cr3t"],
            "client_secret": "s3cr3t\n",
            "authorize_url": "https://s3cr3t.example",
        }
    )
    assert ("grant_type", "origins", "token_endpoint", "issuer", "client_secret") == error.invalid
    assert ("client_id",) == error.missing
    assert ("authorize_url",) == error.unknown
    assert 'did you mean "authorization_endpoint"?' in str(error)
    assert "s3cr3t" not in f"{error}{error!r}{vars(error)!r}"
    assert (None, None) == (error.__cause__, error.__context__)


NEEDED = {
    "authorization_code": (("authorization_endpoint",), ()),
    "client_credentials": ((), ("client_secret",)),
    "password": ((), ("username", "password")),
    "refresh_token": ((), ("refresh_token",)),
}


@pytest.mark.parametrize(("grant_type", "missing"), NEEDED.items())
def test_what_is_needed_follows_the_grant(
    grant_type: str, missing: tuple[tuple[str, ...], tuple[str, ...]]
) -> None:
    """Endpoints first, then credentials."""
    creds = {**SETTINGS, "grant_type": grant_type, "client_secret": None}
    endpoints, credentials = missing
    assert (*endpoints, *credentials) == refusal(creds).missing


def test_a_method_that_is_named_needs_its_secret() -> None:
    """Unnamed, a client without a secret is a public one."""
    creds = {**SETTINGS, "grant_type": "refresh_token", "refresh_token": "r", "client_secret": None}
    assert load_template(TEMPLATE, creds)[1].client_secret is None
    error = refusal({**creds, "token_endpoint_auth_method": "client_secret_post"})
    assert ("client_secret",) == error.missing
    assert ("client_secret",) == refusal(creds, auth_method="client_secret_basic").missing
    public = {**creds, "token_endpoint_auth_method": "none"}
    assert "none" == load_template(TEMPLATE, public)[0].token_endpoint_auth_method


def test_a_typed_object_says_who_and_not_where() -> None:
    """It belongs to a declaration of one's own."""
    assert "OAuth2Provider(…)" in str(refusal(OAuth2Credentials(client_id="i")))
    assert "expected a mapping, OAuth2Credentials, a path or None, got int" in str(refusal(3))


def test_an_unknown_variable_is_found() -> None:
    """The hint is the variable that was meant."""
    environ = {environment_name("any", name): value for name, value in SETTINGS.items()}
    environ["OAUTHKIT_ANY__TOKEN_URL"] = "x"
    error = refusal(None, environ=environ)
    assert ("OAUTHKIT_ANY__TOKEN_URL",) == error.unknown
    assert "did you mean OAUTHKIT_ANY__TOKEN_ENDPOINT?" in str(error)
    assert "any (the environment)" == str(error).splitlines()[0]
