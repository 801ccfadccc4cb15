"""`oauthkit providers`: what is installed, and what is wrong with the rest."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.distributions import write_distribution
from oauthkit import OAuth1Provider, Registry, default_registry
from oauthkit.cli import main, providers


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give a folder on sys.path, which the registry looks into when it is refreshed."""
    monkeypatch.setattr("sys.path", [*sys.path, str(tmp_path)])
    before = set(sys.modules)
    yield tmp_path
    monkeypatch.undo()
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]
    default_registry().refresh()


def page(capsys: pytest.CaptureFixture[str]) -> str:
    """Return what `oauthkit providers` prints, after a look at what is installed."""
    default_registry().refresh()
    assert 0 == main(["providers"])
    return capsys.readouterr().out


def test_list(installed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Below each name: title, protocol, grant types, distribution and version."""
    write_distribution(installed, "oauthkit-orchard", "orchard", title="The Orchard")
    shown = page(capsys)
    assert "orchard\n  The Orchard · oauth1 · oauth1 · oauthkit-orchard 2.5\n" in shown
    words = " ".join(shown.split())
    assert (
        "generic Any OAuth 2 server · oauth2 · authorization_code, client_credentials, password, "
        "refresh_token · oauthkit "
    ) in words
    assert (
        "google-service-account Google service account · assertion · "
        "urn:ietf:params:oauth:grant-type:jwt-bearer · oauthkit "
    ) in words


def test_broken_and_ambiguous(installed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each is shown with its distribution and why; the others are listed as ever."""
    write_distribution(installed, "oauthkit-rotten", "rotten", code="import no_such_module")
    write_distribution(installed, "plum-one", "plum")
    write_distribution(installed, "plum-two", "plum")
    shown = page(capsys)
    table, *others = shown.split("\n\n")
    assert "twitter" in table
    assert "plum" not in table
    ambiguous, broken = (" ".join(other.split()) for other in others)
    assert ambiguous.startswith("ambiguous plum provider")
    assert "plum-one 2.5" in ambiguous
    assert "plum-two 2.5" in ambiguous
    assert "Registry.prefer(" in ambiguous
    assert broken.startswith("broken rotten provider")
    assert "oauthkit-rotten 2.5" in broken
    assert "No module named 'no_such_module'" in broken
    assert 80 >= max(map(len, shown.splitlines()))


def test_json(installed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The document has an entry for each claim, in the same members for all."""
    write_distribution(installed, "oauthkit-rotten", "rotten", code="1 / 0")
    write_distribution(installed, "plum-one", "plum")
    write_distribution(installed, "plum-two", "plum")
    default_registry().refresh()
    assert 0 == main(["providers", "--json"])
    entries = json.loads(capsys.readouterr().out)
    by_status: dict[str, list[str]] = {}
    for entry in entries:
        by_status.setdefault(entry["status"], []).append(entry["distribution"])
    assert ["oauthkit-rotten"] == by_status["broken"]
    assert ["plum-one", "plum-two"] == sorted(by_status["ambiguous"])
    (ours,) = (entry for entry in entries if entry["name"] == "twitter")
    assert ours.pop("version")
    assert {
        "name": "twitter",
        "title": "X (Twitter)",
        "protocol": "oauth1",
        "grant_types": ["oauth1"],
        "distribution": "oauthkit",
        "status": "ok",
        "reason": "",
    } == ours


def test_wide(installed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is too wide for a table stands below its name, and still fits."""
    write_distribution(installed, "oauthkit-orchard", "orchard", title="An orchard " * 4)
    shown = page(capsys)
    assert f"orchard\n  {'An orchard ' * 4}· oauth1 · oauth1" in shown
    assert "twitter\n  X (Twitter) · oauth1 · oauth1 · oauthkit" in shown
    assert 80 >= max(map(len, shown.splitlines()))


def test_control_characters(installed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A plugin cannot make the terminal do things."""
    write_distribution(
        installed, "oauthkit-rotten", "rotten", code="raise ValueError('\\x1b[2J\\x07 gone')"
    )
    shown = page(capsys)
    assert "[2J gone" in shown
    assert "\x1b" not in shown
    assert "\x07" not in shown


def test_none(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Where nothing is installed, it says how something would be."""
    monkeypatch.setattr("sys.path", [])
    try:
        shown = page(capsys)
        assert 0 == main(["providers", "--json"])
    finally:
        monkeypatch.undo()
        default_registry().refresh()
    assert "No provider is installed." in shown
    assert '"oauthkit.providers"' in shown
    assert [] == json.loads(capsys.readouterr().out)


def test_only_broken(
    installed: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where nothing can be used there is no empty table, and no claim that nothing is there."""
    write_distribution(installed, "oauthkit-rotten", "rotten", code="1 / 0")
    monkeypatch.setattr("sys.path", [str(installed)])
    assert page(capsys).startswith("broken  rotten\n")


def test_registered_by_hand(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A provider without a distribution says where it is from."""
    registry = Registry()
    registry.register(OAuth1Provider(name="orchard", api_base="https://orchard.example"))
    monkeypatch.setattr(providers, "default_registry", lambda: registry)
    assert 0 == main(["providers"])
    assert "orchard" in (shown := capsys.readouterr().out)
    assert "registered by hand" in shown
