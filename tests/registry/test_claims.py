"""Who ships a name: ambiguity, preferences, copies, and the list of it all."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from oauthkit.registry import ProviderEntry, Registry
from registry.distributions import Site, declaration, entry, made, prepend, refusal

proves_plugins = pytest.mark.proves(
    "Providers and credentials", "broken and ambiguous plugins", rfc=None, judge="none but ours"
)


@proves_plugins
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


@proves_plugins
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
