"""The laws that oauthkit has for providers, tried on Acme."""

from oauthkit.testing import ProviderSuite
from oauthkit_acme import provider as acme


class TestAcme(ProviderSuite):
    """A test for each law."""

    provider = acme
