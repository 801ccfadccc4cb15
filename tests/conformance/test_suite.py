"""What ProviderSuite promises: which tests there are, what departures do, and that pytest is enough."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from importlib.metadata import entry_points
from itertools import cycle
from pathlib import Path
from typing import Any, ClassVar

import attrs
import pytest

from conformance.sabotage.secrets import LeftOverPrint
from conformance.sabotage.static import MistypedEndpoint
from oauthkit import (
    AssertionProvider,
    OAuth1Provider,
    OAuth2Provider,
    OAuth2Template,
    Provider,
    Registry,
    RegistryError,
)
from oauthkit.testing import LawBrokenError, ProviderSuite
from oauthkit.testing.laws import LAWS, STATIC_LAWS, Subject
from support import fresh

HOSTS: dict[str, Any] = {
    "documentation": "https://developer.orchard.example/oauth",
    "token_endpoint": "https://login.orchard.example/token",
    "api_base": "https://api.orchard.example/v1/",
}
USERS: dict[str, Any] = {
    **HOSTS,
    "authorization_endpoint": "https://login.orchard.example/authorize",
}
ORCHARD1 = OAuth1Provider(
    name="orchard1",
    temporary_credential_endpoint="https://login.orchard.example/request",
    **USERS,
)
ORCHARD2 = OAuth2Provider(name="orchard2", **USERS)
ROBOTS = AssertionProvider(name="robots", **HOSTS)
TEMPLATE = OAuth2Template(name="orchards", documentation=HOSTS["documentation"])
MISSPELT: dict[str, Any] = {**USERS, "token_endpoint": "https://login.orchrad.example/token"}
MISTYPED = MistypedEndpoint(name="mistyped", **MISSPELT)


@attrs.frozen(kw_only=True, repr=False)
class SpoiltAnyhow(AssertionProvider):
    """Spoils assertions in one way, and then in another: no two runs of an example are alike."""

    ways: Iterable[Any] = attrs.field(factory=lambda: cycle([-1, -2, -3, -4]), eq=False)

    def prepare_token(self, form: Mapping[str, str]) -> Mapping[str, str]:
        """Cut the assertion somewhere, or leave nothing of its signature."""
        kept = form["assertion"][: next(iter(self.ways))]
        return {**form, "assertion": kept if len(kept) % 2 else kept.rpartition(".")[0]}


FILE = """
from oauthkit import OAuth2Provider
from oauthkit.testing import ProviderSuite

orchard = OAuth2Provider(
    name="orchard",
    documentation="https://developer.orchard.example/oauth",
    authorization_endpoint="https://login.orchard.example/authorize",
    token_endpoint="https://login.orchard.example/token",
    api_base="https://api.orchard.example/v1/",
)

class TestOrchard(ProviderSuite):
    provider = orchard
"""
BROKEN = FILE.replace(
    "orchard = OAuth2Provider(",
    """
class Printing(OAuth2Provider):
    def prepare_token(self, form):
        print(form)
        return form

