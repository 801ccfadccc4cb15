"""When a request is sent again, and after which pause (RFC 9110 §10.2.3)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import attrs
import pytest

from oauthkit import OAuthError, UnreachableError
from oauthkit.testing.simulators import Clock
from oauthkit.tokens import retries as module
from oauthkit.tokens.retries import Pauses, Retries, sleep_of
from support import run

BUSY = OAuthError("no", error="invalid_response", status=503)
HUNG_UP = UnreachableError("hung up", endpoint="https://as.example")
TOO_LATE = UnreachableError("too late", endpoint="https://as.example", deadline=5)


def said(status: int, error: str = "invalid_response", after: float | None = None) -> OAuthError:
    """Make what is raised for an answer."""
    return OAuthError("no", error=error, status=status, retry_after=after)


@attrs.define(eq=False)
class Server:
    """Raises *failures*, one each; then it answers. *pauses* are those between its requests."""

    failures: list[Exception] = attrs.field(repr=False)
    requests: int = 0
    pauses: list[float] = attrs.field(factory=list[float])

    async def ask(self) -> str:
        """Answer."""
        self.requests += 1
        if self.failures:
            raise self.failures.pop(0)
        return "answer"

    async def sleep(self, seconds: float) -> None:
        """Wait for nothing."""
        self.pauses.append(seconds)


def drawn(choose: Callable[[float, float], float], monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace what is random."""
    monkeypatch.setattr(module, "_draw", choose)


@pytest.mark.parametrize("choose", [min, max])
def test_pauses_double(
    choose: Callable[[float, float], float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is drawn from the upper half of its span, which doubles, up to eight seconds."""
    drawn(choose, monkeypatch)
    pauses = Pauses(Retries(count=7))
    spans = [0.5, 1, 2, 4, 8, 8, 8]
    expected = [*(span / 2 if choose is min else span for span in spans), None]
    assert expected == [pauses.next(BUSY, None) for _ in range(8)]


def test_pauses_are_drawn() -> None:
    """Two clients that fail at once do not come back at once."""
    first = {Pauses(Retries()).next(BUSY, None) for _ in range(100)}
    assert len(first) > 90
    assert all(one is not None and 0.25 <= one <= 0.5 for one in first)


@pytest.mark.parametrize("failure", [BUSY, HUNG_UP])
@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_how_often(failure: Exception, count: int) -> None:
    """As often as *count* says, and then the failure is raised as it is."""

    async def main() -> None:
        server = Server([failure] * 9)
        with pytest.raises(type(failure)) as caught:
            await Retries(count=count, sleep=server.sleep).run(server.ask)
        assert failure is caught.value
        assert (count + 1, count) == (server.requests, len(server.pauses))

    run(main())


def test_answered() -> None:
    """What comes at last is returned."""

    async def main() -> None:
        server = Server([BUSY, HUNG_UP])
        assert "answer" == await Retries(sleep=server.sleep).run(server.ask)
        assert 3 == server.requests

    run(main())


@pytest.mark.parametrize(
    ("failure", "again"),
    [
        *[(said(status), True) for status in (408, 429, 500, 502, 503, 504)],
        *[(said(status), False) for status in (200, 400, 401, 403, 404, 409, 501, 505, 599)],
        (said(400, "temporarily_unavailable"), True),
        (said(400, "invalid_grant"), False),
        (HUNG_UP, True),
        (TOO_LATE, False),
    ],
    ids=str,
)
def test_after_what(failure: Exception, again: bool) -> None:
    """An answer that does not come in time is not waited for once more."""

    async def main() -> None:
        server = Server([failure])
        try:
            await Retries(sleep=server.sleep).run(server.ask)
        except type(failure):
            assert not again
        assert 1 + again == server.requests

    run(main())


@pytest.mark.parametrize("failure", [ZeroDivisionError(), ValueError(), asyncio.CancelledError()])
def test_what_others_raise(failure: BaseException) -> None:
    """It is raised at once: nobody knows what it means."""
    requests: list[None] = []

    async def ask() -> None:
        requests.append(None)
        raise failure

    async def main() -> None:
        with pytest.raises(type(failure)):
            await Retries().run(ask)

    run(main())
    assert 1 == len(requests)


@pytest.mark.parametrize("asked", [0.0, 3.0, 15.0])
def test_what_the_server_asks_for(asked: float) -> None:
    """It is waited for, whatever would have been drawn."""

    async def main() -> None:
        server = Server([said(429, after=asked), said(503, after=asked)])
        assert "answer" == await Retries(sleep=server.sleep).run(server.ask)
        assert [asked, asked] == server.pauses

    run(main())


def test_what_outlasts_the_deadline() -> None:
    """It is raised at once: nobody waits for what is in vain."""

    async def main() -> None:
        until = asyncio.get_running_loop().time() + 10
        for asked, limit in ((11.0, until), (1e9, until), (16.0, None)):
            server = Server([said(429, after=asked)])
            with pytest.raises(OAuthError):
                await Retries(sleep=server.sleep).run(server.ask, until=limit)
            assert (1, []) == (server.requests, server.pauses)
        server = Server([said(429, after=9)])
        assert "answer" == await Retries(sleep=server.sleep).run(server.ask, until=until)

    run(main())


def test_no_time_left() -> None:
    """Where the deadline has come, nothing is sent again."""

    async def main() -> None:
        server = Server([BUSY])
        with pytest.raises(OAuthError):
            await Retries(sleep=server.sleep).run(
                server.ask, until=asyncio.get_running_loop().time()
            )
        assert 1 == server.requests

    run(main())


def test_statuses_of_ones_own() -> None:
    """They take the place of the usual ones."""
    own = Retries(statuses=(418,), unspent=(500,))
    assert [True, False] == [own.is_transient(said(status)) for status in (418, 503)]
    assert [False, True, False] == [own.is_unspent(said(one)) for one in (418, 500, 503)]
    assert own.is_unspent(said(502, "temporarily_unavailable"))
    assert not own.is_unspent(HUNG_UP)


def test_whose_clock() -> None:
    """A clock that can be moved is moved; another one is left alone."""

    async def main() -> None:
        clock = Clock(start=5.0)
        await sleep_of(clock)(30)
        assert 35.0 == clock()

    run(main())
    assert asyncio.sleep is sleep_of(lambda: 0.0)
