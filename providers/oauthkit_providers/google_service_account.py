"""
Google service accounts: signed assertions for access tokens (RFC 7523 §2.1), with delegation.

Facts, from Google's own documentation and software:

* the grant, ``sub`` for domain-wide delegation, an hour at most: developers.google.com,
  identity/protocols/oauth2/service-account;
* members of a key file, ``kid`` = ``private_key_id``: google.aip.dev/auth/4112, and
  google-auth-library-python, google/auth/_service_account_info.py;
* ``scope`` is a claim, not a member of the form; ``aud`` is the address below also where a key
  file has another ``token_uri``: google-auth-library-python, google/oauth2/service_account.py;
* tokens go to the APIs, ``https://*.googleapis.com``. There is no base among them: URLs are
  absolute.

Key files of other types (``authorized_user``, ``external_account``) are told apart by ``type``, and
those of other universes, which do not exchange assertions, by ``universe_domain``.
"""

from __future__ import annotations

from oauthkit import AssertionProvider

__all__ = ["provider"]

provider = AssertionProvider(
    name="google-service-account",
    title="Google service account",
    documentation="https://developers.google.com/identity/protocols/oauth2/service-account",
    token_endpoint="https://oauth2.googleapis.com/token",
    audience="https://oauth2.googleapis.com/token",
    alg="RS256",
    lifetime=3600,
    scope_in_claims=True,
    origins=("https://*.googleapis.com",),
    credential_names={
        "issuer": "client_email",
        "key_id": "private_key_id",
        "token_endpoint": "token_uri",
    },
    credential_constants={"type": "service_account", "universe_domain": "googleapis.com"},
    ignored_credentials=(
        "auth_provider_x509_cert_url",
        "auth_uri",
        "client_id",
        "client_x509_cert_url",
        "project_id",
        "quota_project_id",
    ),
)
"""The declaration; ``connect("google-service-account", …)`` finds it through its entry point."""
