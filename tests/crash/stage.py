"""One account on a stage: what is done to the workers that share it, and what is counted."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

import attrs

from crash.backings import Backing
from crash.fleet import Fleet, Hand
from crash.gate import Family, Fault, Sent
from crash.services import Service
from oauthkit import GrantKey, Record, Token, open_store
from support import run

__all__ = ["Outcome", "Stage"]

START = 1_800_000_000.0
# Seconds by which the workers' clocks are moved to let an access token expire.
EXPIRY = 100_000.0
# Seconds in which whoever could take a lock has taken it.
_TEMPTED = 0.25


@attrs.frozen(kw_only=True)
class Outcome:
    """
    What came of one scenario.

    *requests* are the token requests of the expiry at which something happened, *following* those
    of the next one. *needless* are families that were revoked while a living process had what is
    newer, or could still get it. *lost* are tokens that the server has issued last and that are not
    in the store in the end. *ended* says that the user has to log in again, *complaints* is whether
    anybody was told so. *adoptions* are the processes that use what another one has got.
    *loops* are token requests after all was settled.
    """

    requests: int
    following: int
    revoked: bool
    needless: int
    lost: int
    ended: bool
    complaints: bool
    adoptions: int
    loops: int
    odd: tuple[str, ...]
    seconds: float

    @property
    def needless_logins(self) -> int:
        """How often a user was asked to log in whose tokens were all there."""
        return int(self.complaints and not self.lost)


@attrs.define(eq=False)
class Stage:
    """One account that the workers of a fleet share, its access token over."""

    service: Service
    backing: Backing
    fleet: Fleet
    account: str
    now: float = attrs.field(default=START, init=False)
    family: Family = attrs.field(init=False)
    complaints: bool = attrs.field(default=False, init=False)
    _number: int = attrs.field(default=0, init=False)
    _began: float = attrs.field(factory=time.perf_counter, init=False)

    def __attrs_post_init__(self) -> None:
        """Have the user log in, and all workers be there."""
        self.service.gate.faults.clear()
        self.fleet.fill()
        self.family, members = self.service.family(self.account)
        run(self._put(Token({**members, "expires_at": START - 1})))

    @property
    def key(self) -> GrantKey:
        """Whose grant it is."""
        gate = self.service.gate
        return GrantKey(
            issuer=f"{gate.site}{gate.token_path}",
            client_id=self.service.client_id,
            account=self.account,
        )

    async def _put(self, token: Token, before: Record | None = None) -> None:
        members = {name: value for name, value in token.items() if name != "refresh_token"}
        expected = None if before is None else before.version
        record = Record(
            access_tokens={("", ""): Token(members)},
            refresh_token=token["refresh_token"],
            version=(expected or 0) + 1,
        )
        store = open_store(self.backing.url)
        assert await store.compare_and_swap(self.key, expected, record)
        await _close(store)

    async def _look(self) -> Record | None:
        store = open_store(self.backing.url)
        found = await store.load(self.key)
        await _close(store)
        return found

    # What is done.

    @property
    def victim(self) -> Hand:
        """The one to whom something happens."""
        return self.fleet.hands[0]

    @property
    def others(self) -> Sequence[Hand]:
        """All but him."""
        return tuple(self.fleet.hands[1:])

    def call(self, hands: Iterable[Hand]) -> None:
        """Have *hands* call the service."""
        self._number += 1
        for hand in hands:
            hand.tell("call", account=self.account, now=self.now, number=self._number)

    def queue(self, hands: Sequence[Hand]) -> None:
        """Have *hands* call, and be waiting for the lock."""
        self.call(hands)
        for hand in hands:
            hand.hear("waits")

    def hear(self, hands: Iterable[Hand]) -> list[dict[str, Any]]:
        """Return what came of their last call."""
        said = [hand.hear("said") for hand in hands]
        self.complaints = self.complaints or any("ended" in one for one in said)
        return said

    def bring_to(self, point: str) -> Hand:
        """Have the victim call, and stand still at *point*."""
        self.victim.tell("arm", point=point)
        self.call([self.victim])
        self.victim.hear("at", point=point)
        return self.victim

    def bring_before_answer(self, **fault: Any) -> tuple[Hand, Sent]:
        """Have the victim call, and wait for the answer, which is held."""
        self.spoil(Fault(**(fault or {"late": True})))
        self.call([self.victim])
        gate, family = self.service.gate, self.family
        gate.wait(lambda: [one.fate for one in family.sent] == ["held"], "an answer to be held")
        return self.victim, family.sent[0]

    def spoil(self, *faults: Fault) -> None:
        """Have the next token requests go wrong."""
        self.service.gate.faults.extend(faults)

    def release(self, sent: Sent) -> None:
        """Let the answer go that is held."""
        self.service.gate.release()
        self.service.gate.wait(lambda: sent.fate == "delivered", "the answer to go")

    def tempt(self) -> None:
        """Leave time for a token request that must not be sent while somebody has what is newer."""
        before = len(self.family.sent)
        with self.service.gate.changed:
            self.service.gate.changed.wait_for(lambda: len(self.family.sent) > before, _TEMPTED)

    def kill(self, hand: Hand) -> None:
        """Kill a worker."""
        self.service.gate.dead.add(hand.name)
        self.fleet.forget(hand)
        hand.kill()

    def lapse(self) -> None:
        """Have all leases run out, where locks are leases: who waits need not wait in earnest."""
        if self.backing.expire is not None:
            self.backing.expire()

    # What is counted.

    def settle(self) -> Outcome:
        """Have all workers call again, and again, and after another expiry; count."""
        family, odd = self.family, list[str]()
        self.service.gate.faults.clear()
        self.fleet.fill()
        first = self._round()
        requests = len(family.sent)
        second = self._round()
        loops = len(family.sent) - requests
        adoptions = self._adoptions(second)
        self.now += EXPIRY
        third = self._round()
        following = len(family.sent) - requests - loops
        stored = run(self._look())
        assert stored is not None
        ended = any("ended" in one for one in third)
        for name, said in (("first", first), ("second", second), ("third", third)):
            odd += _odd(name, said)
        if self.service.lives(family) == family.revoked:
            odd.append("the server says otherwise of the family than the gate")
        left = "final" if stored.mark and stored.mark.final else bool(stored.mark)
        if left and not (ended and left == "final"):
            odd.append("a mark is left")
        if ended:
            odd += self._log_in(stored)
        return Outcome(
            requests=requests,
            following=following,
            revoked=family.revoked,
            needless=sum(one.needless for one in family.sent),
            lost=int(stored.refresh_token != family.newest),
            ended=ended,
            complaints=self.complaints,
            adoptions=adoptions,
            loops=loops,
            odd=tuple(odd),
            seconds=time.perf_counter() - self._began,
        )

    def _log_in(self, ended: Record) -> list[str]:
        """Have the user log in again, elsewhere: all that run adopt it, and go on."""
        family, members = self.service.family(self.account)
        run(self._put(Token({**members, "expires_at": self.now + EXPIRY}), ended))
        odd = _odd("login", said := self._round())
        if {one["token"] for one in said} != {family.access_token} or family.sent:
            odd.append("a login was not adopted")
        self.now += 2 * EXPIRY
        odd += _odd("after the login", self._round())
        if len(family.sent) != 1:
            odd.append(f"{len(family.sent)} token requests after the login")
        return odd

    def _round(self) -> list[dict[str, Any]]:
        self.call(self.fleet.hands)
        return self.hear(self.fleet.hands)

    def _adoptions(self, said: list[dict[str, Any]]) -> int:
        got = {one.worker for one in self.family.sent if one.newer == self.family.newest}
        adopted = [
            hand
            for hand, one in zip(self.fleet.hands, said, strict=True)
            if one["token"] == self.family.access_token and hand.name not in got
        ]
        return len(adopted)


def _odd(name: str, said: list[dict[str, Any]]) -> list[str]:
    """Say where workers disagree, or fail."""
    errors = sorted({one["error"] for one in said if "error" in one})
    if errors:
        return [f"{name} round: {error}" for error in errors]
    if all("ended" in one for one in said):
        return []
    tokens, statuses = {one["token"] for one in said}, {one.get("status") for one in said}
    return [] if len(tokens) == 1 and statuses == {200} else [f"{name} round: {statuses}"]


async def _close(store: object) -> None:
    with suppress(AttributeError):
        await getattr(store, "close")()  # noqa: B009 - no part of the protocol
