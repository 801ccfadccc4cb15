"""The refresh protocol as transitions between worlds, and the rules that none may break."""

from __future__ import annotations

from collections.abc import Iterator

from model.happenings import happens, serve, served
from model.rules import Change, Note, Rule, step_of, with_worker, written
from model.steps import Step
from model.worlds import At, Got, Life, Marked, Protocol, Token, Worker, World

__all__ = ["changes", "is_progress", "left_behind"]


def changes(world: World, protocol: Protocol) -> Iterator[Change]:
    """Yield whatever may happen next."""
    for who, worker in enumerate(world.workers):
        if worker.life in (Life.RUNS, Life.WOKEN):
            yield from _works(world, protocol, who, worker)
        if worker.life != Life.DEAD and worker.at == At.ANSWER:
            yield from served(world, protocol, who, worker)
        yield from happens(world, protocol, who, worker)
    if world.ghosts:
        yield serve(world._replace(ghosts=world.ghosts - 1), -1)
    if world.logins and _somebody_was_sent_away(world):
        login = world._replace(
            logins=world.logins - 1, stored=Token.LOGIN, mark=Marked.NOT, lost=False
        )
        yield Change(-1, Step.LOGIN, written(login, -1))
    if world.mishaps and not world.revoked and _somebody_asks(world):
        yield Change(-1, Step.USER_REVOKES, world._replace(mishaps=world.mishaps - 1, revoked=True))


def is_progress(step: Step) -> bool:
    """Tell whether a step comes by itself; faults and mishaps, and a SIGCONT, may never come."""
    return step not in {
        Step.KILL,
        Step.STOP,
        Step.CONTINUE,
        Step.LOSE,
        Step.NOT_USED,
        Step.USER_REVOKES,
        Step.LOGIN,
        Step.LOOK_AGAIN,
    }


def left_behind(world: World, protocol: Protocol) -> Iterator[Rule]:
    """Yield the rules that a world breaks in which nothing comes by itself any more."""
    blocked = any(worker.locks and worker.life == Life.STOPPED for worker in world.workers)
    for worker in world.workers:
        runs = worker.life in (Life.RUNS, Life.WOKEN)
        if runs and worker.at != At.NOTHING and not (blocked and protocol.proves):
            yield Rule.STUCK
        if runs and (worker.locks or (worker.marks and world.mark != Marked.NOT)):
            yield Rule.LEFT
    if world.mark == Marked.SENDING and not any(worker.marks for worker in world.workers):
        yield Rule.LEFT
    is_lost = world.newest == Token.NEW and world.stored == Token.OLD and not world.in_hand
    if is_lost and not world.excused:
        yield Rule.LOST


def _works(world: World, protocol: Protocol, who: int, me: Worker) -> Iterator[Change]:
    """Yield what a worker that runs may do."""
    broken = protocol.broken
    match me.at:
        case At.LOCK:
            if not world.locked:
                yield step_of(world, who, Step.LOCK, at=At.READ_AGAIN, locks=True)
            elif broken == "impatient" and world.mark == Marked.SENDING:
                yield _sent_away(world, who, Step.READ_AGAIN)
        case At.READ_AGAIN:
            yield _read(world, protocol, who, me)
        case At.ADOPT:
            yield step_of(world, who, Step.ADOPT, at=At.HAND_OUT, got=Got.TOKEN)
        case At.MARK:
            yield _mark(world, protocol, who, me)
            yield from _store_fails(world, protocol, who)
        case At.CHECK:
            if me.locks:
                yield step_of(world, who, Step.CHECK, at=At.SEND)
            else:
                yield _take_off(world, protocol, who, me, Step.CHECK)
        case At.SEND:
            sent = world._replace(margin=world.margin - 1)
            notes: tuple[Rule, ...] = (Rule.LOOP,) if world.mark == Marked.FINAL else ()
            if sent.margin < 0:
                notes += (Rule.REQUESTS,)
            yield step_of(sent, who, Step.SEND, *notes, at=At.ANSWER, got=Got.ON_ITS_WAY)
        case At.ANSWER if me.got != Got.ON_ITS_WAY:
            yield _take(world, protocol, who, me)
        case At.STORE:
            yield _store(world, protocol, who, me)
            yield from _store_fails(world, protocol, who)
        case At.HAND_OUT:
            yield _end(world, who, Step.HAND_OUT, me.got)
        case At.TAKE_OFF:
            taken = _take_off(world, protocol, who, me, Step.TAKE_OFF)
            yield taken
            yield step_of(taken.world, who, Step.TAKE_OFF, at=At.GIVING_UP)
        case At.REFUSED | At.LOST_TWICE:
            yield _make_final(world, protocol, who, me)
        case At.ENDING:
            yield _ends(world, protocol, who)
        case At.LOST:
            if not me.marks:
                yield step_of(world, who, Step.MARK_LOST, at=_again(me), got=Got.NOTHING)
            else:
                at = At.SEND if protocol.proves else At.CHECK
                lost = world._replace(lost=True, mark=Marked.SENDING)
                yield step_of(written(lost, who), who, Step.MARK_LOST, at=at, got=Got.NOTHING)
                idle = written(lost._replace(mark=Marked.IDLE), who)
                yield step_of(idle, who, Step.MARK_LOST, at=At.GIVING_UP)
        case At.GIVING_UP:
            yield _end(world, who, Step.GIVE_UP, Got.FAILURE)
        case At.NOTHING if me.got in (Got.REAUTHORIZATION, Got.FAILURE) and me.looks > 1:
            again = me._replace(at=At.LOCK, got=Got.NOTHING, looks=me.looks - 1)
            yield Change(who, Step.LOOK_AGAIN, with_worker(world, who, again))
        case _:
            pass


