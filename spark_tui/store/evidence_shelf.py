"""The bundles of a data directory, of bounded size in all: the oldest go, and before them those of a soak's
single checks, whose hashes its own bundle keeps."""

import os
import re
from collections.abc import Container
from pathlib import Path

import msgspec

from spark_tui.store.evidence import FOLDER

ROOM = 10  # percent that is made free at once, so that it is not looked for at every bundle
_OF_A_CHECK = re.compile(r"-\d+-\d+[rc]\.json")


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    size: int
    written_ns: int

    @property
    def rank(self) -> tuple[bool, int, str]:
        """What goes first."""
        return (_OF_A_CHECK.search(self.name) is None, self.written_ns, self.name)


class Removed(msgspec.Struct, frozen=True, kw_only=True):
    """`size`: of what is left, in bytes."""

    count: int
    size: int


def kept(data_dir: Path) -> list[Kept]:
    """Every bundle, in no order. Raises OSError."""
    found: list[Kept] = []
    try:
        entries = os.scandir(data_dir / FOLDER)
    except FileNotFoundError:
        return found
    with entries:
        for entry in entries:
            if entry.name.endswith(".json") and entry.is_file(follow_symlinks=False):
                told = entry.stat(follow_symlinks=False)
                found.append(Kept(name=entry.name, size=told.st_size, written_ns=told.st_mtime_ns))
    return found


def bound(data_dir: Path, most: int, needed: Container[str]) -> Removed:
    """With more than `most` bytes of them, remove until there is some room again; never one of `needed`, by
    file name. Raises OSError."""
    bundles = kept(data_dir)
    size, count = sum(one.size for one in bundles), 0
    if size <= most:
        return Removed(count=0, size=size)
    for one in sorted(bundles, key=lambda one: one.rank):
        if size <= most - most * ROOM // 100:
            break
        if one.name not in needed:
            (data_dir / FOLDER / one.name).unlink(missing_ok=True)
            size, count = size - one.size, count + 1
    return Removed(count=count, size=size)
