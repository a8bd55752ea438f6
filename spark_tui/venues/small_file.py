"""Reading what is small and our own, whatever lies there instead."""

import errno
import os
import stat
from pathlib import Path

MAX_BYTES = 4 << 20


def read_small(path: Path) -> bytes:
    """The whole of a regular file. Raises OSError; never waits, as it would at a pipe's end, and reads no
    more than `MAX_BYTES`."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "it is no plain file", str(path))
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise OSError(errno.EFBIG, "it is far too large", str(path))
    return content
