"""A certificate authority of this run alone, and the certificate for the distributions' hosts."""

import base64
import hashlib
import ssl
from collections.abc import Iterable
from pathlib import Path

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import serialization


class Certificates:
    """Made anew at each start and trusted by nobody who isn't told to."""

    def __init__(self, ca_file: Path) -> None:
        self.ca_file = ca_file
        self._authority = trustme.CA(organization_name="Otakaro local edge")
        self._authority.cert_pem.write_to_path(str(ca_file))
        self._hosts: frozenset[str] = frozenset()
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the authority's public key, as Chromium's command line takes it."""
        certificate = x509.load_pem_x509_certificate(self.ca_file.read_bytes())
        key = certificate.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return base64.b64encode(hashlib.sha256(key).digest()).decode()

    def context(self, hosts: Iterable[str]) -> ssl.SSLContext:
        """What a TLS server for these hosts needs."""
        wanted = frozenset(hosts)
        if wanted != self._hosts:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            # "Supported protocols and ciphers", TLSv1.2_2021: nothing older.
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            context.set_alpn_protocols(["http/1.1"])
            leaf = self._authority.issue_cert(*sorted(wanted))
            # With the authority in the chain: its key, unlike the leaf's, lasts as long as the run.
            chain = leaf.private_key_and_cert_chain_pem.bytes() + self.ca_file.read_bytes()
            file = self.ca_file.with_name("certificate.pem")
            file.touch(mode=0o600)
            file.write_bytes(chain)
            context.load_cert_chain(file)
            self._context, self._hosts = context, wanted
        return self._context
