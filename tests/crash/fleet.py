"""The worker processes, seen from the test: told, heard, stopped, woken, killed, and replaced."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator, Iterable
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import attrs

__all__ = ["WORKERS", "Fleet", "Hand", "fleet"]

WORKERS = 8
# Seconds after which whatever is waited for hangs.
_PATIENCE = 30.0
_DUMPED = 1.0
_START = "from crash.worker import template; template()"


class HangingError(AssertionError):
    """A worker did not do what it was waited for."""


@attrs.define(eq=False)
class Hand:
    """One worker process: *name* is its own, a new one for each process."""

    name: str
    pid: int
    log: Path
    sock: socket.socket
    _begun: bytes = attrs.field(default=b"", init=False)
    _heard: list[dict[str, Any]] = attrs.field(factory=list[dict[str, Any]], init=False)

    def tell(self, do: str, **members: Any) -> None:
        """Tell it what to do; it may be stopped, and do it later."""
        self.sock.sendall(json.dumps({"do": do, **members}).encode() + b"\n")

    def hear(self, kind: str, **members: Any) -> dict[str, Any]:
        """Wait until it says something of that *kind*, and forget what it said before."""
        until = time.monotonic() + _PATIENCE
        wanted = {"kind": kind, **members}.items()
        while True:
            while self._heard:
                said = self._heard.pop(0)
                if wanted <= said.items():
                    return said
            if not self._read(until):
                raise AssertionError(f"{self.name} has ended:\n{self.log.read_text()}")

    def _read(self, until: float) -> bool:
        self.sock.settimeout(max(0.001, until - time.monotonic()))
        try:
            got = self.sock.recv(65536)
        except TimeoutError:
            raise HangingError(f"{self.name} hangs") from None
        except ConnectionError:
            got = b""
        *lines, self._begun = (self._begun + got).split(b"\n")
        self._heard += [json.loads(line) for line in lines]
        return bool(got)

    def kill(self) -> None:
        """Kill it as nothing can be killed more, and wait until it is dead."""
        self.signal(signal.SIGKILL)
        until = time.monotonic() + _PATIENCE
        while self._read(until):
            pass
        self.sock.close()

    def stop(self) -> None:
        """Stop it (SIGSTOP), and wait until it does nothing any more."""
        self.signal(signal.SIGSTOP)
        stat = Path(f"/proc/{self.pid}/stat")
        if not stat.exists():
            return  # not Linux: the system stops it before it runs again
        until = time.monotonic() + _PATIENCE
        while stat.read_text().rpartition(")")[2].split()[0] != "T":
            if time.monotonic() > until:
                raise HangingError(f"{self.name} does not stop")

    def wake(self, *, late: bool = False) -> None:
        """Let it go on (SIGCONT); *late*: by its clocks, all that it waits for is long over."""
        if late:
            self.signal(signal.SIGUSR1)
        self.signal(signal.SIGCONT)

    def signal(self, number: int) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)


@attrs.define(eq=False)
class Fleet:
    """Eight workers, and the process that they are forked from."""

    folder: Path
    settings: dict[str, Any]
    _control: socket.socket
    hands: list[Hand] = attrs.field(factory=list[Hand], init=False)
    _made: int = attrs.field(default=0, init=False)

    def fill(self) -> None:
        """Replace who has died."""
        new: list[Hand] = []
        while len(self.hands) < WORKERS:
            new.append(self._fork())
            self.hands.append(new[-1])
        for hand in new:
            hand.hear("ready")

    def forget(self, hand: Hand) -> None:
        """Note that it is dead."""
        self.hands.remove(hand)

    def _fork(self) -> Hand:
        self._made += 1
        name = f"worker-{self._made}"
        log = self.folder / f"{name}.log"
        ours, theirs = socket.socketpair()
        told = json.dumps({"name": name, "log": str(log), **self.settings})
        with theirs:
            socket.send_fds(self._control, [told.encode()], [theirs.fileno()])
        pid = int(self._control.recv(64))
        return Hand(name, pid, log, ours)

    def dump(self) -> str:
        """Return where each worker is; for one that hangs."""
        for hand in self.hands:
            with suppress(OSError):
                hand.signal(signal.SIGUSR2)
                hand.signal(signal.SIGCONT)
        time.sleep(_DUMPED)
        return "\n\n".join(f"{hand.name}:\n{_tail(hand.log)}" for hand in self.hands)

    def end(self) -> None:
        """Kill all of them."""
        for hand in self.hands:
            with suppress(OSError):
                hand.signal(signal.SIGKILL)
            hand.sock.close()
        self.hands.clear()

    @contextmanager
    def watched(self) -> Generator[None]:
        """Say where the workers are when one of them hangs; a failed test leaves none alive."""
        try:
            yield
        except HangingError as error:
            text = self.dump()
            self.end()
            raise AssertionError(f"{error}\n{text}") from None
        except BaseException:
            self.end()
            raise


def _tail(log: Path) -> str:
    return "\n".join(log.read_text().splitlines()[-60:])


@contextmanager
def fleet(folder: Path, settings: dict[str, Any], path: Iterable[str] = ()) -> Generator[Fleet]:
    """Start the process that workers are forked from; they end with it."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    env["PYTHONPATH"] = os.pathsep.join([*path, *(one for one in sys.path if one)])
    ours, theirs = socket.socketpair()
    with theirs:
        command = [sys.executable, "-P", "-W", "error", "-c", _START, str(theirs.fileno())]
        # A process group of its own: were this process killed, the system would wake and hang up
        # those of it that are stopped.
        process = subprocess.Popen(command, env=env, pass_fds=[theirs.fileno()], process_group=0)
    made = Fleet(folder, settings, ours)
    try:
        yield made
    finally:
        made.end()
        ours.close()
        process.kill()
        process.wait()
