"""Signing from a ``yarl.URL``, nonce and time included: against the floor and against others."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import attrs
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from oauthlib import oauth1
from oauthlib.common import Request
from oauthlib.oauth1.rfc5849 import signature
from yarl import URL

from bench.figures import Figure
from bench.floor import CREDENTIALS, Floor
from bench.timing import Block, Effort, block, exponent, interleave
from oauthkit.protocol.oauth1 import (
    HeaderSigner,
    SignatureMethod,
    generate_nonce,
    signature_base_string,
)
from oauthkit.transport.oauth1_signer import Clock

__all__ = ["measure"]

FORM = "application/x-www-form-urlencoded"
HOST = "https://api.example.com"
TIMES_FASTER = 10.0
SIZES = (100, 316, 1000, 3162, 10_000)


@attrs.frozen
class Shape:
    """A kind of request: its i-th URL, its form, and how much of the floor's time it may take."""

    name: str
    method: str
    url: Callable[[int], str]
    form: str
    limit: float


def _query(size: int, i: int) -> str:
    return "&".join(f"name{n}=value%20{i + n}" for n in range(size))


SHAPES = (
    Shape(
        "GET, 2 parameters", "GET", lambda i: f"{HOST}/1.1/lists.json?count={i}&since=a", "", 2.0
    ),
    Shape("POST, form of 20", "POST", lambda _: f"{HOST}/1.1/update.json", _query(20, 0), 1.6),
    Shape(
        "GET, 200 parameters", "GET", lambda i: f"{HOST}/1.1/look.json?{_query(200, i)}", "", 1.4
    ),
    # What a URL may hold as it is, and a base string may not.
    Shape(
        "GET, 2 parameters with commas",
        "GET",
        lambda i: f"{HOST}/2/items?ids={i},2,3&item.fields=created_at,author_id",
        "",
        2.0,
    ),
)


def measure(effort: Effort) -> Iterator[Figure]:
    """Measure all figures of signing."""
    for shape in SHAPES:
        yield from _compare(shape, effort)
    yield from _growth(effort)
    yield _plaintext(effort)
    yield _rsa(effort)


def _ours(method: SignatureMethod = "HMAC-SHA1", rsa_key: str | None = None) -> HeaderSigner:
    return HeaderSigner(
        client_id=CREDENTIALS.client_id,
        client_secret=CREDENTIALS.client_secret,
        token=CREDENTIALS.token,
        token_secret=CREDENTIALS.token_secret,
        signature_method=method,
        rsa_key=rsa_key,
    )


def _compare(shape: Shape, effort: Effort) -> Iterator[Figure]:
    method, form, octets = shape.method, shape.form, shape.form.encode()
    headers = {"Content-Type": FORM} if form else {}
    floor, ours, timestamp = Floor(CREDENTIALS), _ours(), Clock().timestamp
    theirs: Any = oauth1.Client(
        CREDENTIALS.client_id,
        CREDENTIALS.client_secret,
        CREDENTIALS.token,
        CREDENTIALS.token_secret,
    )
    # Not by an import statement: type checkers run where authlib is not.
    auth = import_module("authlib.oauth1.rfc5849.client_auth").ClientAuth(
        CREDENTIALS.client_id,
        CREDENTIALS.client_secret,
        CREDENTIALS.token,
        CREDENTIALS.token_secret,
    )

    def sign_ours(url: URL) -> str:
        return ours.sign_url(method, url, octets, nonce=generate_nonce(), timestamp=timestamp())

    def sign_floor(url: str) -> str:
        return floor.sign(method, url, form)

    def sign_oauthlib(url: str) -> str:
        return str(theirs.sign(url, method, form or None, dict(headers))[1]["Authorization"])

    def sign_authlib(url: str) -> str:
        return str(auth.sign(method, url, dict(headers), form)[1]["Authorization"])

    for header in (
        sign_ours(URL(shape.url(7))),
        sign_floor(shape.url(7)),
        sign_oauthlib(shape.url(7)),
        sign_authlib(shape.url(7)),
    ):
        _verify(header, shape, shape.url(7))
    got = interleave(
        {
            "ours": block(sign_ours, lambda i: URL(shape.url(i))),
            "floor": block(sign_floor, shape.url),
            "oauthlib": block(sign_oauthlib, shape.url),
            "authlib": block(sign_authlib, shape.url),
        },
        effort,
    )
    took = f"{got['ours'].typical:.1f} µs, the floor {got['floor'].typical:.1f} µs"
    yield Figure(
        f"{shape.name}, to the floor", got["ours"].over(got["floor"]), "x", shape.limit, detail=took
    )
    for rival in ("oauthlib", "authlib"):
        yield Figure(
            f"{shape.name}, faster than {rival}",
            got[rival].over(got["ours"]),
            "x",
            TIMES_FASTER,
            at_least=True,
            detail=f"{rival} {got[rival].typical:.0f} µs",
        )


