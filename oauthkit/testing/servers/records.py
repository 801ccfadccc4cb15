"""
Say what an embedded server received, recomputed and checked; no secret shows in a repr.

The checks are those of RFC 5849, section 3.2, or of RFC 6749 and RFC 6750, and of the endpoint that
was called.
"""

from __future__ import annotations

import attrs

__all__ = ["Check", "Exchange"]


def _without_query(url: str) -> str:
    """Show *url* but for its query, which may hold a signature or a token."""
    path, question, _ = url.partition("?")
    return repr(f"{path}?***" if question else path)


@attrs.frozen(kw_only=True)
class Check:
    """Name one thing that a server checked, and how it came out."""

    name: str
    ok: bool
    detail: str = ""


@attrs.frozen(kw_only=True)
class Exchange:
    """
    Record one request as it arrived, and the status it was answered with.

    *url* is absolute and not requoted; *headers* are in their order; *parameters* are the
    protocol parameters, decoded; *base_string* is an OAuth 1 server's own (empty if the request
    bore no protocol parameters or could not be parsed). *placement* is where they were ("header",
    "body", "query", or ""); at an OAuth 2 endpoint it is where the client's secret was. *status* is
    None where a handler of the test's own answered. *failure* names the failure that a test had the
    request meet ("" for none); one that came after the answer was made leaves that answer's status.
    """

    method: str
    url: str = attrs.field(repr=_without_query)
    headers: tuple[tuple[str, str], ...] = attrs.field(repr=False)
    body: bytes = attrs.field(repr=False)
    realm: str | None = None
    placement: str = ""
    parameters: tuple[tuple[str, str], ...] = attrs.field(repr=False, default=())
    base_string: str = attrs.field(repr=False, default="")
    checks: tuple[Check, ...] = ()
    status: int | None = None
    failure: str = ""

    @property
    def path(self) -> str:
        """Give the path as it was received."""
        return "/" + self.url.partition("?")[0].partition("://")[2].partition("/")[2]

    @property
    def signed(self) -> bool:
        """Tell whether the request bore protocol parameters (or a bearer token) at all."""
        return bool(self.parameters)

    @property
    def ok(self) -> bool:
        """Tell whether every check was passed."""
        return all(check.ok for check in self.checks)

    @property
    def failed(self) -> tuple[str, ...]:
        """Name the checks that failed."""
        return tuple(check.name for check in self.checks if not check.ok)

    def header(self, name: str) -> str | None:
        """Give the first header called *name*, in any case, or None."""
        values = (value for key, value in self.headers if key.lower() == name.lower())
        return next(values, None)

    def parameter(self, name: str) -> str | None:
        """Give the protocol parameter *name*, or None."""
        return dict(self.parameters).get(name)
