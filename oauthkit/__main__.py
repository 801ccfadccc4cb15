"""`python -m oauthkit`: the same as the command `oauthkit`."""

from __future__ import annotations

import sys

from oauthkit.cli import main

if __name__ == "__main__":
    sys.exit(main())