def _verify(header: str, shape: Shape, url: str) -> None:
    """Have oauthlib check a header: what is compared must sign the same."""
    target = URL(url)
    judge: Any = signature
    read = judge.collect_parameters
    method: Any = shape.method
    request: Any = Request(url.partition("?")[0], method)
    request.params = read(target.raw_query_string, shape.form, {"Authorization": header})
    signed = read(headers={"Authorization": header}, exclude_oauth_signature=False)
    request.signature = dict(signed)["oauth_signature"]
    if not judge.verify_hmac_sha1(request, CREDENTIALS.client_secret, CREDENTIALS.token_secret):
        raise AssertionError(f"a wrong signature of {shape.name}: {header}")


def _growth(effort: Effort) -> Iterator[Figure]:
    ours, timestamp = _ours(), Clock().timestamp

    def sign(url: URL) -> str:
        return ours.sign_url("GET", url, nonce=generate_nonce(), timestamp=timestamp())

    kinds: dict[str, Callable[[int], str]] = {
        "canonical": lambda n: _query(n, 0),
        "to be rewritten": lambda n: _query(n, 0).replace("value", "v,%7e"),
        "to be sorted one by one": lambda n: _query(n, 0).replace("name", "oauth_name"),
        "to be read plainly": lambda n: _query(n, 0).replace("%20", "="),
    }
    for kind, make in kinds.items():
        urls = {n: URL(f"{HOST}/p?{make(n)}", encoded=True) for n in SIZES}
        blocks = {str(n): _of_one(sign, url) for n, url in urls.items()}
        took = [rounds.typical for rounds in interleave(blocks, effort).values()]
        shown = f"{took[0]:.0f} µs for {SIZES[0]}, {took[-1] / 1000:.1f} ms for {SIZES[-1]}"
        yield Figure(f"exponent of growth, {kind}", exponent(SIZES, took), "", 1.15, detail=shown)


def _of_one(sign: Callable[[URL], str], url: URL) -> Block:
    return block(sign, lambda _: url)


def _plaintext(effort: Effort) -> Figure:
    ours, timestamp = _ours("PLAINTEXT"), Clock().timestamp

    def sign(url: URL) -> str:
        return ours.sign_url("GET", url, nonce=generate_nonce(), timestamp=timestamp())

    got = interleave({"ours": block(sign, lambda i: URL(SHAPES[0].url(i)))}, effort)
    return got["ours"].figure("PLAINTEXT", 3.0)


def _rsa(effort: Effort) -> Figure:
    key = rsa.generate_private_key(65537, 2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    ours, scheme = _ours("RSA-SHA1", pem.decode()), padding.PKCS1v15()
    algorithm = hashes.SHA1()  # noqa: S303 - the method's own
    url = SHAPES[0].url(7)
    params = [("oauth_nonce", generate_nonce()), ("oauth_timestamp", str(int(time.time())))]
    base_string = signature_base_string("GET", url, params).encode()

    def sign(url: URL) -> str:
        return ours.sign_url("GET", url, nonce=generate_nonce(), timestamp=Clock().timestamp())

    got = interleave(
        {
            "ours": block(sign, lambda i: URL(SHAPES[0].url(i))),
            "bare": block(
                lambda octets: key.sign(octets, scheme, algorithm), lambda _: base_string
            ),
        },
        effort,
    )
    detail = f"{got['ours'].typical:.0f} µs, bare {got['bare'].typical:.0f} µs"
    ratio = got["ours"].over(got["bare"])
    return Figure("RSA-SHA1 (2048 bits), to the bare signature", ratio, "x", 1.15, detail=detail)
