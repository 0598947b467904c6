"""Distance between two places: a device that keeps every packet for a while, loses some, and gives the rest back.

    python -m albus_dr.bench.distance DEVICE DELAY_S LOSS     until SIGTERM

The device is made by this program and goes with it. Packets come from the router's table and return to the router.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import random
import signal
import struct
import sys

from albus_dr.tools import process

_TUNSETIFF, _IFF_TUN, _IFF_NO_PI = 0x400454CA, 0x0001, 0x1000  # linux/if_tun.h
_LARGEST = 65_536


async def carry(device: int, delay_s: float, loss: float) -> None:
    """Until SIGTERM. Packets keep their order."""
    loop, over = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, over.set)
    chance = random.Random()  # noqa: S311  # which packets get lost

    def take() -> None:
        try:
            while True:
                packet = os.read(device, _LARGEST)
                if chance.random() >= loss:
                    loop.call_later(delay_s, give, packet)
        except BlockingIOError:
            return

    def give(packet: bytes) -> None:
        try:
            os.write(device, packet)
        except BlockingIOError:
            return  # a full queue loses packets: that is what networks do

    loop.add_reader(device, take)
    await over.wait()


def main(arguments: list[str]) -> int:
    name, delay_s, loss = arguments[0], float(arguments[1]), float(arguments[2])
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH22x", name.encode(), _IFF_TUN | _IFF_NO_PI))
    process.run(("ip", "link", "set", name, "up"), timeout_s=10).check("the device can't be used")
    asyncio.run(carry(device, delay_s, loss))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
