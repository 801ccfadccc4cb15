"""Credentials of assertion clients: a service's key file, under its own names, checked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from oauthkit.credentials import AssertionCredentials, environment_name, load_credentials
from oauthkit.errors import ConfigurationError, CredentialsError
from oauthkit.provider import AssertionProvider

PEM = "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n"
PLAIN = AssertionProvider(
    name="plain", token_endpoint="https://acme.example/token", api_base="https://api.acme.example"
)
ROBOT = AssertionProvider(
    name="robot",
    token_endpoint="https://acme.example/token",
    origins=["https://*.acme.example"],
    credential_names={"issuer": "mail", "key_id": "key_name", "token_endpoint": "exchange_uri"},
    credential_constants={"type": "robot"},
    ignored_credentials=["project", "client_id"],
)
FILE = {
    "type": "robot",
    "mail": "robot@acme.example",
    "private_key": PEM,
    "key_name": "k1",
    "exchange_uri": "https://acme.example/token",
    "project": {"any": "thing"},
    "client_id": 17,
}


def refusal(creds: Any, provider: AssertionProvider = ROBOT, **options: Any) -> CredentialsError:
    """Return the error that *creds* are refused with; nothing is read from this process."""
    with pytest.raises(CredentialsError) as caught:
        load_credentials(provider, creds, environ=options.pop("environ", {}), **options)
    return caught.value


def test_a_key_file_is_read_under_its_own_names(tmp_path: Path) -> None:
    """What of it is of no use is left alone, whatever it holds."""
    expected = AssertionCredentials(
        issuer="robot@acme.example",
        private_key=PEM,
        key_id="k1",
        token_endpoint="https://acme.example/token",
    )
    assert expected == load_credentials(ROBOT, FILE)
    file = tmp_path / "key.json"
    file.write_text(json.dumps(FILE))
    assert expected == load_credentials(ROBOT, str(file))
    environ = {environment_name("robot", name): str(value) for name, value in FILE.items()}
    assert expected == load_credentials(ROBOT, None, environ=environ)
    assert expected is load_credentials(ROBOT, expected)


def test_without_other_names_the_fields_are_the_names() -> None:
    """Subject and scope may come along."""
    fields = {"issuer": "i", "private_key": PEM, "key_id": "k", "subject": "u", "scope": "a b"}
    assert AssertionCredentials(**fields) == load_credentials(PLAIN, fields)


def test_the_error_is_the_tutorial() -> None:
    """Missing fields go by the names of the key file; ours lead to them."""
    assert str(refusal({"scopes": "a", "issuer": "i"})).splitlines() == [
        "robot",
        '  missing   private_key       "private_key", or OAUTHKIT_ROBOT__PRIVATE_KEY',
        '  unknown   "scopes"          did you mean "scope"?',
        '  unknown   "issuer"          did you mean "mail"?',
    ]
    assert ("mail", "private_key") == refusal({}).missing
    assert ("issuer", "private_key") == refusal({}, PLAIN).missing


MEANT = {"iss": "mail", "kid": "key_name", "token_uri": "exchange_uri", "key": "private_key"}


@pytest.mark.parametrize(("key", "name"), MEANT.items())
def test_other_names_of_the_same_thing_are_understood(key: str, name: str) -> None:
    """Unknown members are still reported."""
    error = refusal({**FILE, key: "x"})
    assert (key,) == error.unknown
    assert f'did you mean "{name}"?' in str(error)


@pytest.mark.parametrize(
    ("said", "shown"),
    [("authorized_user", '"authorized_user"'), ("S3cr3t0", "another"), (3, "another")],
)
def test_a_file_of_another_kind_is_told_by_what_it_is(said: object, shown: str) -> None:
    """One line says so; that its members are others needs none."""
    error = refusal({"type": said, "refresh_token": "x"})
    assert str(error).splitlines() == [
        "robot",
        f'  invalid   type              expected "robot", this is {shown}: credentials of another kind',
    ]


def test_the_kind_need_not_be_said() -> None:
    """Who passes a mapping knows what it is."""
    assert "k1" == load_credentials(ROBOT, {**FILE, "type": None}).key_id


FLAWS: list[tuple[str, Any, str]] = [
    ("mail", "", "it is empty"),
    ("mail", 3, "expected text, got int"),
    ("private_key", "/etc/key.pem", "the text of a private key in PEM"),
    ("private_key", PEM.replace("\n", "\\n"), "with its line ends and not the characters \\n"),
    ("private_key", PEM.replace("PRIVATE", "PUBLIC"), "the text of a private key in PEM"),
    ("key_name", "k1\n", "begins or ends with white space"),
    ("scope", ["a"], "expected text, got list"),
    ("exchange_uri", 3, "expected text, got int"),
    ("exchange_uri", "http://acme.example/token", "expected an absolute https URL"),
]


@pytest.mark.parametrize(("key", "value", "said"), FLAWS)
def test_flawed_values_are_invalid(key: str, value: Any, said: str) -> None:
    """The name is the key file's."""
    error = refusal({**FILE, key: value})
    assert ((key,), (), ()) == (error.invalid, error.missing, error.unknown)
    assert said in str(error)


@pytest.mark.proves(
    "Where secrets may go",
    "an assertion goes to no address that only a file names",
    rfc=None,
    judge="none but ours",
)
def test_an_assertion_goes_to_no_address_that_only_a_file_names() -> None:
    """A token endpoint elsewhere is refused, from a file, a mapping or an object."""
    elsewhere = "https://collector.example/token"
    typed = AssertionCredentials(issuer="i", private_key=PEM, token_endpoint=elsewhere)
    for creds in ({**FILE, "exchange_uri": elsewhere}, typed):
        error = refusal(creds)
        assert ("exchange_uri",) == error.invalid
        assert "assertions go to https://acme.example, https://*.acme.example only" in str(error)
        assert "collector" not in str(error)
        allowed = load_credentials(ROBOT, creds, origins=("https://collector.example",))
        assert elsewhere == allowed.token_endpoint
    inside = {**FILE, "exchange_uri": "https://eu.acme.example/token"}
    assert "https://eu.acme.example/token" == load_credentials(ROBOT, inside).token_endpoint
    with pytest.raises(ConfigurationError, match="is not a scheme"):
        load_credentials(ROBOT, typed, origins=("collector",))


def test_no_error_shows_a_value(tmp_path: Path) -> None:
    """Neither key nor whatever stands in the wrong place."""
    creds = {name: f"s3cr3t {name}\n" for name in (*FILE, "client_secret")}
    file = tmp_path / "key.json"
    file.write_text(json.dumps({**creds, "type": "robot"}))
    for given in (creds, {**creds, "type": "robot"}, file):
        error = refusal(given)
        assert "s3cr3t" not in f"{error}{error!r}{vars(error)!r}"
        assert (None, None) == (error.__cause__, error.__context__)


def test_the_repr_hides_the_key() -> None:
    """Whose it is may be seen."""
    assert (
        "AssertionCredentials(issuer='i', key_id=None, subject=None, scope=None, "
        "token_endpoint=None)"
    ) == repr(AssertionCredentials(issuer="i", private_key=PEM))
