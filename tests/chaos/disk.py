"""Filesystems of a fixed size, so that a disk can be full without filling anybody else's.

Role: mounts a tmpfs, which takes root. Where that is not possible, there is a plain directory, and no fault of a full
disk: `is_small` says so, and the report of a campaign, too.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from pathlib import Path

_BALLAST = "ballast"
_PIECE_BYTES = 1 << 20


class SmallDisk:
    """A directory with a filesystem of its own, of `size_mb`, if it can be mounted."""

    def __init__(self, path: Path, size_mb: int) -> None:
        self.path = path
        path.mkdir(parents=True)
        path.chmod(0o755)
        command = ["mount", "-t", "tmpfs", "-o", f"size={size_mb}m,mode=755", "perdure-chaos", str(path)]
        try:
            self.is_small = subprocess.run(command, check=False, capture_output=True).returncode == 0
        except FileNotFoundError:
            self.is_small = False

    def fill(self) -> None:
        """Leave no block free."""
        assert self.is_small, "never fill a disk that belongs to others"
        with (self.path / _BALLAST).open("wb") as ballast:
            for piece_bytes in (_PIECE_BYTES, 1):  # what is left in the end is less than a piece
                with contextlib.suppress(OSError):
                    while True:
                        size = ballast.seek(0, os.SEEK_END)
                        os.posix_fallocate(ballast.fileno(), size, max(self.free_bytes(), piece_bytes))

    def clear(self) -> None:
        (self.path / _BALLAST).unlink(missing_ok=True)

    def free_bytes(self) -> int:
        stat = os.statvfs(self.path)
        return stat.f_bavail * stat.f_frsize

    def unmount(self) -> None:
        """Give it back, with all that is on it; harmless when repeated."""
        if self.is_small:
            subprocess.run(["umount", "--lazy", str(self.path)], check=False, capture_output=True)
            self.is_small = False
