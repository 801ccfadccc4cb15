"""The embedded servers stand alone: no code of the client, no test framework."""

from __future__ import annotations

import pytest

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
    "google",
    "hypothesis",
    "joserfc",
    "jwt",
    "oauthlib",
    "pytest",
    "unittest",
)


@pytest.mark.proves(
    "Servers, simulators and laws for tests",
    "no code shared with the client",
    rfc=None,
    judge="none but ours",
)
def test_imports() -> None:
    """A fresh interpreter that plays a server has loaded none of it."""
    code = (
        "import sys\n"
        "from oauthkit.testing.servers import AssertionServer, OAuth1Server, OAuth2Server\n"
        "with OAuth1Server(hosts=['a.example']) as server: server.rsa_key\n"
        "with OAuth2Server(hosts=['a.example']) as server: server.issue()\n"
        "with AssertionServer(hosts=['a.example']) as server: server.key_file, server.issue()\n"
        "print(*sys.modules)"
    )
    loaded = fresh(code).split()
    for kind in ("oauth1", "oauth2", "assertion"):
        assert f"oauthkit.testing.servers.{kind}" in loaded
    found = [
        name
        for name in loaded
        if any(name == foreign or name.startswith(foreign + ".") for foreign in FOREIGN)
    ]
    assert [] == found
