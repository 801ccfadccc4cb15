"""`oauthkit key new`: a key on standard output, or in the system's keyring."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import keyring
import pytest
from cryptography.fernet import Fernet

from cli.test_main import COMMAND, environment
from filekeyring import FileKeyring, child, installed
from oauthkit.cli import main


@pytest.fixture
def ring(tmp_path: Path) -> Generator[FileKeyring]:
    """Put a keyring in place."""
    with installed(tmp_path / "keyring.json") as backend:
        yield backend


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Return what the command says before it ends with status 2."""
    assert 2 == main(["key", "new", *arguments])
    said = capsys.readouterr()
    assert "" == said.out
    assert "hunter22" not in said.err
    return said.err


def test_a_key(capsys: pytest.CaptureFixture[str]) -> None:
    """One line: a key of Fernet's, and each time another."""
    keys: set[str] = set()
    for _ in range(2):
        assert 0 == main(["key", "new"])
        shown = capsys.readouterr().out
        assert shown.endswith("\n")
        Fernet(shown.strip())
        keys.add(shown)
    assert 2 == len(keys)


@pytest.mark.parametrize("prefix", ["", "keyring:"])
def test_a_key_in_the_keyring(
    ring: FileKeyring, capsys: pytest.CaptureFixture[str], prefix: str
) -> None:
    """It is there, it is not shown, and what to pass is."""
    assert 0 == main(["key", "new", "--keyring", f"{prefix}my app/of/tokens"])
    shown = capsys.readouterr().out
    assert 'Pass encryption_key="keyring:my app/of/tokens"\n' in shown
    kept = keyring.get_password("my app/of", "tokens")
    assert kept is not None
    Fernet(kept)
    assert kept not in shown


def test_a_key_that_is_there(ring: FileKeyring, capsys: pytest.CaptureFixture[str]) -> None:
    """It stays: without it, what it has encrypted would be lost."""
    ring.put("oauthkit", "tokens", "hunter22")
    assert "there is one already" in refusal(capsys, "--keyring", "oauthkit/tokens")
    assert "hunter22" == keyring.get_password("oauthkit", "tokens")


@pytest.mark.parametrize("name", ["", "tokens", "/tokens", "oauthkit/", "keyring:", "a/b\n"])
def test_names_that_are_none(capsys: pytest.CaptureFixture[str], name: str) -> None:
    """The error says what one looks like."""
    assert "such as oauthkit/tokens" in refusal(capsys, "--keyring", name)


def test_keyrings_that_fail(
    ring: FileKeyring, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is locked, one that keeps nothing, and none at all."""
    ring.forgetful = True
    assert "did not keep it" in refusal(capsys, "--keyring", "oauthkit/tokens")
    ring.locked = True
    assert "KeyringLocked" in refusal(capsys, "--keyring", "oauthkit/tokens")
    monkeypatch.setitem(sys.modules, "keyring", None)
    assert "pip install 'oauthkit[keyring]'" in refusal(capsys, "--keyring", "oauthkit/tokens")


def test_the_command(tmp_path: Path) -> None:
    """In a process of its own, with the keyring that its user has chosen; `keyring` finds the key."""
    variables = environment(**child(tmp_path / "keyring.json"))
    arguments = ["key", "new", "--keyring", "oauthkit/tokens"]
    for status in (0, 2):
        done = subprocess.run(
            [*COMMAND, *arguments], capture_output=True, text=True, check=False, env=variables,
            timeout=60,
        )  # fmt: skip
        assert status == done.returncode, done.stderr
    ask = [sys.executable, "-P", "-m", "keyring", "get", "oauthkit", "tokens"]
    told = subprocess.run(
        ask, capture_output=True, text=True, check=True, env=variables, timeout=60
    )
    Fernet(told.stdout.strip())
