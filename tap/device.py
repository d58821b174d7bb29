"""A network device, by name, in any namespace: index, address, flags, MTU, link, offloads (netdevice(7), ioctl).

All goes through one control socket: an ioctl works on the namespace that its socket was opened in.
"""

from __future__ import annotations

import array
import errno
import fcntl
import socket
import struct
from pathlib import Path

from triplane.dataplane.kernels import port as columns
from triplane.tap.namespaces import in_namespace
from triplane.tap.port import Link, Port, PortError

SIOCGIFFLAGS = 0x8913  # linux/sockios.h
SIOCSIFFLAGS = 0x8914
SIOCGIFADDR = 0x8915
SIOCGIFMTU = 0x8921
SIOCSIFMTU = 0x8922
SIOCSIFHWADDR = 0x8924
SIOCGIFHWADDR = 0x8927
SIOCGIFINDEX = 0x8933
SIOCETHTOOL = 0x8946

IFF_UP = 0x1  # linux/if.h
IFF_RUNNING = 0x40
ARPHRD_ETHER = 1  # linux/if_arp.h
ARPHRD_LOOPBACK = 772
LINK_LOCAL = "20"  # scope, include/net/ipv6.h
ETHERNET_HEADER = 14  # bytes that an interface's MTU does not count

ETHTOOL_GLINKSETTINGS = 0x4C  # linux/ethtool.h
ETHTOOL_HEADER = 48
SPEED_UNKNOWN = 0xFFFFFFFF

OFPPF_OTHER = 1 << 10  # OpenFlow 1.3.5 section 7.2.1, enum ofp_port_features
OFPPF_FULL_DUPLEX = {
    10: 1 << 1,
    100: 1 << 3,
    1000: 1 << 5,
    10000: 1 << 6,
    40000: 1 << 7,
    100000: 1 << 8,
    1000000: 1 << 9,
}
OFPPF_HALF_DUPLEX = {10: 1 << 0, 100: 1 << 2, 1000: 1 << 4}
OFPPF_SPEED = {bit: mbps for table in (OFPPF_HALF_DUPLEX, OFPPF_FULL_DUPLEX) for mbps, bit in table.items()}
LINK_MODES = dict.fromkeys((5, 17, 41), 1 << 5)  # bit of ETHTOOL_LINK_MODE_*: OFPPF_*
LINK_MODES |= {mode: 1 << mode for mode in range(5)} | dict.fromkeys((12, 18, 19, 20, 42, 43, 44, 45, 46), 1 << 6)
LINK_MODES |= dict.fromkeys((23, 24, 25, 26), 1 << 7) | dict.fromkeys((36, 37, 38, 39), 1 << 8)
LINK_MODES |= {6: 1 << 13, 7: 1 << 11, 10: 1 << 12, 13: 1 << 14, 14: 1 << 15}


