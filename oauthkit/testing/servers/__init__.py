"""Embedded authorization servers, for anybody's tests: they share no code with the client."""

from __future__ import annotations

from oauthkit.testing.servers import failures
from oauthkit.testing.servers.assertion import AssertionServer
from oauthkit.testing.servers.bearer import ABSENT
from oauthkit.testing.servers.certificates import CertificateAuthority
from oauthkit.testing.servers.hooks import Hook
from oauthkit.testing.servers.loopback import LoopbackResolver, LoopbackServer, connector, session
from oauthkit.testing.servers.oauth1 import OAuth1Server
from oauthkit.testing.servers.oauth2 import OAuth2Server
from oauthkit.testing.servers.records import Check, Exchange

__all__ = [
    "ABSENT",
    "AssertionServer",
    "CertificateAuthority",
    "Check",
    "Exchange",
    "Hook",
    "LoopbackResolver",
    "LoopbackServer",
    "OAuth1Server",
    "OAuth2Server",
    "connector",
    "failures",
    "session",
]
