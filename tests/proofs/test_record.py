"""The record of what is proved: what gets into it, and what is refused when tests are collected."""

from __future__ import annotations

import json
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from proofs.judges import JUDGES, OURS, VECTORS
from proofs.record import Claim, Recorder
from support import ROOT, fresh

HEAD = """\
import pytest

def proves(feature="f", area="OAuth 2", *, rfc="RFC 6749 §4", judge="none but ours"):
    return pytest.mark.proves(area, feature, rfc=rfc, judge=judge)

"""
RUN = """\
import sys, pytest
sys.dont_write_bytecode = True
sys.stderr = sys.stdout
options = ["-p", "proofs.record", "-p", "no:cacheprovider", "--strict-markers", "-q"]
print("status", int(pytest.main([*options, *sys.argv[1:]])))
"""


def play(folder: Path, tests: str, *options: str) -> tuple[str, list[dict[str, Any]] | None]:
    """Run pytest on a file of *tests*; return what it printed, and what it recorded."""
    folder.joinpath("pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    folder.joinpath("test_it.py").write_text(HEAD + tests, encoding="utf-8")
    target = folder / "made/proofs.json"
    env = {"PYTHONPATH": str(ROOT / "tests")}
    said = fresh(RUN, f"--proofs={target}", *options, env=env, cwd=folder)
    if not target.is_file():
        return said, None
    return said, json.loads(target.read_text(encoding="utf-8"))["proofs"]


def test_what_passes_is_recorded(tmp_path: Path) -> None:
    """A claim, whose tests and judge's version; the same of a whole file."""
    tests = """
import oauthlib

pytestmark = proves("whole file", rfc=None)

@proves("signed", rfc="RFC 5849 §3.4.2 to §3.4.4; RFC 6749 §2, appendix B", judge="oauthlib")
def test_a(): pass

class TestB:
    @pytest.mark.parametrize("number", [1, 2])
    def test_b(self, number): pass
"""
    said, proofs = play(tmp_path, tests)
    assert "status 0" in said
    common = {"area": "OAuth 2", "tests": ["test_it.py"], "vectors": []}
    signed = "RFC 5849 §3.4.2 to §3.4.4; RFC 6749 §2, appendix B"
    assert proofs is not None
    assert sorted(proofs, key=lambda proof: str(proof["feature"])) == [
        {
            **common,
            "feature": "signed",
            "rfc": signed,
            "judge": "oauthlib",
            "version": metadata.version("oauthlib"),
        },
        {**common, "feature": "whole file", "rfc": None, "judge": OURS, "version": None},
    ]


def test_one_test_that_does_not_pass(tmp_path: Path) -> None:
    """Its claim is not recorded, though another test of it has passed; the others' are."""
    tests = """
@pytest.fixture
def broken(): assert False

@pytest.fixture
def breaks():
    yield
    assert False

@proves("passes")
@proves("fails")
@proves("skipped")
@proves("fails as expected")
@proves("setup")
@proves("teardown")
@proves("one of two")
def test_a(): pass

@proves("fails")
def test_b(): assert False

@proves("skipped")
def test_c(): pytest.skip()

@proves("fails as expected")
@pytest.mark.xfail
def test_d(): assert False

@proves("setup")
def test_e(broken): pass

@proves("teardown")
def test_f(breaks): pass

@proves("one of two")
@pytest.mark.parametrize("number", [0, 1])
def test_g(number): assert number
"""
    said, proofs = play(tmp_path, tests)
    assert "status 1" in said
    assert ["passes"] == [proof["feature"] for proof in proofs or []]


def test_what_is_deselected_is_not_proved(tmp_path: Path) -> None:
    """A claim needs all of its tests, also those that nobody wanted to run."""
    tests = "@proves()\ndef test_a(): pass\n\n@proves()\ndef test_b(): pass\n"
    assert [] == play(tmp_path, tests, "-k", "test_a")[1]
    assert ["f"] == [proof["feature"] for proof in play(tmp_path, tests)[1] or []]


def test_published_vectors(tmp_path: Path) -> None:
    """Those of our own must pass as well, and are not counted."""
    tests = """
sources = ["RFC 6749 4.1.1", "own input; rule: RFC 6749", "RFC 6749 5.1: a rule", "X's page"]

@proves(judge="published vectors")
@pytest.mark.parametrize("vector", [{"id": f"v{n}", "source": s} for n, s in enumerate(sources)])
def test_a(vector): assert vector["id"] != wrong
"""
    (proof,) = play(tmp_path, tests + "\nwrong = ''\n")[1] or []
    assert ["v0", "v3"] == proof["vectors"]
    assert [] == play(tmp_path, tests + "\nwrong = 'v1'\n")[1]


REFUSED = {
    "@proves(judge='somebody')": "unknown judge 'somebody': one of published vectors, ",
    "@proves(area='OAuth 3')": "unknown area 'OAuth 3': one of OAuth 1.0a, ",
    "@proves('1', rfc='5849')": "no section of an RFC: '5849'; expected RFC 5849 §3.4.1",
    "@proves('2', rfc='RFC 5849 3.4')": "no section of an RFC: 'RFC 5849 3.4'",
    "@proves('3', rfc='RFC 5849 §3.4, RFC 6749')": "no section of an RFC: 'RFC 5849 §3.4, RFC 6749'",
    "@proves('4', rfc='')": "no section of an RFC: ''",
    "@proves('')": "no name of a feature: ''",
    "@proves('a|b')": "no name of a feature: 'a|b'",
    "@pytest.mark.proves('OAuth 2', '5', rfc=None)": "required keyword-only argument: 'judge'",
    "@pytest.mark.proves('OAuth 2', '5', judge='')": "required keyword-only argument: 'rfc'",
    "@proves('6', judge='PyJWT')": "it does not ask PyJWT",
    "@proves('6', judge='oidc-provider')": "it does not ask oidc-provider",
    "@proves('7', judge='published vectors')": "no vector among its parameters",
}
CONTRADICTIONS = """
@proves("sections")
@proves("sections", rfc=None)
@proves("areas")
@proves("areas", area="OAuth 1.0a")
@proves("judges")
@proves("judges", judge="oauthlib")
def test_b(): import oauthlib

@proves("vectors", judge="published vectors")
@pytest.mark.parametrize("vector", [{"source": "own input", "id": "a"}])
def test_c(vector): pass
"""


def test_what_cannot_be_is_refused(tmp_path: Path) -> None:
    """When tests are collected: all is named at once, none runs, nothing is recorded."""
    tests = "".join(
        f"{mark}\ndef test_{number}(): print('it ran')\n\n" for number, mark in enumerate(REFUSED)
    )
    said, proofs = play(tmp_path, tests + CONTRADICTIONS, "-s")
    assert "status 4" in said
    assert "it ran" not in said
    assert proofs is None
    lines = said.splitlines()
    for number, fault in enumerate(REFUSED.values()):
        (told,) = (line for line in lines if f"test_it.py::test_{number}: " in line)
        assert fault in told
    for fault in (
        "'sections': two areas, or two lists of sections",
        "'areas': two areas, or two lists of sections",
        "'judges': judged by ",
        "'vectors': none of its vectors was published by anybody",
    ):
        assert 1 == sum(fault in line for line in lines)


def test_misspelt_marker(tmp_path: Path) -> None:
    """It is no silence: markers are strict."""
    said, proofs = play(tmp_path, "@pytest.mark.prooves('OAuth 2', 'f')\ndef test_a(): pass\n")
    assert "'prooves' not found in `markers`" in said
    assert proofs is None


def test_helpers_that_ask(tmp_path: Path) -> None:
    """A judge may be asked by what the test imports from tests/, and by what that imports."""
    test = tmp_path / "test_it.py"
    for line, asked in (
        ("from property import judge", True),
        ("from clients.judge import Judge", True),
        ("from protocol.vectors import vectors", False),
    ):
        test = test.with_stem(test.stem + "_")
        test.write_text(f"{line}\n", encoding="utf-8")
        assert asked == JUDGES["oauthlib"].is_asked(test)


def test_other_versions(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What is installed at another version than the pinned one proves nothing for the page."""
    recorder = Recorder(tmp_path / "proofs.json")
    claim = Claim("OAuth 1.0a", "base string", rfc=None, judge="oauthlib")
    recorder.tests[claim] = {"test"}
    assert [] == recorder._other_versions()

    def version(_: str) -> str:
        return "0.1"

    monkeypatch.setattr(metadata, "version", version)
    pinned = JUDGES["oauthlib"].pinned()
    expected = f"--proofs: oauthlib 0.1 is installed, {pinned} is pinned"
    assert [expected] == recorder._other_versions()


def test_a_run_that_breaks_off(tmp_path: Path) -> None:
    """It leaves no record of the run before."""
    target = tmp_path / "proofs.json"
    target.write_text("{}", encoding="utf-8")
    Recorder(target)
    assert not target.exists()


def test_every_judge_has_a_version() -> None:
    """But those that need none: what is published does not change, and nobody has none."""
    without = {name for name, judge in JUDGES.items() if judge.pinned() is None}
    assert {VECTORS, "the RFC's example", "Python's urllib", OURS} == without
