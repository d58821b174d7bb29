"""libc in kernels: each name must also stand in `triplane.tap.libc.SYMBOLS`, which is checked at start.

Pointers and sizes are int64. ssize_t results are int64, int results int32: widened by numba as they are used.
"""
# mypy: ignore-errors

from __future__ import annotations

from numba import types

from triplane.dataplane.kernels.compiler import kernel
from triplane.dataplane.kernels.machine import load32

_I32, _I64 = types.int32, types.int64

EPERM = 1
EINTR = 4
EIO = 5
EAGAIN = 11
ENOMEM = 12
ENODEV = 19
EBUSY = 16
EBUSY = 16
EINVAL = 22
ENXIO = 6
EBADFD = 77
EMSGSIZE = 90
ENETDOWN = 100
ENOBUFS = 105

MSG_DONTWAIT = 0x40
MSG_TRUNC = 0x20

_errno_location = types.ExternalFunction("__errno_location", _I64())
read = types.ExternalFunction("read", _I64(_I32, _I64, _I64))
pread = types.ExternalFunction("pread", _I64(_I32, _I64, _I64, _I64))
write = types.ExternalFunction("write", _I64(_I32, _I64, _I64))
readv = types.ExternalFunction("readv", _I64(_I32, _I64, _I32))
writev = types.ExternalFunction("writev", _I64(_I32, _I64, _I32))
recv = types.ExternalFunction("recv", _I64(_I32, _I64, _I64, _I32))
recvmsg = types.ExternalFunction("recvmsg", _I64(_I32, _I64, _I32))
sendmsg = types.ExternalFunction("sendmsg", _I64(_I32, _I64, _I32))
sendmmsg = types.ExternalFunction("sendmmsg", _I32(_I32, _I64, _I32, _I32))
sendto = types.ExternalFunction("sendto", _I64(_I32, _I64, _I64, _I32, _I64, _I32))
getsockopt = types.ExternalFunction("getsockopt", _I32(_I32, _I32, _I32, _I64, _I64))
clock_gettime = types.ExternalFunction("clock_gettime", _I32(_I32, _I64))
timerfd_settime = types.ExternalFunction("timerfd_settime", _I32(_I32, _I32, _I64, _I64))
poll = types.ExternalFunction("poll", _I32(_I64, _I64, _I32))
dup2 = types.ExternalFunction("dup2", _I32(_I32, _I32))
memcpy = types.ExternalFunction("memcpy", _I64(_I64, _I64, _I64))
memmove = types.ExternalFunction("memmove", _I64(_I64, _I64, _I64))


@kernel
def errno():
    """Why the last call failed (of this thread)."""
    return load32(_errno_location())
