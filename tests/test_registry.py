"""The registry: real discovery of distributions that the tests write into a folder on sys.path."""

from __future__ import annotations

import importlib
import json
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace

import pytest

from oauthkit.errors import ConfigurationError, RegistryError
from oauthkit.provider import OAuth1Provider, Provider
from oauthkit.registry import ProviderEntry, Registry, default_registry
from support import fresh

METADATA = "importlib.metadata" if sys.version_info >= (3, 12) else "importlib_metadata"


def declaration(name: str, title: str = "") -> str:
    """Return the source of a module that declares *name*."""
    return (
        "from oauthkit.provider import OAuth1Provider\n"
        f"provider = OAuth1Provider(name={name!r}, title={title or name!r},"
        " api_base='https://api.acme.example')\n"
    )


class Site:
    """A folder on sys.path with distributions in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def install(
        self,
        distribution: str,
        version: str,
        points: Mapping[str, str],
        modules: Mapping[str, str] | None = None,
    ) -> Path:
        """Write a distribution that declares *points*, and *modules*; return its metadata's folder."""
        for module, source in (modules or {}).items():
            (self.folder / f"{module}.py").write_text(source, encoding="utf-8")
        info = self.folder / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n\nName: not this\n"
        )
        lines = "".join(f"{name} = {value}\n" for name, value in points.items())
        (info / "entry_points.txt").write_text(
            f"[console_scripts]\nx = y:z\n\n[oauthkit.providers]\n{lines}"
        )
        importlib.invalidate_caches()
        return info


