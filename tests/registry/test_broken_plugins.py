"""Plugins and metadata that are broken, and the neighbours that do not notice."""

from __future__ import annotations

import importlib

import pytest

from oauthkit.registry import Registry
from registry.distributions import Site, declaration, entry, refusal

pytestmark = pytest.mark.proves(
    "Providers and credentials", "broken and ambiguous plugins", rfc=None, judge="none but ours"
)

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
