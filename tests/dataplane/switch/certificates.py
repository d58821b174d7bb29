"""A certificate authority for the time of a test, with openssl(1)."""

from __future__ import annotations

import subprocess
from pathlib import Path

from triplane.dataplane.switch.tls import TlsOptions


def openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


class Authority:
    """Signs certificates in `folder`; every one is valid for a day."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.key, self.certificate = folder / f"{name}.key", folder / f"{name}.pem"
        key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", self.key)
        openssl("req", "-x509", *key, "-out", self.certificate, "-days", "1", "-subj", f"/CN={name}")

    def sign(self, name: str, trusts: Authority | None = None) -> TlsOptions:
        """A key and certificate, and `trusts` (itself, if not told) as the CA that its owner checks others against."""
        key, request, certificate = (self.folder / f"{name}.{suffix}" for suffix in ("key", "csr", "pem"))
        new = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key)
        openssl("req", *new, "-out", request, "-subj", f"/CN={name}")
        ca = ("-CA", self.certificate, "-CAkey", self.key, "-CAcreateserial")
        openssl("x509", "-req", "-in", request, *ca, "-out", certificate, "-days", "1")
        return TlsOptions(key, certificate, (trusts or self).certificate)
