"""One process at a time: a lock file that the kernel releases even at kill -9."""

import fcntl
import os
from pathlib import Path


class Locked(Exception):
    """Another process holds the lock. `pid` is its process id, 0 when it cannot be told."""

    def __init__(self, pid: int) -> None:
        super().__init__(f"held by process {pid}" if pid else "held by another process")
        self.pid = pid


class LockFile:
    """Held from construction until `release`. flock, not lockf: it also refuses a second holder in this
    process, and closing some other handle of the file does not let go of it."""

    def __init__(self, path: Path) -> None:
        """Raises Locked, or OSError when the file cannot be made."""
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            written = os.pread(self._fd, 32, 0).decode("ascii", "replace").strip()
            os.close(self._fd)
            if not isinstance(error, BlockingIOError):
                raise
            raise Locked(int(written) if written.isdigit() else 0) from None
        try:
            os.pwrite(self._fd, f"{os.getpid():<20}\n".encode(), 0)
        except OSError:
            os.ftruncate(
                self._fd, 0
            )  # a full disk: the lock holds all the same, it only cannot say who we are

    def release(self) -> None:
        """The file stays: removing it would let two later processes lock two different files."""
        os.close(self._fd)
