"""The broker's address: passwords, TLS, and what is refused."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from dagster_celery.make_app import make_app
from kombu.exceptions import OperationalError

from resources.celery_workers.app import InvalidBrokerError, build_settings
from tests.redis import PASSWORD, Redis, needs_redis


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Return the folder of a certificate of 127.0.0.1 that no machine trusts."""
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext"
    command += " subjectAltName=IP:127.0.0.1 -keyout key.pem -out ca.pem"
    subprocess.run(command.split(), cwd=tmp_path, check=True, capture_output=True)
    return tmp_path


@pytest.fixture
def encrypted(certificate: Path) -> Iterator[Redis]:
    files = [f"tls-cert-file {certificate}/ca.pem", f"tls-key-file {certificate}/key.pem"]
    redis = Redis(["port 0", "tls-port {port}", "tls-auth-clients no", *files])
    redis.start()
    yield redis
    redis.kill()


def _connect(url: str) -> None:
    """Write to the broker and read a result, as launcher and worker do."""
    app = make_app({"broker": url, "backend": url, "config_source": build_settings(url)})
    with app.connection_for_write() as connection:
        connection.ensure_connection(max_retries=1, interval_start=0)
    app.AsyncResult("unknown").state  # noqa: B018


@needs_redis
def test_tls_verifies_the_certificate_of_the_broker(encrypted: Redis, certificate: Path):
    url = encrypted.url.replace("redis://", "rediss://")
    _connect(f"{url}?ssl_ca_certs={certificate}/ca.pem")
    with pytest.raises(OperationalError, match="certificate verify failed") as refused:
        _connect(url)
    assert PASSWORD not in str(refused.value)


def test_an_address_of_another_kind_is_refused_unseen():
    with pytest.raises(InvalidBrokerError, match=r"^GAUNTLET_BROKER_URL must be") as refused:
        build_settings("amqp://me:sesame0pen@rabbit//")
    assert "sesame0pen" not in str(refused.value)
