"""
Log a user in and make signed calls (RFC 5849), first as `twitter`, then as a new provider.

This is what `oauthkit demo` runs, and what `oauthkit demo --source` prints: a program of its own,
written with public names. Saved to a file it runs as well. The servers are played on 127.0.0.1,
under the hosts that each provider declares; nothing leaves the machine.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
from collections.abc import AsyncIterator, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import attrs
from aiohttp import ClientSession

from oauthkit import Client, ForeignOriginError, OAuth1Provider, connect, default_registry
from oauthkit.testing.servers import OAuth1Server

CALLBACK = "https://app.example/back"
STATUS = "100 % tea & crème"
ALICE = {"data": {"id": "1", "name": "Alice", "username": "alice"}}

# What pip would put into site-packages, and all of it.
DISTRIBUTION = {
    "oauthkit_demo.py": '''\
"""A provider is data."""

from oauthkit import OAuth1Provider

provider = OAuth1Provider(
    name="oauthkit-demo",
    title="Demo",
    temporary_credential_endpoint="https://demo.example/oauth/initiate",
    authorization_endpoint="https://demo.example/oauth/authorize",
    token_endpoint="https://demo.example/oauth/token",
    api_base="https://api.demo.example/v1/",
    signature_methods=("HMAC-SHA256",),
)
''',
    "oauthkit_demo-1.0.dist-info/METADATA": """\
Metadata-Version: 2.1
Name: oauthkit-demo
Version: 1.0
""",
    "oauthkit_demo-1.0.dist-info/entry_points.txt": """\
