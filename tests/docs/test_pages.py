"""What pages list is what there is: options, fields, errors, and every public name."""

from __future__ import annotations

import importlib
import pkgutil
import re

import attrs
import pytest

import oauthkit
from docs.pages import read, section
from docs.world import ACME
from oauthkit import ConfigurationError, OAuth1Credentials, OAuth1Provider, connect, errors
from oauthkit import protocol as sans_io


def first_column(text: str) -> list[str]:
    """Return the names in code style that begin the rows of the tables in *text*."""
    return re.findall(r"^\| `([^`]+)` \|", text, flags=re.MULTILINE)


def test_credentials() -> None:
    """The page lists the fields of credentials, in their order."""
    fields = [field.name for field in attrs.fields(OAuth1Credentials)]
    assert fields == first_column(section("docs/configuration.md", "## Credentials"))


def test_options() -> None:
    """The page lists each option of `connect()`: those that it names where one is unknown."""
    with pytest.raises(ConfigurationError, match="'qqq': one of ") as caught:
        connect("twitter", {"client_id": "i", "client_secret": "s"}, qqq=1)
    known = str(caught.value).partition("one of ")[2].split(", ")
    assert known == sorted(first_column(section("docs/configuration.md", "## Options")))


def test_declaration() -> None:
    """The page lists each field of a declaration, with its default."""
    rows = section("docs/write-a-provider.md", "## The fields")
    fields = {field.name: field for field in attrs.fields(OAuth1Provider) if field.init}
    assert sorted(fields) == sorted(first_column(rows))
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
