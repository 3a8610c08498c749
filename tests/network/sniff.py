"""Run a command in an empty network namespace and note every packet it sends: ``sniff.py FILE …``.

Every address is routed to the loopback, where nobody answers, so that a packet is sent instead of
refused. The second argument is ``serves`` where the loopback itself may be used.
"""

from __future__ import annotations

import ctypes
import fcntl
import ipaddress
import socket
import struct
import subprocess
import sys
import threading
from pathlib import Path

SIOCSIFFLAGS, SIOCADDRT = 0x8914, 0x890B
UP, RUNNING = 1, 0x40
ALL = 3
"""ETH_P_ALL"""


def open_namespace() -> None:
    """Bring the loopback up, and send all of IPv4 there."""
    if sys.platform != "linux":
        raise NotImplementedError
    name = ctypes.create_string_buffer(b"lo")
    anywhere = struct.pack("=H14x", socket.AF_INET)
    # struct rtentry: pad, destination, gateway, mask, flags, pads, metric, device, sizes
    head = struct.pack("@L", 0) + 3 * anywhere
    route = head + struct.pack("@HhLPhPLLH", UP, 0, 0, 0, 0, ctypes.addressof(name), 0, 0, 0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", UP | RUNNING))
        fcntl.ioctl(control, SIOCADDRT, route)


def note(packet: bytes, serves: bool) -> str | None:
    """Return a line about an IP packet, or None for one that is no attempt."""
    version = packet[0] >> 4
    if version == 4:
        protocol, target = packet[9], ipaddress.ip_address(packet[16:20])
        header = (packet[0] & 15) * 4
    elif version == 6:
        protocol, target, header = packet[6], ipaddress.ip_address(packet[24:40]), 40
    else:
        return None
    port = int.from_bytes(packet[header + 2 : header + 4], "big")
    if protocol == 58 or (serves and target.is_loopback and port != 53):  # ICMPv6 of the kernel
        return None
    return f"protocol {protocol} to {target} port {port}"


def main() -> int:
    """Run ``argv[3:]``; write a line for each packet to the file ``argv[1]``."""
    if sys.platform != "linux":
        raise NotImplementedError
    target, serves, command = Path(sys.argv[1]), sys.argv[2] == "serves", sys.argv[3:]
    open_namespace()
    listener = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ALL))
    listener.settimeout(0.2)
    over = threading.Event()
    seen: dict[str, None] = {}

    def listen() -> None:
        while not over.is_set():
            try:
                packet = listener.recv(65536)
            except TimeoutError:
                continue
            line = note(packet, serves)
            if line is not None:
                seen[line] = None

    thread = threading.Thread(target=listen)
    thread.start()
    status = subprocess.run(command, check=False).returncode
    over.set()
    thread.join()
    target.write_text("".join(f"{line}\n" for line in seen))
    return status


if __name__ == "__main__":
    sys.exit(main())
