"""The `oauthkit` command: see it work, see what is installed, see what is wrong with it."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from oauthkit import OAuthKitError

__all__ = ["main"]

_USAGE = "oauthkit [-h] [--version] <command> [options]"
# The commands stand here, since argparse would break their lines.
_DESCRIPTION = """\
OAuth for asyncio, on aiohttp. Providers are plugins.

commands:
  demo        log a user in and make signed calls, and see each request
  providers   list what is installed, and what is wrong with the others
  check       say what is wrong with a declaration, and how to mend it
  key         make a key that a token store is encrypted with

New here? `oauthkit demo` needs no account and stays on this machine;
`oauthkit demo --source` is the code of it.
"""
_DEMO = """\
Log a user in and make signed calls, against servers on 127.0.0.1 that verify
them: no account is needed and nothing leaves this machine. First an installed
provider, its declaration unchanged; then one that the demo itself installs for
a moment. Secrets are shown as ***. Exit status 1 as soon as one check fails.
"""
_PROVIDERS = """\
List the installed providers, by the names that connect() takes, with those that
cannot be used and why. Exit status 0 either way.
"""
_CHECK = """\
Try the laws that look at a declaration alone: on the provider of that name, or
on each that a Python file holds (the file is run). Nothing is sent. Exit status
1 where a law is broken, 2 where there is nothing to check.
"""
_KEY = """\
Make a new key for encryption_key= and print it; or keep it in the system's
keyring, which needs oauthkit[keyring], and print what to pass instead. A key
that is there already is never replaced.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """
    Run the command with *argv* (by default the process's own) and return the exit status.

    Errors of ours are printed to standard error, with status 2. Raises SystemExit where argparse
    does: after ``--help`` and ``--version``, and for arguments that it does not know.
    """
    parser = _parser()
    arguments = parser.parse_args(argv)
    try:
        status = _run(parser, arguments)
        # Here, and not at exit, where nobody could handle a reader that has gone.
        sys.stdout.flush()
    except OAuthKitError as error:
        print(f"oauthkit: {type(error).__name__}: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # The reader (`| head`) has seen enough. What is left in the buffer has nowhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141  # 128 + SIGPIPE, as a shell reports it
    except KeyboardInterrupt:
        return 130  # 128 + SIGINT
    return status


def _run(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> int:
    # Imported when asked for: --help needs neither aiohttp nor a server.
    if arguments.command == "demo":
        from oauthkit.cli import demo

        return demo.run(as_document=arguments.json, source=arguments.source)
    if arguments.command == "providers":
        from oauthkit.cli import providers

        return providers.run(as_document=arguments.json)
    if arguments.command == "check":
        from oauthkit.cli import check

        return check.run(arguments.target, as_document=arguments.json)
    if arguments.command == "key":
        from oauthkit.cli import key

        return key.run(arguments.keyring)
    parser.print_help()
    return 0


def _parser() -> argparse.ArgumentParser:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="oauthkit",
        usage=_USAGE,
        description=_DESCRIPTION,
        formatter_class=raw,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--version", action=_Version, nargs=0, help="show the version of oauthkit, and exit"
    )
    commands = parser.add_subparsers(dest="command", prog="oauthkit", help=argparse.SUPPRESS)
    demo = commands.add_parser(
        "demo",
        description=_DEMO,
        formatter_class=raw,
        allow_abbrev=False,
    )
    form = demo.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print one JSON document")
    form.add_argument("--source", action="store_true", help="print the code, do not run it")
    providers = commands.add_parser(
        "providers",
        description=_PROVIDERS,
        formatter_class=raw,
        allow_abbrev=False,
    )
    providers.add_argument("--json", action="store_true", help="print one JSON document")
    check = commands.add_parser(
        "check",
        description=_CHECK,
        formatter_class=raw,
        allow_abbrev=False,
    )
    check.add_argument("target", metavar="NAME | FILE", help="a provider's name, or a file")
    check.add_argument("--json", action="store_true", help="print one JSON document")
    key = commands.add_parser(
        "key",
        description=_KEY,
        formatter_class=raw,
        allow_abbrev=False,
    )
    key.add_argument("action", choices=["new"], help="make a new one")
    key.add_argument(
        "--keyring", metavar="SERVICE/USERNAME", help="keep it there, such as oauthkit/tokens"
    )
    demo.set_defaults(source=False)
    return parser


class _Version(argparse.Action):
    """Show the version of the installed distribution, which is looked up only when asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import PackageNotFoundError, version

        try:
            found = version("oauthkit")
        except PackageNotFoundError:
            found = "(not installed)"
        print(f"oauthkit {found}")
        parser.exit()
