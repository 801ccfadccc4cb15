"""TLS to Redis: the certificate is checked, and so is whose it is."""

from __future__ import annotations

import datetime as dt
import ipaddress
import re
import ssl
import traceback
from pathlib import Path
from urllib.parse import quote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from redis.exceptions import ConnectionError as ConnectionBroken

from stores.redis.opening import opened
from stores.redis.proxy import between
from stores.redis.server import RedisServer
from support import run
from tokens.grants import KEY, record

ONE = record({"access_token": "t"}, "r")


def write_certificate(folder: Path, address: str) -> tuple[Path, Path]:
    """Write a self-signed certificate for an address, and its key; return their paths."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a test's own")])
    now = dt.datetime.now(dt.UTC)
    hosts = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(hosts, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    paths = folder / "certificate.pem", folder / "key.pem"
    paths[0].write_bytes(certificate.public_bytes(pem))
    paths[1].write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths


def speak(certificate: Path, key: Path) -> ssl.SSLContext:
    """Return what a server speaks TLS by."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    return context


def test_a_certificate_that_is_trusted(server: RedisServer, tmp_path: Path) -> None:
    """By ``ssl_ca_certs``: then all goes as without TLS."""
    paths = write_certificate(tmp_path, "127.0.0.1")

    async def main() -> None:
        async with between(server.port, speak(*paths)) as proxy:
            url = f"rediss://127.0.0.1:{proxy.port}/0?ssl_ca_certs={quote(str(paths[0]))}"
            async with opened(url, tmp_path) as store:
                async with store.lock(KEY) as held:
                    assert await held.finish(None, ONE)
                assert ONE == await store.load(KEY)
            assert proxy.sent

    run(main())


@pytest.mark.parametrize(
    ("address", "trusted", "said"),
    [("127.0.0.1", False, "self.signed certificate"), ("127.0.0.2", True, "mismatch")],
)
def test_certificates_that_are_refused(
    server: RedisServer, tmp_path: Path, address: str, *, trusted: bool, said: str
) -> None:
    """One that nobody vouches for, and one of another host: nothing is sent."""
    paths = write_certificate(tmp_path, address)

    async def main() -> None:
        async with between(server.port, speak(*paths)) as proxy:
            url = f"rediss://:secret@127.0.0.1:{proxy.port}/0"
            if trusted:
                url += f"?ssl_ca_certs={quote(str(paths[0]))}"
            async with opened(url, tmp_path) as store:
                with pytest.raises(ConnectionBroken) as caught:
                    await store.load(KEY)
                # Older versions of redis-py say it in the cause alone.
                told = "".join(traceback.format_exception(caught.value))
                assert re.search(said, told)
            assert [] == proxy.sent

    run(main())


def test_a_certificate_of_ours(server: RedisServer, tmp_path: Path) -> None:
    """A server that wants one of its clients gets that of ``ssl_certfile``."""
    certificate, key = write_certificate(tmp_path, "127.0.0.1")
    context = speak(certificate, key)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(certificate)

    async def main() -> None:
        async with between(server.port, context) as proxy:
            url = f"rediss://127.0.0.1:{proxy.port}/0?ssl_ca_certs={quote(str(certificate))}"
            ours = f"&ssl_certfile={quote(str(certificate))}&ssl_keyfile={quote(str(key))}"
            async with opened(url + ours, tmp_path) as store:
                assert await store.load(KEY) is None
            async with opened(url, tmp_path) as store:
                with pytest.raises(ConnectionBroken):
                    await store.load(KEY)

    run(main())
