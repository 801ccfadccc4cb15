"""Declarations: a provider is data, checked when it is made."""

from oauthkit.provider.assertion import AssertionProvider
from oauthkit.provider.base import Provider
from oauthkit.provider.oauth1 import OAuth1Provider
from oauthkit.provider.oauth2 import OAuth2Provider

__all__ = ["AssertionProvider", "OAuth1Provider", "OAuth2Provider", "Provider"]
