"""Settings of the whole suite: what needs more than Python, claims, hypothesis's two profiles."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# The marker `proves`, and the option --proofs (see docs/conformance.md).
pytest_plugins = ["proofs.record"]

# They need servers that `nox -s interop`, `nox -s stores` and `nox -s crash` install; a path on the
# command line still counts.
collect_ignore = ["crash", "interop", "stores"]

# `ci` draws the same examples on every machine; `search` (nox -s property) looks for new ones, and
# prints what reproduces a find.
settings.register_profile("ci", derandomize=True, deadline=None, database=None)
settings.register_profile(
    "search",
    max_examples=1000,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile(os.environ.get("OAUTHKIT_HYPOTHESIS_PROFILE", "ci"))
