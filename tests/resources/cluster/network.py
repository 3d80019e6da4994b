"""A network namespace of its own for a host, by Linux's `ip`: its link can be cut and raised."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

# For benchmarks of networks (RFC 2544), routed nowhere: a pair of addresses per process.
_FIRST = int.from_bytes(socket.inet_aton("198.18.0.0"))
_PAIRS = 1 << 16
_CONNECT = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 5.0)"
_CONNECT_SECONDS = 5.0


@dataclass(frozen=True)
class Network:
    """A namespace that is linked with this machine.

    Parameters
    ----------
    name
        Of the namespace; the ends of the link are named after it.
    here, there
        The addresses of this machine and of the namespace.
    """

    name: str
    here: str
    there: str

    @classmethod
    def of_process(cls) -> "Network":
        """Return the one of this process, which is not made yet."""
        first = _FIRST + 2 * (os.getpid() % _PAIRS)
        here, there = (socket.inet_ntoa((first + end).to_bytes(4)) for end in (0, 1))
        return cls(f"gt{os.getpid()}", here, there)

    @property
    def prefix(self) -> list[str]:
        """What comes before a command that runs in the namespace."""
        return ["ip", "netns", "exec", self.name]

    def make(self) -> None:
        """Make the namespace and its link, which is up."""
        inside = ["-n", self.name]
        _ip("netns", "add", self.name)
        end = ["peer", "name", f"{self.name}t", "netns", self.name]
        _ip("link", "add", f"{self.name}h", "type", "veth", *end)
        _ip("address", "add", f"{self.here}/31", "dev", f"{self.name}h")
        _ip(*inside, "address", "add", f"{self.there}/31", "dev", f"{self.name}t")
        # On loopback, too: a host that is cut off still reaches itself.
        _ip(*inside, "address", "add", f"{self.there}/32", "dev", "lo")
        _ip(*inside, "link", "set", "lo", "up")
        _ip("link", "set", f"{self.name}h", "up")
        self.raise_link()

    def cut_link(self) -> None:
        """Cut the namespace off from all others."""
        _ip("-n", self.name, "link", "set", f"{self.name}t", "down")

    def raise_link(self) -> None:
        """Link the namespace with this machine again."""
        _ip("-n", self.name, "link", "set", f"{self.name}t", "up")

    def reaches_here(self, port: int) -> bool:
        """Return whether the namespace connects to a port of this machine."""
        command = [*self.prefix, sys.executable, "-c", _CONNECT, self.here, str(port)]
        return subprocess.run(command, stderr=subprocess.DEVNULL, check=False).returncode == 0

    def is_reached(self, port: int) -> bool:
        """Return whether this machine connects to a port of the namespace."""
        try:
            socket.create_connection((self.there, port), _CONNECT_SECONDS).close()
        except OSError:
            return False
        return True

    def holds(self, pid: int) -> bool:
        """Return whether a process runs in the namespace."""
        return str(pid) in _ip("netns", "pids", self.name).split()

    def remove(self) -> None:
        """Remove link and namespace, as far as they are there."""
        for command in (["link", "del", f"{self.name}h"], ["netns", "del", self.name]):
            subprocess.run(["ip", *command], stderr=subprocess.DEVNULL, check=False)


@contextmanager
def own_network() -> Iterator[Network]:
    """Lend a network namespace; skip the test where none can be made."""
    if not shutil.which("ip"):
        pytest.skip("ip is not installed (Debian: iproute2)")
    network = Network.of_process()
    # An earlier process of the same number may have been killed.
    network.remove()
    try:
        _make_or_skip(network)
        yield network
    finally:
        network.remove()


def _make_or_skip(network: Network) -> None:
    try:
        network.make()
        subprocess.run([*network.prefix, "true"], check=True, capture_output=True, text=True)
    except subprocess.CalledProcessError as error:
        reason = " ".join(error.stderr.split())
        pytest.skip(f"no network namespace can be made here (it takes root): {reason}")


def _ip(*arguments: str) -> str:
    command: Sequence[str] = ["ip", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
