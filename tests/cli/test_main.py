"""The command as such: its entry points, its help, its exit statuses, and the terminal."""

from __future__ import annotations

import os
import re
import runpy
import signal
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

from cli.distributions import write_distribution
from oauthkit import RegistryError
from oauthkit.cli import demo, main
from support import fresh

COMMAND = [sys.executable, "-P", "-W", "error", "-m", "oauthkit"]


def environment(**changes: str | None) -> dict[str, str]:
    """Return this process's environment without coverage and colour settings, and with *changes*."""
    unwanted = ("COV", "NO_COLOR", "TERM", "COLUMNS", "PYTHONIOENCODING")
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(unwanted)}
    return inherited | {"TERM": "xterm"} | {k: v for k, v in changes.items() if v is not None}


def in_terminal(*arguments: str, **changes: str | None) -> str:
    """Run the command with a terminal as its standard output, and return what arrives there."""
    ours, its = os.openpty()
    with subprocess.Popen(
        [*COMMAND, *arguments], stdout=its, stderr=subprocess.PIPE, env=environment(**changes)
    ) as child:
        os.close(its)
        received = bytearray()
        try:
            while chunk := os.read(ours, 65536):
                received += chunk
        except OSError:  # how Linux says that the other side is closed
            pass
        os.close(ours)
        assert child.stderr is not None
        assert b"" == child.stderr.read()
    assert 0 == child.returncode
    return received.decode().replace("\r\n", "\n")


def test_console_script() -> None:
    """The installed command `oauthkit` is `oauthkit.cli:main`."""
    code = """
from importlib.metadata import distribution
(point,) = (p for p in distribution("oauthkit").entry_points if p.group == "console_scripts")
from oauthkit.cli import main
assert point.name == "oauthkit" and point.load() is main
"""
    fresh(code)


def test_module_in_process(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The module hands on the arguments of the process, and the status."""
    monkeypatch.setattr(sys, "argv", ["…", "providers"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("oauthkit", run_name="__main__")
    assert 0 == ended.value.code
    assert "twitter" in capsys.readouterr().out


def test_module() -> None:
    """`python -m oauthkit` shows a newcomer what to do, and calls itself `oauthkit`."""
    done = subprocess.run(
        COMMAND, capture_output=True, text=True, check=True, env=environment(), timeout=60
    )
    assert done.stdout.startswith("usage: oauthkit ")
    assert "`oauthkit demo`" in done.stdout
    for command in ("demo", "providers", "check", "key"):
        assert re.search(rf"^  {command} +\w", done.stdout, re.MULTILINE)


@pytest.mark.parametrize("command", ["demo", "providers", "check"])
def test_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each command has its help."""
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert 0 == ended.value.code
    shown = capsys.readouterr().out
    assert shown.startswith(f"usage: oauthkit {command} ")
    assert "--json" in shown
    assert 80 >= max(map(len, shown.splitlines()))


@pytest.mark.parametrize(
    "arguments", [["demos"], ["demo", "--jso"], ["demo", "--json", "--source"], ["--colour"]]
)
def test_wrong_arguments(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """What the command does not know is named, with status 2."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert 2 == ended.value.code
    assert "oauthkit: error:" in capsys.readouterr().err.replace("oauthkit demo:", "oauthkit:")


def test_version(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """`--version` is that of the distribution, and says so where there is none."""
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert 0 == ended.value.code
    assert f"oauthkit {version('oauthkit')}\n" == capsys.readouterr().out

    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr("importlib.metadata.version", missing)
    with pytest.raises(SystemExit):
        main(["--version"])
    assert "oauthkit (not installed)\n" == capsys.readouterr().out


def test_help_is_light() -> None:
    """Help loads neither aiohttp nor a server."""
    shown = fresh(
        "import sys; from oauthkit.cli import main; main([])\n"
        "assert not {'aiohttp', 'cryptography', 'ssl'} & set(sys.modules)"
    )
    assert "usage" in shown


def test_our_errors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An error of ours is shown in one piece, without a traceback, with status 2."""
    write_distribution(tmp_path, "another-demo", "twitter")
    done = subprocess.run(
        [*COMMAND, "demo"],
        capture_output=True,
        text=True,
        check=False,
        env=environment(PYTHONPATH=os.pathsep.join([*sys.path, str(tmp_path)])),
        timeout=60,
    )
    assert 2 == done.returncode
    assert done.stderr.startswith("oauthkit: RegistryError: provider 'twitter'")
    assert "another-demo" in done.stderr
    assert "Traceback" not in done.stderr

    def fail(**_: bool) -> int:
        raise RegistryError("plum", "unknown", "no plum\n  at all")

    monkeypatch.setattr(demo, "run", fail)
    assert 2 == main(["demo"])
    assert "oauthkit: RegistryError: no plum\n  at all\n" == capsys.readouterr().err


def test_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C is status 130, without a traceback."""

    def interrupt(**_: bool) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(demo, "run", interrupt)
    assert 128 + signal.SIGINT == main(["demo"])


def test_reader_that_leaves() -> None:
    """`oauthkit demo | head -1` ends quietly, as a command that got SIGPIPE."""
    with subprocess.Popen(
        [*COMMAND, "demo"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.readline()
        child.stdout.close()
        assert b"" == child.stderr.read()
    assert 128 + signal.SIGPIPE == child.returncode


def test_colour() -> None:
    """A terminal gets colours, which change nothing else."""
    shown = in_terminal("demo")
    assert "\x1b[32m✓\x1b[0m" in shown
    assert "\x1b[36m" in shown
    plain = re.sub(r"\x1b\[[0-9;]*m", "", shown)
    assert "✓ signature" in plain
    assert 80 >= max(map(len, plain.splitlines()))
    assert plain.splitlines()[:6] == in_terminal("demo", NO_COLOR="1").splitlines()[:6]


@pytest.mark.parametrize(
    ("arguments", "changes"),
    [
        (["demo"], {"NO_COLOR": "1"}),
        (["demo"], {"TERM": "dumb"}),
        (["demo", "--json"], {}),
        (["demo", "--source"], {}),
        (["providers", "--json"], {}),
    ],
)
def test_no_colour(arguments: list[str], changes: dict[str, str]) -> None:
    """Who asks for none gets none; documents and source have none either."""
    shown = in_terminal(*arguments, **changes)
    assert shown
    assert "\x1b" not in shown


def test_empty_no_color() -> None:
    """`NO_COLOR` counts when it is not empty (no-color.org)."""
    assert "\x1b" in in_terminal("providers", NO_COLOR="")


def test_pipe() -> None:
    """A pipe gets no colours, and in an encoding without our signs, words for them."""
    done = subprocess.run(
        [*COMMAND, "demo"],
        capture_output=True,
        check=True,
        env=environment(PYTHONIOENCODING="ascii"),
        timeout=60,
    )
    shown = done.stdout.decode("ascii")
    assert "\x1b" not in shown
    assert "ok signature  ok nonce" in shown
    assert "-> 200" in shown
    assert "RFC 5849 section 2.1" in shown
