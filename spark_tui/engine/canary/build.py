"""What is running: a hash of the configuration in force, and one of the program."""

import hashlib
import platform
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import spark_tui
from spark_tui.store.evidence import canonical, sha256


def config_hash(facts: Mapping[str, object]) -> str:
    """`facts`: everything that decides what may leave and where to; never a key or a secret."""
    return sha256(canonical(facts))


@cache
def build() -> dict[str, str]:
    """Version, Python and the hash of every source file. Reads the whole package once."""
    digest = hashlib.sha256()
    root = Path(spark_tui.__file__).parent
    for path in sorted(root.rglob("*.py")):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(root)}\n{len(content)}\n".encode())
        digest.update(content)
    try:
        known = version("spark-tui")
    except PackageNotFoundError:  # run from a source tree that is not installed
        known = "unknown"
    return {"version": known, "python": platform.python_version(), "source_sha256": digest.hexdigest()}
