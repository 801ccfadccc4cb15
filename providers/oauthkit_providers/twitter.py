"""
X (Twitter), OAuth 1.0a user tokens (RFC 5849).

Facts, from the service's own documentation (github.com/xdevplatform/docs, published at
docs.x.com):

* endpoints, HMAC-SHA1 only, ``oauth_callback_confirmed`` sent: fundamentals/authentication,
  oauth-1-0a/*.mdx and api-reference.mdx;
* hosts: fundamentals/authentication/overview.mdx. api.twitter.com still answers for api.x.com, but
  a signature is bound to the host that is called; ads-api.x.com is the Ads API, upload.x.com and
  upload.twitter.com take media of version 1.1;
* an unacceptable timestamp is error code 135, and the answer's ``Date`` corrects the clock: long
  standing practice, not in that documentation.
"""

from __future__ import annotations

from oauthkit import OAuth1Provider

__all__ = ["provider"]

provider = OAuth1Provider(
    name="twitter",
    title="X (Twitter)",
    documentation="https://docs.x.com/fundamentals/authentication/oauth-1-0a/obtaining-user-access-tokens",
    temporary_credential_endpoint="https://api.x.com/oauth/request_token",
    authorization_endpoint="https://api.x.com/oauth/authorize",
    token_endpoint="https://api.x.com/oauth/access_token",
    api_base="https://api.x.com",
    origins=(
        "https://api.twitter.com",
        "https://ads-api.x.com",
        "https://upload.x.com",
        "https://upload.twitter.com",
    ),
    signature_methods=("HMAC-SHA1",),
    clock_from_date=True,
)
"""The declaration; ``connect("twitter", …)`` finds it through its entry point."""
