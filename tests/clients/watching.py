"""What the tests of `on_token` share: a hook that takes notes, a service, a client with a token."""

from __future__ import annotations

from typing import Any

import attrs

from clients.oauth2_example import LOGIN, SITE, TOKEN, call
from oauthkit import (
    AsyncOAuth2Client,
    TokenEvent,
)
from oauthkit.testing.servers import OAuth2Server

OVER = {"expires_at": 0}


@attrs.define(eq=False)
class Watch:
    """A hook that notes what it is told."""

    told: list[TokenEvent] = attrs.field(factory=list[TokenEvent])

    async def __call__(self, event: TokenEvent) -> None:
        """Note an event."""
        self.told.append(event)

    @property
    def kinds(self) -> list[str]:
        """What kinds of events there were."""
        return [event.kind for event in self.told]

    @property
    def failures(self) -> list[tuple[str, str | None]]:
        """What failed, and how."""
        return [(event.kind, event.error) for event in self.told if event.error]


def played(**options: Any) -> OAuth2Server:
    """Play the service."""
    return OAuth2Server.for_provider(LOGIN, **options)


def with_token(server: OAuth2Server, session: Any, watch: Any, **options: Any) -> AsyncOAuth2Client:
    """Make a client that holds a token without a login."""
    return AsyncOAuth2Client(
        session,
        server.client_id,
        server.client_secret,
        token_endpoint=TOKEN,
        origins=[SITE],
        on_token=watch,
        **options,
    )


async def fetched(client: AsyncOAuth2Client, path: str = "/echo") -> int:
    """Call by an absolute URL."""
    return await call(client, f"{SITE}{path}")
