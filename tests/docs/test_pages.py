"""What pages list is what there is: options, fields, errors, and every public name."""

from __future__ import annotations

import importlib
import pkgutil
import re
from typing import Any

import attrs
import pytest

import oauthkit
from docs.pages import read, section
from docs.world import ACME
from oauthkit import (
    AssertionCredentials,
    AssertionProvider,
    ConfigurationError,
    OAuth1Credentials,
    OAuth1Provider,
    OAuth2Credentials,
    OAuth2Provider,
    OAuth2Template,
    Provider,
    connect,
    errors,
)
from oauthkit import protocol as sans_io

COMMON = ("name", "title", "documentation", "api_base", "origins", "plain_http_hosts")
GENERIC = {
    "grant_type": "client_credentials",
    "token_endpoint": "https://login.example.org/token",
    "api_base": "https://api.example.org",
    "client_id": "i",
    "client_secret": "s",
}


def first_column(text: str) -> list[str]:
    """Return the names in code style that begin the rows of the tables in *text*."""
    return re.findall(r"^\| `([^`]+)` \|", text, flags=re.MULTILINE)


@pytest.mark.parametrize(
    ("heading", "fields"),
    [
        ("OAuth 1.0a", [field.name for field in attrs.fields(OAuth1Credentials)]),
        ("OAuth 2", [field.name for field in attrs.fields(OAuth2Credentials)]),
        ("Service accounts", [field.name for field in attrs.fields(AssertionCredentials)]),
    ],
)
def test_credentials(heading: str, fields: list[str]) -> None:
    """The page lists the fields of credentials, in their order."""
    chapter = read("docs/configuration.md").partition("\n## Credentials\n")[2]
    assert fields == first_column(_below(chapter, heading))


def test_settings() -> None:
    """The page lists what `generic` reads beside credentials."""
    settings = first_column(section("docs/configuration.md", "### Any server"))
    assert sorted(OAuth2Template.settings) == sorted(settings)


@pytest.mark.parametrize(
    ("heading", "provider", "creds"),
    [
        ("OAuth 1.0a", "twitter", {"client_id": "i", "client_secret": "s"}),
        ("OAuth 2", "generic", GENERIC),
        ("Service accounts", "google-service-account", None),
    ],
)
def test_options(heading: str, provider: str, creds: dict[str, str] | None) -> None:
    """The page lists each option of `connect()`: those that it names where one is unknown."""
    given = AssertionCredentials(issuer="i", private_key="k") if creds is None else creds
    with pytest.raises(ConfigurationError, match="'qqq': one of ") as caught:
        connect(provider, given, qqq=1)
    known = str(caught.value).partition("one of ")[2].split(", ")
    chapter = section("docs/configuration.md", "## Options")
    assert known == sorted(first_column(_below(chapter, heading)))


def _below(chapter: str, heading: str) -> str:
    return chapter.partition(f"### {heading}\n")[2].partition("\n### ")[0]


@pytest.mark.parametrize(
    ("heading", "kind"),
    [
        ("## The fields", OAuth1Provider),
        ("## OAuth 2", OAuth2Provider),
        ("## Assertions", AssertionProvider),
    ],
)
def test_declaration(heading: str, kind: type[Provider[Any]]) -> None:
    """The page lists each field of a declaration, with its default."""
    rows = section("docs/write-a-provider.md", heading)
    fields = {field.name: field for field in attrs.fields(kind) if field.init}
    # What all kinds have stands in the first table.
    common = () if kind is OAuth1Provider else COMMON
    assert sorted(set(fields) - set(common)) == sorted(first_column(rows))
    for name, shown in re.findall(r"^\| `(\w+)` \| `([^`]+)` \|", rows, flags=re.MULTILINE):
        assert (name, shown) == (name, repr(fields[name].default).replace("'", '"'))


def test_emphasized_lines() -> None:
    """The three lines that matter of acme's pyproject.toml are those that the page marks."""
    lines = (ACME / "pyproject.toml").read_text(encoding="utf-8").splitlines()
    assert ":emphasize-lines: 14, 16-17" in read("docs/write-a-provider.md")
    assert ["dependencies", "[project", "acme"] == [
        re.split(r"[ .]", lines[number - 1])[0] for number in (14, 16, 17)
    ]


def test_errors() -> None:
    """The page has a heading for each error but the base, and the reference has all of them."""
    classes = [name for name in errors.__all__ if name[0].isupper()]
    headings = re.findall(r"^## (\w+)$", read("docs/errors.md"), flags=re.MULTILINE)
    assert sorted(classes) == sorted([*headings, "OAuthKitError"])


def test_reference() -> None:
    """The reference has every public name, and every public module with names of its own."""
    text = read("docs/reference.md")
    listed = re.findall(r"^\.\. auto(?:class|exception|function):: (\w+)", text, flags=re.MULTILINE)
    assert sorted(oauthkit.__all__) == sorted(listed)

    modules = set(re.findall(r"^\.\. automodule:: (\S+)", text, flags=re.MULTILINE))
    rooms = [f"oauthkit.protocol.{found.name}" for found in pkgutil.iter_modules(sans_io.__path__)]
    assert set(rooms) | {"oauthkit.testing.servers"} <= modules
    for name in modules:
        importlib.import_module(name)
