"""Where an engine process runs, and how it says that it cannot."""

from pathlib import Path

import msgspec


class StartError(Exception):
    """The engine cannot run here and now; one sentence."""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where an engine runs and for whom. `exit_with`: a process whose end is ours too."""

    data_dir: Path
    ready_file: Path | None = None
    exit_with: int | None = None
