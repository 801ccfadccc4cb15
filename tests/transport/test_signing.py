"""The signing middleware and its seams, with a signer and a source of the test's own."""

from __future__ import annotations

from typing import Any, Literal

import aiohttp
import attrs
import pytest
from aiohttp import hdrs

from oauthkit import OAuthError, Token
from oauthkit.protocol.origins import parse_origin
from oauthkit.transport.fence import Fence
from oauthkit.transport.seams import Undo
from oauthkit.transport.signing import Signing
from transport.peers import FOREIGN_HOST, HOST, Pair, client_of, run


@attrs.define(eq=False)
class Tokens:
    """Hands out one token after the other, and notes which was refused."""

    left: int
    refused: list[Any] = attrs.field(factory=list[Any])

    async def token(self, rejected: Token | None = None) -> Token:
        """Return the next one; raises where there is none."""
        if rejected is not None:
            self.refused.append(rejected["number"])
        if not self.left:
            raise OAuthError("no more", error="invalid_token")
        self.left -= 1
        return Token({"number": str(self.left)})


@attrs.define(eq=False)
class Bearer:
    """Writes the token into a header; asks for others as *causes* say, one for each answer."""

    causes: list[Literal["token", "proof"] | None]
    undone: int = 0

    async def sign(self, request: aiohttp.ClientRequest, token: Token) -> Undo:
        """Write the header."""
        request.headers[hdrs.AUTHORIZATION] = f"Bearer {token['number']}"

        async def undo() -> None:
            self.undone += 1

        return undo

    def challenge(self, response: aiohttp.ClientResponse) -> Literal["token", "proof"] | None:
        """Return the next cause."""
        return self.causes.pop(0)


def send(pair: Pair, signer: Bearer, source: Tokens, **options: Any) -> list[str | None]:
    """Send one request through the middleware; return the Authorization fields that arrived."""
    signing = Signing(fence=Fence.around([parse_origin(f"https://{HOST}")], source), signer=signer)

    async def main() -> None:
        async with (
            pair.home.session(middlewares=[signing]) as session,
            session.post(f"https://{HOST}/x", **options) as response,
        ):
            assert 401 == response.status
            assert "errors" in await response.json()

    run(main())
    return [exchange.header("Authorization") for exchange in pair.home.log]


@pytest.mark.parametrize(
    ("causes", "sent", "refused"),
    [
        ([None], ["3"], []),
        (["token", None], ["3", "2"], ["3"]),
        (["proof", None], ["3", "3"], []),
        # One more try per cause, and no third of the same.
        (["token", "token"], ["3", "2"], ["3"]),
        (["proof", "proof"], ["3", "3"], []),
        (["token", "proof", "token"], ["3", "2", "2"], ["3"]),
        (["proof", "token", "proof"], ["3", "3", "2"], ["3"]),
    ],
)
def test_one_more_try_per_cause(
    pair: Pair,
    causes: list[Literal["token", "proof"] | None],
    sent: list[str],
    refused: list[str],
) -> None:
    """Bounded, with the token that was refused told to the source, and every signature undone."""
    signer, source = Bearer(causes), Tokens(4)
    assert [f"Bearer {n}" for n in sent] == send(pair, signer, source, data={"a": "1"})
    assert refused == source.refused
    assert len(sent) == signer.undone


def test_no_other_token(pair: Pair) -> None:
    """The source's error reaches the caller, and the connection is given back."""
    with pytest.raises(OAuthError, match="no more"):
        send(pair, Bearer(["token"]), Tokens(1))
    assert 1 == len(pair.home.log)


def test_consumed_body(pair: Pair) -> None:
    """What cannot be sent again is not tried again."""

    async def chunks() -> Any:
        yield b"once"

    assert ["Bearer 3"] == send(pair, Bearer(["token"]), Tokens(4), data=chunks())
    assert b"once" == pair.home.log[0].body


def test_signature_is_undone_when_sending_fails(pair: Pair) -> None:
    """Also where the connection breaks, or the request cannot be sent."""
    signer = Bearer([])

    async def fail(_: aiohttp.ClientRequest) -> aiohttp.ClientResponse:
        raise aiohttp.ClientConnectionError

    async def main() -> None:
        source = Tokens(1)
        signing = Signing(
            fence=Fence.around([parse_origin(f"https://{HOST}")], source), signer=signer
        )

        async def outer(
            request: aiohttp.ClientRequest, _: aiohttp.ClientHandlerType
        ) -> aiohttp.ClientResponse:
            return await signing(request, fail)

        async with pair.home.session(middlewares=[outer]) as session:
            with pytest.raises(aiohttp.ClientConnectionError):
                await session.get(f"https://{HOST}/x")

    run(main())
    assert 1 == signer.undone


def test_read_up_stream_is_not_sent_elsewhere_empty(pair: Pair) -> None:
    """A verb's redirect elsewhere does not carry an empty body where a stream was."""
    pair.home.redirect("/start", 307, f"https://{FOREIGN_HOST}/x")

    async def chunks() -> Any:
        yield b"once"

    async def main() -> None:
        async with pair.home.session(pair.stranger) as session:
            with pytest.raises(aiohttp.ClientPayloadError):
                await client_of(pair, session).post("/start", data=chunks())

    run(main())
    assert [] == pair.stranger.log


@pytest.mark.parametrize("name", ["get", "post", "put", "patch", "delete", "head", "options"])
def test_verbs(pair: Pair, name: str) -> None:
    """Each sends its method, awaited or entered; HEAD follows no redirect unless it is asked to."""
    pair.home.redirect("/start", 307, "/x")

    async def main() -> None:
        async with pair.home.session() as session:
            client = client_of(pair, session)
            response = await getattr(client, name)("/x")
            assert 200 == response.status
            response.release()
            async with getattr(client, name)("/start") as response:
                assert (307 if name == "head" else 200) == response.status
            async with client.request(name, "/x") as response:
                assert 200 == response.status

    run(main())
    assert {name.upper()} == {exchange.method for exchange in pair.home.log}
    assert (3 if name == "head" else 4) == len(pair.home.log)
