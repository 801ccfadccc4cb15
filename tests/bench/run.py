"""
Measure every figure that has a limit, print them in one table, and fail if one does not keep it.

Run by ``nox -s bench``, in an environment of its own; ``--quick`` takes few rounds, to see that it
runs, and its figures are not to be trusted.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from importlib.metadata import version

from bench import oauth2, signing, startup, stores, whole
from bench.figures import show
from bench.timing import Effort

SECTIONS = {
    "signing": ("Signing", signing.measure),
    "request": ("CPU added to a whole request", whole.measure),
    "oauth2": ("OAuth 2 and service accounts", oauth2.measure),
    "stores": ("Stores", stores.measure),
    "startup": ("Starting", startup.measure),
}


def main() -> int:
    """Run the sections that were asked for, all by default."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few rounds, to see that it runs")
    parser.add_argument("sections", nargs="*", metavar="section", help=", ".join(SECTIONS))
    arguments = parser.parse_args()
    if unknown := set(arguments.sections) - set(SECTIONS):
        parser.error(f"no such section: {', '.join(sorted(unknown))}")
    effort = Effort(3, 0.01, 3) if arguments.quick else Effort(25, 0.05, 20)
    ours = ("oauthkit", "aiohttp", "yarl", "cryptography")
    others = ("oauthlib", "authlib", "httpx2", "gcloud-aio-auth", "pyjwt", "google-auth")
    print(f"Python {platform.python_version()},", ", ".join(f"{p} {version(p)}" for p in ours))
    print("beside us:", ", ".join(f"{p} {version(p)}" for p in others))
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")
    figures = [
        figure
        for name, (title, measure) in SECTIONS.items()
        if not arguments.sections or name in arguments.sections
        for figure in show(title, measure(effort))
        if figure.limit is not None
    ]
    missed = sum(not figure.passes for figure in figures)
    print(f"\n{len(figures) - missed} of {len(figures)} figures keep their limits")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