def _read(world: World, protocol: Protocol, who: int, me: Worker) -> Change:
    """Read the record, and see what is to be done."""
    if world.stored != Token.OLD:
        return step_of(world, who, Step.READ_AGAIN, at=At.ADOPT)
    foreign = world.mark == Marked.SENDING and not me.marks
    if protocol.broken == "spend foreign marks":
        foreign = False
    # One's own mark was doubted: whoever has set it knows that his flight has ended.
    doubted = world.mark == Marked.DOUBTED and (not me.marks or protocol.broken == "doubt yourself")
    if world.mark == Marked.FINAL or doubted or (foreign and not protocol.proves):
        if not me.locks and protocol.broken not in ("doubt unlocked", "impatient"):
            # Whoever has the lock by now may be about to answer.
            return step_of(world, who, Step.READ_AGAIN, at=At.LOCK)
        after = _sent_away(world, who, Step.READ_AGAIN)
        if protocol.doubts_end and world.mark == Marked.SENDING:
            ended = written(after.world._replace(mark=Marked.DOUBTED), who)
            after = after._replace(world=ended)
        return after
    if protocol.broken in ("no mark", "mark after send"):
        return step_of(world, who, Step.READ_AGAIN, at=At.SEND)
    return step_of(world, who, Step.READ_AGAIN, at=At.MARK, current=True)


def _mark(world: World, protocol: Protocol, who: int, me: Worker) -> Change:
    """Set the mark, by the version that was read, while the lock is our own."""
    if protocol.broken == "mark after send":
        marked = _marked_by(world, who)
        return step_of(marked, who, Step.MARK, at=At.ANSWER)
    if protocol.broken == "mark without compare":
        return step_of(_marked_by(world, who), who, Step.MARK, at=At.SEND)
    if not me.locks:
        return step_of(world, who, Step.MARK, at=At.LOCK, current=False)
    if not me.current:
        return step_of(world, who, Step.MARK, at=At.READ_AGAIN)
    at = At.SEND if protocol.proves else At.CHECK
    return step_of(_marked_by(world, who), who, Step.MARK, at=at, current=False)


def _marked_by(world: World, who: int) -> World:
    """Return the world with the mark of a worker."""
    workers = tuple(
        one._replace(marks=index == who) if one.marks or index == who else one
        for index, one in enumerate(world.workers)
    )
    return written(world._replace(workers=workers, mark=Marked.SENDING), who)


def _store_fails(world: World, protocol: Protocol, who: int) -> Iterator[Change]:
    """
    Yield what comes of a store that raises: nothing was stored, or something was.

    Whoever wanted to mark looks again, under the same lock; whoever has a token tries again.
    """
    if not world.mishaps:
        return
    failing = world._replace(mishaps=world.mishaps - 1)
    at = world.workers[who].at
    for tried in (None, _mark if at == At.MARK else _store):
        after = failing
        if tried is not None:
            done = tried(failing, protocol, who, failing.workers[who])
            if done.world.workers[who].at <= At.MARK:
                continue  # it would not have stored anything
            after = done.world
        if at == At.MARK and protocol.broken == "fail with the mark":
            yield _end(after, who, Step.STORE_FAILS, Got.FAILURE)
        elif at == At.MARK:
            at = _again(after.workers[who])
            yield step_of(after, who, Step.STORE_FAILS, at=at, current=False)
        else:
            yield step_of(after, who, Step.STORE_FAILS, at=at)


def _take(world: World, protocol: Protocol, who: int, me: Worker) -> Change:
    """Read what came."""
    broken = protocol.broken
    got = me.got
    if broken == "deadline" and me.life == Life.WOKEN and got == Got.TOKEN:
        got = Got.LOST
    if broken == "mark after send" and not me.marks:
        return step_of(world, who, Step.ANSWER, at=At.MARK)
    match got:
        case Got.TOKEN:
            if broken == "release before store":
                return step_of(world, who, Step.ANSWER, at=At.STORE, locks=False)
            return step_of(world, who, Step.ANSWER, at=At.STORE)
        case Got.NOT_USED:
            told = world._replace(margin=world.margin + 1)
            return step_of(told, who, Step.ANSWER, at=At.TAKE_OFF, got=Got.NOTHING)
        case Got.REFUSED:
            told = world._replace(refusals=world.refusals - 1)
            notes = (Rule.LOOP,) if told.refusals < 0 else ()
            return step_of(told, who, Step.ANSWER, *notes, at=At.REFUSED)
        case _:
            at = At.LOST_TWICE if world.lost and broken != "never final" else At.LOST
            once = world
            if not world.slip:  # it may be sent once more
                once = world._replace(slip=True, margin=world.margin + 1)
            return step_of(once, who, Step.ANSWER, at=at)


