"""simulate(): names, declarations of any kind, options, and what it refuses."""

from __future__ import annotations

import time
from typing import Any, ClassVar

import attrs
import pytest

from oauthkit import (
    AssertionProvider,
    ConfigurationError,
    DeclarationError,
    OAuth1Provider,
    OAuth2Provider,
    Provider,
    Registry,
    RegistryError,
    default_registry,
)
from oauthkit.testing import Clock, failures, simulate
from support import fresh, run
from testing.simulators.examples import BUCKET, KEYFILE, acme, log_in_oauth2, status_of

LIBRARY: dict[str, Any] = {
    "name": "library",
    "authorization_endpoint": "https://login.library.example/authorize",
    "token_endpoint": "https://login.library.example/token",
    "api_base": "https://api.library.example/v1/",
}


def test_a_name_is_looked_up_as_connect_does() -> None:
    """In the registry that all share, or in one that is given; unknown names are its errors."""
    registry = Registry()
    registry.register(acme)
    assert simulate("acme", registry=registry).provider is acme
    with pytest.raises(RegistryError, match="twiter"):
        simulate("twiter")


def test_what_is_no_provider() -> None:
    """A value of another type is told what is expected."""
    wrong: Any = 3
    with pytest.raises(ConfigurationError, match=r"a name or a declaration .*, not int"):
        simulate(wrong)


def test_a_kind_that_nothing_plays() -> None:
    """The error names the kind, and those that there are."""

    @attrs.frozen(kw_only=True, repr=False)
    class Carrier(Provider[Any]):
        protocol: ClassVar[str] = "pigeons"

    with pytest.raises(ConfigurationError, match=r"'loft' is a Carrier: .*OAuth1Provider"):
        simulate(Carrier(name="loft", api_base="https://loft.example"))


def test_a_subclass_is_played_as_its_kind() -> None:
    """A quirk is an overridden method; the service is of the kind that it is of."""

    @attrs.frozen(kw_only=True, repr=False)
    class Library(OAuth2Provider):
        pass

    async def main() -> None:
        async with simulate(Library(**LIBRARY)) as sim:
            assert 200 == await status_of(await log_in_oauth2(sim))

    run(main())


def test_options_are_the_servers() -> None:
    """They go to what plays the service, and win over the declaration."""

    async def main() -> None:
        async with simulate(acme, hosts=[*simulate(acme).hosts, "more.example"]) as sim:
            assert "more.example" in sim.hosts
        async with simulate(OAuth2Provider(**LIBRARY), expires_in=5, issuer="https://i") as sim:
            assert (5, "https://i") == (sim.creds["expires_in"], sim.server.issuer)

    run(main())


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ("host", "'host' here: did you mean 'hosts'"),
        ("grant_type", "'grant_type' here: one of .*signature_methods"),
    ],
)
def test_options_that_there_are_none_of(option: str, told: str) -> None:
    """A misspelt option is told the nearest, another one all."""
    options: dict[str, Any] = {option: "x"}
    with pytest.raises(ConfigurationError, match=told):
        simulate(acme, **options)


def test_a_grant_type_among_the_declared() -> None:
    """One that is not the first is used by credentials and client; one that is not there, refused."""
    grants = ("authorization_code", "client_credentials")
    library = OAuth2Provider(**LIBRARY, grant_types=grants)

    async def main() -> None:
        async with simulate(library, grant_type="client_credentials") as sim:
            assert {"client_id", "client_secret"} == set(sim.creds)
            assert 200 == await status_of(sim.connect())
            assert "client_credentials" == sim.log[0].parameter("grant_type")

    run(main())
    with pytest.raises(ConfigurationError, match=r"grant_type: .*'client_credentials'"):
        simulate(library, grant_type="password")
    with pytest.raises(DeclarationError, match="grant_type = 'pin'"):
        simulate("generic", grant_type="pin")


def test_a_public_client() -> None:
    """A declaration without client authentication gets credentials without a secret."""
    library = OAuth2Provider(**LIBRARY, token_endpoint_auth_method="none")

    async def main() -> None:
        async with simulate(library) as sim:
            assert "client_secret" not in sim.creds
            assert 200 == await status_of(await log_in_oauth2(sim))

    run(main())


def test_a_key_file_of_another_shape() -> None:
    """A service whose files are not known in full gets the fields, under the names that it has."""
    names = {"issuer": "login", "key_id": "fingerprint"}
    vault = AssertionProvider(
        name="vault",
        token_endpoint="https://login.vault.example/token",
        api_base="https://api.vault.example",
        alg="ES256",
        credential_names=names,
        credential_constants={"kind": "robot"},
    )

    async def main() -> None:
        async with simulate(vault) as sim:
            assert {"login", "private_key", "fingerprint", "kind"} == set(sim.creds)
            assert 200 == await status_of(sim.connect())

    run(main())


