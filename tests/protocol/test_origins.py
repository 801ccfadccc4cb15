"""Origins: how they are read, what belongs to them, and the URLs that only look as if they did."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from yarl import URL

from oauthkit.errors import ConfigurationError, RequestError
from oauthkit.protocol.origins import (
    Origin,
    canonical_host,
    is_loopback,
    is_secure,
    origin_of,
    parse_origin,
)

proves_look_alikes = pytest.mark.proves(
    "Where secrets may go", "origins: look-alikes, whole labels", rfc=None, judge="none but ours"
)


def belongs(origin: str, url: str) -> bool:
    """Say whether *url*, as aiohttp would send it, belongs to *origin*."""
    sent = URL(url)
    return parse_origin(origin).matches(sent.scheme, sent.raw_host, sent.port)


READ = {
    "https://api.x.com": "https://api.x.com",
    "HTTPS://API.X.com:443": "https://api.x.com",
    "https://api.x.com:8443": "https://api.x.com:8443",
    "wss://api.x.com": "https://api.x.com",
    "ws://localhost:80": "http://localhost",
    "http://LOCALHOST:8080": "http://localhost:8080",
    "http://127.0.0.1:8080": "http://127.0.0.1:8080",
    "http://127.255.0.9": "http://127.255.0.9",
    "http://[::1]:8080": "http://[::1]:8080",
    "https://[2001:DB8::0:1]:444": "https://[2001:db8::1]:444",
    "https://bücher.example": "https://xn--bcher-kva.example",
    "https://XN--BCHER-KVA.example": "https://xn--bcher-kva.example",
    "https://api。x.com": "https://api.x.com",
    "https://a_b.example": "https://a_b.example",
    "https://192.0.2.1": "https://192.0.2.1",
    "https://*.googleapis.com": "https://*.googleapis.com",
    "https://*.Bücher.example:8443": "https://*.xn--bcher-kva.example:8443",
}


@pytest.mark.parametrize(("text", "canonical"), READ.items())
def test_origins_are_read_into_one_spelling(text: str, canonical: str) -> None:
    """Scheme, case, IDNA form and a default port make no difference."""
    assert canonical == str(parse_origin(text))
    assert parse_origin(canonical) == parse_origin(text)


REFUSED = {
    "api.x.com": "write 'https://api.x.com'",
    "*.x.com": "is not a scheme",
    "//api.x.com": "is not a scheme",
    "": "is not a scheme",
    "https:api.x.com": "is not a scheme",
    "https://api.x.com ": "is not a scheme",
    "https://api.x.com\n": "is not a scheme",
    "https://\u200bapi.x.com": "is not a scheme",
    "https://api.x.com\\@evil": "is not a scheme",
    "ftp://api.x.com": "has the scheme 'ftp'; write 'https://api.x.com'",
    "https://api.x.com/": "has a path, an origin has none; write 'https://api.x.com'",
    "https://api.x.com/1.1": "has a path",
    "https://api.x.com?a": "has a query",
    "https://api.x.com#a": "has a fragment",
    "https://api.x.com@evil.example": "the host is 'evil.example'",
    "https://api.x.com.": "ends in a dot: write 'api.x.com'",
    "https://api.x.com:": "no port from 1 to 65535",
    "https://api.x.com:0": "no port from 1 to 65535",
    "https://api.x.com:65536": "no port from 1 to 65535",
    "https://api.x.com:+1": "no port from 1 to 65535",
    "https://api.x.com:٣": "no port from 1 to 65535",
    "https://api.x.com:443:1": "outside of an address in brackets",
    "https://::1": "write 'https://[2001:db8::1]:8443'",
    "https://[::1": "outside of an address in brackets",
    "https://[::g]": "no IPv6 address",
    "https://[fe80::1%25eth0]": "has a zone",
    "https://[v1.x]": "is no host name",
    "https://": "is no host name",
    "https://a..b": "is no host name",
    "https://-a.b": "is no host name",
    "https://api.x.com%2eevil": "is no host name",
    "https://evil.com\uff0f.x.com": "is no host name",
    f"https://{'a' * 64}.b": "is no host name",
    f"https://{'.'.join(['a' * 60] * 5)}": "is no host name",
    "https://0x7f.1": "is no IPv4 address",
    "https://2130706433": "is no IPv4 address",
    "https://01.2.3.4": "is no IPv4 address",
    "https://*": "not its whole first label",
    "https://*a.x.com": "not its whole first label",
    "https://a.*.x.com": "not its whole first label",
    "https://*.*.x.com": "not its whole first label",
    "https://*.com": "at least two labels",
    "https://*.192.0.2.1": "at least two labels",
    "http://api.x.com": "write 'https://api.x.com', or name 'api.x.com' in plain_http_hosts",
    "http://api.x.com:8080": "write 'https://api.x.com:8080'",
    "http://127.0.0.1.evil.example": "not https",
    "http://[::2]": "not https",
    "http://*.x.com": "name each host in plain_http_hosts",
}


@pytest.mark.parametrize(("text", "said"), REFUSED.items())
def test_what_is_no_origin_is_refused_with_a_reason(text: str, said: str) -> None:
    """The message says what is wrong, and what to write where that is clear."""
    with pytest.raises(ConfigurationError) as caught:
        parse_origin(text)
    assert said in str(caught.value)


@pytest.mark.parametrize("value", [None, 3, b"https://api.x.com", URL("https://api.x.com")])
def test_what_is_no_text_is_refused(value: object) -> None:
    """A wrong type is a clear error, not one of the parser's."""
    with pytest.raises(ConfigurationError, match=type(value).__name__):
        parse_origin(value)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    ["https://me:hunter2@api.x.com", "https://me:hunter2@api .com", "me:hunter2@api.x.com"],
)
def test_no_password_is_repeated(text: str) -> None:
    """User information is refused without being shown, wherever else the text goes wrong."""
    with pytest.raises(ConfigurationError) as caught:
        parse_origin(text)
    assert "hunter2" not in str(caught.value)


