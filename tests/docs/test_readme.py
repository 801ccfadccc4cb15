"""README says what is so: commands, their output, errors, acme's files, and links that lead somewhere."""

from __future__ import annotations

import re
import tomllib

import pytest

from docs.pages import blocks, pages, prose, read
from docs.world import ACME
from oauthkit import CredentialsError, connect
from support import ROOT, fresh

README = "README.md"
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def block(first: str) -> str:
    """Return README's block that begins with *first*."""
    (found,) = (each.text for each in blocks(README) if each.text.startswith(first))
    return found


def test_the_commands() -> None:
    """CI runs README's second line, word for word; other pages repeat README's lines."""
    install, test = block("python3 -m venv").splitlines()
    assert test in (ROOT / ".ci/run").read_text(encoding="utf-8").splitlines()
    assert install == next(
        each.text for each in blocks("docs/ten-lines.md") if "oauthkit demo" in each.text
    )
    contributing = next(each.text for each in blocks("CONTRIBUTING.md") if "nox" in each.text)
    assert test == " && ".join(contributing.splitlines())


def test_providers() -> None:
    """The command prints what README shows."""
    code = "import sys; from oauthkit.cli import main; sys.exit(main(['providers']))"
    assert block("generic\n") == fresh(code).rstrip("\n")


def test_what_a_missing_credential_looks_like(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error is README's, to the letter, for a mapping with one key misspelt and one missing."""
    for name in ("CLIENT_ID", "CLIENT_SECRET"):
        monkeypatch.delenv(f"OAUTHKIT_TWITTER__{name}", raising=False)
    with pytest.raises(CredentialsError) as caught:
        connect("twitter", {"client_key": "k", "token": "t", "token_secret": "s"})
    assert block("CredentialsError") == f"CredentialsError: {caught.value}"


def test_acme() -> None:
    """What README shows of acme stands in acme's files."""
    declaration = (ACME / "oauthkit_acme/__init__.py").read_text(encoding="utf-8")
    assert declaration.rstrip("\n") == block('"""Acme')
    assert 11 == sum(bool(line) for line in declaration.splitlines())

    test = (ACME / "tests/test_laws.py").read_text(encoding="utf-8")
    assert test.rstrip("\n") == block('"""The laws')
    assert 6 == sum(bool(line) for line in test.splitlines())

    shown = tomllib.loads(block("dependencies = "))
    project = tomllib.loads((ACME / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert shown["dependencies"] == project["dependencies"]
    assert shown["project"]["entry-points"] == project["entry-points"]


def test_the_log_in_is_the_same() -> None:
    """README and the page on OAuth 1.0a show one log-in, not two."""
    assert block("from aiohttp import web") in [each.text for each in blocks("docs/oauth1.md")]


def test_length() -> None:
    """README is read in five minutes."""
    assert 255 >= len(read(README).splitlines())


@pytest.mark.parametrize("page", pages())
def test_links(page: str) -> None:
    """Each link to a file leads to one; Sphinx checks those to headings."""
    here = (ROOT / page).parent
    targets = [target.partition("#")[0] for target in _LINK.findall(prose(page))]
    inside = [target for target in targets if target and "://" not in target]
    assert [] == [target for target in inside if not (here / target).exists()]
