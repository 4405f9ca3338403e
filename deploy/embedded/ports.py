"""Free ports on this machine, and who holds one that is not."""

import errno
import random
import socket
from pathlib import Path

import psutil

from deploy.errors import OperatingError

LOOPBACK = "127.0.0.1"
PORT_MIN = 15_000
PORTS_MIN = 1_000
OUTGOING_DEFAULT = 32_768
"""Where Linux begins its range of outgoing connections; the BSDs and macOS begin higher."""


def free_ports(count: int) -> list[int]:
    """Distinct ports nobody listens on, that the system will not hand out to somebody's client.

    A port from the system's own choice (bind to 0) lies in the range of outgoing connections, and
    while a broker restarts any connection on the machine may take it.
    """
    candidates = list(range(PORT_MIN, _first_outgoing_port()))
    found: list[int] = []
    # Chance keeps programs that choose at the same moment apart; no secret is made of it.
    for port in random.sample(candidates, len(candidates)):
        if is_free(port):
            found.append(port)
        if len(found) == count:
            return found
    msg = f"No {count} free ports from {PORT_MIN} to {candidates[-1]}."
    raise OperatingError(msg)


def _first_outgoing_port() -> int:
    """Where the range of outgoing connections begins."""
    try:
        first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return OUTGOING_DEFAULT
    return first if first >= PORT_MIN + PORTS_MIN else OUTGOING_DEFAULT


def is_free(port: int, host: str = LOOPBACK) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno in {errno.EADDRINUSE, errno.EACCES}:
                return False
            raise
    return True


def answers(port: int, host: str = LOOPBACK) -> bool:
    """Whether something accepts connections there now."""
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    return True


def holder_of(port: int) -> str:
    """Who listens on `port`, for an error message; empty where the system does not tell."""
    try:
        for connection in psutil.net_connections("tcp"):
            if connection.laddr and connection.laddr.port == port and connection.pid:
                return f" by {psutil.Process(connection.pid).name()} (pid {connection.pid})"
    except psutil.Error:
        return ""
    return ""
