"""URLs of PostgreSQL stores: what is ours, what is the driver's, and what is never shown."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from oauthkit import ConfigurationError, PostgresStore
from oauthkit.tokens.postgres_place import Place
from support import fresh

pytestmark = pytest.mark.proves(
    "Tokens and stores",
    "PostgreSQL: URLs and options, no password shown",
    rfc=None,
    judge="none but ours",
)


def test_defaults() -> None:
    """A table where the role's search path says, four connections, ten seconds."""
    place = Place.of("postgresql://ann:pw@db.example:5433/app")
    assert "postgresql://ann:pw@db.example:5433/app" == place.dsn
    assert '"oauthkit_grants"' == place.quoted
    assert (4, 10.0, None) == (place.pool_size, place.timeout, place.pooler)
    assert "oauthkit_grants in postgresql://db.example:5433/app" == place.name


def test_options_of_the_query() -> None:
    """Ours are taken out; the rest goes to the driver as it is."""
    place = Place.of(
        "postgres://u@h/d?sslmode=verify-full&table=Tokens&schema=app&pool_size=9&timeout=2.5"
        "&pooler=session&sslrootcert=%2Fetc%2Fca%20of%20ours.pem"
    )
    assert "postgres://u@h/d?sslmode=verify-full&sslrootcert=%2Fetc%2Fca+of+ours.pem" == place.dsn
    assert '"app"."Tokens"' == place.quoted
    assert (9, 2.5, "session") == (place.pool_size, place.timeout, place.pooler)


def test_keywords_count_first() -> None:
    """Before the query; None leaves it as it is."""
    place = Place.of("postgresql://h/d?table=one&pool_size=3", table="two", pool_size=None)
    assert '"two"' == place.quoted
    assert 3 == place.pool_size


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://",
        "postgresql:///app",
        "postgresql://one:5432,two:5433/app?target_session_attrs=read-write",
        "postgresql://[::1]:5432/app",
        "postgresql:///app?host=/run/postgresql&user=ann&password=pw",
        "postgresql://%2Frun%2Fpostgresql/app",
    ],
)
def test_urls_of_the_driver(url: str) -> None:
    """Several hosts, addresses, sockets, and what stands in the query."""
    assert "oauthkit_grants" == Place.of(url).table


@pytest.mark.parametrize(
    "url",
    [
        "mysql://u:hunter22@h/d",
        "postgresql://u:hunter22@h:port/d",
        "postgresql://u:hunter22@h:123456/d",
        "postgresql://u:hunter22@[::1/d",
        # A password that should have been percent-encoded.
        "postgresql://u:hunter22/x@h/d",
        "postgresql://u:12/hunter22@h/d",
        "postgresql://u:12/x:hunter22",
        "postgresql://u:12?hunter22@h/d",
        "postgresql://u:12?hunter22@h/d?a=b",
        "postgresql://u:12#hunter22@h/d",
        "postgresql://u:x@hunter22@h/d",
        "postgresql://u:hunter22@h/d?table=a;drop",
        "postgresql://u:hunter22@h/d?table=",
        f"postgresql://u:hunter22@h/d?table={'a' * 64}",
        "postgresql://u:hunter22@h/d?schema=a%22b",
        "postgresql://u:hunter22@h/d?pool_size=0",
        "postgresql://u:hunter22@h/d?pool_size=many",
        "postgresql://u:hunter22@h/d?timeout=-1",
        "postgresql://u:hunter22@h/d?timeout=nan",
        "postgresql://u:hunter22@h/d?pooler=transaction",
    ],
)
def test_what_is_refused(url: str) -> None:
    """At once, and without the URL."""
    with pytest.raises(ConfigurationError) as caught:
        Place.of(url)
    assert "hunter22" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:hunter22@h/d",
        "postgresql://u:hunter%32%32@h/d",
        "postgresql://u@h/d?password=hunter22&sslpassword=hunter22",
    ],
)
def test_no_password_in_a_repr(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the store neither."""
    monkeypatch.setitem(sys.modules, "asyncpg", driver())
    shown = repr(Place.of(url)) + repr(PostgresStore(url)) + Place.of(url).name
    assert "in postgresql://h/d" in shown
    for form in ("hunter22", "hunter%32%32"):
        assert form not in shown


def driver() -> Any:
    """Return a module that stands for asyncpg, where it is not installed."""
    return type(sys)("asyncpg")


def test_without_the_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said how to get it, when the store is made."""
    monkeypatch.setitem(sys.modules, "asyncpg", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'oauthkit\[postgres\]'"):
        PostgresStore("postgresql://h/d")


def test_no_driver_is_loaded_before_a_store_is_made() -> None:
    """The module alone needs none."""
    code = "import sys, oauthkit.tokens.postgres; print('asyncpg' in sys.modules)"
    assert "False" == fresh(code).strip()
