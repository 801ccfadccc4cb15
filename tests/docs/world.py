"""
The world that the pages' code runs in: the hosts it calls, a user's blanks filled in, a browser.

Code runs as a reader pastes it. What is put in its way stands here and nowhere else: the connector
that aiohttp makes for a session without one (it leads to embedded servers, which verify), the
``"…"`` of credentials, ``input()``, the system's keyring and the working directory.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
import tomllib
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest
from aiohttp import TCPConnector, web
from cryptography.fernet import Fernet

import filekeyring
from docs.pages import Block
from oauthkit import AssertionProvider, OAuth1Provider, default_registry
from oauthkit.protocol.oauth1 import SIGNATURE_METHODS
from oauthkit.testing.servers import (
    AssertionServer,
    Exchange,
    LoopbackServer,
    OAuth1Server,
    OAuth2Server,
    connector,
    session,
)
from support import ROOT

ACME = ROOT / "docs/examples/oauthkit-acme"

# What a reader fills in: the value of a credential.
_BLANK = re.compile(
    r'"(client_id|client_secret|token|token_secret|access_token|refresh_token)": "…"'
)
_ADDRESS = re.compile(r"https://\S+")
_LOGIN = "https://login.example.org"


@attrs.define(eq=False)
class World:
    """The servers that are there, and what a user does at a terminal and in a browser."""

    service: OAuth1Server
    elsewhere: OAuth1Server
    any_server: OAuth2Server
    google: AssertionServer
    monkeypatch: pytest.MonkeyPatch = attrs.field(repr=False)
    printed: list[str] = attrs.field(factory=list[str])

    def fill_in(self, block: Block) -> str:
        """Return the code of *block* with the credentials that a reader would have."""
        creds = self.creds
        return _BLANK.sub(lambda found: f'"{found[1]}": "{creds[found[1]]}"', block.text)

    @property
    def creds(self) -> dict[str, str]:
        """What a reader got from the services; an OAuth 2 token is issued anew each time."""
        token = self.any_server.issue()
        issued = {name: token[name] for name in ("access_token", "refresh_token")}
        return {**self.service.creds, **issued}

    def export(self, block: Block) -> None:
        """Set the variables of a block of ``export`` lines, as a shell would, blanks filled in."""
        creds = self.creds
        for word in block.text.replace("export ", " ").split():
            name, _, value = word.partition("=")
            field = name.partition("__")[2].lower()
            self.monkeypatch.setenv(name, creds[field] if value == "…" else value)

    def answer(self, prompt: str = "") -> str:
        """Stand in for ``input()``: open the address that was printed last, approve, paste."""
        assert prompt
        address = _ADDRESS.findall("".join(self.printed))[-1]
        asked = self.any_server if address.startswith(_LOGIN) else self.service
        return asked.authorize(address)

    @property
    def log(self) -> list[Exchange]:
        """What all servers received."""
        return [
            *self.service.log,
            *self.elsewhere.log,
            *self.any_server.log,
            *self.google.log,
        ]

    async def log_in(self, app: web.Application) -> None:
        """Log in to a site at example.com: once to the end, once refused, once from nowhere."""
        with LoopbackServer(app=lambda: app, hosts=["example.com"]) as site:
            for decision, status, told in (
                ("approve", 200, "Hello, alice."),
                ("deny", 403, "the user refused"),
            ):
                async with session(self.service, site) as browser:
                    async with browser.get("https://example.com/login") as page:
                        assert 200 == page.status
                        asked = page.url
                    assert "api.x.com" == asked.host
                    form = {**asked.query, "user": "alice", "decision": decision}
                    async with browser.post(asked, data=form) as page:
                        assert (status, True) == (page.status, told in await page.text())
            async with session(self.service, site) as browser:
                address = "https://example.com/callback?oauth_token=theirs&oauth_verifier=v"
                async with browser.get(address) as page:
                    assert 400 == page.status


@contextmanager
def world(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Generator[World]:
    """Begin a world; *folder* is the working directory of what runs in it."""
    provider = default_registry().get("twitter")
    assert isinstance(provider, OAuth1Provider)
    service = OAuth1Server.for_provider(
        provider,
        hosts=[*OAuth1Server.for_provider(provider).hosts, "api.example.com"],
        signature_methods=SIGNATURE_METHODS,
        two_legged=True,
    )
    elsewhere = OAuth1Server(hosts=["cdn.example.net"])
    # One client, registered with both: so a blank means the same everywhere.
    any_server = OAuth2Server(
        hosts=["login.example.org", "api.example.org"],
        client_id=service.client_id,
        client_secret=service.client_secret,
    )
    google_provider = default_registry().get("google-service-account")
    assert isinstance(google_provider, AssertionProvider)
    google = AssertionServer.for_provider(google_provider, subjects=["ann@example.com"])
    service.redirect("/2/moved", 307, "https://api.x.com/2/users/me")
    service.redirect("/2/picture", 302, "https://cdn.example.net/picture.png")
    elsewhere.respond("/picture.png")

    def connect_inside(**options: Any) -> TCPConnector:
        return connector(service, elsewhere, any_server, google, **options)

    monkeypatch.setattr("aiohttp.client.TCPConnector", connect_inside)
    (folder / "twitter.json").write_text(json.dumps(service.creds), encoding="utf-8")
    (folder / "service-account.json").write_text(json.dumps(google.key_file), encoding="utf-8")
    (folder / "key.pem").write_text(service.rsa_key, encoding="utf-8")
    (folder / "photo.jpg").write_bytes(b"\xff\xd8\xff")
    monkeypatch.chdir(folder)
    packages, keys = _installed(folder / "site-packages"), filekeyring.installed(folder / "keys")
    with service, elsewhere, any_server, google, packages, keys as keyring:
        keyring.put("oauthkit", "tokens", Fernet.generate_key().decode())
        yield World(service, elsewhere, any_server, google, monkeypatch)


@contextmanager
def _installed(folder: Path) -> Generator[None]:
    """Install acme's distribution in *folder*, as far as discovery and import are concerned."""
    project = tomllib.loads((ACME / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    shutil.copytree(ACME / "oauthkit_acme", folder / "oauthkit_acme")
    info = folder / f"oauthkit_acme-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n",
        encoding="utf-8",
    )
    points = "".join(
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in entries.items())
        for group, entries in project["entry-points"].items()
    )
    (info / "entry_points.txt").write_text(points, encoding="utf-8")
    sys.path.insert(0, str(folder))
    default_registry().refresh()
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        sys.modules.pop("oauthkit_acme", None)
        default_registry().refresh()
