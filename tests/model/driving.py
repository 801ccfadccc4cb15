"""
The code itself, driven through every schedule of a few processes, beside the model.

Each process is a source over a store object of its own. It stops at a gate before each call of its
store, its lock or the server; who drives lets one of them through, has the server answer, or kills
one. After each choice what is stored, locked, sent and answered has to be what it is in a world of
the model that the same choice leads to.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import attrs

from model.protocol import changes, left_behind
from model.rules import Change
from model.steps import Step
from model.worlds import At, Got, Life, Limits, Marked, Protocol, Token, World, begin
from oauthkit import GrantKey, OAuthError, ReauthorizationRequired, Record, UnreachableError
from oauthkit import Token as Members
from oauthkit.tokens.sources import StoredSource
from tokens.grants import KEY, Exchange, record, source

__all__ = ["Drive", "Seen", "ends_of_the_model", "schedules"]

# What a choice of who drives is in the model; anything else a worker does by itself.
CHOSEN = {
    *(Step.ROTATE, Step.REFUSE, Step.REVOKE, Step.NOT_USED, Step.LOSE, Step.USER_REVOKES),
    *(Step.KILL, Step.STOP, Step.CONTINUE, Step.RUN_OUT, Step.LOGIN, Step.LOOK_AGAIN),
    Step.STORE_FAILS,
}
# Where a worker that is let through does just this, among others.
NAMED = {Step.LOCK, Step.MARK, Step.SEND, Step.STORE}
TOKENS = ("r0", "r1")

Choice = tuple[Step, int]
Seen = tuple[Any, ...]


@attrs.define(eq=False)
class Process:
    """The store and the server, as one process has them."""

    drive: Drive
    number: int
    lock_proves_death: bool = True

    async def load(self, key: GrantKey) -> Record | None:
        """Return the record."""
        await self.drive.gate(self.number, Step.READ_AGAIN)
        return self.drive.stored

    async def compare_and_swap(self, key: GrantKey, expected: int | None, record: Record) -> bool:
        """Store *record*, if the version is the expected one."""
        before, mark = self.drive.stored, record.mark
        step = Step.TAKE_OFF if mark is None else Step.MARK
        if record.refresh_token != before.refresh_token:
            step = Step.STORE
        elif mark is not None and (mark.final or mark.lost):
            step = Step.MARK_FINAL if mark.final else Step.MARK_LOST
        await self.drive.gate(self.number, step)
        if self.drive.stored.version != expected:
            return False
        self.drive.stored = record
        return True

    @asynccontextmanager
    async def lock(self, key: GrantKey) -> AsyncGenerator[None, None]:
        """Hold the lock."""
        await self.drive.gate(self.number, Step.LOCK)
        self.drive.owner = self.number
        try:
            yield
        finally:
            await self.drive.gate(self.number, Step.HAND_OUT)
            self.drive.owner = None

    async def delete(self, key: GrantKey) -> None:
        """Nothing is deleted here."""
        raise NotImplementedError

    async def iterate(self) -> AsyncIterator[GrantKey]:
        """Iterate over the one key."""
        yield KEY


@attrs.define(eq=False)
class Asking(Exchange):
    """Sends a token request of a process."""

    process: Process | None = None

    async def __call__(self, record: Record | None) -> Mapping[str, Any]:
        """Send it, and wait for the answer."""
        assert self.process is not None
        assert record is not None
        assert TOKENS[0] == record.refresh_token
        drive, number = self.process.drive, self.process.number
        await drive.gate(number, Step.SEND)
        drive.asked[number] = Got.ON_ITS_WAY
        await drive.gate(number, Step.ANSWER)
        if drive.closing:
            raise OAuthError("closing", error="invalid_client", status=401)
        match drive.asked.pop(number):
            case Got.TOKEN:
                return self.members(1)
            case Got.NOT_USED:
                raise OAuthError("not now", error="invalid_response", status=503)
            case Got.REFUSED:
                refusal = OAuthError("no", error="invalid_grant", status=400)
                raise self.ask_for_login(refusal)
            case _:
                raise UnreachableError("hung up", endpoint="https://as.example")


@attrs.define(eq=False)
class Drive:
    """One run: what there is, and the worlds of the model that it may be."""

    limits: Limits
    stored: Record = attrs.field(
        factory=lambda: record({"access_token": "t0", "expires_at": 0}, "r0")
    )
    owner: int | None = None
    asked: dict[int, Got] = attrs.field(factory=dict[int, Got])
    waiting: dict[int, tuple[Step, asyncio.Future[None]]] = attrs.field(
        factory=dict[int, tuple[Step, "asyncio.Future[None]"]]
    )
    dead: set[int] = attrs.field(factory=set[int])
    sources: list[StoredSource] = attrs.field(factory=list[StoredSource])
    calls: dict[int, asyncio.Task[Members]] = attrs.field(
        factory=dict[int, "asyncio.Task[Members]"]
    )
    newest: Token = Token.OLD
    revoked: bool = False
    looks: dict[int, int] = attrs.field(factory=dict[int, int])
    faults: int = 0
    mishaps: int = 0
    worlds: set[World] = attrs.field(factory=set[World])
    told: list[str] = attrs.field(factory=list[str])
    closing: bool = False
    graves: list[asyncio.Future[None]] = attrs.field(factory=list["asyncio.Future[None]"])
    end: Seen = ()

    async def gate(self, number: int, step: Step) -> None:
        """Wait to be let through."""
        if self.closing:
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.waiting[number] = step, future
        await future

    async def run(self, schedule: tuple[Choice, ...]) -> list[tuple[Choice, ...]]:
        """Follow *schedule*, then the first choice each time; return what else could be chosen."""
        self.worlds = {begin(self.limits)}
        self.faults, self.mishaps = self.limits.faults, self.limits.mishaps
        for number in range(self.limits.workers):
            process = Process(self, number)
            self.sources.append(source(Asking(process=process), process))
            self.looks[number] = self.limits.looks
            self._call(number)
        await self._settle()
        try:
            return await self._follow(schedule)
        finally:
            self.end = self.seen()
            await self._close()

    async def _close(self) -> None:
        """Let everybody go on to the end, the dead among themselves: so nothing is left behind."""
        self.closing = True
        for future in [*self.graves, *(future for _, future in self.waiting.values())]:
            future.set_result(None)
        await asyncio.gather(*self.calls.values(), return_exceptions=True)

    async def _follow(self, schedule: tuple[Choice, ...]) -> list[tuple[Choice, ...]]:
        done: list[Choice] = []
        others: list[tuple[Choice, ...]] = []
        while choices := list(self._choices()):
            if len(done) < len(schedule):
                choice = schedule[len(done)]
            else:
                choice, *rest = choices
                others += [(*done, other) for other in rest]
            done.append(choice)
            await self._take(choice)
        rules = [list(left_behind(world, Protocol(proves=True))) for world in self.worlds]
        assert [] in rules, self.told
        return others

    def _call(self, number: int) -> None:
        self.calls[number] = asyncio.get_running_loop().create_task(self.sources[number].token())

    def _choices(self) -> Iterator[Choice]:
        """Yield what may be chosen, first what needs no fault."""
        for number, (step, _) in self.waiting.items():
            if step == Step.LOCK and self.owner is not None:
                continue
            if step != Step.ANSWER or self.asked[number] != Got.ON_ITS_WAY:
                yield step, number
        for number, got in self.asked.items():
            if got == Got.ON_ITS_WAY:
                yield self._served(), number
                if self.mishaps:
                    yield Step.NOT_USED, number
            if self.mishaps and got != Got.LOST:
                yield Step.LOSE, number
        if self.mishaps and not self.revoked and Got.ON_ITS_WAY in self.asked.values():
            yield Step.USER_REVOKES, -1
        for number, call in self.calls.items():
            if self.faults and number in self.waiting and self.waiting[number][0] != Step.LOCK:
                yield Step.KILL, number
            if call.done() and self.looks[number] > 1 and call.exception() is not None:
                yield Step.LOOK_AGAIN, number

    def _served(self) -> Step:
        if self.revoked:
            return Step.REFUSE
        return Step.ROTATE if self.newest == Token.OLD else Step.REVOKE

    async def _take(self, choice: Choice) -> None:
        """Have it done, and find the worlds of the model that it leads to."""
        step, number = choice
        self.told.append(f"{'AB-'[number]}: {step}")
        match step:
            case Step.KILL:
                self.faults -= 1
                self.dead.add(number)
                self.graves.append(self.waiting.pop(number)[1])
                self.asked.pop(number, None)
                if self.owner == number:
                    self.owner = None
            case Step.ROTATE:
                self.newest, self.asked[number] = Token.NEW, Got.TOKEN
            case Step.REFUSE | Step.REVOKE:
                self.revoked, self.asked[number] = True, Got.REFUSED
            case Step.NOT_USED | Step.LOSE:
                self.mishaps -= 1
                self.asked[number] = Got.LOST if step == Step.LOSE else Got.NOT_USED
            case Step.USER_REVOKES:
                self.mishaps -= 1
                self.revoked = True
            case Step.LOOK_AGAIN:
                self.looks[number] -= 1
                self._call(number)
            case _:
                _, future = self.waiting.pop(number)
                future.set_result(None)
        await self._settle()
        seen = self.seen()
        self.worlds = {one for one in self._followed(choice) if _seen_in(one) == seen}
        assert self.worlds, f"the model does not know this: {self.told}, then {seen}"

    async def _settle(self) -> None:
        """Let the loop turn until everybody waits at a gate, or has ended."""
        for _ in range(1000):
            await asyncio.sleep(0)
            if all(
                number in self.waiting or number in self.dead or call.done()
                for number, call in self.calls.items()
            ):
                return
        raise AssertionError(f"somebody waits for something else: {self.told}")

    def _followed(self, choice: Choice) -> set[World]:
        """Return the worlds that a choice leads to, whatever else the worker does by itself."""
        step, number = choice
        if step in CHOSEN:
            return {
                change.world
                for world in self.worlds
                for change in _of(world, number)
                if change.step == step
            }
        start = {(world, step not in NAMED) for world in self.worlds}
        waiting = list(start)
        while waiting:
            world, named = waiting.pop()
            for change in _of(world, number):
                if change.step in CHOSEN:
                    continue
                after = change.world, named or change.step == step
                if after not in start:
                    start.add(after)
                    waiting.append(after)
        return {world for world, named in start if named}

    def seen(self) -> Seen:
        """Return what is to be seen of the code."""
        mark = self.stored.mark
        kind, holder = Marked.NOT, None
        if mark is not None:
            kind = Marked.FINAL if mark.final else Marked.SENDING if mark.holder else Marked.IDLE
            holders = [one.grant.holder for one in self.sources]
            holder = holders.index(mark.holder) if kind == Marked.SENDING else None
        stored = Token(TOKENS.index(str(self.stored.refresh_token)))
        processes = tuple(self._process(number) for number in self.calls)
        lost = mark is not None and mark.lost and not mark.final
        return stored, kind, lost, holder, self.owner, self.newest, self.revoked, processes

    def _process(self, number: int) -> Seen:
        if number in self.dead:
            return ("dead",)
        call = self.calls[number]
        if not call.done():
            return "busy", self.asked.get(number, Got.NOTHING)
        error = call.exception()
        if error is None:
            assert "t1" == call.result()["access_token"]
            return ("has a token",)
        return ("was sent away" if isinstance(error, ReauthorizationRequired) else "failed",)


def _of(world: World, number: int) -> Iterator[Change]:
    return (one for one in changes(world, Protocol(proves=True)) if one.who == number)


def _seen_in(world: World) -> Seen:
    """Return what would be seen of the code, were it in this world."""
    holder = owner = None
    processes: list[Seen] = []
    for number, worker in enumerate(world.workers):
        if worker.marks and world.mark == Marked.SENDING:
            holder = number
        if worker.locks:
            owner = number
        if worker.life == Life.DEAD:
            processes.append(("dead",))
        elif worker.at != At.NOTHING:
            got = worker.got if worker.at == At.ANSWER else Got.NOTHING
            processes.append(("busy", got))
        elif worker.got == Got.NOTHING:
            processes.append(("has a token",))
        else:
            sent_away = worker.got == Got.REAUTHORIZATION
            processes.append(("was sent away" if sent_away else "failed",))
    return (
        *(
            world.stored,
            world.mark,
            world.lost and world.mark != Marked.FINAL,
            holder,
            owner,
            world.newest,
            world.revoked,
        ),
        tuple(processes),
    )


def schedules(limits: Limits) -> tuple[int, set[Seen], set[str]]:
    """Drive the code through every schedule; return how many, the ends, and the steps taken."""
    waiting: list[tuple[Choice, ...]] = [()]
    count, ends, told = 0, set[Seen](), set[str]()
    while waiting:
        drive = Drive(limits)
        waiting += asyncio.run(drive.run(waiting.pop()))
        count += 1
        ends.add(drive.end)
        told.update(line.partition(": ")[2] for line in drive.told)
    return count, ends, told


def ends_of_the_model(limits: Limits, *without: Step) -> set[Seen]:
    """Return what is to be seen at the end of every run of the model, without some steps."""
    seen = {begin(limits)}
    waiting, ends = list(seen), set[Seen]()
    while waiting:
        world = waiting.pop()
        nexts = [one for one in changes(world, Protocol(proves=True)) if one.step not in without]
        is_over = all(worker.at == At.NOTHING for worker in world.workers)
        if is_over and all(one.step == Step.KILL for one in nexts):
            ends.add(_seen_in(world))
        for change in nexts:
            if Step.GIVE_UP in without and change.world.workers[change.who].at == At.GIVING_UP:
                continue
            if change.world not in seen:
                seen.add(change.world)
                waiting.append(change.world)
    return ends
