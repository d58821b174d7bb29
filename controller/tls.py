"""The PEM files of OpenFlow over TLS: read, and when they do not fit, said which and why."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import NamedTuple


class TlsFiles(NamedTuple):
    """PEM files: our key and certificate, and the CA that must have signed the switch's."""

    private_key: Path | None = None
    certificate: Path | None = None
    ca_cert: Path | None = None


def tls_context(files: TlsFiles, server_side: bool = True) -> ssl.SSLContext:
    """For listening or connecting; a switch without a certificate of the CA is refused.

    Its name does not matter: switches have none. Raises ValueError, a line for the user.
    """
    for option, path in zip(("--private-key", "--certificate", "--ca-cert"), files, strict=True):
        if path is None:
            raise ValueError(f"--{'listen' if server_side else 'connect'} tls:... needs {option}")
        _check_readable(option, path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server_side else ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    _load_ca(context, "--ca-cert", files.ca_cert)
    _load_ca(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), "--certificate", files.certificate)  # only to see what it is
    _load_own(context, files)
    return context


def _check_readable(option: str, path: Path) -> None:
    if not Path(path).is_file():
        raise ValueError(f"{option} {path}: no such file")
    try:
        Path(path).read_bytes()
    except OSError as error:
        raise ValueError(f"{option} {path}: {error.strerror}") from error


def _load_ca(context: ssl.SSLContext, option: str, path: Path | None) -> None:
    try:
        context.load_verify_locations(path)
    except ssl.SSLError as error:
        raise ValueError(f"{option} {path}: there is no certificate in it, in PEM") from error


def _load_own(context: ssl.SSLContext, files: TlsFiles) -> None:
    def ask_nobody() -> str:
        plain = f"`openssl pkey -in {files.private_key} -out PLAIN` makes one that is not"
        raise ValueError(f"--private-key {files.private_key}: it is encrypted; {plain}")

    try:
        context.load_cert_chain(str(files.certificate), files.private_key, ask_nobody)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            told = f"it is not the key of --certificate {files.certificate}"
        elif error.reason:
            told = f"OpenSSL refuses it, or --certificate {files.certificate}: {error.reason}"
        else:
            told = "there is no private key in it, in PEM"
        raise ValueError(f"--private-key {files.private_key}: {told}") from error