[oauthkit.providers]
oauthkit-demo = oauthkit_demo:provider
""",
}


@attrs.frozen(kw_only=True)
class Step:
    """
    One thing that was done.

    *server* has it in its log, where *requests* says that something was sent. *facts* are worth
    knowing; *expected* is what must be true by now.
    """

    code: str
    says: str
    server: OAuth1Server
    client: Client
    requests: int = 1
    facts: Mapping[str, str] = {}
    expected: Mapping[str, bool] = {}


def declared(name: str) -> OAuth1Provider:
    """Find an installed provider."""
    provider = default_registry().get(name)
    if not isinstance(provider, OAuth1Provider):
        raise TypeError(f"{name} is no OAuth 1.0a provider")
    return provider


async def installed_provider() -> AsyncIterator[Step]:
    """Use `twitter`, its declaration unchanged: a user logs in, then signed calls."""
    twitter = declared("twitter")
    with OAuth1Server.for_provider(twitter) as server:
        creds = server.client_creds
        async with (
            server.session() as session,
            connect("twitter", creds, session=session, redirect_uri=CALLBACK) as x,
        ):
            yield Step(
                code='connect("twitter", creds, session=session, redirect_uri=CALLBACK)',
                says="A client is made. Nothing is sent.",
                server=server,
                client=x,
                requests=0,
                facts={
                    "api_base": twitter.api_base or "none",
                    "played on": f"127.0.0.1:{server.port}, TLS by an authority of this run",
                },
                expected={"unchanged declaration": x.provider is twitter},
            )

            await x.fetch_request_token()
            yield Step(
                code="await x.fetch_request_token()",
                says="Step one of three: a request token (RFC 5849 §2.1).",
                server=server,
                client=x,
            )

            url = x.create_authorization_url()
            callback = server.authorize(url, user="alice")  # what alice does in her browser
            x.parse_authorization_response(callback)
            yield Step(
                code="x.parse_authorization_response(callback)",
                says="Step two: alice is sent to the service, agrees, and comes back (§2.2).",
                server=server,
                client=x,
                requests=0,
                facts={"goes to": url, "comes back": callback},
                expected={"back at the callback": callback.startswith(CALLBACK)},
            )

            token = await x.fetch_access_token()
            yield Step(
                code="token = await x.fetch_access_token()",
                says="Step three: request token and verifier become an access token (§2.3).",
                server=server,
                client=x,
                expected={"the token is alice's": token.get("screen_name") == "alice"},
            )

            async with x.get("/2/users/me") as resp:
                answer = await resp.json()
            yield Step(
                code='x.get("/2/users/me")',
                says="A signed call, relative to the declaration's api_base (§3).",
                server=server,
                client=x,
                facts={"answer": json.dumps(answer)},
                expected={"alice answers": answer == ALICE},
            )

            async with x.post("/1.1/statuses/update.json", data={"status": STATUS}) as resp:
                answer = await resp.json()
            yield Step(
                code='x.post("/1.1/statuses/update.json", data={"status": STATUS})',
                says="The fields of a form are signed too, whatever is in them (§3.4.1.3).",
                server=server,
                client=x,
                facts={"STATUS": repr(STATUS)},
                expected={"the form arrived": answer.get("form") == [["status", STATUS]]},
            )

            async with x.post("/2/tweets", json={"text": STATUS}) as resp:
                answer = await resp.json()
            sent = hashlib.sha256(json.dumps({"text": STATUS}).encode()).hexdigest()
            yield Step(
                code='x.post("/2/tweets", json={"text": STATUS})',
                says="JSON is sent as it is; OAuth 1.0a does not sign it.",
                server=server,
                client=x,
                expected={"the body arrived intact": answer.get("body_sha256") == sent},
            )

            refusal = ""
            try:
                await x.get("https://elsewhere.example/2/users/me")
            except ForeignOriginError as error:
                refusal = str(error)
            yield Step(
                code='x.get("https://elsewhere.example/2/users/me")',
                says="A token goes to the declared origins only: this is refused, not sent.",
                server=server,
                client=x,
                requests=0,
                facts={"refused": refusal},
                expected={"ForeignOriginError": refusal != ""},
            )


@contextmanager
def distribution_on_path() -> Generator[None, None, None]:
    """Install the distribution as pip would, and remove it."""
    with TemporaryDirectory() as folder:
        for name, text in DISTRIBUTION.items():
            path = Path(folder, name)
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        sys.path.append(folder)
        default_registry().refresh()
        try:
            yield
        finally:
            sys.path.remove(folder)
            sys.modules.pop("oauthkit_demo", None)
            default_registry().refresh()


async def new_provider() -> AsyncIterator[Step]:
    """Install a provider of your own: three files on sys.path, found like any other."""
    with (
        distribution_on_path(),
        OAuth1Server.for_provider(declared("oauthkit-demo")) as server,
    ):
        (entry,) = (e for e in default_registry().entries() if e.name == "oauthkit-demo")
        async with (
            server.session() as session,
            connect("oauthkit-demo", server.creds, session=session) as demo,
        ):
            yield Step(
                code='connect("oauthkit-demo", server.creds, session=session)',
                says="The name is found in files that were just written, as pip writes them.",
                server=server,
                client=demo,
                requests=0,
                facts={
                    "written": ", ".join(DISTRIBUTION),
                    "found": f"{entry.name} of {entry.distribution} {entry.version}",
                    "played on": f"127.0.0.1:{server.port}",
                },
                expected={"found by its entry point": entry.distribution == "oauthkit-demo"},
            )

            query = {"sort": "name", "tag": "tea & crème"}
            async with demo.get("albums", params=query) as resp:
                answer = await resp.json()
            yield Step(
                code='demo.get("albums", params=query)',
                says="Signed as its declaration says: HMAC-SHA256, over the query as sent.",
                server=server,
                client=demo,
                expected={"the query arrived": dict(answer.get("query", ())) == query},
            )

            async with (
                ClientSession(connector=server.connector(), middlewares=[demo.middleware]) as own,
                own.get("https://api.demo.example/v1/me") as resp,
            ):
                answer = await resp.json()
            yield Step(
                code='own.get("https://api.demo.example/v1/me")',
                says="The same signing on a session of your own: middlewares=[demo.middleware].",
                server=server,
                client=demo,
                expected={"alice is known": answer.get("user") == "alice"},
            )


PARTS = (installed_provider, new_provider)


async def main() -> None:
    """Run every part; what the servers checked is in their logs."""
    for part in PARTS:
        async for step in part():
            print(step.code)
            if step.requests:
                for check in step.server.log[-1].checks:
                    print("   ", "ok" if check.ok else "NOT OK", check.name, check.detail)
            for name, fulfilled in step.expected.items():
                print("   ", "ok" if fulfilled else "NOT OK", name)


if __name__ == "__main__":
    asyncio.run(main())
