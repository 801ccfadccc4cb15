"""What the embedded server refuses, with which status, and that the log names the check."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import aiohttp
import pytest

from oauthkit.testing.servers import OAuth1Server
from support import run
from testing.servers.peer import FORM, Answer, send, signed, signer

proves_refusals = pytest.mark.proves(
    "Servers, simulators and laws for tests",
    "OAuth 1.0a service: what it refuses",
    rfc="RFC 5849 §3.2, §3.3",
    judge="none but ours",
)

URL = "https://api.example/x"
NOW = 1_700_000_000
Request = Callable[[OAuth1Server, aiohttp.ClientSession], Awaitable[Answer]]


@pytest.fixture
def server() -> Iterator[OAuth1Server]:
    """Play a service whose clock stands still."""
    with OAuth1Server(
        hosts=["api.example"],
        clock=lambda: float(NOW),
        signature_methods=["HMAC-SHA1", "PLAINTEXT", "RSA-SHA256"],
        callbacks=["https://app.example/cb"],
    ) as playing:
        yield playing


def attempt(server: OAuth1Server, request: Request) -> Answer:
    """Send one request."""

    async def main() -> Answer:
        async with server.session() as session:
            return await request(server, session)

    return run(main())


def peer(server: OAuth1Server, **options: Any) -> Any:
    """Make oauthlib's client, on the server's time."""
    return signer(server, **{"timestamp": str(NOW), **options})


def refused(
    server: OAuth1Server, answer: Answer, status: int, check: str, code: int | None = None
) -> None:
    """Judge a refusal: status, challenge, shape of the body, and the check that is logged."""
    assert status == answer.status, answer.text
    assert 'OAuth realm="OAuth"' == answer.headers["WWW-Authenticate"]
    (error,) = answer.json["errors"]
    assert {"code", "message"} == set(error)
    if code is not None:
        assert code == error["code"]
    assert (check,) == server.log[-1].failed
    assert status == server.log[-1].status
    assert not server.log[-1].ok


@proves_refusals
@pytest.mark.parametrize(
    ("options", "status", "check", "code"),
    [
        ({"client_key": "nobody"}, 401, "client", 32),
        ({"client_secret": "wrong"}, 401, "signature", 32),
        ({"resource_owner_secret": "wrong"}, 401, "signature", 32),
        ({"resource_owner_key": "unknown"}, 401, "token", 89),
        ({"resource_owner_key": None}, 401, "token", 89),
        ({"timestamp": str(NOW - 301)}, 401, "timestamp", 135),
        ({"timestamp": str(NOW + 301)}, 401, "timestamp", 135),
        ({"timestamp": "-1"}, 400, "timestamp", 215),
        ({"timestamp": "9" * 5000}, 400, "timestamp", 215),
        ({"timestamp": "soon"}, 400, "timestamp", 215),
        ({"signature_method": "HMAC-SHA256"}, 400, "method", 215),
        ({"signature_method": "PLAINTEXT", "client_secret": "wrong"}, 401, "signature", 32),
    ],
)
def test_wrong_parameters(
    server: OAuth1Server, options: dict[str, Any], status: int, check: str, code: int
) -> None:
    """One wrong parameter, signed all the same, is refused for what it is."""
    answer = attempt(server, lambda s, session: signed(session, peer(s, **options), URL))
    refused(server, answer, status, check, code)


@pytest.mark.parametrize("age", [-300, 0, 300])
def test_timestamps_within_bounds(server: OAuth1Server, age: int) -> None:
    """The bound itself is still good."""
    client = peer(server, timestamp=str(NOW - age))
    assert 200 == attempt(server, lambda _, session: signed(session, client, URL)).status


def unsigned(fields: dict[str, str]) -> Request:
    """Make a request with *fields* as they are."""
    return lambda _, session: send(session, "GET", URL, fields)


def test_unsigned(server: OAuth1Server) -> None:
    """A request without protocol parameters, or of another scheme, is told how to sign."""
    bearer = {"Authorization": "Bearer abc"}
    for fields in ({}, bearer):
        answer = attempt(server, unsigned(fields))
        refused(server, answer, 401, "placement", 215)
        assert not server.log[-1].signed


@proves_refusals
def test_replay(server: OAuth1Server) -> None:
    """The same nonce, timestamp and token are good once; a failed request burns no nonce."""

    async def main() -> list[int]:
        async with server.session() as session:
            _, fields, _ = peer(server).sign(URL)
            good = fields["Authorization"]
            wrong = good.replace('oauth_signature="', 'oauth_signature="A')
            answers = [
                await send(session, "GET", URL, {"Authorization": field})
                for field in (wrong, good, good)
            ]
            refused(server, answers[2], 401, "nonce", 32)
            return [answer.status for answer in answers]

    assert [401, 200, 401] == run(main())


def test_replay_of_another_token(server: OAuth1Server) -> None:
    """A nonce belongs to its token and timestamp: another token may use it."""
    bob = server.creds_for("bob")
    others = {"resource_owner_key": bob["token"], "resource_owner_secret": bob["token_secret"]}

    async def main() -> list[int]:
        async with server.session() as session:
            return [
                (await signed(session, peer(server, nonce="n", **options), URL)).status
                for options in ({}, others, {"timestamp": str(NOW + 1)}, others)
            ]

    assert [200, 200, 200, 401] == run(main())


def header(server: OAuth1Server, url: str = URL) -> str:
    """Let oauthlib sign a GET."""
    _, fields, _ = peer(server).sign(url)
    return str(fields["Authorization"])


@proves_refusals
@pytest.mark.parametrize(
    ("old", "new", "status", "check"),
    [
        ("OAuth ", 'OAuth oauth_nonce="again", ', 400, "parameters"),
        ("oauth_nonce=", "oauth_none=", 400, "parameters"),
        ('oauth_version="1.0"', 'oauth_version="2.0"', 400, "version"),
        ("OAuth ", "OAuth garbage ", 400, "placement"),
        ('oauth_version="1.0", ', "", 401, "signature"),
        ("OAuth ", 'OAuth x="1", ', 401, "signature"),
        ("OAuth ", 'OAuth oauth_body_hash="wrong", ', 401, "signature"),
    ],
)
def test_changed_header(server: OAuth1Server, old: str, new: str, status: int, check: str) -> None:
    """A header with anything added, removed or changed is refused."""
    fields = {"Authorization": header(server).replace(old, new)}
    answer = attempt(server, lambda _, session: send(session, "GET", URL, fields))
    refused(server, answer, status, check)


@proves_refusals
@pytest.mark.parametrize(
    ("method", "url"),
    [
        ("POST", URL),
        ("GET", URL + "?a=1"),
        ("GET", "https://api.example/X"),
        ("GET", "https://api.example:8443/x"),
        ("GET", "http://api.example/x"),
    ],
)
def test_changed_request(server: OAuth1Server, method: str, url: str) -> None:
    """A header that was signed for another method or URL is refused."""
    fields = {"Authorization": header(server)}
    answer = attempt(server, lambda _, session: send(session, method, url, fields))
    refused(server, answer, 401, "signature")


@proves_refusals
def test_changed_form(server: OAuth1Server) -> None:
    """A form body is signed: another value is refused, also with a charset parameter."""
    fields = {"Content-Type": FORM}
    _, sent, _ = peer(server).sign(URL, "POST", "a=1", fields)
    changed = {**sent, "Content-Type": f"{FORM};charset=UTF-8"}
    answer = attempt(server, lambda _, session: send(session, "POST", URL, changed, "a=2"))
    refused(server, answer, 401, "signature")


def test_two_places(server: OAuth1Server) -> None:
    """Protocol parameters in the header and in the query are refused (section 3.5)."""
    url = URL + "?oauth_verifier=1"
    fields = {"Authorization": header(server, URL)}
    answer = attempt(server, lambda _, session: send(session, "GET", url, fields))
    refused(server, answer, 400, "placement")
    assert "header+query" == server.log[-1].placement


def test_two_headers(server: OAuth1Server) -> None:
    """Two Authorization headers are refused."""

    async def main() -> Answer:
        async with server.session() as session:
            fields = [("Authorization", header(server)), ("Authorization", header(server))]
            async with session.get(URL, headers=fields) as response:
                return Answer(
                    status=response.status,
                    headers=response.headers.copy(),
                    text=await response.text(),
                )

    refused(server, run(main()), 400, "placement")


def test_plaintext_needs_tls(server: OAuth1Server) -> None:
    """PLAINTEXT is taken over TLS, without nonce and timestamp too, and never without TLS."""
    client = peer(server, signature_method="PLAINTEXT")
    url = "http://api.example/x"
    answer = attempt(server, lambda _, session: signed(session, client, url))
    refused(server, answer, 400, "method")
    secret = f"{server.client_secret}%26{server.token_secret}"
    field = (
        f'OAuth oauth_consumer_key="{server.client_id}", oauth_token="{server.token}", '
        f'oauth_signature_method="PLAINTEXT", oauth_signature="{secret}"'
    )
    fields = {"Authorization": field}
    answers = [
        attempt(server, lambda _, session: send(session, "GET", URL, fields)) for _ in range(2)
    ]
    assert [200, 200] == [answer.status for answer in answers]


def test_rsa_signature_that_is_not_base64(server: OAuth1Server) -> None:
    """An RSA signature that cannot be decoded is a wrong one."""
    client = peer(server, signature_method="RSA-SHA256")
    _, fields, _ = client.sign(URL)
    fields["Authorization"] = fields["Authorization"].replace(
        'oauth_signature="', 'oauth_signature="*'
    )
    answer = attempt(server, lambda _, session: send(session, "GET", URL, fields))
    refused(server, answer, 401, "signature")


def with_hash(server: OAuth1Server, value: str, content_type: str) -> Answer:
    """Send a body with *value* as its signed oauth_body_hash."""
    body = "a=1" if content_type == FORM else '{"a": 1}'
    client = peer(server)
    original = client.get_oauth_params

    def parameters(request: Any) -> list[tuple[str, str]]:
        others = [pair for pair in original(request) if pair[0] != "oauth_body_hash"]
        return [*others, ("oauth_body_hash", value)]

    client.get_oauth_params = parameters
    return attempt(
        server,
        lambda _, session: signed(
            session, client, URL, "POST", body, {"Content-Type": content_type}
        ),
    )


def test_body_hash(server: OAuth1Server) -> None:
    """A wrong body hash is refused, and so is any with a form."""
    wrong = "2jmj7l5rSw0yVb/vlWAYkK/YBwk="
    refused(server, with_hash(server, wrong, "application/json"), 401, "body_hash")
    refused(server, with_hash(server, wrong, FORM), 400, "body_hash")


def test_revoked_token(server: OAuth1Server) -> None:
    """A token that was revoked is unknown."""
    server.revoke(server.token)
    answer = attempt(server, lambda s, session: signed(session, peer(s), URL))
    refused(server, answer, 401, "token", 89)


@pytest.mark.parametrize(
    ("callback", "status"),
    [
        (None, 400),
        ("not a URL", 400),
        ("https://app.example/\u00e9", 400),
        ("https://app.example/cb/", 401),
        ("https://evil.example/cb", 401),
        ("https://app.example/cb", 200),
        ("oob", 200),
    ],
)
def test_callback(server: OAuth1Server, callback: str | None, status: int) -> None:
    """The callback is compulsory, absolute or oob, and one of those registered."""
    client = peer(
        server, resource_owner_key=None, resource_owner_secret=None, callback_uri=callback
    )
    url = "https://api.example/oauth/request_token"
    answer = attempt(server, lambda _, session: signed(session, client, url, "POST"))
    if status == 200:
        assert 200 == answer.status
    else:
        refused(server, answer, status, "callback")


class Flow:
    """A flow up to the consent."""

    def __init__(self, server: OAuth1Server) -> None:
        """Get temporary credentials."""
        self.server = server
        client = peer(
            server, resource_owner_key=None, resource_owner_secret=None, callback_uri="oob"
        )
        url = "https://api.example/oauth/request_token"
        self.asked = attempt(server, lambda _, session: signed(session, client, url, "POST")).form
        self.page = f"https://api.example/oauth/authorize?oauth_token={self.asked['oauth_token']}"

    def exchange(self, verifier: str | None) -> Answer:
        """Ask for the token."""
        client = peer(
            self.server,
            resource_owner_key=self.asked["oauth_token"],
            resource_owner_secret=self.asked["oauth_token_secret"],
            verifier=verifier,
        )
        url = "https://api.example/oauth/access_token"
        return attempt(self.server, lambda _, session: signed(session, client, url, "POST"))


def test_verifier(server: OAuth1Server) -> None:
    """A missing or wrong verifier is refused; the right one is good once."""
    flow = Flow(server)
    refused(server, flow.exchange("1234567"), 401, "authorized")
    pin = server.authorize(flow.page)
    refused(server, flow.exchange(None), 400, "verifier")
    refused(server, flow.exchange("x" + pin), 401, "verifier")
    refused(server, flow.exchange("\u00e9"), 401, "verifier")
    assert 200 == flow.exchange(pin).status
    refused(server, flow.exchange(pin), 401, "token")


def test_refused_consent(server: OAuth1Server) -> None:
    """After a refusal there is no token to be had."""
    flow = Flow(server)
    server.authorize(flow.page, approve=False)
    refused(server, flow.exchange("1234567"), 401, "authorized")


def test_temporary_credentials_are_no_token(server: OAuth1Server) -> None:
    """Temporary credentials read no resource, and a token is not exchanged for another."""
    flow = Flow(server)
    client = peer(
        server,
        resource_owner_key=flow.asked["oauth_token"],
        resource_owner_secret=flow.asked["oauth_token_secret"],
    )
    answer = attempt(server, lambda _, session: signed(session, client, URL))
    refused(server, answer, 401, "token")
    url = "https://api.example/oauth/access_token"
    answer = attempt(server, lambda s, session: signed(session, peer(s), url, "POST"))
    refused(server, answer, 401, "token")


def test_temporary_credentials_expire() -> None:
    """Temporary credentials that nobody used are forgotten after a quarter of an hour."""
    now = [float(NOW)]
    with OAuth1Server(hosts=["api.example"], clock=lambda: now[0], max_age=10_000) as server:
        flow = Flow(server)
        now[0] += 901
        with pytest.raises(ValueError, match="expired"):
            server.authorize(flow.page)
        refused(server, flow.exchange("1"), 401, "token")