def test_plain_http_hosts_may_be_reached_by_http() -> None:
    """Http is for the hosts that are named, on any port, and for no other."""
    hosts = ("lan.example",)
    assert "http://lan.example:8080" == str(
        parse_origin("http://LAN.example:8080", plain_http_hosts=hosts)
    )
    with pytest.raises(ConfigurationError):
        parse_origin("http://a.lan.example", plain_http_hosts=hosts)


BELONG = [
    ("https://api.x.com", "https://api.x.com/1.1/x.json?a=b#c"),
    ("https://api.x.com", "https://API.x.COM:443/"),
    ("https://api.x.com", "https://user:password@api.x.com/"),
    ("https://api.x.com", "wss://api.x.com/socket"),
    ("https://api.x.com", "https://ⓐpi.x.com/"),
    ("https://bücher.example", "https://xn--bcher-kva.example/"),
    ("https://xn--bcher-kva.example", "https://BÜCHER.example/"),
    ("http://localhost:8080", "ws://localhost:8080/"),
    ("https://[2001:db8::1]", "https://[2001:DB8:0::1]:443/"),
    ("https://*.googleapis.com", "https://a.googleapis.com/"),
    ("https://*.googleapis.com", "https://A.b.googleapis.com:443/"),
    ("https://*.bücher.example", "https://ä.xn--bcher-kva.example/"),
    ("https://*.googleapis.com:8443", "https://a.googleapis.com:8443/"),
]


@pytest.mark.parametrize(("origin", "url"), BELONG)
def test_urls_of_an_origin_belong_to_it(origin: str, url: str) -> None:
    """The comparison is of what goes on the wire, not of spellings."""
    assert belongs(origin, url)


FOREIGN = [
    ("https://api.x.com", "https://api.x.com@evil.example/"),
    ("https://api.x.com", "https://api.x.com:secret@evil.example/"),
    ("https://api.x.com", "https://api.x.com.evil.example/"),
    ("https://api.x.com", "https://evil.example/api.x.com"),
    ("https://api.x.com", "https://evil.example?@api.x.com"),
    ("https://api.x.com", "https://evil.example#@api.x.com"),
    ("https://api.x.com", "https://x.com/"),
    ("https://api.x.com", "https://a.api.x.com/"),
    ("https://api.x.com", "https://api.x.com:8443/"),
    ("https://api.x.com", "https://api.x.com:80/"),
    ("https://api.x.com", "http://api.x.com/"),
    ("https://api.x.com", "http://api.x.com:443/"),
    ("https://api.x.com", "ws://api.x.com/"),
    ("https://api.x.com", "ftp://api.x.com/"),
    ("https://api.x.com", "https://api.x.com./"),
    ("https://api.x.com", "https://api.x.com%2eevil.example/"),
    ("https://api.x.com", "https://\u0430pi.x.com/"),  # a Cyrillic a
    ("https://api.x.com", "/1.1/relative.json"),
    ("https://*.googleapis.com", "https://googleapis.com/"),
    ("https://*.googleapis.com", "https://evilgoogleapis.com/"),
    ("https://*.googleapis.com", "https://a.evilgoogleapis.com/"),
    ("https://*.googleapis.com", "https://.googleapis.com/"),
    ("https://*.googleapis.com", "https://a..googleapis.com/"),
    ("https://*.googleapis.com", "https://a.googleapis.com./"),
    ("https://*.googleapis.com", "https://a.googleapis.com.evil.example/"),
    ("https://*.googleapis.com", "https://[fe80::1%25a.googleapis.com]/"),
    ("https://*.googleapis.com", "https://evil.example%00.googleapis.com/"),
    ("https://*.googleapis.com", "https://a.googleapis.com:8443/"),
    ("https://*.googleapis.com", "http://a.googleapis.com/"),
    ("http://127.0.0.1", "http://127.1/"),
    ("http://127.0.0.1", "http://2130706433/"),
    ("http://127.0.0.1", "http://[::ffff:127.0.0.1]/"),
]


@proves_look_alikes
@pytest.mark.parametrize(("origin", "url"), FOREIGN)
def test_urls_that_only_look_like_it_do_not_belong(origin: str, url: str) -> None:
    """User information, suffixes, other ports, other schemes and odd hosts are somewhere else."""
    assert not belongs(origin, url)


