"""RFC 6749 §6, RFC 9700 §4.14.2: whatever happens in whatever order, nothing is spent for nothing."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)

from oauthkit import LoopError, OAuthError, ReauthorizationRequired, Token, UnreachableError
from oauthkit.tokens import saving
from property.refreshing import ACTS, Backing, Dead, Process, Server, Sharing
from tokens.grants import KEY, Clock, record, turns

PROCESSES = 3
# How many turns of the loop each thing may take at the end: more is a wait for nothing.
_PATIENCE = 40
_numbers = st.integers(0, PROCESSES - 1)
_troubles = st.sampled_from([act for act in ACTS if act != "refuse"])
_likely = st.sampled_from([*["answer"] * 6, *ACTS])


class RefreshMachine(RuleBasedStateMachine):
    """Processes that share a grant, a store that may fail, and a server that may do so, too."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.complaints: list[str] = []
        self.loop.set_exception_handler(
            lambda _, context: self.complaints.append(
                f"{context['message']}: {context.get('exception')!r}"
            )
        )
        self.clock = Clock()
        self.server = Server(self.clock)
        self.answered: list[Any] = []
        self.kind = ""
        self.backing = Backing()
        self.processes: list[Process] = []
        self.gone: list[Process] = []

    def go(self, count: int = 4) -> None:
        """Let the loop turn."""
        self.loop.run_until_complete(turns(count))
        self.bury()

    def bury(self) -> None:
        """Replace the processes that have died."""
        for number, process in enumerate(self.processes):
            if process.dead:
                self.gone.append(process)
                self.processes[number] = self.begin()

    def begin(self) -> Process:
        """Begin a process."""
        store = Sharing(self.backing, self.kind)
        return Process(clock=self.clock, server=self.server, store=store)

    def blur(self) -> None:
        """Note that what a store was to hold may not be there."""
        stored = self.backing.records._records.get(KEY)
        known = {None if stored is None else stored.refresh_token}
        known |= {one.token for one in self.server.log}
        for process in self.processes:
            known |= {token.get("refresh_token") for token in process.grant.tokens.values()}
            known |= {one.members.get("refresh_token") for one in process.grant.unsaved}
        self.server.blurred |= {one for one in known if one is not None}

    # What happens.

    @initialize(kind=st.sampled_from(["plain", "session", "lease"]), stored=st.booleans())
    def start(self, kind: str, stored: bool) -> None:
        """Begin with an expired token that is stored, or with none."""
        self.kind = kind

        async def prepare() -> None:
            if stored:
                first: dict[str, Any] = {**self.server.issue(), "expires_at": 0}
                refresh_token = first.pop("refresh_token")
                await self.backing.records.compare_and_swap(KEY, None, record(first, refresh_token))

        self.loop.run_until_complete(prepare())
        self.processes = [self.begin() for _ in range(PROCESSES)]
        if not stored:
            self.login(0)

    @rule(
        number=_numbers, callers=st.integers(1, 3), expired=st.booleans(), pause=st.integers(0, 12)
    )
    def ask(self, number: int, callers: int, expired: bool, pause: int) -> None:
        """Somebody wants a token, perhaps when it has expired."""
        process = self.processes[number]
        self.clock.now += 3600 * expired
        for _ in range(callers):
            process.waiting.append(self.loop.create_task(process.source.token()))
        self.go(pause)

    @rule(number=_numbers, pause=st.integers(0, 12))
    def refuse(self, number: int, pause: int) -> None:
        """A resource says 401 to the token in memory."""
        process = self.processes[number]
        rejected = process.grant.tokens.get(process.source.slot)
        process.waiting.append(self.loop.create_task(process.source.token(rejected)))
        self.go(pause)

    @rule(act=_likely, number=st.integers(0, 9), pause=st.integers(0, 12))
    def answer(self, act: str, number: int, pause: int) -> None:
        """The server answers what it has, or something else becomes of it."""
        pending = [one for one in self.server.pending if not one.answer.done()]
        if pending:
            pending[number % len(pending)].answer.set_result(act)
        self.go(pause)

    @rule(acts=st.lists(_troubles, min_size=1, max_size=3), number=_numbers, expired=st.booleans())
    def ask_in_trouble(self, acts: list[str], number: int, expired: bool) -> None:
        """Somebody wants a token of a server that does not do well."""
        self.ask(number, 1, expired, 12)
        for act in acts:
            self.answer(act, 0, 12)

    @rule(seconds=st.sampled_from([3600.0, 3300.0, 10.0]), pause=st.integers(0, 3))
    def expire(self, seconds: float, pause: int) -> None:
        """Time goes by: a token ages, or ends."""
        self.clock.now += seconds
        self.go(pause)

    @rule(
        what=st.sampled_from(
            [*["mend"] * 4, *["leave", "run_out"] * 3, "break", "break late", "login", "shut_down"]
        ),
        number=_numbers,
        pause=st.integers(0, 12),
    )
    def disturb(self, what: str, number: int, pause: int) -> None:
        """Something else happens."""
        match what:
            case "mend" | "break" | "break late":
                how = {"mend": "", "break": "now", "break late": "late"}[what]
                self.break_store(number, pause, how)
            case "leave":
                self.leave(number, pause)
            case "run_out":
                self.run_out(pause)
            case "login":
                self.login(number, pause)
            case _:
                self.shut_down(number, pause)

    def login(self, number: int, pause: int = 0) -> None:
        """A user has logged in."""
        process = self.processes[number]

        async def assign() -> None:
            process.grant.assign(Token(self.server.issue()))

        self.loop.run_until_complete(assign())
        self.go(pause)

    def break_store(self, number: int, pause: int, how: str = "") -> None:
        """A store fails, or does so no more."""
        if self.kind == "lease" and how == "late":
            # Who cannot keep the lock cannot know whether a login that failed was stored and spent.
            how = "now"
        self.blur()
        self.processes[number].store.broken = how
        self.go(pause)
        self.blur()

    def leave(self, number: int, pause: int) -> None:
        """Those who wait go away."""
        for task in self.processes[number].waiting[::2]:
            task.cancel()
        self.go(pause)

    def shut_down(self, number: int, pause: int) -> None:
        """A process ends as ``asyncio.run()`` does: whatever goes on is cancelled."""
        process = self.processes[number]
        process.grant._later.end()
        for task in [*process.grant.flights._flying, *process.waiting]:
            task.cancel()
        self.go(20)
        process.die()
        self.go(pause)

    def run_out(self, pause: int) -> None:
        """A lease runs out while its holder is at work."""
        owner = self.backing.owner
        if self.kind == "lease" and owner is not None:
            self.backing.free(owner)
        self.go(pause)

    # What is left.

    def teardown(self) -> None:
        """Mend what is broken, answer all that comes, and look at what there is."""
        try:
            if self.processes:
                self.finish()
        finally:
            for task in asyncio.all_tasks(self.loop):
                task.cancel()
            self.loop.run_until_complete(turns(20))
            for process in self.processes:
                process.die()
            self.loop.close()

    def finish(self) -> None:
        """Come to an end."""
        if any(process.store.broken for process in self.processes):
            self.blur()
        for process in self.processes:
            process.store.broken = ""
        self.come_to_rest()
        self.clock.now += 1e6
        before = len(self.server.log)
        for process in self.processes:
            process.waiting.append(self.loop.create_task(process.source.token()))
        self.come_to_rest()
        sent = self.server.log[before:]
        last = self.answered[-PROCESSES:]
        found = self.backing.records._records.get(KEY)
        if any(isinstance(one, ReauthorizationRequired) for one in last):
            assert all(isinstance(one, ReauthorizationRequired) for one in last), last
            if found is None:  # who had logged in has died
                assert self.gone
            else:
                assert found.mark is not None, sent
                assert found.mark.final
                assert found.refresh_token is not None
                self.justify(found.refresh_token)
        else:
            assert all(isinstance(one, Token) for one in last), last
            assert 1 == len(sent)
            assert 1 == len({one["access_token"] for one in last})
            assert found is not None
            assert found.mark is None
            assert found.refresh_token in self.server.good
        assert self.backing.owner is None
        assert [] == self.complaints
        assert not asyncio.all_tasks(self.loop)
        for process in (*self.processes, *self.gone):
            assert not process.grant.flights.shared
            assert not process.grant.flights._flying
            assert not process.grant.unsaved
            assert process.grant._turns._kept is None

    def come_to_rest(self) -> None:
        """Answer all that comes, until nobody waits."""
        everybody = (*self.processes, *self.gone)
        for _ in range(_PATIENCE):
            for sent in self.server.pending:
                if not sent.answer.done():
                    sent.answer.set_result("answer")
            self.go(10)
            everybody = (*self.processes, *self.gone)
            if not any(
                one.grant.flights._flying or one.grant.unsaved for one in self.processes
            ) and all(task.done() for one in everybody for task in one.waiting):
                break
        for process in everybody:
            for task in process.waiting:
                assert task.done(), f"nobody answers {task!r}"
                self.answered.append(self.result(task))
            process.waiting.clear()

    @staticmethod
    def result(task: asyncio.Task[Token]) -> Any:
        """Return what a waiter got: a token, or an error that he can understand."""
        if task.cancelled():
            return None
        error = task.exception()
        if error is None:
            return task.result()
        assert isinstance(error, OAuthError | UnreachableError | OSError | Dead), error
        assert not isinstance(error, LoopError)
        return error

    def justify(self, token: str) -> None:
        """Find out why a user is needed."""
        history = self.server.history(token)
        losses = sum(one.outcome in ("lost", "cancelled") for one in history)
        refused = any(one.outcome == "refused" for one in history)
        # It was used, and who should have stored what came of it did not get it, or has died.
        gone = any(
            one.rotated and (one.outcome != "answered" or one.sender.dead) for one in history
        )
        doubtful = self.kind == "lease" and history
        assert gone or refused or losses >= 2 or doubtful or token in self.server.blurred, history


@pytest.mark.proves(
    "Tokens and stores",
    "a refresh token is never spent twice",
    rfc="RFC 6749 §6",
    judge="none but ours",
)
def test_refreshing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every waiter is answered, nothing is sent twice for nothing, and nothing is left behind."""
    monkeypatch.setattr(saving, "_FIRST_PAUSE", 0.0)
    run_state_machine_as_test(RefreshMachine, settings=settings(stateful_step_count=30))
