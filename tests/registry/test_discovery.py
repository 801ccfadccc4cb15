"""Discovery: lazy, read once, one look into a dict after that."""

from __future__ import annotations

import json
import sys
import threading

import pytest

from oauthkit.registry import Registry, default_registry
from registry.distributions import METADATA, Scans, Site, declaration, made, refusal
from support import fresh

pytestmark = pytest.mark.proves(
    "Providers and credentials",
    "discovery by entry points, lazy, once",
    rfc=None,
    judge="none but ours",
)


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
    found: list[object] = []

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
