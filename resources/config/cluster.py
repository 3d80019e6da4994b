"""The settings of a cluster, on which the backtests of a run are computed; none by default."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from resources.redaction import redact_text
from strategies.errors import GauntletError

CLUSTER, TLS = "GAUNTLET_CLUSTER", "GAUNTLET_CLUSTER_TLS"
TIMEOUT, MEMORY = "GAUNTLET_CLUSTER_TIMEOUT", "GAUNTLET_CLUSTER_MEMORY"

LOCAL = "local"
TLS_FILES = ("ca.crt", "tls.crt", "tls.key")
"""Of the folder of certificates, as Kubernetes and cert-manager name them."""

DEFAULT_TIMEOUT = 900.0
DEFAULT_MEMORY = "2GiB"

_ALLOWED = (
    "allowed: local, local:4 for four processes, tls://<host>:8786, or dask://127.0.0.1:8786 for "
    "a scheduler without TLS on this machine"
)
_MEMORY = re.compile(r"\d+(\.\d+)?\s*(MB|MiB|GB|GiB)")
_LOOPBACK = re.compile(r"localhost|127(\.\d+){3}|::1")


class InvalidClusterError(GauntletError):
    """A setting of the cluster is not allowed; the text names it and what is, and no password."""

    def __init__(self, text: str) -> None:
        super().__init__(redact_text(text))


@dataclass(frozen=True, slots=True)
class ClusterSettings:
    """Where backtests are computed.

    Parameters
    ----------
    address
        Of the scheduler, as Dask writes it: ``tls://host:8786``; "" for a cluster that the run
        starts by itself on this machine.
    processes
        Of the cluster that the run starts by itself.
    tls
        Folder with `TLS_FILES`.
    timeout
        Seconds after which a chunk is given up, and computed elsewhere.
    memory
        Limit of each process of the cluster that the run starts by itself, as in ``2GiB``.
    """

    address: str = ""
    processes: int = 1
    tls: Path | None = None
    timeout: float = DEFAULT_TIMEOUT
    memory: str = DEFAULT_MEMORY


def parse_cluster(given: Mapping[str, str]) -> ClusterSettings | None:
    """Return the cluster of GAUNTLET_CLUSTER, None without one; raises InvalidClusterError."""
    tls, timeout, memory = parse_tls(given), _parse_timeout(given), parse_memory(given)
    text = given.get(CLUSTER)
    if text is None:
        return None
    name, _, count = text.partition(":")
    if name == LOCAL:
        return ClusterSettings("", _parse_processes(text, count), None, timeout, memory)
    return ClusterSettings(parse_scheduler(text, tls), 0, tls, timeout, memory)


def parse_scheduler(text: str, tls: Path | None) -> str:
    """Return the address of a scheduler as Dask writes it.

    Whoever reaches a scheduler without TLS can run any program on its workers, so that off
    loopback it is refused.

    Raises
    ------
    InvalidClusterError
        When it is no address, or not a safe one, or lacks its certificates.
    """
    try:
        url = urlsplit(text)
        host, port = url.hostname, url.port
    except ValueError:
        host = port = url = None
    if url is None or url.scheme not in {"dask", "tcp", "tls"} or not host or not port:
        raise InvalidClusterError(f"{CLUSTER}={text} is no address of a scheduler; {_ALLOWED}.")
    if url.scheme == "tls":
        if tls is None:
            raise InvalidClusterError(
                f"{CLUSTER}={text} needs certificates: set {TLS} to a folder with "
                f"{', '.join(TLS_FILES)}."
            )
        return f"tls://{url.netloc}"
    if not is_loopback(host):
        raise InvalidClusterError(
            f"{CLUSTER}={text} is a scheduler without TLS on another machine, where anybody could "
            f"run programs on it: use tls://{url.netloc} and {TLS}."
        )
    return f"tcp://{url.netloc}"


def parse_worker_host(text: str | None, scheduler: str) -> str | None:
    """Return the address on which workers of a scheduler listen; None if Dask is to find it.

    Whoever reaches a worker without TLS can run any program on it, so that without TLS it is one of
    loopback.

    Parameters
    ----------
    scheduler
        Its address, as Dask writes it.

    Raises
    ------
    InvalidClusterError
        When others could reach workers without TLS.
    """
    if scheduler.startswith("tls://"):
        return text
    host = "127.0.0.1" if text is None else text
    if not is_loopback(host):
        raise InvalidClusterError(
            f"--host {host} would let other machines run programs on workers without TLS: leave it "
            f"out, or use a scheduler at tls:// and {TLS}."
        )
    return host


def is_loopback(host: str) -> bool:
    """Return whether a name or an address can be reached from this machine only."""
    return _LOOPBACK.fullmatch(host) is not None


def parse_tls(given: Mapping[str, str]) -> Path | None:
    """Return the folder of certificates, None if none is given; raises InvalidClusterError."""
    if (text := given.get(TLS)) is None:
        return None
    folder = Path(text).expanduser().absolute()
    if missing := [name for name in TLS_FILES if not (folder / name).is_file()]:
        raise InvalidClusterError(f"{TLS}={text} lacks {', '.join(missing)}.")
    return folder


def parse_memory(given: Mapping[str, str]) -> str:
    """Return the limit of each worker process; raises InvalidClusterError."""
    text = given.get(MEMORY, DEFAULT_MEMORY)
    if not _MEMORY.fullmatch(text):
        raise InvalidClusterError(
            f"{MEMORY}={text} is no amount of memory: write it as in {MEMORY}={DEFAULT_MEMORY}."
        )
    return text


def _parse_timeout(given: Mapping[str, str]) -> float:
    text = given.get(TIMEOUT, str(DEFAULT_TIMEOUT))
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 1.0 <= seconds < float("inf"):
        raise InvalidClusterError(
            f"{TIMEOUT}={text} is invalid: the seconds after which a chunk is given up must be 1 "
            f"or more, as in {TIMEOUT}={DEFAULT_TIMEOUT:.0f}."
        )
    return seconds


def _parse_processes(text: str, count: str) -> int:
    if text == LOCAL:
        return count_cores()
    if not (count.isascii() and count.isdigit() and int(count) > 0):
        raise InvalidClusterError(f"{CLUSTER}={text} is invalid; {_ALLOWED}.")
    return int(count)


def count_cores() -> int:
    """Return how many cores this process may use."""
    known = getattr(os, "sched_getaffinity", None)
    return len(known(0)) if known else os.cpu_count() or 1
