"""How many bytes have passed a scheduler's connections, as the kernel has counted them."""

import socket
import struct
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from distributed import Client

# Where Linux' `struct tcp_info` has them, 64 bits each: `tcpi_bytes_acked` and
# `tcpi_bytes_received`.
_PLACE = 120
_SIZE = _PLACE + 16

CAN_COUNT = sys.platform == "linux"


class Traffic(NamedTuple):
    """Bytes that a scheduler has sent and received, to and from all others."""

    sent: int
    received: int


Connections = Mapping[str, Traffic]
"""The traffic of each connection since it was opened."""


def read_connections(client: "Client") -> Connections:
    """Return the traffic of a scheduler's open connections."""
    found: Any = client.run_on_scheduler(_read_own)
    return found


def count_bytes(before: Connections, after: Connections) -> Traffic:
    """Return what has passed between two looks; connections closed meanwhile do not count."""
    none = Traffic(0, 0)
    moved = [(after[one], before.get(one, none)) for one in after]
    return Traffic(
        sum(now.sent - then.sent for now, then in moved),
        sum(now.received - then.received for now, then in moved),
    )


def _read_own(dask_scheduler: Any) -> dict[str, Traffic]:
    pool = dask_scheduler.rpc
    called = [
        one for kind in (pool.available, pool.occupied) for own in kind.values() for one in own
    ]
    streams = [one.stream for one in (*dask_scheduler._comms, *called)]
    return dict(_read_socket(one.socket) for one in streams if one and not one.closed())


def _read_socket(connection: socket.socket) -> tuple[str, Traffic]:
    told = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _SIZE)
    names = f"{connection.getsockname()} {connection.getpeername()}"
    return names, Traffic(*struct.unpack_from("QQ", told, _PLACE))
