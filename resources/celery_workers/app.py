"""What the launcher and the workers agree on: the broker, the task, and Celery's settings."""

import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from strategies.errors import GauntletError

TASK = "gauntlet.execute_run"
"""The only task of a worker; its argument is the id of a run."""
BROKER_VARIABLE = "GAUNTLET_BROKER_URL"

# Redis delivers a task again that is not acknowledged within this time, and a worker acknowledges
# it when the run has ended: longer than `max_runtime_seconds` of dagster.yaml, which ends the run.
VISIBILITY_SECONDS = 5 * 3600
_RESULTS_KEPT_SECONDS = 24 * 3600
_SCHEMES = ("redis", "rediss")
_CA_FILE = "ssl_ca_certs"

# A process that has held a whole universe is replaced, and its memory returned.
LARGEST_IDLE_PROCESS_KB = 450_000

# A broker that restarts is back within these: 0, 1, 2, 3, 4 and 5 s.
_PUBLISH = {"max_retries": 6, "interval_start": 0, "interval_step": 1, "interval_max": 5}
_SOCKET = {"socket_connect_timeout": 5, "socket_keepalive": True}

_SETTINGS: Mapping[str, Any] = {
    # No pickle: whoever can write to the broker could otherwise run any program in a worker.
    "accept_content": ["json"],
    "result_accept_content": ["json"],
    "task_serializer": "json",
    "result_serializer": "json",
    "worker_enable_remote_control": False,
    "worker_send_task_events": False,
    # A worker holds as many runs as it has processes: the others are for other workers.
    "task_acks_late": True,
    "worker_prefetch_multiplier": 1,
    "worker_max_memory_per_child": LARGEST_IDLE_PROCESS_KB,
    # Ten processes that start at once on two busy cores.
    "worker_proc_alive_timeout": 60.0,
    # A run whose process died is Dagster's to start again, and is counted there.
    "task_reject_on_worker_lost": False,
    # A run needs no broker, and goes on without it.
    "worker_cancel_long_running_tasks_on_connection_loss": False,
    "broker_connection_retry_on_startup": True,
    "broker_connection_max_retries": None,
    "broker_transport_options": {"visibility_timeout": VISIBILITY_SECONDS, **_SOCKET},
    "task_publish_retry_policy": _PUBLISH,
    # State of a task, for the health of runs on other machines.
    "task_track_started": True,
    "task_ignore_result": False,
    "result_expires": _RESULTS_KEPT_SECONDS,
    "result_backend_transport_options": {"retry_policy": {"timeout": 5.0}},
    "redis_socket_connect_timeout": _SOCKET["socket_connect_timeout"],
    "redis_socket_keepalive": _SOCKET["socket_keepalive"],
    # Dagster captures what a run prints by the descriptors of the process.
    "worker_redirect_stdouts": False,
}


class InvalidBrokerError(GauntletError):
    """The address of the broker is not one of Redis; the text does not show it."""


def build_settings(url: str) -> dict[str, Any]:
    """Return the settings of Celery for the broker at `url`; raises InvalidBrokerError.

    With ``rediss://`` the certificate is verified, by the authorities of this machine or by the
    file that the URL's query names: ``?ssl_ca_certs=/path``.
    """
    scheme = urlsplit(url).scheme
    if scheme not in _SCHEMES:
        raise InvalidBrokerError(
            f"{BROKER_VARIABLE} must be the URL of a Redis, redis://:<password>@<host>:6379/0, or "
            "rediss:// for TLS."
        )
    if scheme == "redis":
        return dict(_SETTINGS)
    query = dict(parse_qsl(urlsplit(url).query))
    verify: dict[str, Any] = {"ssl_cert_reqs": ssl.CERT_REQUIRED, "ssl_check_hostname": True}
    if _CA_FILE in query:
        verify[_CA_FILE] = query[_CA_FILE]
    return {**_SETTINGS, "broker_use_ssl": verify, "redis_backend_use_ssl": verify}


def get_queue(edition: str) -> str:
    """Return the queue of the runs of one edition: only workers of that edition read it."""
    return f"gauntlet-{edition}"
