"""What oauthkit offers to anybody's tests: the embedded servers of `oauthkit.testing.servers`."""

from __future__ import annotations

from oauthkit.testing import servers

__all__ = ["servers"]
