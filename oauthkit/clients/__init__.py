"""What users hold: the async clients."""

from oauthkit.clients.base import Client, OAuthRequest
from oauthkit.clients.oauth1 import AsyncOAuth1Client
from oauthkit.clients.requests import PendingRequest

__all__ = ["AsyncOAuth1Client", "Client", "OAuthRequest", "PendingRequest"]
