"""The URL of a store in Redis, and its settings: what is wrong is said, and nothing secret shown."""

from __future__ import annotations

import sys
import traceback
from typing import Any

import pytest

from oauthkit import ConfigurationError, RedisStore
from oauthkit.tokens.opening import Stores
from oauthkit.tokens.redis_links import Place, read_url
from support import fresh

PASSWORD = "hunter2"


def test_a_url() -> None:
    """Who, where, which database; the port is Redis's own."""
    assert Place(host="h") == read_url("redis://h")
    assert Place(host="h", port=7, db=3) == read_url("redis://h:7/3")
    assert Place(host="::1", port=7) == read_url("redis://[::1]:7/")
    assert Place(host="h", tls={}) == read_url("rediss://h")
    place = read_url("REDIS://al%69ce:p%2F%23%40@h")
    assert ("alice", "p/#@") == (place.username, place.password)
    place = read_url("rediss://:p@h?namespace=a%20b&lease=9&ssl_ca_certs=/etc/ca.pem")
    assert (None, "p") == (place.username, place.password)
    assert ({"ssl_ca_certs": "/etc/ca.pem"}, {"namespace": "a b", "lease": "9"}) == (
        place.tls,
        place.settings,
    )


def test_what_is_shown() -> None:
    """Neither the login nor a path of a key."""
    store = RedisStore(f"rediss://alice:{PASSWORD}@[::1]:7/3?ssl_keyfile=secret.pem&lease=30")
    assert "rediss://[::1]:7/3" == str(store._links.place)
    assert not any(one in repr(store) for one in ("alice", PASSWORD, "secret"))


def test_settings() -> None:
    """They stand in the query or are keywords, which count for more; there are defaults."""
    store = RedisStore("redis://h")
    assert ("oauthkit", 90, None) == (store.namespace, store.lease, store.ttl)
    store = RedisStore("redis://h?namespace=n&lease=120&ttl=86400.5")
    assert ("n", 120, 86400.5) == (store.namespace, store.lease, store.ttl)
    store = RedisStore("redis://h?namespace=n&lease=120&ttl=5", namespace="m", lease=30, ttl=6)
    assert ("m", 30, 6) == (store.namespace, store.lease, store.ttl)


@pytest.mark.parametrize(
    "url",
    [
        "redis:h",
        "redis://",
        "redis:///0",
        "http://h",
        "redis://h/zero",
        "redis://h/0/1",
        "redis://h/\u0663",
        "redis://h:port",
        "redis://h:99999",
        "redis://[h",
        "redis://h#f",
        f"redis://alice:{PASSWORD}/x#y@h",
        f"redis://alice:{PASSWORD}?x@h",
        "redis://h?namespace",
    ],
)
def test_what_is_no_url(url: str) -> None:
    """The error shows what one looks like."""
    with pytest.raises(ConfigurationError, match="expected redis://user:password@host") as caught:
        RedisStore(url)
    assert PASSWORD not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("leese=3", r"unknown option; did you mean lease\?"),
        ("hunter2=3", r"unknown option \(there are namespace, lease, ttl\)"),
        ("lease=", "option lease: expected it once, with a value"),
        ("lease=3&lease=4", "option lease: expected it once, with a value"),
        ("lease=soon", "lease: expected seconds, more than 0"),
        ("lease=0", "lease: expected seconds"),
        ("lease=-1", "lease: expected seconds"),
        ("lease=inf", "lease: expected seconds"),
        ("ttl=nan", "ttl: expected seconds"),
        ("ttl=0", "ttl: expected seconds"),
        ("namespace=a{b", "namespace: expected text without braces"),
        ("ssl_ca_certs=/ca.pem", "the option ssl_ca_certs is for rediss://"),
    ],
)
def test_options_that_are_wrong(query: str, said: str) -> None:
    """Each is refused, and what is unknown is not repeated: it may be a piece of a password."""
    with pytest.raises(ConfigurationError, match=said) as caught:
        RedisStore(f"redis://h?{query}")
    assert PASSWORD not in str(caught.value)


def test_certificates_are_always_checked() -> None:
    """No option turns that off."""
    for option in ("ssl_cert_reqs=none", "ssl_check_hostname=false"):
        with pytest.raises(ConfigurationError, match="unknown option"):
            RedisStore(f"rediss://h?{option}")


@pytest.mark.parametrize("options", [{"lease": 0}, {"ttl": 0}, {"ttl": -1.0}, {"namespace": ""}])
def test_keywords_that_are_wrong(options: dict[str, Any]) -> None:
    """Nothing is taken for what was not given."""
    with pytest.raises(ConfigurationError, match="expected"):
        RedisStore("redis://h", **options)


def test_opened_by_url() -> None:
    """Both schemes are found among what is installed; an error shows no password."""
    stores = Stores()
    for scheme in ("redis", "rediss"):
        url = f"{scheme}://alice:{PASSWORD}@h?namespace=n"
        store = stores.open(url)
        assert isinstance(store, RedisStore)
        assert store is stores.open(url)
    with pytest.raises(ConfigurationError, match="expected seconds") as caught:
        stores.open(f"redis://alice:{PASSWORD}@h?lease={PASSWORD}")
    assert PASSWORD not in "".join(traceback.format_exception(caught.value))


def test_without_redis_py(monkeypatch: pytest.MonkeyPatch) -> None:
    """The name is there, and the store says what to install."""
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "redis.asyncio", None)
        with pytest.raises(ConfigurationError, match="needs redis-py"):
            RedisStore("redis://h")
    code = """
import sys
sys.modules["redis"] = None
from oauthkit import ConfigurationError, RedisStore
try:
    RedisStore("redis://h")
except ConfigurationError as error:
    print(error)
"""
    assert "pip install 'oauthkit[redis]'" in fresh(code)
    loaded = fresh("import sys; from oauthkit import RedisStore; print('redis' in sys.modules)")
    assert "False" == loaded.strip()
