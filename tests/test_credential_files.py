"""Credentials from a file: what is no such file, and what may be shown of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from oauthkit.credentials import load_credentials
from oauthkit.errors import CredentialsError
from oauthkit.provider import OAuth1Provider

PROVIDER = OAuth1Provider(name="twitter", api_base="https://api.x.com")
FULL = {"client_id": "id", "client_secret": "s1", "token": "t", "token_secret": "s2"}


def refusal(creds: Any) -> CredentialsError:
    """Return the error that *creds* are refused with."""
    with pytest.raises(CredentialsError) as caught:
        load_credentials(PROVIDER, creds, environ={})
    return caught.value


FILES: dict[str, tuple[bytes, str]] = {
    "syntax": (b'{\n "client_id": s3cr3t}', "it is not JSON: line 2, column 15"),
    "empty": (b"", "it is not JSON: line 1, column 1"),
    "list": (b'["s3cr3t"]', "it is JSON, but no object"),
    "text": (b'"s3cr3t"', "it is JSON, but no object"),
    "latin": (b'{"client_id": "s3cr3t\xe9"}', "it is not UTF-8: byte 22"),
    "deep": (b"[" * 100_000, "nested too deep"),
    "digits": (b'{"client_id": ' + b"1" * 5000 + b"}", "a number that is too long"),
    "twice": (b'{"token": "s3cr3t", "token": "b"}', "it says token twice"),
    "large": (b" " * (1024 * 1024) + b"{}", "it is larger than 1048576 bytes"),
}


@pytest.mark.parametrize("case", FILES)
def test_files_that_are_no_credentials_are_refused(tmp_path: Path, case: str) -> None:
    """Where it went wrong is said; what stands there is not, and the parser's error is let go."""
    octets, said = FILES[case]
    file = tmp_path / "creds.json"
    file.write_bytes(octets)
    error = refusal(file)
    assert f"twitter ({file})" == str(error).splitlines()[0]
    assert said in str(error)
    assert (None, None) == (error.__cause__, error.__context__)
    assert "s3cr3t" not in repr(vars(error))


def test_a_file_may_be_as_large_as_the_bound(tmp_path: Path) -> None:
    """One mebibyte, and no more than that is read."""
    text = json.dumps(FULL)
    file = tmp_path / "creds.json"
    file.write_text(text + " " * (1024 * 1024 - len(text)))
    assert "id" == load_credentials(PROVIDER, file).client_id


def test_the_faults_of_a_file_name_it(tmp_path: Path) -> None:
    """The same list as for a mapping, with the path in its first line."""
    file = tmp_path / "creds.json"
    file.write_text('{"client_id": 3, "client_secret": "s"}')
    assert str(refusal(str(file))).splitlines() == [
        f"twitter ({file})",
        "  invalid   client_id         expected text, got int",
    ]


def test_files_that_cannot_be_opened_are_refused(tmp_path: Path) -> None:
    """A missing file, a directory, a name that no system takes."""
    assert "there is no such file" in str(refusal(tmp_path / "none"))
    assert "it is a directory" in str(refusal(tmp_path))
    assert "it cannot be read" in str(refusal(tmp_path / ("a" * 5000)))
    assert "it cannot be read" in str(refusal(tmp_path / "none" / ".." / ("a" * 5000)))
    assert "no path looks like this" in str(refusal("a\x00b"))


def test_text_that_is_json_is_told_so() -> None:
    """Text is always a path; what was meant is named, and nothing of it shown."""
    error = refusal(' {"client_secret": "s3cr3t"}')
    assert "this looks like JSON: pass json.loads(…)" in str(error)
    assert "s3cr3t" not in str(error)


@pytest.mark.parametrize(
    "text",
    [
        "s3cr3t",
        "/s3cr3t",
        "s3/cr3t",
        "s3cr3t.pem",
        "s3cr3t\n",
        "s3cr3t" * 1000,
        "a/" * 3000 + "s3cr3t",
    ],
)
def test_text_that_may_be_a_secret_is_not_shown(text: str) -> None:
    """Somebody may pass a secret where a path belongs; only what looks like a path is repeated."""
    error = refusal(text)
    assert f"twitter (a path of {len(text)} characters, not shown)" == str(error).splitlines()[0]
    assert (None, None) == (error.__cause__, error.__context__)


def test_text_that_looks_like_a_path_is_shown(tmp_path: Path) -> None:
    """A name that ends in .json, or a folder that exists."""
    for text in ("nowhere.json", str(tmp_path / "creds")):
        assert text == refusal(text).source
