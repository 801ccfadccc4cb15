"""The demo: every check passes, one wrong byte fails it, and it shows no secret."""

from __future__ import annotations

import ast
import inspect
import json
import re
import sys
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientRequest, ClientResponse, hdrs

import oauthkit
from gates.sources import imports
from oauthkit import OAuth1Provider, Registry, connect, default_registry
from oauthkit.cli import demo_scenario, main
from oauthkit.cli.demo_record import Secrets, play
from oauthkit.cli.demo_scenario import Step
from oauthkit.testing.servers import OAuth1Server
from support import ROOT, fresh, run

SIGNED = 7
BEARING = 4
EXCHANGES = 3
CREDS = {"client_id": "i", "client_secret": "s"}
_SIGNATURE = 'oauth_signature="'


def document(capsys: pytest.CaptureFixture[str], expected: int) -> dict[str, Any]:
    """Run `oauthkit demo --json` for the exit status *expected*, and return what it prints."""
    assert expected == main(["demo", "--json"])
    loaded: dict[str, Any] = json.loads(capsys.readouterr().out)
    return loaded


def break_signature(monkeypatch: pytest.MonkeyPatch, which: int) -> None:
    """Let the signature of the request number *which* leave with one byte changed."""
    original = ClientRequest.send
    sent = 0

    async def send(self: ClientRequest, *arguments: Any, **keywords: Any) -> ClientResponse:
        nonlocal sent
        sent += 1
        if sent == which:
            header = self.headers[hdrs.AUTHORIZATION]
            # The first byte: the last one of a base64 text holds bits that mean nothing.
            at = header.index(_SIGNATURE) + len(_SIGNATURE)
            other = "A" if header[at] != "A" else "B"
            self.headers[hdrs.AUTHORIZATION] = header[:at] + other + header[at + 1 :]
        return await original(self, *arguments, **keywords)

    monkeypatch.setattr(ClientRequest, "send", send)


def test_passes(capsys: pytest.CaptureFixture[str]) -> None:
    """Every step is played, every check of server and demo passes, and the status is 0."""
    shown = document(capsys, 0)
    assert shown["ok"]
    assert [] == shown["failed"]
    assert list(range(1, 18)) == [step["number"] for step in shown["steps"]]
    requests = [request for step in shown["steps"] for request in step["requests"]]
    assert {200} == {request["status"] for request in requests}
    signed = [request for request in requests if request["signature_method"]]
    bearing = [r for r in requests if "Bearer ***" == r["authorization"]]
    exchanges = [request for request in requests if "grant_type=" in request["form"]]
    assert (SIGNED, BEARING, EXCHANGES) == (len(signed), len(bearing), len(exchanges))
    assert len(requests) == SIGNED + BEARING + EXCHANGES
    for request in signed:
        assert request["recomputed"] == request["signature"] != ""
        names = [check["name"] for check in request["server_checks"] if check["ok"]]
        assert {"client", "nonce", "signature", "timestamp", "token"} <= set(names)
    checks = [
        check
        for step in shown["steps"]
        for check in (
            *step["demo_checks"],
            *(check for request in step["requests"] for check in request["server_checks"]),
        )
    ]
    assert len(checks) == shown["passed"]


def test_page(capsys: pytest.CaptureFixture[str]) -> None:
    """The page is plain in a pipe, 80 columns wide, and shows what the issue asks for."""
    assert 0 == main(["demo"])
    page = capsys.readouterr().out
    assert "\x1b" not in page
    assert 80 >= max(map(len, page.splitlines()))
    for text in (
        "POST https://api.x.com/oauth/request_token → 200",
        "Authorization: OAuth oauth_consumer_key=",
        "GET&https%3A%2F%2Fapi.x.com%2F2%2Fusers%2Fme&",
        "oauth_token%3D***%26",
        "signature    ",
        "recomputed   ",
        "✓ signature",
        "✓ ForeignOriginError",
        "found        oauthkit-demo of oauthkit-demo 1.0",
        "form         grant_type=authorization_code&code=***&",
        "form         grant_type=refresh_token&refresh_token=***",
        "jwt-bearer&assertion=***",
        "✓ code_verifier",
        "POST https://oauth2.googleapis.com/token → 200",
    ):
        assert text in page
    assert re.search(r"\n✓ \d{2,} checks passed in 17 steps and \d\.\d s\.\n", page)
    assert "✗" not in page


