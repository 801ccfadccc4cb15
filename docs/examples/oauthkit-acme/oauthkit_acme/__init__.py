"""Acme, for oauthkit."""

from oauthkit import OAuth1Provider

provider = OAuth1Provider(
    name="acme",
    title="Acme",
    documentation="https://developer.acme.example/oauth",
    temporary_credential_endpoint="https://api.acme.example/oauth/initiate",
    authorization_endpoint="https://acme.example/oauth/authorize",
    token_endpoint="https://api.acme.example/oauth/token",
    api_base="https://api.acme.example/v1/",
)
