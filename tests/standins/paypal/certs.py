"""A certificate authority of our own: signs webhooks and serves their certificates over TLS."""

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

SIGNER = "messageverificationcerts.sandbox.paypal.com"
Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@dataclass(frozen=True)
class Holder:
    """A certificate, its key, and the chain it is shown with (itself first)."""

    cert: x509.Certificate
    key: Key
    chain: bytes

    def sign(self, message: bytes) -> bytes:
        """RSA PKCS#1 v1.5 over SHA-256."""
        assert isinstance(self.key, rsa.RSAPrivateKey)
        return self.key.sign(message, padding.PKCS1v15(), hashes.SHA256())


def issue(
    name: str, *, issuer: Holder | None = None, ca: bool = False, signs: bool = False, days: tuple[int, int] = (-1, 365)
) -> Holder:
    """A certificate valid from and until so many days from now; without an issuer it signs itself.

    Those that sign webhooks have RSA keys, as the algorithm wants; the others quicker ones.
    """
    key: Key = rsa.generate_private_key(65537, 2048) if signs else ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    authority = issuer.key.public_key() if issuer else key.public_key()
    draft = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.cert.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=days[0]))
        .not_valid_after(now + timedelta(days=days[1]))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority), critical=False)
        .add_extension(_usage(ca=ca), critical=True)
    )
    if not ca:
        names: list[x509.GeneralName] = [x509.DNSName(name)]
        if name == "localhost":
            names.append(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
        draft = draft.add_extension(x509.SubjectAlternativeName(names), critical=False)
        draft = draft.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    cert = draft.sign(issuer.key if issuer else key, hashes.SHA256())
    above = issuer.chain if issuer and issuer.cert.issuer != issuer.cert.subject else b""  # a root is not shown
    return Holder(cert, key, cert.public_bytes(serialization.Encoding.PEM) + above)


def _usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True, key_cert_sign=ca, crl_sign=ca, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip


class Certificates:
    """Root, intermediate, the webhooks' signer, the TLS server; kept in a folder."""

    def __init__(self, host: str, folder: Path) -> None:
        self.host, self.folder = host, folder
        self.root = self._holder("root", lambda: issue("Comanda test root", ca=True, days=(-2, 3650)))
        self.middle = self._holder(
            "middle", lambda: issue("Comanda test intermediate", issuer=self.root, ca=True, days=(-2, 3000))
        )
        self.signer = self._holder("signer", lambda: issue(SIGNER, issuer=self.middle, signs=True))
        self.server = self._holder(f"tls-{host}", lambda: issue(host, issuer=self.middle))
        self._bad: dict[str, Holder] = {}

    @property
    def ca_pem(self) -> bytes:
        """The trust store: the root alone."""
        return self.root.cert.public_bytes(serialization.Encoding.PEM)

    def by_kind(self, kind: str) -> Holder:
        """The signer, or one that must not be believed: of another CA, out of date, of another name."""
        if kind == "good":
            return self.signer
        if kind not in self._bad:
            if kind == "other_ca":
                self._bad[kind] = issue(SIGNER, issuer=issue("Somebody else's root", ca=True), signs=True)
            elif kind == "expired_cert":
                self._bad[kind] = issue(SIGNER, issuer=self.middle, signs=True, days=(-400, -1))
            elif kind == "other_name":
                self._bad[kind] = issue("www.example.com", issuer=self.middle, signs=True)
            else:
                raise KeyError(kind)
        return self._bad[kind]

    def name(self, kind: str = "good") -> str:
        """The last part of the certificate's URL; changes with the certificate."""
        mark = self.by_kind(kind).cert.fingerprint(hashes.SHA256()).hex()
        return f"CERT-{kind}-{mark[:8]}-{mark[8:16]}"

    def tls(self) -> tuple[str, str]:
        """Files of the TLS server's chain and key."""
        return str(self.folder / f"tls-{self.host}.pem"), str(self.folder / f"tls-{self.host}.key")

    def _holder(self, name: str, make: Callable[[], Holder]) -> Holder:
        pem, key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        if not pem.exists():
            made = make()
            self.folder.mkdir(parents=True, exist_ok=True)
            form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            key.write_bytes(made.key.private_bytes(*form))
            pem.write_bytes(made.chain)
        loaded = serialization.load_pem_private_key(key.read_bytes(), None)
        assert isinstance(loaded, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey)
        chain = pem.read_bytes()
        return Holder(x509.load_pem_x509_certificates(chain)[0], loaded, chain)
