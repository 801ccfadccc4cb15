"""
Make a certificate authority that lives as long as a test run, and certificates from it.

All keys are generated at run time and never kept: nothing outside trusts them, and a client
context made here trusts nothing else (RFC 5280, RFC 8446).
"""

from __future__ import annotations

import datetime as dt
import functools
import ipaddress
import ssl
import tempfile
from collections.abc import Iterable
from pathlib import Path

import attrs
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

__all__ = ["CertificateAuthority", "throwaway_authority", "throwaway_rsa_key"]

_LIFETIME = dt.timedelta(days=7)
_KEY_USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


def _usage(*allowed: str) -> x509.KeyUsage:
    return x509.KeyUsage(**{usage: usage in allowed for usage in _KEY_USAGES})


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(subject: x509.Name, issuer: x509.Name) -> x509.CertificateBuilder:
    # The real clock, not a server's: TLS libraries look at no other.
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + _LIFETIME)
    )


@attrs.define(eq=False)
class CertificateAuthority:
    """Issue certificates for host names, from a key that was generated on creation."""

    _key: ec.EllipticCurvePrivateKey = attrs.field(
        init=False, repr=False, factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )
    _certificate: x509.Certificate = attrs.field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        """Sign the authority's own certificate."""
        name = _name("oauthkit throw-away CA")
        public = self._key.public_key()
        identifier = x509.SubjectKeyIdentifier.from_public_key(public)
        self._certificate = (
            _builder(name, name)
            .public_key(public)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage("key_cert_sign", "crl_sign"), critical=True)
            .add_extension(identifier, critical=False)
            .sign(self._key, hashes.SHA256())
        )

    @property
    def pem(self) -> str:
        """Give the authority's certificate, for clients that are not of this process."""
        return self._certificate.public_bytes(serialization.Encoding.PEM).decode()

    def issue(self, hosts: Iterable[str]) -> tuple[bytes, bytes]:
        """Issue a certificate for *hosts* and 127.0.0.1; give chain and private key as PEM."""
        key = ec.generate_private_key(ec.SECP256R1())
        names: list[x509.GeneralName] = [x509.DNSName(host) for host in hosts]
        names.append(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
        certificate = (
            _builder(_name("oauthkit embedded server"), self._certificate.subject)
            .public_key(key.public_key())
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage("digital_signature"), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
            )
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
                critical=False,
            )
            .sign(self._key, hashes.SHA256())
        )
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        return certificate.public_bytes(serialization.Encoding.PEM), private

    def server_context(self, hosts: Iterable[str]) -> ssl.SSLContext:
        """Make the TLS context of a server that plays *hosts*."""
        chain, private = self.issue(hosts)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        # The ssl module reads keys from files only: one that nobody else can read, for a moment.
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "leaf.pem")
            path.touch(mode=0o600)
            path.write_bytes(private + chain)
            context.load_cert_chain(path)
        return context

    def client_context(self) -> ssl.SSLContext:
        """Make a TLS context of a client that trusts this authority and no other."""
        return ssl.create_default_context(cadata=self.pem)


@functools.cache
def throwaway_authority() -> CertificateAuthority:
    """Give this process's authority, so that one session can trust several embedded servers."""
    return CertificateAuthority()


@functools.cache
def throwaway_rsa_key() -> rsa.RSAPrivateKey:
    """Give this process's 2048-bit RSA key: generating one takes too long to do it per server."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)
