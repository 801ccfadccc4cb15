"""What a law is held against: one declaration, and all that trying to refute it takes."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from oauthkit import Provider

if TYPE_CHECKING:
    from hypothesis import strategies as st

    from oauthkit.testing.laws.law import Law
    from oauthkit.testing.laws.played import Played

__all__ = ["LawBrokenError", "Subject"]


class LawBrokenError(AssertionError):
    """
    A declaration breaks a law; the text says which, where it is written, and by what example.

    *found* is what was found alone.
    """

    def __init__(self, text: str, found: str = "") -> None:
        super().__init__(text)
        self.found = found


class Subject:
    """
    One declaration, on which one law is tried with up to *examples* drawn examples.

    The draws are the same in each run: what fails once fails again.
    """

    def __init__(self, law: Law, provider: Provider[Any], *, examples: int = 50) -> None:
        self.law = law
        self.provider: Any = provider
        self.examples = examples

    def try_law(self) -> None:
        """Try to refute the law; raises LawBrokenError with the smallest example found."""
        # For pytest: what is wrong is in the message, not here.
        __tracebackhide__ = True
        try:
            self.law.refute(self)
        except LawBrokenError as error:
            found, broken, cause = error.found, [str(error), *_notes(error)], None
        except Exception as error:  # noqa: BLE001 - an overridden method may raise anything
            found = f"{type(error).__name__} was raised: {error}"
            broken, cause = [self._tell(found), *_notes(error)], error
        else:
            return
        raise LawBrokenError("\n".join(broken), found) from cause

    def require(self, condition: object, found: str) -> None:
        """Raise LawBrokenError with what was *found*, unless *condition* is true."""
        if not condition:
            raise LawBrokenError(self._tell(found), found)

    def for_all(
        self,
        check: Callable[..., None],
        *,
        examples: int | None = None,
        **draws: st.SearchStrategy[Any],
    ) -> None:
        """Call *check* with drawn arguments; of a failure, the smallest is told in a note."""
        # Here: laws that draw nothing are there without Hypothesis, too.
        from hypothesis import HealthCheck, Phase, given, settings

        rules = settings(
            max_examples=examples or self.examples,
            database=None,
            deadline=None,
            derandomize=True,
            phases=(Phase.generate, Phase.shrink),
            print_blob=False,
            report_multiple_bugs=False,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        )
        rules(given(**draws)(check))()

    @contextmanager
    def played(self, **options: Any) -> Generator[Played]:
        """Play the declared service on loopback, over TLS; *options* go to its server."""
        from oauthkit.testing.laws.played import Played

        with Played(self.provider, **options) as played:
            yield played

    def _tell(self, found: str) -> str:
        law = self.law
        return (
            f"{self.provider.name} breaks {law.name} ({law.section})\n"
            f"  the law: {law.statement}\n"
            f"  found: {found}"
        )


def _notes(error: BaseException) -> list[str]:
    """Return what Hypothesis has added: the smallest example."""
    notes: list[str] = getattr(error, "__notes__", [])
    return notes
