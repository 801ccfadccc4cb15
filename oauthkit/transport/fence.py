"""Which source's token may go to which origin (the fence)."""

from __future__ import annotations

from collections.abc import Iterable

import attrs
from yarl import URL

from oauthkit.protocol.origins import Origin
from oauthkit.tokens.seams import TokenSource

__all__ = ["Fence"]

_MOST_REMEMBERED = 1024


@attrs.define(eq=False)
class Fence:
    """A mapping from origins to the source whose token may go there; no other origin gets one."""

    _rules: tuple[tuple[Origin, TokenSource], ...]
    _known: dict[tuple[str, str | None, int | None], TokenSource | None] = attrs.field(
        factory=dict[tuple[str, str | None, int | None], TokenSource | None], init=False, repr=False
    )

    @classmethod
    def around(cls, origins: Iterable[Origin], source: TokenSource) -> Fence:
        """Return the fence of one source."""
        return cls(tuple((origin, source) for origin in origins))

    @property
    def origins(self) -> tuple[str, ...]:
        """The declared origins, as text."""
        return tuple(str(origin) for origin, _ in self._rules)

    def find(self, url: URL) -> TokenSource | None:
        """Return the source for *url*, or None: a token has no business there."""
        key = (url.scheme, url.raw_host, url.port)
        try:
            return self._known[key]
        except KeyError:
            pass
        scheme, host, port = key
        found = None
        if host is not None:
            matching = (s for o, s in self._rules if o.matches(scheme, host, port))
            found = next(matching, None)
        if len(self._known) >= _MOST_REMEMBERED:
            self._known.clear()
        self._known[key] = found
        return found
