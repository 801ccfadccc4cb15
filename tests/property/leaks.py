"""Where a secret may show, and in which spellings: every rendering of an error is searched."""

from __future__ import annotations

import base64
import html
import json
import pickle
import re
import traceback
from collections.abc import Callable, Iterable, Sequence
from urllib.parse import quote, quote_plus

import attrs
from hypothesis import strategies as st

from property import strategies as draw

# Behind the letters and digits of a secret: what has to be encoded in a URL, in HTML, in JSON.
_TAILS = ["", "%2F/", "+a b", "&x=", "é☃", "\"<'>\\", "~-._", "=="]

hard_secrets = st.builds("{}{}Z".format, draw.secrets, st.sampled_from(_TAILS))


def _lower(text: str) -> str:
    return re.sub(r"%(?:25)?[0-9A-F]{2}", lambda found: found[0].lower(), text)


Spell = Callable[[str], str]

SPELLINGS: dict[str, Spell] = {
    "as it is": lambda secret: secret,
    "percent": lambda secret: quote(secret, safe=""),
    "percent twice": lambda secret: quote(quote(secret, safe=""), safe=""),
    "percent, lower case": lambda secret: _lower(quote(secret, safe="")),
    "form": quote_plus,
    "form, lower case": lambda secret: _lower(quote_plus(secret)),
    "form twice": lambda secret: quote(quote_plus(secret), safe=""),
    "Base64": lambda secret: base64.b64encode(secret.encode()).decode().rstrip("="),
    "Base64 of URLs": lambda secret: base64.urlsafe_b64encode(secret.encode()).decode().rstrip("="),
    "HTML": html.escape,
}
_AS_PRINTED: dict[str, Spell] = {
    "JSON": lambda secret: json.dumps(secret)[1:-1],
    "repr": lambda secret: repr(secret)[1:-1],
    "reversed JSON": lambda secret: json.dumps(secret, ensure_ascii=False)[1:-1],
}


def find(text: str, secrets: Iterable[str]) -> list[str]:
    """Return which of *secrets* stand in *text*, in which spelling."""
    return [
        f"{secret!r} {name} in {text!r}"
        for secret in secrets
        for name, spell in {**SPELLINGS, **_AS_PRINTED}.items()
        if spell(secret) in text
    ]


def render(error: BaseException) -> str:
    """Return all that an error can be made to say: text, repr, traceback, attributes, pickle."""
    chain = [error]
    for link in chain:
        following = (link.__cause__, link.__context__, *getattr(link, "exceptions", ()))
        chain.extend(one for one in following if one is not None and one not in chain)
    parts = ["".join(traceback.format_exception(error))]
    parts += ["".join(traceback.format_exception(link)) for link in chain]
    parts += [f"{link} {link!r} {link.args!r} {vars(link)!r}" for link in chain]
    packed = pickle.dumps(error)
    parts += [packed.decode("latin-1"), packed.decode(errors="replace")]
    copy = pickle.loads(packed)  # noqa: S301 - made a line above
    assert (type(error), str(error), vars(error)) == (type(copy), str(copy), vars(copy))
    return "\n".join(parts)


@attrs.frozen(kw_only=True)
class Planted:
    """The secrets of one flow: what is sent, each of its own."""

    client_secret: str
    token: str
    token_secret: str
    verifier: str
    param: str
    datum: str
    header: str
    state: str

    def all(self) -> list[str]:
        """Return all of them."""
        return list(attrs.astuple(self))


_NAMES = [field.name for field in attrs.fields(Planted)]


def _plant(secrets: Sequence[str]) -> Planted:
    return Planted(**dict(zip(_NAMES, secrets, strict=True)))


planted = st.lists(hard_secrets, min_size=len(_NAMES), max_size=len(_NAMES), unique=True).map(
    _plant
)
