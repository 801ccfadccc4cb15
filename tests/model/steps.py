"""The names of the steps of a refresh, and of what may happen to who takes them."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Step"]


class Step(StrEnum):
    """
    A step, by the name that it has in the code, the docs, the model and the crash tests.

    Up to HAND_OUT it is the road of a refresh where nothing goes wrong, ROTATE being the server's.
    """

    LOCK = "lock"
    READ_AGAIN = "read again"
    ADOPT = "adopt"
    MARK = "mark"
    SEND = "send"
    ROTATE = "rotate"
    ANSWER = "answer"
    STORE = "store"
    HAND_OUT = "hand out"

    # What else a worker does.
    CHECK = "check what is left of the lease"
    TAKE_OFF = "take the mark off"
    MARK_LOST = "mark: an answer got lost"
    GIVE_UP = "give up"
    MARK_FINAL = "mark: final"
    LOOK_AGAIN = "look again"

    # What else a server does.
    REFUSE = "refuse"
    REVOKE = "revoke for reuse"
    NOT_USED = "answer: not used"

    # What happens.
    LOSE = "lose the answer"
    KILL = "kill"
    STOP = "stop"
    CONTINUE = "continue"
    RUN_OUT = "the lease runs out"
    STORE_FAILS = "the store fails"
    USER_REVOKES = "the user revokes the grant"
    LOGIN = "the user logs in again"