orchard = Printing(""",
)


def suite(given: Provider[Any] | str, **members: Any) -> type[ProviderSuite]:
    """Make a suite, as a class statement does."""
    return type("TestIt", (ProviderSuite,), {"provider": given, **members})


def laws_of(made: type[ProviderSuite]) -> set[str]:
    """Return the tests that pytest would collect."""
    return {n for n in dir(made) if n.startswith("test_") and callable(getattr(made, n))}


def run_test(made: type[ProviderSuite], law: str) -> None:
    """Run one test, as pytest does: on an object of its own."""
    getattr(made(), f"test_{law}")()


def pytest_alone(
    folder: Path, text: str, *options: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a file of somebody's, in a folder with no settings, with pytest and nothing else."""
    (folder / "test_it.py").write_text(text, encoding="utf-8")
    # Or pytest would take the settings of whatever project the folder lies below.
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    return subprocess.run(
        [
            *(sys.executable, "-P", "-m", "pytest", "-v", "-W", "error", "-p", "no:cacheprovider"),
            *options,
            "test_it.py",
        ],
        cwd=folder,
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize(
    ("given", "some", "none"),
    [
        (
            ORCHARD1,
            ["base_string_encodes_once", "urls_are_https", "no_secret_shows"],
            ["state_is_sent_and_is_new_each_time", "assertion_lives_as_declared"],
        ),
        (
            ORCHARD2,
            ["state_is_sent_and_is_new_each_time", "urls_are_https", "fence_is_what_is_declared"],
            ["base_string_encodes_once", "assertion_lives_as_declared"],
        ),
        (
            ROBOTS,
            ["assertion_lives_as_declared", "token_answer_is_read_back", "urls_are_https"],
            ["base_string_encodes_once", "state_is_sent_and_is_new_each_time"],
        ),
    ],
    ids=["oauth1", "oauth2", "assertion"],
)
def test_each_kind_has_its_laws(given: Provider[Any], some: list[str], none: list[str]) -> None:
    """There is a test for each law about declarations of the kind, and for no other."""
    names = laws_of(suite(given))
    assert {f"test_{law}" for law in some} <= names
    assert not {f"test_{law}" for law in none} & names
    assert {f"test_{law.name}" for law in LAWS if law.applies(given)} == names


def test_a_test_says_which_law_it_is() -> None:
    """Its docstring is the law's section and statement: what pytest and people read."""
    made = suite(ORCHARD2)
    (law,) = (law for law in STATIC_LAWS if law.name == "urls_are_https")
    doc = getattr(made, "test_urls_are_https").__doc__  # noqa: B009 - the name is made
    assert f"{law.section}: {law.statement}" == doc


def test_without_a_provider() -> None:
    """The suite itself has no test, nor has a class between it and a provider."""
    between = type("TestBase", (ProviderSuite,), {"examples": 5})
    assert set() == laws_of(ProviderSuite)
    assert set() == laws_of(between)
    made: type[ProviderSuite] = type("TestIt", (between,), {"provider": ORCHARD2})
    assert laws_of(suite(ORCHARD2)) == laws_of(made)
    assert 5 == made.examples


def test_another_provider_below() -> None:
    """A suite made of a suite has the laws of its own provider alone."""
    made = type("TestIt", (suite(ORCHARD1),), {"provider": ROBOTS})
    assert laws_of(suite(ROBOTS)) == laws_of(made)
    run_test(made, "fence_is_what_is_declared")


def test_a_template_is_declared_with_settings() -> None:
    """Static laws look at the template, the others at what its settings declare."""
    names = laws_of(suite(TEMPLATE))
    assert {"test_documentation_is_declared", "test_code_verifier_goes_with_the_code"} <= names
    own = {name: USERS[name] for name in ("token_endpoint", "api_base")}
    robots = suite(TEMPLATE, settings={"grant_type": "client_credentials", **own})
    assert "test_code_verifier_goes_with_the_code" not in laws_of(robots)
    assert "test_scopes_are_joined_as_declared" in laws_of(robots)
    run_test(robots, "scopes_are_joined_as_declared")


def test_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """A provider is found as connect() finds it; an unknown name is an error at once."""
    registry = Registry()
    registry.register(ORCHARD1)
    monkeypatch.setattr("oauthkit.testing.suite.default_registry", lambda: registry)
    assert laws_of(suite(ORCHARD1)) == laws_of(suite("orchard1"))
    with pytest.raises(RegistryError, match="did you mean 'orchard1'"):
        suite("orchard3")


def test_a_law_that_is_broken() -> None:
    """The test fails with the law's own error."""
    with pytest.raises(LawBrokenError, match="mistyped breaks endpoints_are_at_home"):
        run_test(suite(MISTYPED), "endpoints_are_at_home")


def test_departures() -> None:
    """A law that is departed from must fail; one that holds fails the test, and says why."""
    departures = {"endpoints_are_at_home": "see page 7"}
    run_test(suite(MISTYPED, departures=departures), "endpoints_are_at_home")
    with pytest.raises(AssertionError) as caught:
        run_test(suite(ORCHARD2, departures=departures), "endpoints_are_at_home")
    assert not isinstance(caught.value, LawBrokenError)
    assert "orchard2 holds to endpoints_are_at_home: take it out of departures (see page 7)" == str(
        caught.value
    )


def test_departures_from_what_is_no_law() -> None:
    """Misspelt, or of another kind: said when the class is made, by its name."""
    with pytest.raises(TypeError, match="departures: 'endpoints_at_home' is no law"):
        suite(ORCHARD2, departures={"endpoints_at_home": "misspelt"})
    with pytest.raises(TypeError, match="'base_string_encodes_once' is about no declaration like"):
        suite(ORCHARD2, departures={"base_string_encodes_once": "of OAuth 1.0a"})


@attrs.frozen(kw_only=True, repr=False)
class Watched(OAuth1Provider):
    """Notes what it is asked to sign."""

    asked: ClassVar[list[object]] = []

    def signature_base_string(
        self, method: str, url: str, oauth: Iterable[Any], body: bytes = b"", *more: Any
    ) -> str:
        """Note it."""
        self.asked.append((method, url, tuple(oauth), body))
        return super().signature_base_string(method, url, oauth, body, *more)


def test_examples() -> None:
    """As many are drawn as the suite says, and the same each time."""
    drawn: list[list[object]] = []
    for examples in (7, 7, 30):
        Watched.asked.clear()
        made = suite(Watched(name="watched", **USERS), examples=examples)
        run_test(made, "base_string_begins_with_the_method")
        drawn.append([*Watched.asked])
    few, again, many = drawn
    assert few == again
    assert 3 < len(few) <= 7 < len(many) <= 30


def collected(output: str) -> Mapping[str, str]:
    """Return the outcome of each test that pytest ran."""
    return dict(re.findall(r"^test_it\.py::(\S+) (\w+)", output, flags=re.MULTILINE))


@pytest.mark.parametrize(
    ("options", "environment"),
    [
        ((), {}),
        ((), {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}),
        (("-p", "no:hypothesispytest"), {}),
    ],
    ids=["as installed", "no plugin", "not Hypothesis's plugin"],
)
def test_pytest_is_enough(
    tmp_path: Path, options: tuple[str, ...], environment: dict[str, str]
) -> None:
    """In a stranger's folder every law is a test that passes, and warnings are errors."""
    done = pytest_alone(tmp_path, f"{FILE}    examples = 5\n", *options, **environment)
    assert 0 == done.returncode, done.stdout + done.stderr
    outcomes = collected(done.stdout)
    wanted = {f"TestOrchard::test_{law.name}" for law in LAWS if law.applies(ORCHARD2)}
    assert wanted == set(outcomes)
    assert {"PASSED"} == set(outcomes.values())


def test_no_plugin_is_brought() -> None:
    """Nothing of ours is loaded into the pytest of whoever has it installed."""
    ours = [point for point in entry_points(group="pytest11") if "oauthkit" in point.value]
    assert [] == ours


def test_a_failure_is_the_same_each_time(tmp_path: Path) -> None:
    """Whatever the hash seed, the message and its example are the same; the law is named."""
    told: list[str] = []
    for seed in ("1", "2"):
        done = pytest_alone(tmp_path, BROKEN, "-k", "no_secret_shows", PYTHONHASHSEED=seed)
        assert 1 == done.returncode, done.stdout + done.stderr
        told.append(re.sub(r" in [0-9.]+s ", " ", done.stdout))
    assert "orchard breaks no_secret_shows" in told[0]
    assert told[0] == told[1]
    assert "try_law" not in told[0], "the kit's own frames are nobody's affair"


def test_what_a_failure_shows() -> None:
    """The law, the statement, what was found, and the smallest example."""
    broken = suite(LeftOverPrint(name="printing", **USERS))
    with pytest.raises(LawBrokenError) as caught:
        run_test(broken, "no_secret_shows")
    first, law, found, *example = str(caught.value).splitlines()
    assert "printing breaks no_secret_shows (RFC 6749 §10.3, RFC 6819 §4.6.7)" == first
    assert law.startswith("  the law: Whatever a server answers, ")
    assert found.startswith("  found: a secret is in what is printed (fetch_token(code=…)): ")
    assert caught.value.found == found.removeprefix("  found: ")
    assert example[0].endswith("check(")
    assert "    status=400," in example


def test_the_kit_takes_seconds() -> None:
    """All laws on one declaration: less than 20 seconds of one processor."""
    code = FILE + (
        "import time\n"
        "for name in dir(TestOrchard):\n"
        "    if name.startswith('test_'): getattr(TestOrchard(), name)()\n"
        "print(time.process_time())"
    )
    assert 20 > float(fresh(code))


def test_an_example_that_fails_in_several_ways() -> None:
    """PyJWT refuses it by one exception and by another: it is one mistake, with its example."""
    (law,) = (law for law in LAWS if law.name == "assertion_is_signed_as_declared")
    with pytest.raises(LawBrokenError, match=r"PyJWT refuses the assertion") as caught:
        Subject(law, SpoiltAnyhow(name="spoilt", **HOSTS)).try_law()
    assert "check(" in str(caught.value)
    assert "Flaky" not in str(caught.value)


@pytest.mark.parametrize(
    ("members", "told"),
    [
        ({"provider": 3}, r"a name or a declaration .*, not int"),
        ({"provider": [ORCHARD2]}, "not list"),
        ({"provider": OAuth2Provider}, "not the class OAuth2Provider"),
        ({"provider": lambda: ORCHARD2}, "not function"),
        ({"providr": ORCHARD2}, "'providr': did you mean 'provider'"),
        ({"provider": ORCHARD2, "departure": {}}, "'departure': did you mean 'departures'"),
    ],
)
def test_a_suite_that_would_be_empty(members: dict[str, Any], told: str) -> None:
    """What is no declaration has no laws: it is an error, and not a suite without tests."""
    with pytest.raises(TypeError, match=told):
        type("TestOrchard", (ProviderSuite,), members)
