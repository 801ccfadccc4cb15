"""The log-in of docs/examples/login: it runs, survives a restart, and takes no other's callback."""

from __future__ import annotations

import ast
import runpy
from collections.abc import Iterator
from typing import Any

import pytest
from aiohttp import ClientSession, TCPConnector, web
from cryptography.fernet import Fernet
from yarl import URL

from oauthkit.testing.servers import LoopbackServer, OAuth2Server, connector, session
from support import ROOT, run

APP = ROOT / "docs/examples/login/app.py"
CALLBACK = "https://example.com/callback"


def load() -> web.Application:
    """Run the file as a new process would: nothing of a former run is left."""
    app = runpy.run_path(str(APP))["app"]
    assert isinstance(app, web.Application)
    return app


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[OAuth2Server]:
    """Play a service, and set the variables that the example reads."""
    with OAuth2Server(
        hosts=["login.example.org"], require_pkce=True, redirect_uris=[CALLBACK]
    ) as server:
        settings = {
            **server.endpoints,
            **server.creds,
            "grant_type": "authorization_code",
            "api_base": "https://login.example.org",
            "redirect_uri": CALLBACK,
        }
        for name, value in settings.items():
            monkeypatch.setenv(f"OAUTHKIT_GENERIC__{name.upper()}", value)
        monkeypatch.setenv("LOGIN_KEY", Fernet.generate_key().decode())

        def connect_inside(**options: Any) -> TCPConnector:
            return connector(server, **options)

        with monkeypatch.context() as patch:
            patch.setattr("aiohttp.client.TCPConnector", connect_inside)
            yield server


def site() -> LoopbackServer:
    """Serve the example at example.com."""
    return LoopbackServer(app=load, hosts=["example.com"])


def carry(browser: ClientSession) -> dict[str, str]:
    """Return the cookies that a browser has for the site."""
    cookies = browser.cookie_jar.filter_cookies(URL(CALLBACK))
    return {name: morsel.value for name, morsel in cookies.items()}


async def begin(service: OAuth2Server, *, approve: bool = True) -> tuple[str, dict[str, str]]:
    """Begin a log-in on a site of its own; return the callback's URL, and the browser's cookies."""
    with site() as shop:
        async with session(service, shop) as browser:
            async with browser.get("https://example.com/login", allow_redirects=False) as page:
                assert 302 == page.status
                kept = page.headers["Set-Cookie"]
                assert {"HttpOnly", "Secure", "SameSite=Lax"} <= set(kept.split("; "))
                url = page.headers["Location"]
            return service.authorize(url, approve=approve), carry(browser)


async def end(service: OAuth2Server, callback: str, cookies: dict[str, str]) -> tuple[int, str]:
    """Finish on another site, after a restart, with the cookies of a browser."""
    with site() as shop:
        async with session(service, shop) as browser:
            browser.cookie_jar.update_cookies(cookies, URL(CALLBACK))
            async with browser.get(callback) as page:
                return page.status, await page.text()


def test_restart(service: OAuth2Server) -> None:
    """The site is restarted while the user is away: the log-in ends as if nothing had happened."""

    async def main() -> None:
        callback, cookies = await begin(service)
        status, text = await end(service, callback, cookies)
        assert (200, True) == (status, '"alice"' in text)
        (exchange,) = service.exchanges("/token")
        assert exchange.ok
        assert "code_verifier" in [check.name for check in exchange.checks]

    run(main())


def test_the_cookie_says_nothing(service: OAuth2Server) -> None:
    """What the browser keeps holds neither state nor verifier that anybody could read."""

    async def main() -> None:
        callback, cookies = await begin(service)
        assert ["login"] == list(cookies)
        assert URL(callback).query["state"] not in cookies["login"]
        await end(service, callback, cookies)
        verifier = service.exchanges("/token")[0].parameter("code_verifier")
        assert verifier
        assert verifier not in cookies["login"]

    run(main())


def test_others(service: OAuth2Server) -> None:
    """Refused: a browser that did not begin, a forged cookie, another log-in's, a refusal."""

    async def main() -> None:
        callback, cookies = await begin(service)
        _, of_another = await begin(service)
        denied = await begin(service, approve=False)
        for url, kept, error in (
            (callback, {}, "KeyError"),
            (callback, {"login": "A" + cookies["login"][1:-9] + "A" * 9}, "InvalidToken"),
            (callback, of_another, "CallbackError"),
            (*denied, "CallbackError"),
        ):
            status, text = await end(service, url, kept)
            assert (400, f"That did not work: {error}") == (status, text)
        assert [] == service.exchanges("/token")
        assert 200 == (await end(service, callback, cookies))[0]

    run(main())


def test_ended_once(service: OAuth2Server) -> None:
    """The same callback a second time gets nobody in, and the cookie is taken away by the first."""

    async def main() -> None:
        callback, cookies = await begin(service)
        with site() as shop:
            async with session(service, shop) as browser:
                browser.cookie_jar.update_cookies(cookies, URL(CALLBACK))
                async with browser.get(callback) as page:
                    assert 200 == page.status
                assert {} == carry(browser)
        assert 400 == (await end(service, callback, cookies))[0]

    run(main())


def test_length() -> None:
    """It is thirty lines of code: docstrings, comments and empty lines are none."""
    text = APP.read_text(encoding="utf-8")
    tree = ast.parse(text)
    lines = {
        number
        for node in ast.walk(tree)
        if isinstance(node, ast.stmt) and not _is_docstring(node)
        for number in _lines(node)
    }
    assert 30 >= len(lines)


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _lines(node: ast.stmt) -> range | list[int]:
    match node:
        case ast.AsyncFunctionDef(decorator_list=decorators):
            return [*(one.lineno for one in decorators), node.lineno]
        case ast.Try():
            return [node.lineno, *(handler.lineno for handler in node.handlers)]
        case ast.AsyncWith():
            return [node.lineno]
        case _:
            return range(node.lineno, (node.end_lineno or node.lineno) + 1)
