"""TLS for OpenFlow channels: both sides show a certificate, and each checks the other's against its CA.

As in Open vSwitch's PKI, a certificate is trusted for the CA that signed it, not for a host name: controllers
and switches are reached by address, and their certificates name neither. `check_name` asks for more.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class TlsOptions:
    """PEM files."""

    private_key: Path | None = None
    certificate: Path | None = None
    ca_cert: Path | None = None  # the peer's certificate must be signed by it
    check_name: bool = False  # a controller's certificate must name the host that we connect to

    def check(self) -> None:
        """Raise ValueError, a line for the user, unless all three files are given."""
        names = {"private key": self.private_key, "certificate": self.certificate, "CA certificate": self.ca_cert}
        missing = [name for name, path in names.items() if path is None]
        if missing:
            raise ValueError(f"a TLS channel needs {', '.join(missing)}")


def client_context(options: TlsOptions) -> ssl.SSLContext:
    """For connecting. Raises ValueError or OSError (ssl.SSLError among them)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = options.check_name
    return _load(context, options)


def server_context(options: TlsOptions) -> ssl.SSLContext:
    """For listening: a client without a certificate of our CA is refused. Raises ValueError or OSError."""
    return _load(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), options)


def _load(context: ssl.SSLContext, options: TlsOptions) -> ssl.SSLContext:
    options.check()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    for path in (options.private_key, options.certificate, options.ca_cert):
        if path is not None and not path.is_file():
            raise ValueError(f"{path}: no such file, a TLS channel needs it")
    context.load_verify_locations(options.ca_cert)
    context.load_cert_chain(options.certificate or "", options.private_key)
    return context
