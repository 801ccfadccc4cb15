"""The kit is proved by sabotage: each mistake is caught by the law that names it."""

from __future__ import annotations

import pytest

from conformance.sabotage import (
    assertions,
    base_strings,
    fence,
    oauth1,
    oauth2_answers,
    oauth2_logins,
    oauth2_requests,
    secrets,
    static,
)
from conformance.saboteurs import Saboteur
from oauthkit.testing import LawBrokenError
from oauthkit.testing.laws import LAWS, STATIC_LAWS, Law, Subject

proves_laws = pytest.mark.proves(
    "Servers, simulators and laws for tests",
    "laws catch planted mistakes",
    rfc=None,
    judge="none but ours",
)

MODULES = (
    *(static, base_strings, oauth1),
    *(oauth2_logins, oauth2_requests, oauth2_answers, assertions),
    *(fence, secrets),
)
SABOTEURS: list[Saboteur] = [one for module in MODULES for one in module.SABOTEURS]
BY_NAME = {law.name: law for law in LAWS}


@proves_laws
@pytest.mark.parametrize("saboteur", SABOTEURS, ids=str)
def test_every_mistake_is_caught_by_its_law(saboteur: Saboteur) -> None:
    """The error says which law, where it is written, what it says and, smallest, by what."""
    law = BY_NAME[saboteur.law]
    assert law.applies(saboteur.provider)
    with pytest.raises(LawBrokenError) as caught:
        Subject(law, saboteur.provider).try_law()
    told = str(caught.value)
    assert f"{saboteur.provider.name} breaks {law.name} ({law.section})" in told
    assert f"the law: {law.statement}" in told
    if not law.static:
        assert "check(" in told.partition("found:")[2], "there is no example in it"


@proves_laws
@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)
def test_every_law_has_its_saboteur(law: object) -> None:
    """A law that nobody breaks proves nothing."""
    assert law in [BY_NAME[saboteur.law] for saboteur in SABOTEURS]


@pytest.mark.parametrize("saboteur", static.SABOTEURS, ids=str)
def test_a_mistake_that_can_be_seen_breaks_one_law(saboteur: Saboteur) -> None:
    """A static law says nothing of the mistake that another one names."""

    def is_broken(law: Law) -> bool:
        try:
            Subject(law, saboteur.provider).try_law()
        except LawBrokenError:
            return True
        return False

    laws = [law for law in STATIC_LAWS if law.applies(saboteur.provider)]
    assert [saboteur.law] == [law.name for law in laws if is_broken(law)]


def test_there_are_enough_saboteurs() -> None:
    """Twenty kinds of mistake, each made in a class of its own."""
    assert len({type(saboteur.provider) for saboteur in SABOTEURS}) >= 8
