"""What comes along with `import oauthkit`, and with the first `connect()`: this and no more."""

from __future__ import annotations

import sys

from support import fresh

# Prints the top-level names of the third-party modules that the second piece of code loads.
THIRD_PARTY = """
import sys
exec(sys.argv[1])
before = set(sys.modules)
exec(sys.argv[2])
names = {name.partition(".")[0] for name in set(sys.modules) - before}
print(*sorted(names - set(sys.stdlib_module_names)))
"""

LOADED = """
import sys
before = set(sys.modules)
exec(sys.argv[1])
print(*sorted(set(sys.modules) - before))
"""

FIRST_CONNECT = """
from oauthkit import connect
connect("twitter", {"client_id": "i", "client_secret": "s", "token": "t", "token_secret": "u"})
"""

# Loaded with the first look-up where the standard library's own is too old.
METADATA = (
    {"importlib_metadata", "lazy_importer", "zipp"} if sys.version_info < (3, 12) else set[str]()
)


def third_party(first: str, then: str) -> set[str]:
    """Return the third-party modules that *then* loads after *first*, by their top-level names."""
    return set(fresh(THIRD_PARTY, first, then).split())


def loaded(code: str) -> set[str]:
    """Return all modules that *code* loads."""
    return set(fresh(LOADED, code).split())


def test_import_alone() -> None:
    """`import oauthkit` loads itself, and nothing else of anybody's."""
    assert {"oauthkit"} == third_party("", "import oauthkit")


def test_import_alone_is_light() -> None:
    """`import oauthkit` loads none of its own rooms, and nothing heavy of the standard library."""
    names = loaded("import oauthkit")
    heavy = {"asyncio", "email", "importlib.metadata", "inspect", "json", "sqlite3", "ssl"}
    assert set() == names & heavy
    assert set() == {name for name in names if name.startswith("oauthkit.")}


def test_import_connect() -> None:
    """The name `connect` costs the package and aiohttp: no look-up yet, no cryptography."""
    assert third_party("", "import aiohttp") | {"oauthkit"} >= third_party(
        "", "from oauthkit import connect"
    ) - {"attr", "attrs"}
    names = loaded("from oauthkit import connect")
    assert set() == names & {"cryptography", "importlib.metadata", "importlib_metadata", "sqlite3"}


def test_first_connect() -> None:
    """The first `connect()` adds the provider's package, and what finds it; no cryptography."""
    extra = third_party("import aiohttp", FIRST_CONNECT)
    assert {"oauthkit", "oauthkit_providers"} == extra - METADATA - {"attr", "attrs"}
    assert set() == loaded(FIRST_CONNECT) & {"cryptography", "sqlite3"}