@pytest.mark.parametrize("which", range(1, SIGNED + 1))
def test_one_byte(
    which: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One byte of any signature changed on its way: the status is 1, the check is named."""
    break_signature(monkeypatch, which)
    assert 1 == main(["demo"])
    page = capsys.readouterr().out
    assert which == len(re.findall(r"^ {4}request ", page, re.MULTILINE)), "goes on after it"
    assert "✗ signature" in page
    assert "✗ same signature" in page
    assert "Could not authenticate you: wrong signature" in page
    assert re.search(r"✗ \d of \d+ checks failed, at step \d+: signature, ", page)
    assert "checks passed" not in page


def test_one_byte_in_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The document says the same: not ok, and which check at which step."""
    break_signature(monkeypatch, 3)
    shown = document(capsys, 1)
    assert not shown["ok"]
    assert {"step": 5, "check": "signature"} == shown["failed"][0]
    assert 5 == len(shown["steps"])


@pytest.mark.parametrize(
    ("host", "step", "checks"),
    [("api.demo.example", 14, {"token"}), ("storage.googleapis.com", 16, {"token"})],
)
def test_one_byte_of_a_bearer_token(
    host: str,
    step: int,
    checks: set[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One byte of a bearer token changed on its way: the server's check of that name fails."""
    original = ClientRequest.send

    async def send(self: ClientRequest, *arguments: Any, **keywords: Any) -> ClientResponse:
        header = self.headers.get(hdrs.AUTHORIZATION, "")
        if self.url.host == host and header.startswith("Bearer "):
            self.headers[hdrs.AUTHORIZATION] = header[:-1] + ("A" if header[-1] != "A" else "B")
        return await original(self, *arguments, **keywords)

    monkeypatch.setattr(ClientRequest, "send", send)
    shown = document(capsys, 1)
    assert step == len(shown["steps"])
    assert checks <= {failed["check"] for failed in shown["failed"]}


def test_wrong_verifier(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A verifier that does not belong to the challenge: the server says so, and the demo ends."""

    def other(_: str, method: str = "S256") -> str:
        return f"{method}-of-something-else".ljust(43, "x")

    monkeypatch.setattr("oauthkit.protocol.pkce.code_challenge", other)
    shown = document(capsys, 1)
    assert "the challenge is the verifier's" in {failed["check"] for failed in shown["failed"]}


def test_refused_token(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """An exception of the client ends the demo with a step that shows it, not with a traceback."""
    original = OAuth1Server.authorize

    def authorize(self: OAuth1Server, url: str, **_: Any) -> str:
        return original(self, url, approve=False)

    monkeypatch.setattr(OAuth1Server, "authorize", authorize)
    shown = document(capsys, 1)
    assert "CallbackError" == shown["steps"][-1]["code"]
    assert [{"step": 3, "check": "no error"}] == shown["failed"]


def test_every_check_counts() -> None:
    """A request too few fails a step, and so does an expectation; nothing is played after it."""
    client = connect(OAuth1Provider(name="orchard", api_base="https://orchard.example"), CREDS)

    async def one_part(**members: Any) -> AsyncIterator[Step]:
        """Play one step, and one that must not be reached."""
        server = OAuth1Server(hosts=["orchard.example"])
        step = Step(code="client", says="Nothing.", server=server, client=client, **members)
        yield step
        yield step

    async def failed(**members: Any) -> list[tuple[str, ...]]:
        parts = [partial(one_part, **members)] * 2
        return [played.failed async for played in play(parts)]

    assert [("one request sent",)] == run(failed())
    assert [("ripe",)] == run(failed(requests=0, expected={"ripe": False, "red": True}))
    assert [()] * 4 == run(failed(requests=0, expected={"ripe": True}))


def test_no_secret_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """Neither page nor document holds a token, a secret or a verifier that was in use."""
    used: set[str] = set()

    original = Secrets.learn

    def learn(self: Secrets, *arguments: Any) -> None:
        original(self, *arguments)
        used.update(self.hidden)
        used.update(self.token_secrets)
        used.update(self.token_secrets.values())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Secrets, "learn", learn)
        assert 0 == main(["demo"])
        assert 0 == main(["demo", "--json"])
    out = capsys.readouterr().out
    assert 10 <= len(used)
    assert [] == [value for value in used if value in out]


def test_leaves_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """What the demo installs for itself is gone: from sys.path, sys.modules and the registry."""
    before = list(sys.path)
    assert 0 == main(["demo"])
    assert before == sys.path
    assert "oauthkit_demo" not in sys.modules
    assert "oauthkit-demo" not in default_registry().names()


def test_can_be_left() -> None:
    """Who stops reading in the middle leaves nothing running."""

    async def first() -> str:
        async for played in (playing := play()):
            await playing.aclose()
            return played.code
        raise AssertionError

    assert run(first()).startswith("connect(")


def test_code_is_the_code() -> None:
    """Each step shows a line of the program that runs, not a copy that may have aged."""
    source = inspect.getsource(demo_scenario)

    async def codes() -> list[str]:
        return [played.code async for played in play()]

    for code in run(codes()):
        assert 2 <= source.count(code.removeprefix("token = ").removeprefix("await ")), code


def test_readme(capsys: pytest.CaptureFixture[str]) -> None:
    """The README shows lines that the demo prints, but for what differs from run to run."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    block = text.partition("\n## Try it\n")[2].partition("lines of it:\n\n```\n")[2]
    shown = block.partition("\n```\n")[0].splitlines()
    assert 6 == len(shown)
    assert 0 == main(["demo"])
    page = [_without_run(line) for line in capsys.readouterr().out.splitlines()]
    assert [] == [line for line in shown if _without_run(line) not in page]


def _without_run(line: str) -> str:
    """Leave out what a signature is."""
    return re.sub(r"(signature|recomputed) +\S+=$", "", line)


def test_program(capsys: pytest.CaptureFixture[str]) -> None:
    """Run by itself, the program prints what was checked."""
    run(demo_scenario.main())
    shown = capsys.readouterr().out
    assert SIGNED == shown.count("ok signature HMAC-")
    assert 1 == shown.count("ok assertion")
    assert "ok ForeignOriginError" in shown
    assert "NOT OK" not in shown


def test_wrong_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    """A provider of another protocol is not taken for one of OAuth 1.0a."""

    def get(self: Registry, name: str) -> object:
        return name

    monkeypatch.setattr(Registry, "get", get)
    with pytest.raises(TypeError, match="twitter is no OAuth1Provider"):
        demo_scenario.declared("twitter", OAuth1Provider)


def test_source(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--source` is a program of its own: public names only, and it runs where it is copied to."""
    assert 0 == main(["demo", "--source"])
    source = capsys.readouterr().out
    assert inspect.getsource(demo_scenario) == source
    targets = [found.target for found in imports(ast.parse(source))]
    ours = [target for target in targets if target.startswith("oauthkit")]
    assert ours
    public = {f"oauthkit.{name}" for name in oauthkit.__all__}
    rooms = ("oauthkit.protocol.", "oauthkit.testing.")
    assert [] == [t for t in ours if t not in public and not t.startswith(rooms)]
    assert [] == re.findall(r"\._[a-z]\w*", source)
    copied = tmp_path / "copied.py"
    copied.write_text(source, encoding="utf-8")
    shown = fresh(
        "import runpy, sys; runpy.run_path(sys.argv[1], run_name='__main__')", str(copied)
    )
    assert "ok signature HMAC-SHA1" in shown
    assert "NOT OK" not in shown
