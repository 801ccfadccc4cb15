"""
Where oauthlib 4.0.1 is wrong: the flaw, the section of RFC 5849, an example and the right value.

The strategies that oauthlib judges draw none of this; ``test_oauthlib_flaws`` shows for each
example that oauthlib still has the flaw and that our value is the right one. A row whose flaw is
gone fails there, and then its strategy may draw more.
"""

from __future__ import annotations

import attrs

__all__ = ["FLAWS", "FORM", "Flaw", "Refused"]

FORM = "application/x-www-form-urlencoded"


@attrs.frozen
class Refused:
    """What stands for oauthlib's answer where it raises ValueError."""


@attrs.frozen(kw_only=True)
class Flaw:
    """
    One request that oauthlib 4.0.1 signs wrong.

    *expected* is the base string of method "" and without protocol parameters, *theirs* is what
    oauthlib makes of it.
    """

    what: str
    section: str
    expected: str
    theirs: str | Refused
    url: str = "https://h/"
    body: str | None = None
    content_type: str | None = None


FLAWS = {
    "oauth_* decoded twice": Flaw(
        what="the value of a parameter whose name begins with oauth_ is decoded once more",
        section="3.4.1.3.1",
        url="https://h/?oauth_x=%2541",
        expected="&https%3A%2F%2Fh%2F&oauth_x%3D%252541",
        theirs="&https%3A%2F%2Fh%2F&oauth_x%3DA",
    ),
    "octets replaced": Flaw(
        what="octets that are no UTF-8 become U+FFFD, and all of them the same",
        section="3.6",
        url="https://h/?a=%FF",
        expected="&https%3A%2F%2Fh%2F&a%3D%25FF",
        theirs="&https%3A%2F%2Fh%2F&a%3D%25EF%25BF%25BD",
    ),
    "no escape": Flaw(
        what="a % that starts no escape is refused, though servers take it as it stands",
        section="3.4.1.3.1",
        url="https://h/?a=%zz",
        expected="&https%3A%2F%2Fh%2F&a%3D%2525zz",
        theirs=Refused(),
    ),
    "raw characters in a query": Flaw(
        what="characters that need not be escaped in a query, by practice if not by RFC 3986",
        section="3.4.1.3.1",
        url="https://h/?a=[1]|2",
        expected="&https%3A%2F%2Fh%2F&a%3D%255B1%255D%257C2",
        theirs=Refused(),
    ),
    "raw characters in a form": Flaw(
        what="a form with a character that it need not escape is taken for no form",
        section="3.4.1.3.1",
        body="a=[1]",
        content_type=FORM,
        expected="&https%3A%2F%2Fh%2F&a%3D%255B1%255D",
        theirs=Refused(),
    ),
    "charset": Flaw(
        what="a form type with a parameter is taken for another type",
        section="3.4.1.3.1",
        body="a=1",
        content_type=f"{FORM}; charset=utf-8",
        expected="&https%3A%2F%2Fh%2F&a%3D1",
        theirs=Refused(),
    ),
    "text that could be a form": Flaw(
        what="a body of another type is refused where it could be read as a form",
        section="3.4.1.3.1",
        body="hello",
        content_type="text/plain",
        expected="&https%3A%2F%2Fh%2F&",
        theirs=Refused(),
    ),
    "semicolon": Flaw(
        what="a semicolon at the end of the path is lost",
        section="3.4.1.2",
        url="https://h/a;",
        expected="&https%3A%2F%2Fh%2Fa%3B&",
        theirs="&https%3A%2F%2Fh%2Fa&",
    ),
    "address written anew": Flaw(
        what="an IPv6 address is shortened, whatever the Host header field says",
        section="3.4.1.2",
        url="https://[2001:db8:0:0:0:0:0:1]/",
        expected="&https%3A%2F%2F%5B2001%3Adb8%3A0%3A0%3A0%3A0%3A0%3A1%5D%2F&",
        theirs="&https%3A%2F%2F%5B2001%3Adb8%3A%3A1%5D%2F&",
    ),
    "port 0": Flaw(
        what="port 0 is refused; a signature is not the place to judge ports",
        section="3.4.1.2",
        url="https://h:0/",
        expected="&https%3A%2F%2Fh%3A0%2F&",
        theirs=Refused(),
    ),
    "WebSocket": Flaw(
        what="a WebSocket handshake is signed as ws, though its request is HTTP's",
        section="3.4.1.2",
        url="wss://h/",
        expected="&https%3A%2F%2Fh%2F&",
        theirs="&wss%3A%2F%2Fh%2F&",
    ),
}
