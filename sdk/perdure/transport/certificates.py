"""Certificates that a program has in memory, for connections that read files.

Rule: they are kept in a folder that only this user can read, for as long as the process lives, since each connection
that is made anew reads them again.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from pathlib import Path
from urllib.parse import urlencode

from perdure.connection_options import TLSConfig
from perdure.transport.address import with_tls


def with_certificates(address: str, tls: bool | TLSConfig) -> str:
    """The same address, to be reached as `tls` says.

    Raises:
        ValueError: it asks for what cannot be had, or holds a certificate without its key.
    """
    if not isinstance(tls, TLSConfig):
        return with_tls(address) if tls else address
    for name in ("domain", "verification_server_name"):
        if getattr(tls, name) is not None:
            raise ValueError(
                f"TLSConfig({name}=...) is not available: the server's certificate must name the host of the address; "
                "give an address with that name"
            )
    if (tls.client_cert is None) != (tls.client_private_key is None):
        raise ValueError("TLSConfig: client_cert and client_private_key go together; give both, or neither")
    contents = {
        "ssl_ca_certs": tls.server_root_ca_cert,
        "ssl_certfile": tls.client_cert,
        "ssl_keyfile": tls.client_private_key,
    }
    given = {option: content for option, content in contents.items() if content is not None}
    encrypted = with_tls(address)
    if not given:
        return encrypted
    options = urlencode({option: str(path) for option, path in _files(given).items()})
    return f"{encrypted}{'&' if '?' in encrypted else '?'}{options}"


def _files(contents: dict[str, bytes]) -> dict[str, Path]:
    folder = Path(tempfile.mkdtemp(prefix="perdure-tls-"))  # readable by this user alone
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    paths = {}
    for option, content in contents.items():
        if not isinstance(content, bytes):
            raise ValueError(f"TLSConfig takes the contents of PEM files as bytes, not {type(content).__name__}")
        paths[option] = folder / f"{option}.pem"
        paths[option].write_bytes(content)
    return paths