def _store(world: World, protocol: Protocol, who: int, me: Worker) -> Change:
    """Store the new token over whatever is of the old one: marks of others, too."""
    broken = protocol.broken
    if broken == "fencing" and not me.locks:
        return _end(world, who, Step.STORE, Got.FAILURE, Rule.THROWN)
    if world.stored == Token.LOGIN and broken != "store without compare":
        return step_of(world, who, Step.STORE, at=At.HAND_OUT, got=Got.TOKEN)
    notes = (Rule.LOST,) if world.stored == Token.LOGIN else ()
    stored = world._replace(
        workers=tuple(one._replace(marks=False) for one in world.workers),
        stored=Token.NEW,
        mark=Marked.NOT,
        lost=False,
        excused=False,
    )
    return step_of(written(stored, who), who, Step.STORE, *notes, at=At.HAND_OUT, got=Got.TOKEN)


def _take_off(world: World, protocol: Protocol, who: int, me: Worker, step: Step) -> Change:
    """Take the mark off; where an answer got lost before, it says so still."""
    if me.marks:
        keeps = world.lost and protocol.broken != "forget what got lost"
        mark = Marked.IDLE if keeps else Marked.NOT
        world = written(world._replace(mark=mark, lost=keeps), who)
        me = me._replace(marks=False)
    return step_of(with_worker(world, who, me), who, step, at=_again(me), got=Got.NOTHING)


def _make_final(world: World, protocol: Protocol, who: int, me: Worker) -> Change:
    """End the grant for all, unless somebody has stored something meanwhile."""
    if me.marks:
        unmarked = protocol.broken == "refusal without a mark"
        mark = Marked.NOT if unmarked else Marked.FINAL
        world = written(world._replace(mark=mark), who)
    return step_of(world, who, Step.MARK_FINAL, at=At.ENDING)


def _ends(world: World, protocol: Protocol, who: int) -> Change:
    """Look again, and end where there is nothing newer."""
    if world.stored != Token.OLD and protocol.broken != "believe the refusal":
        return step_of(world, who, Step.READ_AGAIN, at=At.ADOPT)
    if protocol.broken == "keep the lock":
        fields = {"at": At.NOTHING, "got": Got.REAUTHORIZATION}
        return step_of(world, who, Step.READ_AGAIN, **fields)
    return _sent_away(world, who, Step.READ_AGAIN)


def _again(me: Worker) -> At:
    """Return where a worker starts over: a lock that ran out has to be taken again."""
    return At.READ_AGAIN if me.locks else At.LOCK


def _sent_away(world: World, who: int, step: Step) -> Change:
    """End with ReauthorizationRequired, and say whether that was needless."""
    notes: tuple[Rule | Note, ...] = ()
    if world.alive:
        markers = [one for one in world.workers if one.marks]
        if world.mark == Marked.FINAL and world.lost and world.stored == Token.OLD:
            notes = (Note.TWICE,)
        elif markers and world.stored == Token.OLD and markers[0].life == Life.DEAD:
            notes = (Note.KILLED,)
        elif markers and world.stored == Token.OLD and _outlasted(markers[0]):
            notes = (Note.STOPPED,)
        else:
            notes = (Rule.NEEDLESS,)
    return _end(world, who, step, Got.REAUTHORIZATION, *notes)


def _outlasted(marker: Worker) -> bool:
    """Tell whether somebody was stopped for longer than his lease."""
    return marker.life in (Life.STOPPED, Life.WOKEN) and not marker.locks


def _end(world: World, who: int, step: Step, got: Got, *notes: Rule | Note) -> Change:
    """End a call."""
    marks = world.workers[who].marks and world.mark in (Marked.SENDING, Marked.DOUBTED)
    ended = world.workers[who]._replace(
        at=At.NOTHING, got=got, current=False, locks=False, marks=marks
    )
    if got == Got.TOKEN:
        ended = Worker(at=At.NOTHING, marks=marks, looks=0)
    elif ended.looks == 1:
        ended = ended._replace(life=Life.RUNS)  # nothing can come of it any more
    return Change(who, step, with_worker(world, who, ended), notes)


# -- helpers ---------------------------------------------------------------------------------------


def _somebody_was_sent_away(world: World) -> bool:
    return any(worker.got == Got.REAUTHORIZATION for worker in world.workers)


def _somebody_asks(world: World) -> bool:
    return any(worker.got == Got.ON_ITS_WAY for worker in world.workers)
