"""What type checkers know of `simulate()`: read by mypy and pyright, not run."""

from __future__ import annotations

from typing import Any, assert_type

from oauthkit import (
    AssertionProvider,
    AsyncAssertionClient,
    AsyncOAuth1Client,
    AsyncOAuth2Client,
    Client,
    OAuth1Provider,
    OAuth2Provider,
    OAuth2Template,
    Provider,
    connect,
)
from oauthkit.testing import Clock, Simulation, failures, simulate
from oauthkit.testing.servers import AssertionServer, OAuth1Server, OAuth2Server


def first_party_names() -> None:
    """A first-party name gives the server and the client of its kind."""
    assert_type(simulate("twitter"), Simulation[AsyncOAuth1Client, OAuth1Server])
    assert_type(simulate("twitter").connect(), AsyncOAuth1Client)
    assert_type(simulate("generic", grant_type="password").server, OAuth2Server)
    assert_type(simulate("generic").connect(), AsyncOAuth2Client)
    assert_type(simulate("google-service-account").server, AssertionServer)
    assert_type(simulate("google-service-account").connect(), AsyncAssertionClient)


def declarations(
    one: OAuth1Provider, two: OAuth2Provider, template: OAuth2Template, robot: AssertionProvider
) -> None:
    """So does a declaration, or one of two kinds of argument that lead to the same."""
    assert_type(simulate(one).connect(realm="r"), AsyncOAuth1Client)
    assert_type(simulate(two, clock=1.0), Simulation[AsyncOAuth2Client, OAuth2Server])
    assert_type(simulate(template, clock=Clock()).connect(), AsyncOAuth2Client)
    assert_type(simulate(robot, skew=-5), Simulation[AsyncAssertionClient, AssertionServer])


def a_name_of_somebodys(name: str, some: Provider[AsyncOAuth2Client]) -> None:
    """Of any other name, or kind, no more is known than what clients have in common."""
    assert_type(simulate(name), Simulation[Client, Any])
    assert_type(simulate(name).connect(), Client)
    assert_type(simulate(some), Simulation[Client, Any])


async def in_use() -> None:
    """What a simulation gives is what connect() takes; one of a kind is one of any."""
    async with simulate("twitter") as sim:
        connect("twitter", sim.creds, session=sim.session, clock=sim.clock)
        sim.fail("api", failures.status(503), times=None)
        any_kind: Simulation[Client, object] = sim
        del any_kind
