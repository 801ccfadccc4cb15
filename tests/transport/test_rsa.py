"""RSA signatures (RFC 5849 §3.4.3): the key is parsed once, and never on the event loop."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from oauthkit import ConfigurationError
from oauthkit.protocol import keys
from oauthkit.transport import keys as transport_keys
from transport.peers import Pair, client_of, run, verified

METHODS = ("RSA-SHA1", "RSA-SHA256", "RSA-SHA512")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("placement", ["header", "body", "query"])
def test_signatures(pair: Pair, method: str, placement: str) -> None:
    """The service verifies them with the public key."""
    creds = {**pair.home.creds, "rsa_key": pair.home.rsa_key}

    async def main() -> None:
        async with pair.home.session() as session:
            client = client_of(
                pair, session, creds, placement=placement, signature_methods=(method,)
            )
            async with client.post("/x?q=1", data={"a": "1"}) as response:
                assert 200 == response.status

    run(main())
    (seen,) = pair.home.log
    verified(seen)
    assert placement == seen.placement


@pytest.mark.proves(
    "Transport", "keys are parsed off the event loop", rfc=None, judge="none but ours"
)
@pytest.mark.parametrize("placement", ["header", "query"])
@pytest.mark.parametrize("protocol", [False, True])
def test_key_is_parsed_in_a_thread(
    pair: Pair, placement: str, protocol: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On first use, off the loop; all who come meanwhile wait, and later ones find it."""
    monkeypatch.setattr(keys, "_CACHE", {})
    threads: list[threading.Thread] = []
    parse = keys.load_private_key

    def note(pem: str) -> Any:
        threads.append(threading.current_thread())
        return parse(pem)

    monkeypatch.setattr(transport_keys, "load_private_key", note)
    creds = {**pair.home.creds, "rsa_key": pair.home.rsa_key}

    async def main() -> None:
        async with pair.home.session() as session:
            client = client_of(
                pair, session, creds, placement=placement, signature_methods=("RSA-SHA1",)
            )
            assert [] == threads
            if protocol:
                await client.fetch_request_token()
                return
            responses = await asyncio.gather(*(client.get("/x") for _ in range(3)))
            assert [200] * 3 == [response.status for response in responses]
            for response in responses:
                response.release()
            before = len(threads)
            async with client.get("/x"):
                pass
            assert before == len(threads)

    run(main())
    assert threads
    assert threading.main_thread() not in threads


def test_pem_that_is_no_key(pair: Pair) -> None:
    """An error of ours, without the text; nothing is sent."""
    lines = pair.home.rsa_key.splitlines()
    pem = "\n".join([lines[0], *lines[2:]])

    async def main() -> None:
        async with pair.home.session() as session:
            creds = {**pair.home.creds, "rsa_key": pem}
            client = client_of(pair, session, creds, signature_methods=("RSA-SHA1",))
            with pytest.raises(ConfigurationError, match="cut short") as caught:
                await client.get("/x")
            assert lines[2] not in str(caught.value)

    run(main())
    assert [] == pair.all()