class Device:
    """A device that may or may not exist; each method raises PortError when it cannot do its work."""

    def __init__(self, name: str, netns: str | None = None) -> None:
        if len(name.encode()) > 15:
            raise PortError(f"port {name}: an interface name has at most 15 bytes")
        self.name = name
        self.netns = netns
        try:
            self.socket = in_namespace(netns, lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        except OSError as error:
            raise PortError.of(name, f"cannot enter network namespace {netns}", error) from error

    def close(self) -> None:
        self.socket.close()

    def _ioctl(self, request: int, doing: str, value: bytes = b"") -> bytes:
        """ioctl with a struct ifreq; returns its union."""
        try:
            return fcntl.ioctl(self.socket, request, struct.pack("16s24s", self.name.encode(), value))[16:]
        except OSError as error:
            raise PortError.of(self.name, doing, error) from error

    def exists(self) -> bool:
        try:
            fcntl.ioctl(self.socket, SIOCGIFINDEX, struct.pack("16s24x", self.name.encode()))
        except OSError as error:
            if error.errno == errno.ENODEV:
                return False
            raise PortError.of(self.name, "cannot look it up", error) from error
        return True

    def index(self) -> int:
        return int(struct.unpack_from("i", self._ioctl(SIOCGIFINDEX, "no such interface"))[0])

    def mtu(self) -> int:
        return int(struct.unpack_from("i", self._ioctl(SIOCGIFMTU, "cannot read its MTU"))[0])

    def hw_addr(self) -> bytes:
        return self._ioctl(SIOCGIFHWADDR, "cannot read its address")[2:8]

    def check_ethernet(self) -> None:
        """Raise PortError unless frames on it begin with an Ethernet header."""
        (kind,) = struct.unpack_from("H", self._ioctl(SIOCGIFHWADDR, "no such interface"))
        if kind not in (ARPHRD_ETHER, ARPHRD_LOOPBACK):
            raise PortError(f"port {self.name}: it is no Ethernet device (ARPHRD type {kind})")

    def has_address(self) -> bool:
        """Whether the host itself uses the interface: it has an IPv4 address there, or an IPv6 one not link-local."""
        try:
            fcntl.ioctl(self.socket, SIOCGIFADDR, struct.pack("16s24x", self.name.encode()))
        except OSError as error:
            if error.errno != errno.EADDRNOTAVAIL:
                raise PortError.of(self.name, "cannot read its IPv4 address", error) from error
        else:
            return True
        lines = in_namespace(self.netns, self._ipv6_lines)
        return any(words[5] == self.name and words[3] != LINK_LOCAL for words in map(str.split, lines))

    @staticmethod
    def _ipv6_lines() -> list[str]:
        """Of each IPv6 address: itself, interface index, prefix length, scope, flags, interface name; no IPv6: none."""
        table = Path("/proc/thread-self/net/if_inet6")
        return table.read_text().splitlines() if table.exists() else []

    def flags(self) -> int:
        return int(struct.unpack_from("H", self._ioctl(SIOCGIFFLAGS, "cannot read its flags"))[0])

    def set_mtu(self, mtu: int) -> None:
        self._ioctl(SIOCSIFMTU, f"cannot set MTU {mtu}", struct.pack("i", mtu))

    def set_hw_addr(self, text: str) -> None:
        """`text` as 02:00:00:00:00:01."""
        try:
            address = bytes.fromhex(text.replace(":", ""))
        except ValueError:
            address = b""
        if len(address) != 6 or address[0] & 1:
            raise PortError(f"port {self.name}: {text!r} is not the MAC address of a station")
        self._ioctl(SIOCSIFHWADDR, f"cannot set address {text}", struct.pack("H6s", ARPHRD_ETHER, address))

    def set_up(self, up: bool) -> None:
        flags = self.flags() & ~IFF_UP | (IFF_UP if up else 0)
        self._ioctl(SIOCSIFFLAGS, f"cannot bring it {'up' if up else 'down'}", struct.pack("H", flags))

    def ethtool(self, command: bytes) -> bytes | None:
        """Run an ethtool command structure; None if the device does not know it."""
        buffer = array.array("B", command)
        request = struct.pack("16sP16x", self.name.encode(), buffer.buffer_info()[0])
        try:
            fcntl.ioctl(self.socket, SIOCETHTOOL, request)
        except OSError as error:
            if error.errno in (errno.EOPNOTSUPP, errno.EINVAL, errno.EPERM, errno.ENODEV):
                return None
            raise PortError.of(self.name, "ethtool", error) from error
        return buffer.tobytes()

    def link(self) -> Link:
        """State of the link; a device that is gone is down."""
        try:
            up = self.flags() & (IFF_UP | IFF_RUNNING) == IFF_UP | IFF_RUNNING
            settings = self._link_settings()
        except PortError:
            if self.exists():
                raise
            return Link(False)
        return Link(up) if settings is None else describe(up, settings)

    def _link_settings(self) -> bytes | None:
        """ETHTOOL_GLINKSETTINGS: the first call says how many words the masks have (negated)."""
        first = self.ethtool(struct.pack("I44x", ETHTOOL_GLINKSETTINGS))
        if first is None:
            return None
        words = -struct.unpack_from("b", first, 15)[0]
        return self.ethtool(struct.pack("I11xb32x", ETHTOOL_GLINKSETTINGS, words) + bytes(12 * max(words, 0)))


def describe(up: bool, settings: bytes) -> Link:
    """The link that a struct ethtool_link_settings with its three masks tells of."""
    speed, duplex, _port, _phy, autoneg = struct.unpack_from("IBBBB", settings, 4)
    words = struct.unpack_from("b", settings, 15)[0]
    step = 4 * max(words, 0)
    supported, advertised, peer = (
        (features(settings[at : at + step]) for at in range(ETHTOOL_HEADER, ETHTOOL_HEADER + 3 * step, step))
        if step
        else (0, 0, 0)
    )
    mbps = 0 if speed == SPEED_UNKNOWN else speed
    by_duplex = OFPPF_FULL_DUPLEX if duplex else OFPPF_HALF_DUPLEX
    curr = (by_duplex.get(mbps, OFPPF_OTHER) if mbps else 0) | (1 << 13 if autoneg else 0)
    best = max((rate for bit, rate in OFPPF_SPEED.items() if supported & bit), default=mbps)
    return Link(up, mbps * 1000, best * 1000, curr, advertised, supported, peer)


def features(mask: bytes) -> int:
    """OFPPF_* bits of an ethtool link mode mask (native 32-bit words)."""
    bits = int.from_bytes(mask, "little")
    result = 0
    for mode, feature in LINK_MODES.items():
        if bits >> mode & 1:
            result |= feature
    return result


class DevicePort(Port):
    """A port on a network device: what `tap` and `packet` have in common."""

    device: Device

    def link(self) -> Link:
        return self.device.link()

    def refresh(self) -> Link:
        link = super().refresh()
        try:
            self.hw_addr = self.device.hw_addr()
            longest = self.device.mtu() + ETHERNET_HEADER
        except PortError:
            if self.device.exists():
                raise
            return link  # gone since: an event will tell
        for row in self.rows:
            row[columns.P_MTU] = longest
        return link

    def set_up(self, up: bool) -> None:
        self.device.set_up(up)
        self.refresh()
