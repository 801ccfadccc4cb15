"""The page on laws lists those that there are, and shows what the command prints."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docs.pages import blocks, read, section
from oauthkit.cli import main
from oauthkit.testing import laws
from oauthkit.testing.laws.law import laws_in

PAGE = "docs/test-your-provider.md"

# What each table lists, by the modules that hold the laws.
TABLES = {
    "### The declaration": ("static",),
    "### OAuth 1.0a": ("base_string", "oauth1"),
    "### OAuth 2": (
        "oauth2_authorization",
        "oauth2_callback",
        "oauth2_tokens",
        "oauth2_answers",
    ),
    "### Assertions": ("assertion",),
    "### Tokens and secrets": ("fence", "secrets"),
}


def listed(heading: str) -> list[laws.Law]:
    """Return the laws that belong below a heading."""
    modules = [f"oauthkit.testing.laws.{name}" for name in TABLES[heading]]
    return [law for module in modules for law in laws_in(module)]


@pytest.mark.parametrize("heading", TABLES)
def test_tables(heading: str) -> None:
    """Each law stands there with its section and its statement, in the order of the suite."""
    assert set(laws.LAWS)
    wanted = [f"| `{law.name}` | {law.section} | {law.statement} |" for law in listed(heading)]
    assert wanted == re.findall(r"^\| `.*", section(PAGE, heading), flags=re.MULTILINE)


def test_all_laws() -> None:
    """No law is missing."""
    everything = [law.name for heading in TABLES for law in listed(heading)]
    assert sorted(law.name for law in laws.LAWS) == sorted(everything)


def test_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`oauthkit check shop.py` prints what the page says."""
    before, after = blocks(PAGE)[1:3]
    (tmp_path / "shop.py").write_text(before.text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert 1 == main(["check", "shop.py"])
    assert after.text == capsys.readouterr().out.rstrip("\n")


def test_strategies() -> None:
    """The page names every strategy."""
    from oauthkit.testing import strategies

    made = {name for name in strategies.__all__ if name[0].islower()} - {"encode_form"}
    chapter = read(PAGE).partition("\n## Strategies for tests of your own\n")[2]
    assert made == set(re.findall(r"`(\w+)\(\)`", chapter))
