"""The difference report as a file beside the ledger, for whoever asks later."""

from datetime import UTC, datetime
from pathlib import Path

import msgspec

from spark_tui.engine.twin.grade import FILL, PRICE_BP, TIME_S
from spark_tui.link.messages import Diff
from spark_tui.link.rendezvous import write_private
from spark_tui.link.service import LinkError

FOLDER = "reports"


def write_report(data_dir: str, diff: Diff, now_ms: int) -> Diff:
    """The same, with where it was written. Raises LinkError."""
    if not data_dir:
        raise LinkError("NO_DATA_DIR", "This engine has no data directory to write a report into.")
    stamp = datetime.fromtimestamp(now_ms / 1_000, UTC).strftime("%Y%m%dT%H%M%S")
    path = Path(data_dir) / FOLDER / f"diff-{stamp}-{now_ms % 1_000:03d}.json"
    content = {
        "written_ms": now_ms,
        "thresholds": {"price_bp": PRICE_BP, "fill": FILL, "time_s": TIME_S},
        **msgspec.to_builtins(diff),
    }
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        write_private(path, msgspec.json.format(msgspec.json.encode(content)) + b"\n")
    except OSError as error:
        raise LinkError("NOT_WRITTEN", f"The report {path} cannot be written: {error.strerror}.") from None
    return msgspec.structs.replace(diff, path=str(path))
