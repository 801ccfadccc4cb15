"""A private key for the laws: one that the published vectors sign with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

_FILE = Path(__file__).parent.parent / "vectors" / "oauth1_signature.json"
_VECTORS: list[dict[str, Any]] = json.loads(_FILE.read_text())["vectors"]

RSA_KEY: str = next(
    key for vector in _VECTORS if (key := vector["inputs"].get("private_key_pem")) is not None
)
