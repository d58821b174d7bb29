"""A port that holds another: it has the inner one's device, link and counters, and kernels of its own around it."""

from __future__ import annotations

from triplane.dataplane.kernels import port as columns
from triplane.dataplane.kernels.pool import Pool
from triplane.tap.kernels import wrap as kernels
from triplane.tap.port import Link, Port, PortSpec, open_port


class WrapperPort(Port):
    """Opens the port within; `options` are the wrapper's own, the rest are for the port within."""

    def __init__(self, spec: PortSpec, slot: int, pool: Pool, queues: int) -> None:
        own = {key: value for key, value in spec.options.items() if key in self.options}
        self.inner = open_port(spec.inner(self.options), slot, pool, queues)
        super().__init__(PortSpec(spec.name, spec.kind, own), slot, pool, len(self.inner.rows))
        self.spec = spec
        for row, inner in zip(self.rows, self.inner.rows, strict=True):
            row[kernels.W_INNER] = inner.ctypes.data
        self.refresh()

    def link(self) -> Link:
        return self.inner.link()

    def refresh(self) -> Link:
        link = self.inner.refresh()
        self.index, self.hw_addr = self.inner.index, self.inner.hw_addr
        for row, inner in zip(self.rows, self.inner.rows, strict=True):
            for column in (columns.P_FD, columns.P_CAPS, columns.P_MTU, columns.P_UP, columns.P_CPU_IDLE):
                row[column] = inner[column]
        return link

    def reopen(self) -> None:
        self.inner.reopen()
        self.refresh()

    def set_up(self, up: bool) -> None:
        self.inner.set_up(up)
        self.refresh()

    def close(self) -> None:
        self.inner.close()
