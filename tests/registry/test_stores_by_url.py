"""Stores by URL: entry points, one object for each URL, and what an error must not show."""

from __future__ import annotations

import gc
import sys
import threading
import traceback
from pathlib import Path
from typing import Any

import pytest

from oauthkit import (
    AsyncAssertionClient,
    AsyncOAuth2Client,
    ConfigurationError,
    MemoryStore,
    OAuth1Provider,
    OAuth2Provider,
    SQLiteStore,
    TokenStore,
    connect,
    open_store,
)
from oauthkit.tokens import opening
from oauthkit.tokens.opening import Stores
from registry.distributions import Site

pytestmark = pytest.mark.proves(
    "Tokens and stores", "stores by URL", rfc=None, judge="none but ours"
)

GROUP = "oauthkit.stores"
PASSWORD = "hunter/2#x%41"
PLUGIN = """
from oauthkit import MemoryStore
opened = []
class Store(MemoryStore):
    pass
def open_acme(url):
    opened.append(url)
    return Store()
def broken(url):
    raise RuntimeError("cannot reach " + url)
def refuse(url):
    from oauthkit import ConfigurationError
    raise ConfigurationError("no such option in " + url)
def nothing(url):
    return url
class Slotted:
    __slots__ = ()
    load = compare_and_swap = lock = delete = iterate = print
def slotted(url):
    return Slotted()
value = 3
"""


def refusal(url: str, stores: Stores | None = None) -> str:
    """Return what opening *url* is refused with."""
    with pytest.raises(ConfigurationError) as caught:
        (stores or Stores()).open(url)
    return str(caught.value)


def install(site: Site, points: dict[str, str], name: str = "acme-stores") -> None:
    """Install a distribution with *points*, schemes by the names of `PLUGIN`."""
    module = f"{name.replace('-', '_')}_module"
    values = {scheme: f"{module}:{factory}" for scheme, factory in points.items()}
    site.install(name, "1.0", values, {module: PLUGIN}, group=GROUP)


# -- one object for each URL -----------------------------------------------------------------------


def test_one_url_is_one_store() -> None:
    """The same object, for as long as somebody holds it; another URL is another store."""
    one = open_store("memory://first")
    assert isinstance(one, MemoryStore)
    assert one is open_store("memory://first")
    assert one is not open_store("memory://second")
    assert one is not open_store("memory://")
    number = id(one)
    before = {id(found) for found in gc.get_objects() if isinstance(found, MemoryStore)}
    assert number in before
    del one
    after = [found for found in gc.get_objects() if isinstance(found, MemoryStore)]
    assert number not in {id(found) for found in after}


def test_a_file_has_a_store_in_each_thread(tmp_path: Path) -> None:
    """
    Clients of two threads live on two loops: what they share is the file, not the flights.

    Memory cannot be shared like that: there is one store, and LoopError says so when it is used.
    """
    found: dict[str, TokenStore] = {}

    def look(*urls: str) -> None:
        found.update({url: open_store(url) for url in urls})

    file, memory = f"sqlite:///{tmp_path}/tokens.db", "memory://threads"
    here = {url: open_store(url) for url in (file, memory)}
    thread = threading.Thread(target=look, args=(file, memory))
    thread.start()
    thread.join()
    assert isinstance(found[file], SQLiteStore)
    assert here[file] is not found[file]
    assert here[memory] is found[memory]
    assert [] == list(tmp_path.iterdir()), "opened before it was used"


def test_clients_open_urls(tmp_path: Path) -> None:
    """`connect()` and the classes: one URL, one store, one grant for one account."""
    url = f"sqlite:///{tmp_path}/tokens.db"
    service = OAuth2Provider(
        name="s",
        api_base="https://api.example.com",
        token_endpoint="https://login.example.com/token",
        grant_types=["client_credentials"],
    )
    creds = {"client_id": "i", "client_secret": "s"}
    one, two = (connect(service, creds, store=url, account="alice") for _ in range(2))
    other = connect(service, creds, store=url, account="bob")
    one.token = {"access_token": "t"}
    assert two.token == {"access_token": "t"}
    assert other.token is None
    assert one._store is open_store(url)
    direct = AsyncOAuth2Client(
        None, "i", "s", token_endpoint="https://login.example.com/token", store=url
    )
    robot = AsyncAssertionClient(
        None, "https://login.example.com/token", "robot", key="k", store=url
    )
    old = OAuth1Provider(name="o", api_base="https://api.example.com")
    signer = connect(old, {"client_id": "i", "client_secret": "s"}, store=url)
    assert {id(one._store)} == {id(client._store) for client in (direct, robot, signer)}


# -- entry points ----------------------------------------------------------------------------------


