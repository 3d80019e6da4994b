"""Certificates of a cluster that a run starts by itself: nobody else of the machine may use it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from engine.errors import MissingPackageError
from resources.config.cluster import TLS_FILES

_DAYS = 30


def write_certificates(folder: Path) -> None:
    """Write a new key, its certificate, and the certificate again as the authority.

    Raises
    ------
    MissingPackageError
        When cryptography is not installed.
    """
    try:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec
    except ImportError as error:
        raise MissingPackageError.of("GAUNTLET_CLUSTER", "cluster") from error
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "gauntlet cluster")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    for file, content in zip(TLS_FILES, (pem, pem, private), strict=True):
        path = folder / file
        path.touch(mode=0o600)
        path.write_bytes(content)