def prepend(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a folder that comes first on sys.path."""
    folder.mkdir()
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])
    return folder


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """Give a folder on sys.path; what is imported from it is forgotten afterwards."""
    before = set(sys.modules)
    yield Site(prepend(tmp_path / "site", monkeypatch))
    for name in set(sys.modules) - before:
        if (getattr(sys.modules[name], "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]


class Scans:
    """A finder that finds nothing, and counts how often distributions are looked for."""

    def __init__(self) -> None:
        self.count = 0

    def find_spec(self, *_: object) -> None:
        """Find no module."""

    def find_distributions(self, context: object = None) -> list[object]:
        """Find no distribution; a search for one name is not a scan."""
        self.count += getattr(context, "name", None) is None
        return []


@pytest.fixture
def scans(monkeypatch: pytest.MonkeyPatch) -> Scans:
    """Count the scans of a test."""
    scans = Scans()
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, scans])
    return scans


def refusal(look_up: Callable[[], object]) -> RegistryError:
    """Return the error that *look_up* raises."""
    with pytest.raises(RegistryError) as caught:
        look_up()
    return caught.value


def entry(registry: Registry, name: str) -> ProviderEntry:
    """Return the only entry of *name*."""
    (found,) = [entry for entry in registry.entries() if entry.name == name]
    return found


def made(name: str, title: str = "") -> Provider[object]:
    """Declare a provider by hand."""
    return OAuth1Provider(name=name, title=title or name, api_base="https://api.acme.example")


# -- discovery -------------------------------------------------------------------------------------


def test_an_entry_point_is_found_and_loaded_on_first_use_only(site: Site) -> None:
    """Names load nothing; a look-up loads its own module and no other."""
    points = {"acme": "acme_mod:provider", "other": "other_mod:provider"}
    modules = {"acme_mod": declaration("acme"), "other_mod": declaration("other")}
    site.install("acme-kit", "1.0", points, modules)
    registry = Registry()
    assert {"acme", "other"} <= set(registry.names())
    assert not {"acme_mod", "other_mod"} & set(sys.modules)
    provider = registry.get("acme")
    assert sys.modules["acme_mod"].provider is provider
    assert provider is registry.get("acme")
    assert "other_mod" not in sys.modules


def test_metadata_is_not_imported_before_the_first_look_up(site: Site) -> None:
    """Who passes a declaration never pays for discovery."""
    site.install(
        "acme-kit", "1.0", {"acme": "acme_mod:provider"}, {"acme_mod": declaration("acme")}
    )
    code = """
import json, sys
sys.path.insert(0, sys.argv[1])
from oauthkit.registry import Registry, default_registry
registry = Registry()
registry.prefer("acme", "acme-kit")
before = sorted(name for name in sys.modules if name in ("importlib.metadata", "importlib_metadata", "difflib"))
registry.get("acme")
print(json.dumps([before, sys.argv[2] in sys.modules, "difflib" in sys.modules]))
"""
    assert [[], True, False] == json.loads(fresh(code, str(site.folder), METADATA))


def test_a_thousand_entry_points_are_read_once(site: Site, scans: Scans) -> None:
    """A look-up is a look into a dict: no scan, and nothing is loaded that was not asked for."""
    names = [f"acme-{number}" for number in range(1000)]
    source = (
        "from oauthkit.provider import OAuth1Provider\n"
        "def __getattr__(name):\n"
        "    return OAuth1Provider(name=name.replace('_', '-'), api_base='https://acme.example')\n"
    )
    points = {name: f"acme_many:{name.replace('-', '_')}" for name in names}
    site.install("acme-many", "1.0", points, {"acme_many": source})
    registry = Registry()
    assert 0 == scans.count
    first = registry.get("acme-0")
    assert 1 == scans.count
    assert set(names) <= set(registry.names())
    assert first is registry.get("acme-0")
    assert names == [registry.get(name).name for name in names]
    assert 1 == scans.count


def test_a_look_up_of_a_known_name_is_one_access(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the first one nothing but the dict is asked."""
    site.install(
        "acme-kit", "1.0", {"acme": "acme_mod:provider"}, {"acme_mod": declaration("acme")}
    )
    registry = Registry()
    provider = registry.get("acme")
    called: list[str] = []
    sys.setprofile(
        lambda frame, event, _: called.append(frame.f_code.co_name) if event == "call" else None
    )
    try:
        found = registry.get("acme")
    finally:
        sys.setprofile(None)
    assert found is provider
    assert ["get"] == called


def test_threads_share_one_scan_and_one_provider(site: Site, scans: Scans) -> None:
    """All that come at once wait for the first."""
    site.install(
        "acme-kit", "1.0", {"acme": "acme_mod:provider"}, {"acme_mod": declaration("acme")}
    )
    registry = Registry()
    barrier = threading.Barrier(8)
    found: list[Provider[object]] = []

    def look_up() -> None:
        barrier.wait()
        found.append(registry.get("acme"))

    threads = [threading.Thread(target=look_up) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 8 == len(found)
    assert 1 == len(set(map(id, found)))
    assert 1 == scans.count


def test_refresh_reads_again(site: Site, scans: Scans) -> None:
    """What was installed since is found then, and not before; what was said by hand stays."""
    registry = Registry()
    registry.register(made("mine"))
    registry.prefer("acme", "acme-kit")
    assert "acme" not in registry.names()
    info = site.install(
        "acme-kit", "1.0", {"acme": "acme_mod:provider"}, {"acme_mod": declaration("acme")}
    )
    assert "acme" not in registry.names()
    assert "unknown" == refusal(lambda: registry.get("acme")).reason
    assert 1 == scans.count
    registry.refresh()
    assert "acme" == registry.get("acme").name
    assert 2 == scans.count
    (info / "entry_points.txt").unlink()
    assert "acme" == registry.get("acme").name
    registry.refresh()
    assert "unknown" == refusal(lambda: registry.get("acme")).reason
    assert "mine" == registry.get("mine").name


def test_there_is_one_default() -> None:
    """All who name none share it; others are as separate as they look."""
    assert default_registry() is default_registry()
    registry = Registry()
    registry.register(made("only-here"))
    assert "only-here" not in default_registry().names()


# -- broken plugins --------------------------------------------------------------------------------

BROKEN = {
    "raises": ("raise RuntimeError('no\\nluck\\x1b[31m')", "RuntimeError: no luck [31m"),
    "exits": ("import sys\nsys.exit('bye')", "SystemExit: bye"),
    "syntax": ("def", "SyntaxError: "),
    "missing": ("import no_such_module_of_anybody", "ModuleNotFoundError: "),
    "nothing": ("", "AttributeError: "),
    "declares": (
        "from oauthkit.provider import OAuth1Provider\nprovider = OAuth1Provider(name='A')",
        "DeclarationError: ",
    ),
    "other-type": ("provider = {}", "it is a dict, not a Provider"),
    "class": (
        "from oauthkit.provider import OAuth1Provider as provider",
        "it is a type, not a Provider",
    ),
    "other-name": (declaration("else"), "it calls itself 'else'"),
}
OURS = {"other-type", "class", "other-name"}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_plugin_breaks_nobody_else(site: Site, case: str) -> None:
    """Its own error is chained when it is asked for, each time; its neighbour works."""
    source, said = BROKEN[case]
    module = f"bad_{case.replace('-', '_')}"
    site.install("bad-kit", "0.9", {case: f"{module}:provider"}, {module: source})
    site.install(
        "acme-kit", "1.0", {"acme": "acme_mod:provider"}, {"acme_mod": declaration("acme")}
    )
    registry = Registry()
    for _ in range(2):
        error = refusal(lambda: registry.get(case))
        assert "broken" == error.reason
        assert ("bad-kit",) == error.candidates
        assert f"provider {case!r} of bad-kit 0.9 ({module}:provider) cannot be loaded" in str(
            error
        )
        assert said in str(error)
        assert str(error).isprintable()
        assert (case in OURS) == (error.__cause__ is None)
    assert "acme" == registry.get("acme").name
    described = entry(registry, case)
    assert ("broken", "bad-kit", "0.9", "") == (
        described.status,
        described.distribution,
        described.version,
        described.title,
    )
    assert said in described.reason
    assert "ok" == entry(registry, "acme").status


def test_what_is_no_reference_is_a_broken_plugin(site: Site) -> None:
    """A value that names no object concerns its own name only."""
    points = {"odd": "not a module!", "acme": "acme_mod:provider"}
    site.install("acme-kit", "1.0", points, {"acme_mod": declaration("acme")})
    registry = Registry()
    assert "acme" == registry.get("acme").name
    assert "broken" == refusal(lambda: registry.get("odd")).reason


def test_a_plugin_that_was_repaired_is_loaded(site: Site) -> None:
    """A failure is not remembered."""
    site.install("acme-kit", "1.0", {"acme": "acme_mod:provider"})
    registry = Registry()
    assert "broken" == refusal(lambda: registry.get("acme")).reason
    (site.folder / "acme_mod.py").write_text(declaration("acme"))
    importlib.invalidate_caches()
    assert "acme" == registry.get("acme").name


def test_long_reasons_are_cut(site: Site) -> None:
    """A plugin cannot flood the list of providers."""
    source = "raise RuntimeError('x' * 10_000)"
    site.install("bad-kit", "0.9", {"bad": "bad_long:provider"}, {"bad_long": source})
    assert len(str(refusal(lambda: Registry().get("bad")))) < 500


METADATA_FAULTS: dict[str, bytes] = {
    "no UTF-8": b"[oauthkit.providers]\nbad = \xff:provider\n",
    "no pairs": b"[oauthkit.providers]\nbad\n",
}


@pytest.mark.parametrize("case", METADATA_FAULTS)
def test_broken_metadata_of_another_distribution_stops_nothing(site: Site, case: str) -> None:
    """It is passed over; whoever then misses a name learns that something could not be read."""
    info = site.install("bad-kit", "0.9", {})
    (info / "entry_points.txt").write_bytes(METADATA_FAULTS[case])
    site.install(
        "acme-kit", "1.0", {"acme": "acme_mod:provider"}, {"acme_mod": declaration("acme")}
    )
    registry = Registry()
    assert "acme" == registry.get("acme").name
    assert "1 installed distributions have metadata that cannot be read" in str(
        refusal(lambda: registry.get("bad"))
    )


def test_a_distribution_without_a_name_is_one_nevertheless(site: Site) -> None:
    """Its metadata are missing; its provider is not."""
    info = site.install(
        "acme-kit", "1.0", {"acme": "acme_mod:provider"}, {"acme_mod": declaration("acme")}
    )
    (info / "METADATA").unlink()
    registry = Registry()
    assert "acme" == registry.get("acme").name
    described = entry(registry, "acme")
    assert ("(no name)", "(no version)") == (described.distribution, described.version)


def test_an_egg_info_is_a_distribution(site: Site) -> None:
    """What older tools leave behind for an editable install is read as well."""
    info = site.install(
        "acme-kit", "1.0", {"acme": "acme_mod:provider"}, {"acme_mod": declaration("acme")}
    )
    (info / "METADATA").rename(info / "PKG-INFO")
    info.rename(site.folder / "acme_kit.egg-info")
    importlib.invalidate_caches()
    registry = Registry()
    assert "acme" == registry.get("acme").name
    assert "1.0" == entry(registry, "acme").version


# -- who ships what --------------------------------------------------------------------------------


def test_two_distributions_that_claim_a_name_are_refused(site: Site) -> None:
    """Both are named with their versions, nothing is loaded, and the way out is shown."""
    site.install("acme-one", "1.0", {"acme": "acme_1:provider"}, {"acme_1": declaration("acme")})
    site.install("acme-two", "2.0", {"acme": "acme_2:provider"}, {"acme_2": declaration("acme")})
    registry = Registry()
    error = refusal(lambda: registry.get("acme"))
    assert "ambiguous" == error.reason
    assert {"acme-one", "acme-two"} == set(error.candidates)
    for said in ("acme-one 1.0", "acme-two 2.0", "Registry.prefer('acme', 'acme-"):
        assert said in str(error)
    assert not {"acme_1", "acme_2"} & set(sys.modules)
    described = [e for e in registry.entries() if e.name == "acme"]
    assert [("acme-one", "1.0"), ("acme-two", "2.0")] == sorted(
        (str(e.distribution), str(e.version)) for e in described
    )
    assert {"ambiguous"} == {e.status for e in described}
    assert {str(error)} == {e.reason for e in described}


def test_prefer_chooses(site: Site) -> None:
    """In any spelling of the distribution's name; a later word replaces an earlier one."""
    site.install(
        "acme-one", "1.0", {"acme": "acme_1:provider"}, {"acme_1": declaration("acme", "One")}
    )
    site.install(
        "acme-two", "2.0", {"acme": "acme_2:provider"}, {"acme_2": declaration("acme", "Two")}
    )
    registry = Registry()
    registry.prefer("acme", "Acme_One")
    assert "One" == registry.get("acme").title
    assert "acme_2" not in sys.modules
    assert ("ok", "acme-one") == (
        entry(registry, "acme").status,
        entry(registry, "acme").distribution,
    )
    registry.prefer("acme", "acme.two")
    assert "Two" == registry.get("acme").title


def test_a_preference_that_is_not_installed_is_refused(site: Site) -> None:
    """What was asked for is not replaced by what happens to be there, not even by a single one."""
    site.install("acme-one", "1.0", {"acme": "acme_1:provider"}, {"acme_1": declaration("acme")})
    registry = Registry()
    registry.prefer("acme", "acme-three")
    error = refusal(lambda: registry.get("acme"))
    assert "ambiguous" == error.reason
    assert "preferred from 'acme-three', which does not declare it" in str(error)
    assert "acme-one 1.0" in str(error)


def test_one_distribution_twice_on_the_path_is_one(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Installed, and as an editable checkout: the same name and value are no ambiguity."""
    point = {"acme": "acme_mod:provider"}
    other = Site(prepend(tmp_path / "other", monkeypatch))
    site.install("acme-kit", "1.0", point, {"acme_mod": declaration("acme")})
    other.install("Acme.Kit", "1.1", point)
    registry = Registry()
    assert "acme" == registry.get("acme").name
    assert "1.1" == entry(registry, "acme").version


@pytest.mark.parametrize("newer", [{}, {"acme": "acme_new:provider"}])
def test_an_older_copy_behind_is_nothing(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, newer: dict[str, str]
) -> None:
    """What comes first on sys.path counts, as it does for imports."""
    site.install(
        "acme-kit", "1.0", {"acme": "acme_old:provider"}, {"acme_old": declaration("acme", "Old")}
    )
    other = Site(prepend(tmp_path / "other", monkeypatch))
    other.install("acme-kit", "2.0", newer, {"acme_new": declaration("acme", "New")})
    registry = Registry()
    if newer:
        assert "New" == registry.get("acme").title
    else:
        assert "unknown" == refusal(lambda: registry.get("acme")).reason


def test_a_name_declared_twice_by_its_distribution_is_refused(site: Site) -> None:
    """There is nothing to prefer; the same value twice is nothing to refuse."""
    info = site.install(
        "acme-kit", "1.0", {"acme": "acme_1:provider"}, {"acme_1": declaration("acme")}
    )
    text = (info / "entry_points.txt").read_text()
    (info / "entry_points.txt").write_text(f"{text}acme = acme_1:provider\n")
    assert "acme" == Registry().get("acme").name
    (info / "entry_points.txt").write_text(f"{text}acme = acme_2:provider\n")
    error = refusal(lambda: Registry().get("acme"))
    assert "declared more than once by its distribution" in str(error)
    assert "acme_1:provider" in str(error)
    assert "acme_2:provider" in str(error)


def test_entries_describe_what_is_there(site: Site) -> None:
    """Title, protocol, grant types and who ships it; sorted by name."""
    modules = {"acme_mod": declaration("acme", "Acme Inc.")}
    site.install("acme-kit", "1.0", {"acme": "acme_mod:provider"}, modules)
    registry = Registry()
    registry.register(made("zz-mine", "Mine"))
    expected = ProviderEntry(
        name="acme",
        title="Acme Inc.",
        protocol="oauth1",
        grant_types=("oauth1",),
        distribution="acme-kit",
        version="1.0",
        status="ok",
    )
    assert expected == entry(registry, "acme")
    by_hand = entry(registry, "zz-mine")
    assert ("Mine", None, None, "ok") == (
        by_hand.title,
        by_hand.distribution,
        by_hand.version,
        by_hand.status,
    )
    names = [e.name for e in registry.entries()]
    assert sorted(names) == names


# -- by hand ---------------------------------------------------------------------------------------


def test_what_is_registered_comes_first(site: Site) -> None:
    """Before the installed one of its name, also when that was loaded already."""
    site.install(
        "acme-kit", "1.0", {"acme": "acme_mod:provider"}, {"acme_mod": declaration("acme")}
    )
    registry = Registry()
    installed = registry.get("acme")
    mine = made("acme", "Mine")
    registry.register(mine)
    assert mine is registry.get("acme")
    assert installed is not registry.get("acme")
    registry.prefer("acme", "acme-kit")
    registry.refresh()
    assert mine is registry.get("acme")
    assert "Mine" == entry(registry, "acme").title


def test_another_of_the_same_name_is_refused() -> None:
    """Unless it is to replace the first; the same one again is no other."""
    registry = Registry()
    registry.register(made("acme"))
    registry.register(made("acme"))
    error = refusal(lambda: registry.register(made("acme", "Other")))
    assert "replace=True" in str(error)
    registry.register(made("acme", "Other"), replace=True)
    assert "Other" == registry.get("acme").title


@pytest.mark.parametrize("value", ["acme", None, OAuth1Provider, {"name": "acme"}])
def test_only_providers_are_registered(value: object) -> None:
    """A name, a class or a mapping is no declaration."""
    with pytest.raises(ConfigurationError, match="expected a declaration"):
        Registry().register(value)  # type: ignore[arg-type]


def test_a_plugin_may_use_the_registry_while_it_is_loaded(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may ask for another, register itself, or refresh; nobody waits for himself."""
    registry = Registry()
    hook = SimpleNamespace(registry=registry)
    monkeypatch.setitem(sys.modules, "registry_hook", hook)
    preamble = "from registry_hook import registry\n"
    modules = {
        "acme_mod": declaration("acme"),
        "asking": f"{preamble}registry.get('acme')\n{declaration('asking')}",
        "registering": f"{preamble}{declaration('registering')}registry.register(provider)\n",
        "refreshing": f"{preamble}registry.refresh()\n{declaration('refreshing')}",
    }
    points = {name.removesuffix("_mod"): f"{name}:provider" for name in modules}
    site.install("acme-kit", "1.0", points, modules)
    for name in points:
        assert name == registry.get(name).name
    assert None is entry(registry, "registering").distribution


# -- unknown names ---------------------------------------------------------------------------------


def test_an_unknown_name_gets_the_installed_ones_and_the_nearest(site: Site) -> None:
    """And how a provider gets installed, without a package's name that nobody checked."""
    points = {"acme": "acme_mod:provider", "other": "other_mod:provider"}
    site.install("acme-kit", "1.0", points)
    error = refusal(lambda: Registry().get("Acmee"))
    assert "unknown" == error.reason
    assert {"acme", "other"} <= set(error.candidates)
    lines = str(error).splitlines()
    assert "there is no provider 'Acmee'; did you mean 'acme'?" == lines[0]
    assert "  installed: acme, other" in lines[1]
    assert "a package that declares it in the group 'oauthkit.providers'" in lines[2]
    assert "pass a declaration in place of the name" in lines[3]
    assert "pip install" not in str(error)


def test_long_lists_and_names_are_cut(site: Site) -> None:
    """The error has all names; its text has twenty. What is too long for a name may be a secret."""
    site.install("acme-many", "1.0", {f"acme-{number:03}": "x:y" for number in range(100)})
    registry = Registry()
    error = refusal(lambda: registry.get("qqq"))
    assert "acme-019 and " in str(error)
    assert "acme-020" not in str(error)
    assert {f"acme-{number:03}" for number in range(100)} <= set(error.candidates)
    assert "did you mean" not in str(error)
    error = refusal(lambda: registry.get("s3cr3t" * 20))
    assert "s3cr3t" not in str(error)


def test_with_nothing_installed_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty list reads as one."""
    for module in (METADATA, "difflib"):
        importlib.import_module(module)  # before there is nowhere to find them
    monkeypatch.setattr(sys, "path", [])
    assert "installed: none" in str(refusal(lambda: Registry().get("acme")))


@pytest.mark.parametrize("name", [None, 3, b"acme", ["acme"], {"name": "acme"}])
def test_names_are_text(name: object) -> None:
    """Whatever else is asked for, hashable or not, is told so."""
    with pytest.raises(ConfigurationError, match=f"text, not {type(name).__name__}"):
        Registry().get(name)  # type: ignore[arg-type]
