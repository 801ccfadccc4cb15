"""
Hold one request to an OAuth 2 server, and what was found when it was checked.

RFC 6749, section 3.1 and 3.2 (parameters) and 5.2 (errors); RFC 6750, section 3 (challenges).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NoReturn

import attrs
from aiohttp import web

from oauthkit.testing.servers import rfc5849
from oauthkit.testing.servers.records import Check, Exchange
from oauthkit.testing.servers.resources import text, url_of

__all__ = ["NO_STORE", "Received", "Refused", "challenge", "fault", "not_utf8"]

NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}


def challenge(scheme: str, **parameters: str) -> dict[str, str]:
    """Make a WWW-Authenticate field (RFC 9110, section 11.6.1)."""
    quoted = [
        '{}="{}"'.format(name, value.replace("\\", r"\\").replace('"', r"\""))
        for name, value in parameters.items()
        if value
    ]
    return {"WWW-Authenticate": f"{scheme} {', '.join(quoted)}"}


def fault(
    error: str, description: str, status: int = 400, headers: Mapping[str, str] | None = None
) -> web.Response:
    """Answer with an error (RFC 6749, section 5.2)."""
    return web.json_response(
        {"error": error, "error_description": description},
        status=status,
        headers={**NO_STORE, **(headers or {})},
    )


def not_utf8(pairs: Iterable[tuple[str, str]]) -> bool:
    """Tell whether parameters came in octets that are not UTF-8: these are surrogates now."""
    return any("\udc80" <= letter <= "\udcff" for pair in pairs for letter in "".join(pair))


class Refused(Exception):  # noqa: N818 (what a server answers, not what went wrong in it)
    """End the examination of a request, with the answer it gets."""

    def __init__(self, name: str, response: web.Response) -> None:
        """Refuse for the check *name*."""
        super().__init__(name)
        self.response = response


@attrs.define(eq=False, kw_only=True)
class Received:
    """Hold a request as it came from the wire, and the checks that were made."""

    request: web.Request
    body: bytes = attrs.field(repr=False)
    placement: str = attrs.field(default="", init=False)
    pairs: list[tuple[str, str]] = attrs.field(
        factory=list[tuple[str, str]], init=False, repr=False
    )
    checks: list[Check] = attrs.field(factory=list[Check], init=False)

    @property
    def path(self) -> str:
        """Give the path as it was received."""
        return self.request.raw_path.partition("?")[0]

    @property
    def is_form(self) -> bool:
        """Tell whether the body is a form."""
        return rfc5849.is_form(self.request.headers.get("Content-Type"))

    @property
    def form(self) -> list[tuple[str, str]]:
        """Give the form's parameters, decoded; a body of another kind has none."""
        return _decoded(self.body) if self.is_form else []

    @property
    def query(self) -> list[tuple[str, str]]:
        """Give the query's parameters, decoded."""
        return _decoded(rfc5849.split_query(url_of(self.request)))

    @property
    def authorization(self) -> list[str]:
        """Give every Authorization field."""
        return list(self.request.headers.getall("Authorization", []))

    @property
    def parameters(self) -> dict[str, str]:
        """Give the protocol's parameters that have a value: others count as left out (3.1)."""
        return {name: value for name, value in self.pairs if value}

    def passed(self, name: str, detail: str = "") -> None:
        """Note a check that was passed."""
        self.checks.append(Check(name=name, ok=True, detail=detail))

    def refuse(self, name: str, detail: str, response: web.Response) -> NoReturn:
        """Note a check that failed, and end the examination with *response*."""
        self.checks.append(Check(name=name, ok=False, detail=detail))
        raise Refused(name, response)

    def reject(
        self,
        name: str,
        error: str,
        description: str,
        status: int = 400,
        headers: Mapping[str, str] | None = None,
    ) -> NoReturn:
        """Note a check that failed, and end the examination with an error (section 5.2)."""
        self.refuse(name, description, fault(error, description, status, headers))

    def take_form(self, secrets: Iterable[str]) -> dict[str, str]:
        """
        Read a POSTed form, as section 3.2 wants it: give its parameters.

        *secrets* are the parameters that must not be in the URL (section 2.3.1).
        """
        self.pairs = self.form
        if self.request.method != "POST":
            self.reject("method", "invalid_request", "not a POST", 405, {"Allow": "POST"})
        self.passed("method", "POST")
        if not self.is_form:
            self.reject("content_type", "invalid_request", "the body is not a form")
        self.passed("content_type")
        if not_utf8(self.pairs):
            self.reject("parameters", "invalid_request", "the form is not in UTF-8")
        names = [name for name, value in self.pairs if value]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            self.reject("parameters", "invalid_request", f"more than once: {', '.join(twice)}")
        exposed = sorted({name for name, _ in self.query}.intersection(secrets))
        if exposed:
            self.reject("parameters", "invalid_request", f"in the URL: {', '.join(exposed)}")
        self.passed("parameters", f"{len(names)}, none twice")
        return self.parameters

    def require(self, name: str) -> str:
        """Give the parameter *name*; a request without it is refused."""
        value = self.parameters.get(name)
        if value is None:
            self.reject(name, "invalid_request", f"missing: {name}")
        return value

    def exchange(self, status: int | None, failure: str = "") -> Exchange:
        """Record the request, the status it was answered with, and the failure it met."""
        return Exchange(
            method=self.request.method,
            url=url_of(self.request),
            headers=tuple(self.request.headers.items()),
            body=self.body,
            placement=self.placement,
            parameters=tuple(self.pairs),
            checks=tuple(self.checks),
            status=status,
            failure=failure,
        )


def _decoded(encoded: bytes) -> list[tuple[str, str]]:
    return [(text(name), text(value)) for name, value in rfc5849.form_pairs(encoded)]
