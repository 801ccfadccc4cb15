"""Every Python block of README and docs runs as it stands; what does not run is listed, with why."""

from __future__ import annotations

from pathlib import Path

import pytest

from docs.pages import blocks, pages
from docs.running import Page, is_export
from docs.world import world

# By page and first line.
NOT_EXECUTED = {
    (
        "CONTRIBUTING.md",
        "python3 -m venv .venv && .venv/bin/pip install -c constraints.txt nox",
    ): "builds environments: .ci/run does it, word for word (test_readme)",
    (
        "README.md",
        "python3 -m venv .venv && .venv/bin/pip install . && .venv/bin/oauthkit demo",
    ): "builds environments; the second line is .ci/run's, word for word (test_readme)",
    (
        "README.md",
        ' 5  x.get("/2/users/me")',
    ): "the demo's output: compared with a real run (tests/cli)",
    (
        "README.md",
        "CredentialsError: twitter",
    ): "an error's text: compared with a real one (test_readme)",
    (
        "README.md",
        "generic",
    ): "a command's output: compared with a real run (test_readme)",
    ("README.md", 'dependencies = ["oauthkit"]'): "lines of acme's pyproject.toml (test_readme)",
    ("docs/rotation.md", "A: lock"): "a trace of the model: compared with it (tests/model)",
    (
        "docs/stores.md",
        '[project.entry-points."oauthkit.stores"]',
    ): "an entry point: its group is compared (test_stores)",
    (
        "docs/ten-lines.md",
        "python3 -m venv .venv && .venv/bin/pip install . && .venv/bin/oauthkit demo",
    ): "builds an environment; the same line as README's (test_readme)",
    (
        "docs/ten-lines.md",
        ".venv/bin/oauthkit providers",
    ): "a command: its output is compared in README (test_readme)",
    (
        "docs/test-your-provider.md",
        "shop",
    ): "a command's output: compared with a real run (test_laws)",
    (
        "docs/examples/oauthkit-acme/README.md",
        'pip install ".[test]" && pytest',
    ): "installs a distribution: nox -s plugin does it",
}

WITH_PYTHON = [page for page in pages() if any(b.language == "python" for b in blocks(page))]


@pytest.mark.parametrize("name", WITH_PYTHON)
def test_page(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The Python blocks of a page run, one after the other, and print what the page says."""
    with world(monkeypatch, tmp_path) as there:
        page = Page(name, there)
        page.run()
        # But where a page shows a refusal: there the client calls itself wrong.
        signed = [found for found in there.log if found.signed]
        right = [found for found in signed if found.parameter("oauth_consumer_key") != "wrong"]
        assert [] == [(found.url, found.failed) for found in right if not found.ok]


def test_what_is_not_executed(capsys: pytest.CaptureFixture[str]) -> None:
    """Each other block is compared by a test, or is no code; this prints which, and why."""
    everything = [block for page in pages() for block in blocks(page)]
    executed = [block for block in everything if block.language == "python"]
    outputs = [
        block
        for page in pages()
        for before, block in zip(blocks(page), blocks(page)[1:], strict=False)
        if (before.language, block.language) == ("python", "text")
    ]
    obeyed = [block for block in everything if is_export(block)]
    others = [b for b in everything if b not in (*executed, *outputs, *obeyed)]
    assert sorted(NOT_EXECUTED) == sorted({block.key for block in others})
    with capsys.disabled():
        print(
            f"\ndocs: {len(executed)} Python blocks executed, {len(outputs)} outputs compared, "
            f"{len(obeyed)} blocks of `export` obeyed, "
            f"{len(others)} blocks not executed:"
        )
        for block in others:
            print(f"  {block}: {NOT_EXECUTED[block.key]}")
