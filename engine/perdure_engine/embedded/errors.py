"""What goes wrong with embedded servers."""

from __future__ import annotations


class EmbeddedServerError(RuntimeError):
    """An embedded server cannot be used. The text says why, and what to do; it ends with the server's last words."""
