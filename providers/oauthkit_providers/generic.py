"""
Any OAuth 2 server (RFC 6749): its endpoints come with the credentials, in one flat mapping.

::

    connect("generic", {
        "grant_type": "client_credentials",
        "token_endpoint": "https://login.example.com/oauth/token",
        "api_base": "https://api.example.com/v1",
        "client_id": "…", "client_secret": "…",
    })

The names are those of RFC 8414 §2 and RFC 7591 §2. PKCE is S256, the token goes into the header,
and everything but loopback is https: for a server that wants less, declare an ``OAuth2Provider``.
"""

from __future__ import annotations

from oauthkit import OAuth2Template

__all__ = ["provider"]

provider = OAuth2Template(
    name="generic",
    title="Any OAuth 2 server",
    documentation="https://www.rfc-editor.org/rfc/rfc8414",
)
"""The template; ``connect("generic", …)`` finds it through its entry point."""