def test_a_key_file_with_a_type_of_its_own() -> None:
    """Where all of the file is known, what tells it from others is as the declaration says."""
    google = default_registry().get(KEYFILE)
    assert isinstance(google, AssertionProvider)
    robots = attrs.evolve(
        google,
        name="robots",
        credential_constants={"type": "robot", "universe_domain": "robots.example"},
    )

    async def main() -> None:
        async with simulate(robots) as sim:
            assert ("robot", "robots.example") == (sim.creds["type"], sim.creds["universe_domain"])
            assert {"project_id", "client_email"} < set(sim.creds)
            assert 200 == await status_of(sim.connect(), BUCKET)

    run(main())


def test_the_declared_scope() -> None:
    """The credentials' token has the scope that the declaration asks for; they ask for no other."""

    async def main() -> None:
        async with simulate(OAuth2Provider(**LIBRARY, scope="read write")) as sim:
            assert "scope" not in sim.creds
            async with sim.connect().get("echo") as response:
                assert "read write" == (await response.json())["scope"]
            assert 0 == sim.token_requests

    run(main())


def test_an_address_is_not_played() -> None:
    """A declared address would lead to whatever listens there: it is refused."""
    local = OAuth1Provider(name="local", api_base="http://127.0.0.1:8080")
    with pytest.raises(ConfigurationError, match=r"the address 127\.0\.0\.1: only names"):
        simulate(local)


def test_clocks() -> None:
    """The real time goes on; a given one stands still, until it is moved."""
    running = Clock()
    assert abs(running() - time.time()) < 60
    running.advance(1000)
    assert 940 < running() - time.time() < 1001
    still = Clock(5)
    still.advance(2.5)
    still.advance(-1)
    assert 6.5 == still() == still()
    for wrong in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match="finite"):
            still.advance(wrong)
        with pytest.raises(ValueError, match="finite"):
            Clock(wrong)
        with pytest.raises(ValueError, match="finite"):
            simulate(acme, skew=wrong)


def test_what_is_no_clock() -> None:
    """The function that connect() takes is none: the error says what is expected."""
    wrong: Any = time.time
    with pytest.raises(ConfigurationError, match=r"clock: .* a Clock, or None .*, not builtin"):
        simulate(acme, clock=wrong)


WRONG_FAILURES: list[tuple[Any, str]] = [
    (503, r"such as failures\.status\(503\), .*, not int"),
    (OSError(), "not OSError"),
    (failures.status, r"call it, failures\.status\(…\)"),
    (failures.rotated_and_lost, r"call it, failures\.rotated_and_lost\(…\)"),
]


@pytest.mark.parametrize(("wrong", "told"), WRONG_FAILURES)
def test_what_is_no_failure(wrong: Any, told: str) -> None:
    """It is refused where it is injected, and not answered with a 500 that looks like one."""
    with pytest.raises(TypeError, match=told):
        simulate(acme).fail("api", wrong)


@pytest.mark.parametrize("code", [99, 1000, "503"])
def test_what_is_no_status(code: Any) -> None:
    """No server can answer it."""
    for failure in (failures.status, failures.html):
        with pytest.raises(ValueError, match="three digits"):
            failure(code)
    with pytest.raises(ValueError, match=r"dropped\(-1\)"):
        failures.dropped(-1)


def test_nothing_runs_before_it_is_entered() -> None:
    """What needs the service says how it is started."""
    sim = simulate(acme)
    for use in (sim.connect, sim.connector, lambda: sim.session):
        with pytest.raises(RuntimeError, match="use `async with simulate"):
            use()


def test_a_login_goes_on_with_what_began_it() -> None:
    """authorize() takes the request that OAuth 2 begins with, as it takes its URL."""

    async def main() -> None:
        async with simulate(OAuth2Provider(**LIBRARY)) as sim:
            client = sim.connect(sim.client_creds, redirect_uri="https://app.example/callback")
            asked = client.create_authorization_url()
            await client.fetch_token(authorization_response=sim.authorize(asked))
            assert 200 == await status_of(client)

    run(main())


def test_no_test_framework_is_loaded() -> None:
    """A program that simulates loads neither pytest nor Hypothesis, and no rival."""
    code = (
        "import sys, oauthkit.testing\n"
        "with oauthkit.testing.simulate('twitter'): pass\n"
        "print(*sys.modules)"
    )
    assert set() == {"pytest", "_pytest", "hypothesis", "oauthlib", "unittest"} & set(
        fresh(code).split()
    )
