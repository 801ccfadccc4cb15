"""The embedded servers stand alone: no code of the client, no test framework."""

from __future__ import annotations

from support import fresh

FOREIGN = (
    "oauthkit.protocol",
    "oauthkit.provider",
    "oauthkit.registry",
    "oauthkit.credentials",
    "oauthkit.tokens",
    "oauthkit.transport",
    "oauthkit.clients",
    "oauthkit.connecting",
    "_pytest",
    "authlib",
    "hypothesis",
    "joserfc",
    "oauthlib",
    "pytest",
    "unittest",
)


def test_imports() -> None:
    """A fresh interpreter that plays a server has loaded none of it."""
    code = (
        "import sys\n"
        "from oauthkit.testing.servers import OAuth1Server\n"
        "with OAuth1Server(hosts=['a.example']) as server: server.rsa_key\n"
        "print(*sys.modules)"
    )
    loaded = fresh(code).split()
    assert "oauthkit.testing.servers.oauth1" in loaded
    found = [
        name
        for name in loaded
        if any(name == foreign or name.startswith(foreign + ".") for foreign in FOREIGN)
    ]
    assert [] == found
