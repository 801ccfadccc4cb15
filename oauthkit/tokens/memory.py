"""What of a grant is in memory."""

from __future__ import annotations

from copy import copy

import attrs

from oauthkit.errors import ReauthorizationRequired
from oauthkit.protocol.token import Token
from oauthkit.tokens.news import PLAIN, Slot, Start, as_record, complete
from oauthkit.tokens.stores import GrantKey, Record, TokenStore, refuse_sealed

__all__ = ["Memory"]


@attrs.define(eq=False)
class Memory:
    """
    What of a grant is in memory; nothing here asks the store.

    *tokens* are the tokens in memory, by (scope, resource), each with the grant's refresh token;
    *known* says whether they are all there is to know: before, the store has to be asked. *seeded*
    says that somebody put them there by hand, so that they count for more than what is stored.
    *generation* grows whenever that happens, and with each new grant: a flight of an older one
    leaves the memory alone. *initial* is what counts where the store has no record; *replaced* is
    the refresh token of one that something newer has come of: it is spent. *after_401* are
    the tokens that were got because a resource refused the one before, and when (by the clock of
    who got them). *refused* is the refresh token that the server has refused for good, and *ended*
    what was said of it: it is said again, without a request, until there is a login.
    """

    store: TokenStore
    key: GrantKey
    tokens: dict[Slot, Token] = attrs.field(factory=dict[Slot, Token], init=False, repr=False)
    known: bool = attrs.field(default=False, init=False)
    seeded: bool = attrs.field(default=False, init=False)
    generation: int = attrs.field(default=0, init=False)
    # What there was when it was told that it is of no use.
    told_of: object = attrs.field(default=None, init=False, repr=False)
    # Before then (by the client's clock) it is not tried again to renew a token ahead of time.
    ahead_after: float = attrs.field(default=0.0, init=False)
    after_401: dict[Slot, tuple[Token, float]] = attrs.field(
        factory=dict[Slot, tuple[Token, float]], init=False, repr=False
    )
    initial: Record | None = attrs.field(default=None, init=False, repr=False)
    replaced: str | None = attrs.field(default=None, init=False, repr=False)
    refused: str | None = attrs.field(default=None, init=False, repr=False)
    ended: ReauthorizationRequired | None = attrs.field(default=None, init=False, repr=False)

    def put(self, token: Token | None, slot: Slot) -> None:
        """Put *token* there by hand; None clears all of it."""
        self.generation += 1
        self.refused = self.ended = None
        self.after_401.clear()
        self.tokens = {} if token is None else {slot: token}
        self.known = self.seeded = True

    def offer(self, token: Token, slot: Slot = PLAIN) -> None:
        """Take *token* as what counts where the store holds nothing: what it holds is newer."""
        spent = self.replaced is not None and token.get("refresh_token") == self.replaced
        if self.initial is None and not spent:
            self.initial = as_record({slot: token})
        if not self.tokens and not self.seeded:
            self.tokens = {slot: token}

    def replace_initial(self) -> None:
        """Note that something newer than what was offered is stored."""
        if self.initial is not None:
            self.replaced, self.initial = self.initial.refresh_token, None

    def adopt(self, record: Record | None) -> None:
        """Take over what a store holds, or that it holds nothing."""
        self.tokens = {}
        if record is not None:
            self.tokens = {slot: complete(record, slot) for slot in record.access_tokens}
        self.known, self.seeded = True, False

    def end(self, refresh_token: str, error: ReauthorizationRequired) -> None:
        """Note that only the user can help, since *refresh_token* was refused."""
        # A copy: what was raised holds frames, and they hold much.
        self.refused, self.ended = refresh_token, copy(error)

    def is_news(self) -> bool:
        """Tell whether that what there is now is of no use has not been told yet, and note it."""
        what = {
            slot: (token.get("access_token"), self.refused) for slot, token in self.tokens.items()
        }
        told, self.told_of = self.told_of, what
        return told != what

    def what_ended(self, refresh_token: str | None) -> ReauthorizationRequired | None:
        """Return what is to be raised instead of sending *refresh_token*, if it was refused."""
        if self.ended is None or refresh_token is None or refresh_token != self.refused:
            return None
        return copy(self.ended)

    def start(self) -> Start:
        """Note what a flight begins with that does not ask the store first."""
        by_hand = as_record(self.tokens) if self.seeded else None
        return Start(generation=self.generation, record=by_hand, by_hand=self.seeded, asked=False)

    def start_from(self, stored: Record | None) -> Start:
        """Note what a flight begins with, and take over what is *stored* unless memory counts."""
        refuse_sealed(self.key, stored)
        counts = self.initial if stored is None or self._replaces(stored) else stored
        if self.seeded and self.ended is not None and stored is not None:
            # What was put there by hand was refused; what is stored is somebody's login.
            self.seeded = stored.refresh_token == self.refused
        if not self.seeded:
            self.adopt(counts)
        return Start(
            generation=self.generation,
            record=as_record(self.tokens) if self.seeded else counts,
            by_hand=self.seeded,
            asked=True,
            stored=stored,
        )

    def _replaces(self, stored: Record) -> bool:
        """Tell whether *initial* is another refresh token than one that has ended."""
        initial = self.initial and self.initial.refresh_token
        ended = stored.mark is not None and stored.mark.final
        return bool(ended and initial and initial != stored.refresh_token)

    def begin_anew(self, fresh: bool, since: Start) -> None:
        """Let flights of the grant before leave the memory alone, where a *fresh* one has begun."""
        if fresh and self.generation == since.generation:
            self.generation += 1