def test_a_package_adds_a_scheme(site: Site) -> None:
    """Its factory gets the URL as it was given; the scheme is compared without case."""
    install(site, {"acme": "open_acme", "other": "value"})
    stores = Stores()
    assert "acme_stores_module" not in sys.modules
    store = stores.open("ACME://Host/Path?option=1")
    assert "Store" == type(store).__name__
    assert ["ACME://Host/Path?option=1"] == sys.modules["acme_stores_module"].opened
    assert store is stores.open("ACME://Host/Path?option=1")


def test_what_was_installed_since_is_found(site: Site) -> None:
    """A look that finds nothing is followed by another one."""
    stores = Stores()
    assert "nothing opens acme://" in refusal("acme://", stores)
    install(site, {"acme": "open_acme"})
    assert isinstance(stores.open("acme://"), TokenStore)


def test_two_claims_are_refused(site: Site) -> None:
    """Both distributions are named, with the way out; neither is loaded, first-party or not."""
    install(site, {"acme": "open_acme", "sqlite": "open_acme"})
    install(site, {"acme": "open_acme"}, "acme-other")
    text = refusal("acme://")
    for said in ("acme-stores 1.0", "acme-other 1.0", "uninstall one", "pass the object"):
        assert said in text
    text = refusal("sqlite:///tokens.db")
    assert "acme-stores 1.0" in text
    assert "oauthkit 0" in text
    assert not {"acme_stores_module", "acme_other_module"} & set(sys.modules)


def test_unknown_schemes_say_what_there_is() -> None:
    """The nearest match, all that are installed, and where others come from."""
    text = refusal("sqlit:///tokens.db")
    for said in ("did you mean sqlite://?", "installed: memory://, ", "oauthkit.stores"):
        assert said in text


@pytest.mark.parametrize(
    ("factory", "said"),
    [
        ("broken", "RuntimeError: cannot reach"),
        ("refuse", "no such option in"),
        ("nothing", "returned a str, which is no TokenStore"),
        ("slotted", "must be weakly referable; Slotted is not"),
        ("value", "acme-stores 1.0 (acme_stores_module:value) cannot be loaded: it is a int"),
        ("missing", "cannot be loaded: AttributeError"),
    ],
)
def test_plugins_that_fail(site: Site, factory: str, said: str) -> None:
    """The error says which, and what of it is wrong."""
    install(site, {"acme": factory})
    assert said in refusal("acme://host")


# -- URLs that are none, and secrets ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("tokens.db", "a URL such as 'sqlite:///tokens.db', got text of 9 characters"),
        ("", "got text of 0 characters"),
        ("sqlite:tokens.db", "got text of 16 characters"),
        ("sqlite://tokens.db", "three slashes and a path"),
        ("sqlite:///", "three slashes and a path"),
        ("sqlite:///tokens.db?mode=ro", "no options"),
        ("memory://name?x=1", "and no more"),
    ],
)
def test_urls_that_are_none(url: str, said: str) -> None:
    """Each says what is expected."""
    assert said in refusal(url)


def test_only_text_is_a_url() -> None:
    """Anything else is named by its type."""
    wrong: Any = Path("tokens.db")
    with pytest.raises(ConfigurationError, match="expected a URL, got"):
        open_store(wrong)


@pytest.mark.parametrize("factory", ["open_acme", "broken", "refuse", "nothing"])
@pytest.mark.parametrize(
    "url", ["acme://user:{}@host/db", "acme://:{}@host", "acme://host/?password={}&a=b"]
)
def test_no_password_shows(
    site: Site, monkeypatch: pytest.MonkeyPatch, url: str, factory: str
) -> None:
    """Neither in an error with its traceback and causes, nor in a repr of a client or its store."""
    monkeypatch.setattr(opening, "_DEFAULT", Stores())
    install(site, {"acme": factory})
    given = url.format(PASSWORD)
    service = OAuth1Provider(name="o", api_base="https://api.example.com")
    shown: list[str] = []
    try:
        client = connect(service, {"client_id": "i", "client_secret": "s"}, store=given)
        shown += [repr(client), repr(client._store)]
    except ConfigurationError as error:
        shown += [repr(error), *traceback.format_exception(error), repr(error.__dict__)]
        shown += [repr(error.__cause__), repr(error.__context__)]
    assert shown
    for text in shown:
        assert PASSWORD not in text
        assert "hunter" not in text


def test_an_unknown_scheme_shows_no_password() -> None:
    """Nor does a URL whose scheme is misspelt, or that has none."""
    for url in (f"sqlit://user:{PASSWORD}@host", f"user:{PASSWORD}@host", f"s:/u:{PASSWORD}@host"):
        assert "hunter" not in refusal(url)


def test_the_default_is_shared() -> None:
    """`open_store()` looks once for all who call it."""
    open_store("memory://")
    scanned = opening._DEFAULT._scan()
    open_store("memory://again")
    assert scanned is opening._DEFAULT._scan()
