"""The sections of a bundle on disk while it is not sealed yet, so that whoever is killed leaves them behind.

One line a section: a signature, a space, and the section as it will stand in the bundle. The signature is
the one that a bundle would have that ends with this section. So a line that is torn, changed or left out ends
what is to be believed, and what stands before it can be sealed as it is.
"""

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from spark_tui.store.evidence import (
    FOLDER,
    MAX_BYTES,
    ZERO,
    EvidenceError,
    EvidenceKey,
    next_section,
    plain_content,
    signed,
)

SUFFIX = ".journal"
_SIGNATURE = 128  # hex digits


class Journal:
    """For one thread at a time. Nothing is on disk before the first `append`."""

    def __init__(self, data_dir: Path, name: str, key: EvidenceKey) -> None:
        self.path = data_dir / FOLDER / f"{name}{SUFFIX}"
        self._key = key
        self._handle = -1
        self._length = 0

    def append(self, sections: Iterable[tuple[bytes, str]]) -> None:
        """With their hashes. All are on disk when it returns, none counts when it raises EvidenceError."""
        lines = b"".join(
            b"%b %b\n" % (self._key.sign(signed(digest)).encode(), section) for section, digest in sections
        )
        try:
            if self._length + len(lines) > MAX_BYTES:
                raise OSError(0, f"it would be larger than {MAX_BYTES >> 20} MiB")
            self._write(lines)
        except OSError as error:
            raise EvidenceError(f"{self.path} cannot be written: {error.strerror}.") from None

    def _write(self, lines: bytes) -> None:
        if self._handle < 0:
            self.path.parent.mkdir(mode=0o700, exist_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            self._handle = os.open(self.path, flags, 0o600)
        done = 0  # where half a line stands since the disk was full, this one goes over it
        while done < len(lines):
            done += os.pwrite(self._handle, lines[done:], self._length + done)
        os.fsync(self._handle)
        self._length += done

    def close(self, *, remove: bool) -> None:
        """`remove`: what it held stands elsewhere now."""
        if self._handle < 0:
            return
        os.close(self._handle)
        self._handle = -1
        if remove:
            with contextlib.suppress(OSError):  # the next engine finds it and what stands elsewhere
                self.path.unlink()


class Gathered(msgspec.Struct, frozen=True, kw_only=True):
    """What a journal holds. `bodies`: by name of the section. `trouble`: what of it is not to be believed,
    empty when all of it is."""

    sections: tuple[tuple[bytes, str], ...]
    bodies: dict[str, Any]
    trouble: str


def left_behind(data_dir: Path) -> list[Path]:
    """Oldest name first."""
    return sorted((data_dir / FOLDER).glob(f"*{SUFFIX}"))


def read(path: Path, key: EvidenceKey) -> Gathered:
    """What was signed with `key`, up to where it is not as it was written. Raises EvidenceError."""
    try:
        content = plain_content(path)
    except OSError as error:
        raise EvidenceError(f"{path} cannot be read: {error.strerror}.") from None
    if content is None or len(content) > MAX_BYTES:
        raise EvidenceError(f"{path} is no journal of evidence.")
    *lines, torn = content.split(b"\n")
    sections, signatures = list[dict[str, Any]](), list[str]()
    for line in lines:
        if line[_SIGNATURE : _SIGNATURE + 1] != b" ":
            break
        section = next_section(line[_SIGNATURE + 1 :], sections[-1]["hash"] if sections else ZERO)
        if section is None:
            break
        sections.append(section)
        signatures.append(line[:_SIGNATURE].decode("ascii", "replace"))
    while sections and not key.signed(signed(sections[-1]["hash"]), signatures[-1]):
        del sections[-1], signatures[-1]
    good = len(sections)
    trouble = ""
    if good < len(lines):
        trouble = f"line {good + 1} of {len(lines)} is not as it was written"
    elif torn:
        trouble = "its last line is torn"
    return Gathered(
        sections=tuple(
            (line[_SIGNATURE + 1 :], section["hash"]) for line, section in zip(lines, sections, strict=False)
        ),
        bodies={section["name"]: section["body"] for section in sections},
        trouble=trouble,
    )
