"""From a provider's name, or its declaration, to the simulation of its service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, overload

from oauthkit import (
    AssertionProvider,
    AsyncAssertionClient,
    AsyncOAuth1Client,
    AsyncOAuth2Client,
    Client,
    ConfigurationError,
    OAuth1Provider,
    OAuth2Provider,
    OAuth2Template,
    Provider,
    Registry,
    default_registry,
)
from oauthkit.testing.servers import AssertionServer, OAuth1Server, OAuth2Server
from oauthkit.testing.simulators.clock import Clock, ServiceClock
from oauthkit.testing.simulators.roles import cast_role
from oauthkit.testing.simulators.simulation import Simulation

if TYPE_CHECKING:
    from oauthkit_providers.names import AssertionName, OAuth1Name, OAuth2Name

__all__ = ["simulate"]

Start = Clock | float | None


@overload
def simulate(
    provider: OAuth1Name | OAuth1Provider,
    *,
    clock: Start = None,
    skew: float = 0.0,
    registry: Registry | None = None,
    **options: Any,
) -> Simulation[AsyncOAuth1Client, OAuth1Server]: ...
@overload
def simulate(
    provider: OAuth2Name | OAuth2Provider | OAuth2Template,
    *,
    clock: Start = None,
    skew: float = 0.0,
    registry: Registry | None = None,
    **options: Any,
) -> Simulation[AsyncOAuth2Client, OAuth2Server]: ...
@overload
def simulate(
    provider: AssertionName | AssertionProvider,
    *,
    clock: Start = None,
    skew: float = 0.0,
    registry: Registry | None = None,
    **options: Any,
) -> Simulation[AsyncAssertionClient, AssertionServer]: ...
@overload
def simulate(
    provider: str | Provider[Any],
    *,
    clock: Start = None,
    skew: float = 0.0,
    registry: Registry | None = None,
    **options: Any,
) -> Simulation[Client, Any]: ...
def simulate(
    provider: str | Provider[Any],
    *,
    clock: Start = None,
    skew: float = 0.0,
    registry: Registry | None = None,
    **options: Any,
) -> Simulation[Any, Any]:
    """
    Simulate the service of *provider*; nothing runs before the simulation is entered.

    *provider* is the name of an installed one, looked up in *registry* as ``connect()`` does, or a
    declaration. *clock* is where the simulation's clock starts and stands still (seconds since the
    epoch), a `Clock` to share, or None for the real time. *skew* is how many seconds the service's
    own clock is ahead of it.

    *options* are those of the server that plays the kind: `OAuth1Server`, `OAuth2Server` or
    `AssertionServer`. For OAuth 2 *grant_type* chooses among the declared ones; for a template such
    as ``generic`` it chooses from all, and *settings* are those that ``connect()`` would get:
    without them the service is on hosts of its own.

    Raises RegistryError for a name, and ConfigurationError for a declaration or an option that
    nothing plays.
    """
    if isinstance(provider, str):
        provider = (default_registry() if registry is None else registry).get(provider)
    elif not isinstance(provider, Provider):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ConfigurationError(
            f"provider is a name or a declaration (OAuth1Provider(…)), "
            f"not {type(provider).__name__}"
        )
    if not (clock is None or isinstance(clock, (Clock, int, float))):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ConfigurationError(
            "clock: expected the second since the epoch at which it stands still, a Clock, or None "
            f"for the real time, not {type(clock).__name__}"
        )
    own = clock if isinstance(clock, Clock) else Clock(clock)
    service_clock = ServiceClock(own, skew)
    role = cast_role(provider, {"clock": service_clock, **options})
    return Simulation(provider, role, clock=own, service_clock=service_clock)
