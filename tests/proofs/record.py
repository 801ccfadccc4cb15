"""
What a test run proves: the marker ``proves``, and the record of what passed.

``proves(area, feature, rfc=…, judge=…)`` stands where the test stands: on a module, a class or a
function. With ``--proofs=FILE`` the run writes what it has proved; a claim of which one test did
not pass, or did not run, is not written.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import attrs
import pytest

from proofs.judges import AREAS, JUDGES, OURS, VECTORS, Judge, is_published

__all__ = ["Claim", "Recorder", "pytest_addoption", "pytest_configure"]

MARKER = (
    "proves(area, feature, *, rfc, judge): what the test proves, and who says so (tests/proofs)"
)
SECTIONS = r"(?:§\d+(?:\.\d+)*|appendix [A-Z](?:\.\d+)*)"
RFC = re.compile(rf"RFC \d{{3,5}}(?: {SECTIONS}(?:, {SECTIONS})*(?: to {SECTIONS})?)?")


@attrs.frozen
class Claim:
    """What a test proves: where it stands on the page, the RFC's section, and the judge's name."""

    area: str
    feature: str
    # Sections of RFCs, with semicolons between RFCs; None where no RFC says anything.
    rfc: str | None = attrs.field(kw_only=True)
    judge: str = attrs.field(kw_only=True)

    def faults(self) -> list[str]:
        """Say what cannot be meant."""
        found: list[str] = []
        if self.area not in AREAS:
            found.append(f"unknown area {self.area!r}: one of {', '.join(AREAS)}")
        if self.judge not in JUDGES:
            found.append(f"unknown judge {self.judge!r}: one of {', '.join(JUDGES)}")
        if self.rfc is not None and not all(map(RFC.fullmatch, self.rfc.split("; "))):
            found.append(
                f"no section of an RFC: {self.rfc!r}; expected RFC 5849 §3.4.1 or the like"
            )
        if not self.feature or set(self.feature) & set("|\n"):
            found.append(f"no name of a feature: {self.feature!r}")
        return found


def pytest_addoption(parser: pytest.Parser) -> None:
    """Take ``--proofs``."""
    parser.addoption("--proofs", metavar="FILE", help="write what the marked tests have proved")


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker and its reader."""
    config.addinivalue_line("markers", MARKER)
    target: str | None = config.getoption("--proofs")
    config.pluginmanager.register(Recorder(None if target is None else Path(target)), "recorder")


class Recorder:
    """Reads the claims of the tests as they are collected, and keeps how the tests went."""

    def __init__(self, target: Path | None) -> None:
        self.target = target
        self.tests: dict[Claim, set[str]] = defaultdict(set)
        # The published vectors by the tests that take them.
        self.published: dict[str, str] = {}
        self.passed: set[str] = set()
        self.failed: set[str] = set()
        if target is not None:
            # A run that breaks off leaves no record of the one before.
            target.unlink(missing_ok=True)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Read all claims, before any test is deselected; refuse those that cannot be."""
        faults: dict[str, None] = {}
        for item in items:
            for mark in item.iter_markers("proves"):
                test = item.nodeid.partition("[")[0]
                try:
                    claim = Claim(*mark.args, **mark.kwargs)
                except TypeError as error:
                    faults[f"{test}: {error}"] = None
                    continue
                found = claim.faults() or self._faults_of(item, JUDGES[claim.judge])
                faults |= dict.fromkeys(f"{test}: {fault}" for fault in found)
                self.tests[claim].add(item.nodeid)
        faults |= dict.fromkeys(self._contradictions())
        if self.target is not None and not faults:
            faults |= dict.fromkeys(self._other_versions())
        if faults:
            raise pytest.UsageError("\n".join(["tests cannot prove this:", *faults]))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note how a test's setup, call or teardown went."""
        if not report.passed:
            self.failed.add(report.nodeid)
        elif report.when == "call":
            self.passed.add(report.nodeid)

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        """Write what was proved, if the run came to its end."""
        if self.target is not None and exitstatus in {
            pytest.ExitCode.OK,
            pytest.ExitCode.TESTS_FAILED,
        }:
            self.target.parent.mkdir(parents=True, exist_ok=True)
            text = json.dumps({"proofs": self.proofs()}, indent=1, ensure_ascii=False)
            self.target.write_text(text + "\n", encoding="utf-8")

    def proofs(self) -> list[dict[str, object]]:
        """Return the claims all of whose tests have passed."""
        good = self.passed - self.failed
        return [
            {
                **attrs.asdict(claim),
                "version": JUDGES[claim.judge].pinned(),
                "tests": sorted({test.partition("::")[0] for test in tests}),
                "vectors": self._vectors(claim),
            }
            for claim, tests in self.tests.items()
            if tests <= good
        ]

    def _faults_of(self, item: pytest.Item, judge: Judge) -> Sequence[str]:
        """Say why the judge cannot have judged this test."""
        if judge.name == VECTORS:
            params = getattr(getattr(item, "callspec", None), "params", {})
            if "vector" not in params:
                return [f"no vector among its parameters, which {VECTORS} could judge"]
            if is_published(params["vector"]):
                self.published[item.nodeid] = params["vector"]["id"]
        if not judge.is_asked(item.path):
            return [f"it does not ask {judge.name}"]
        return []

    def _contradictions(self) -> list[str]:
        """Name the features that are claimed in two ways, and vectors that are all our own."""
        seen: dict[str, Claim] = {}
        found: list[str] = []
        for claim in self.tests:
            other = seen.setdefault(claim.feature, claim)
            if (other.area, other.rfc) != (claim.area, claim.rfc):
                found.append(f"{claim.feature!r}: two areas, or two lists of sections")
            if claim != other and OURS in (claim.judge, other.judge):
                found.append(f"{claim.feature!r}: judged by {other.judge} and by {claim.judge}")
            if claim.judge == VECTORS and not self._vectors(claim):
                found.append(f"{claim.feature!r}: none of its vectors was published by anybody")
        return found

    def _vectors(self, claim: Claim) -> list[str]:
        """Return the ids of the published vectors that judge a claim."""
        if claim.judge != VECTORS:
            return []
        return sorted(
            {self.published[test] for test in self.tests[claim] if test in self.published}
        )

    def _other_versions(self) -> list[str]:
        """Name the judges of other versions than the pinned ones: the page would not be the same."""
        judges = {claim.judge: JUDGES[claim.judge] for claim in self.tests if claim.judge in JUDGES}
        return [
            f"--proofs: {name} {there} is installed, {pinned} is pinned"
            for name, judge in judges.items()
            if (there := judge.installed()) != (pinned := judge.pinned())
        ]
