"""`oauthkit key new`: a key that a token store is encrypted with, printed or put in the keyring."""

from __future__ import annotations

import json

from cryptography.fernet import Fernet

from oauthkit import ConfigurationError

__all__ = ["run"]


def run(name: str | None) -> int:
    """Make a key; keep it in the system's keyring as *name*, ``service/username``, or print it."""
    key = Fernet.generate_key().decode()
    if name is None:
        print(key)
        return 0
    service, _, username = name.removeprefix("keyring:").rpartition("/")
    if not service or not username or not name.isprintable():
        raise ConfigurationError("--keyring: expected service/username, such as oauthkit/tokens")
    fault = _keep(service, username, key)
    if fault:
        # Outside of the handler: a back end's error may hold what it was asked to keep.
        raise ConfigurationError(f"keyring:{service}/{username}: {fault}")
    shown = json.dumps(f"keyring:{service}/{username}", ensure_ascii=False)
    print(f"The system's keyring has a new key. Pass encryption_key={shown}")
    return 0


def _keep(service: str, username: str, key: str) -> str:
    """Put *key* into the keyring; return what is in the way, "" where nothing is."""
    try:
        import keyring

        if keyring.get_password(service, username) is not None:
            return (
                "there is one already, and what it has encrypted would be lost without it; choose "
                "another name"
            )
        keyring.set_password(service, username, key)
        kept = keyring.get_password(service, username)
    except ImportError:
        return "it needs the library keyring: pip install 'oauthkit[keyring]'"
    except Exception as error:  # noqa: BLE001 - a back end raises what it likes
        name = type(error).__name__
        return f"it failed ({name}): see what `keyring diagnose` says; unlock it, or set one up"
    return "" if kept == key else "the keyring did not keep it: see what `keyring diagnose` says"
