"""`oauthkit check`: what is wrong with a declaration, and how to mend it; without Hypothesis."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.distributions import write_distribution
from oauthkit import default_registry
from oauthkit.cli import main
from oauthkit.testing.laws import STATIC_LAWS
from support import fresh

RIGHT = """\
from oauthkit import OAuth2Provider

orchard = OAuth2Provider(
    name="orchard",
    documentation="https://developer.orchard.example/oauth",
    authorization_endpoint="https://login.orchard.example/authorize",
    token_endpoint="https://login.orchard.example/token",
    api_base="https://api.orchard.example/v1/",
)
"""
MISTYPED = RIGHT.replace("login.orchard.example/token", "login.orchrad.example/token")


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


def write(folder: Path, text: str) -> str:
    """Write a file of declarations, and return its path."""
    path = folder / "declared.py"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_right(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A declaration that breaks no law is said to be right, and what else there is to try."""
    assert 0 == main(["check", write(tmp_path, RIGHT)])
    shown = capsys.readouterr().out
    assert shown.startswith("orchard\n  ✓ all ")
    assert "oauthkit.testing.ProviderSuite" in shown


def test_broken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A broken law is named, with where it is written, what it says, and how to mend it."""
    assert 1 == main(["check", write(tmp_path, MISTYPED)])
    shown = capsys.readouterr().out
    (law,) = (law for law in STATIC_LAWS if law.name == "endpoints_are_at_home")
    assert f"orchard\n  ✗ {law.name} · {law.section}\n" in shown
    words = " ".join(shown.split())
    assert law.statement in words
    assert "- token_endpoint = 'https://login.orchrad.example/token': " in words
    assert "did you mean orchard.example?" in words
    assert 80 >= max(map(len, shown.splitlines()))


def test_all_of_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each declaration of a file is checked, once, in its order."""
    text = f"{RIGHT}\nagain = orchard\n{MISTYPED.replace('orchard = ', 'other = ')}"
    assert 1 == main(["check", write(tmp_path, text), "--json"])
    first, second = json.loads(capsys.readouterr().out)
    assert [] == first["faults"]
    assert ["endpoints_are_at_home"] == [fault["law"] for fault in second["faults"]]
    assert {"law", "section", "statement", "found"} == set(second["faults"][0])
    assert first["laws"] == second["laws"] > 10


def test_what_cannot_be_declared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Faults that keep a declaration from being made are listed as the others are."""
    text = RIGHT.replace('"orchard"', '"Orchard"').replace("https://api.", "http://api.")
    assert 1 == main(["check", write(tmp_path, text)])
    captured = capsys.readouterr()
    assert "Orchard\n  ✗ DeclarationError\n" in captured.out
    assert "    - name = 'Orchard': " in captured.out
    assert "    - api_base = 'http://api.orchard.example/v1/': https only" in captured.out
    assert "" == captured.err


@pytest.mark.parametrize(
    ("text", "name", "found"),
    [
        ("\n1 / 0", "ZeroDivisionError", "line 2: division by zero"),
        ("import no_such_module", "ModuleNotFoundError", "line 1: No module named"),
        ("\n\nprovider = (", "SyntaxError", "line 3: "),
        ("import sys\nsys.exit('\\x1b[2Jgone')", "SystemExit", "line 2: [2Jgone"),
    ],
)
def test_a_file_that_cannot_be_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, name: str, found: str
) -> None:
    """What a file raises is one of its faults, with the line; there is no traceback."""
    assert 1 == main(["check", write(tmp_path, text)])
    captured = capsys.readouterr()
    assert f"  ✗ {name}\n" in captured.out
    assert found in " ".join(captured.out.split())
    assert "Traceback" not in captured.out + captured.err
    assert "\x1b" not in captured.out


def test_a_file_is_run_as_a_script_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It finds its neighbours, its methods find their names, and what it prints is not the page."""
    (tmp_path / "neighbour.py").write_text(RIGHT, encoding="utf-8")
    text = """
import attrs
from oauthkit import OAuth2Provider
import neighbour
print("hello")
@attrs.frozen(kw_only=True, repr=False)
class Mine(OAuth2Provider):
    def prepare_tokn(self, form):
        return form
kept = {name: getattr(neighbour.orchard, name) for name in ("token_endpoint", "api_base")}
mine = Mine(name="mine", documentation="https://orchard.example", grant_types=["password"], **kept)
"""
    try:
        assert 1 == main(["check", write(tmp_path, text), "--json"])
    finally:
        sys.modules.pop("neighbour", None)
    captured = capsys.readouterr()
    (mine,) = json.loads(captured.out)
    assert [["nothing calls prepare_tokn(): did you mean prepare_token()?"]] == [
        fault["found"] for fault in mine["faults"]
    ]
    assert "hello\n" == captured.err
    assert str(tmp_path) not in sys.path


def test_nothing_to_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that is not there, or declares nothing, is no success."""
    assert 2 == main(["check", str(tmp_path / "nowhere.py")])
    assert "oauthkit: there is no file " in capsys.readouterr().err
    assert 2 == main(["check", str(tmp_path / "nowhere")])
    assert "oauthkit: there is no file " in capsys.readouterr().err
    assert 2 == main(["check", str(tmp_path)])
    assert "is a folder: name a file in it" in capsys.readouterr().err
    assert 2 == main(["check", "."])
    assert "'.' is a folder" in capsys.readouterr().err
    assert 2 == main(["check", write(tmp_path, "x = 1")])
    assert "declared.py holds no declaration" in capsys.readouterr().err


def test_by_name(installed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An installed provider is found by its name; an unknown name is answered with the nearest."""
    write_distribution(installed, "oauthkit-orchard", "orchard")
    default_registry().refresh()
    assert 1 == main(["check", "orchard"])
    assert "✗ documentation_is_declared · oauthkit" in capsys.readouterr().out
    assert 2 == main(["check", "orchrad"])
    assert "did you mean 'orchard'?" in capsys.readouterr().err


def test_by_name_of_one_that_is_broken(installed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A plugin whose declaration is wrong is listed; one that cannot be loaded is an error."""
    code = RIGHT.replace('"orchard"', '"Orchard"').replace("orchard = ", "provider = ")
    write_distribution(installed, "oauthkit-orchard", "orchard", code=code)
    write_distribution(installed, "oauthkit-rotten", "rotten", code="import no_such_module")
    default_registry().refresh()
    assert 1 == main(["check", "orchard"])
    assert "Orchard\n  ✗ DeclarationError\n" in capsys.readouterr().out
    assert 2 == main(["check", "rotten"])
    assert "no_such_module" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["generic", "google-service-account", "twitter"])
def test_first_party(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What comes with oauthkit breaks none of them."""
    assert 0 == main(["check", name])
    assert "✗" not in capsys.readouterr().out


def test_hypothesis_is_not_needed(tmp_path: Path) -> None:
    """The command works where neither Hypothesis nor pytest is; the suite says what it needs."""
    code = """
import sys
sys.modules["hypothesis"] = sys.modules["pytest"] = None
from oauthkit.cli import main
assert main(["check", sys.argv[1]]) == 0
try:
    from oauthkit.testing import ProviderSuite
except ImportError as error:
    print(error)
"""
    shown = fresh(code, write(tmp_path, RIGHT))
    assert "pip install 'oauthkit[testing]'" in shown.splitlines()[-1]
