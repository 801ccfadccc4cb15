"""Distributions as pip leaves them: a module and a folder of metadata, for a registry to find."""

from __future__ import annotations

from pathlib import Path

DECLARATION = """\
from oauthkit import OAuth1Provider

provider = OAuth1Provider(name={name!r}, title={title!r}, api_base="https://{name}.example")
"""


def write_distribution(
    folder: Path, distribution: str, name: str, *, title: str = "Orchard", code: str = DECLARATION
) -> None:
    """Write *distribution*, version 2.5, that declares the provider *name* in *folder*."""
    module = distribution.replace("-", "_")
    text = code.format(name=name, title=title)
    (folder / f"{module}.py").write_text(text, encoding="utf-8")
    info = folder / f"{module}-2.5.dist-info"
    info.mkdir()
    head = f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 2.5\n"
    (info / "METADATA").write_text(head, encoding="utf-8")
    points = f"[oauthkit.providers]\n{name} = {module}:provider\n"
    (info / "entry_points.txt").write_text(points, encoding="utf-8")