def test_matches_takes_hosts_that_are_not_canonical() -> None:
    """A host in Unicode or upper case is normalised; one that cannot be belongs nowhere."""
    origin = parse_origin("https://bücher.example")
    assert origin.matches("https", "BÜCHER.example", None)
    assert not origin.matches("https", "bü..cher", None)
    assert not origin.matches("https", None, None)
    assert not origin.matches("https", "xn--bcher-kva.example", 0)


def test_origin_of_a_url_is_its_canonical_text() -> None:
    """A WebSocket's origin is HTTP's, brackets stand round IPv6, default ports are left out."""
    assert "https://api.x.com" == origin_of(URL("wss://u:p@API.x.com:443/a?b#c"))
    assert "http://[::1]:8080" == origin_of(URL("http://[::1]:8080/"))
    assert "ftp://x.example:21" == origin_of(URL("ftp://x.example:21/"))
    with pytest.raises(RequestError, match="absolute"):
        origin_of(URL("/2/users/me"))


def test_loopback_is_this_machine_and_nothing_else() -> None:
    """Names and addresses that merely look like loopback are not."""
    here = ["localhost", "127.0.0.1", "127.9.9.9", "::1"]
    there = ["localhost.evil.example", "127.0.0.1.evil.example", "127.1", "127.0.0.256", "::2", ""]
    assert [True] * len(here) == [is_loopback(host) for host in here]
    assert [False] * len(there) == [is_loopback(host) for host in there]


def test_secure_is_https_loopback_or_named() -> None:
    """Relative URLs and other schemes are not secure."""
    secure = ["https://x.example", "wss://x.example", "http://localhost:1", "ws://lan.example"]
    not_secure = ["http://x.example", "ws://x.example", "ftp://localhost", "/relative"]
    hosts = ("lan.example",)
    assert [True] * len(secure) == [is_secure(URL(url), hosts) for url in secure]
    assert [False] * len(not_secure) == [is_secure(URL(url), hosts) for url in not_secure]
    assert is_secure(Origin("http", "lan.example", 80), hosts)
    assert not is_secure(Origin("http", "lan.example", 80, subdomains=True), hosts)


def test_hosts_have_one_spelling() -> None:
    """Addresses are taken with and without brackets."""
    assert "2001:db8::1" == canonical_host("[2001:DB8:0::1]") == canonical_host("2001:db8::1")


# No "--": in third place it promises an IDNA label.
labels = st.from_regex(r"[a-z0-9](-?[a-z0-9]){0,8}", fullmatch=True)
top = st.sampled_from(["com", "example", "co", "org"])
names = st.tuples(st.lists(labels, min_size=1, max_size=3).map(".".join), top).map(".".join)
ports = st.none() | st.integers(1, 65535)


@pytest.mark.proves("Where secrets may go", "origins: exact ones", rfc="RFC 6454 §5", judge="yarl")
@given(names, ports, names, ports)
@example("api.x.com", None, "api.x.com", 443)
def test_exact_origins_agree_with_yarl(
    host: str, port: int | None, other: str, at: int | None
) -> None:
    """An exact origin holds a URL just where yarl says that their origins are the same."""
    declared = URL.build(scheme="https", host=host, port=port)
    origin = parse_origin(str(declared.origin()))
    for name in (host, other, f"{host}.{other}", f"{other}.{host}", f"x{host}"):
        for number in (port, at):
            url = URL.build(scheme="https", host=name, port=number, path="/a")
            same = url.origin() == declared.origin()
            assert same == origin.matches(url.scheme, url.raw_host, url.port)
            assert same == (origin_of(url) == str(origin))


@proves_look_alikes
@given(names, labels, names)
def test_suffixes_are_of_whole_labels(host: str, label: str, other: str) -> None:
    """Below a host is what ends in a dot and the host: neither the host itself nor what is glued."""
    suffix = parse_origin(f"https://*.{host}")
    for name in (
        host,
        other,
        f"{label}{host}",
        f"{label}.{host}",
        f"{other}.{host}",
        f"{host}.{other}",
    ):
        below = name.split(".")[-len(host.split(".")) - 1 :][1:] == host.split(".")
        assert below == suffix.matches("https", name, None)


@given(names, st.booleans(), ports)
def test_reading_what_was_written_changes_nothing(
    host: str, subdomains: bool, port: int | None
) -> None:
    """The text of an origin is read back as the same origin."""
    star = "*." if subdomains else ""
    number = "" if port is None else f":{port}"
    origin = parse_origin(f"https://{star}{host}{number}")
    assert origin == parse_origin(str(origin))


@given(st.text(max_size=40) | st.text("ahtps:/.*[]@:0%1x-", max_size=20).map("https://{}".format))
def test_any_text_is_an_origin_or_a_clear_error(text: str) -> None:
    """Nothing but ConfigurationError comes out, and what is read can be written."""
    try:
        origin = parse_origin(text)
    except ConfigurationError:
        return
    assert origin == parse_origin(str(origin))
