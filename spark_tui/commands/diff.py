"""`show diff` in words, and `spark-tui diff report [--out FILE] [--json]`."""

import argparse
import contextlib
import os
from pathlib import Path

from spark_tui.commands import rows
from spark_tui.commands.errors import USAGE, CommandError
from spark_tui.commands.reach import data_dir_of, require_engine, with_line
from spark_tui.commands.table import facts, table
from spark_tui.link.messages import Diff, ReportDiff, Ungraded

_COLUMNS = (
    "client_order_id symbol side type quantity filled twin_filled average_price twin_average_price"
    " slippage_bp twin_slippage_bp price_error_bp seconds twin_seconds grade"
)
NOTHING = "No order has a twin yet: each gets one when it is sent while its book can be used."


def run(arguments: argparse.Namespace) -> int:
    """The report is written by the engine, beside the ledger; `--out` takes a copy."""
    out: str | None = arguments.out
    target = None if out is None else Path(out).expanduser().absolute()
    if target is not None and (not out or target.is_dir()):
        raise CommandError(f"--out needs a file to write, not {out or 'nothing'}", USAGE)
    engine = require_engine(data_dir_of(arguments))
    found = with_line(engine, "diff", lambda link: link.call(ReportDiff()))
    if not isinstance(found, Diff):
        raise CommandError("The engine answered something else than a report")
    written = Path(found.path)
    if target is not None:
        _copy(written, target)
        written = target
    if arguments.json:
        print(rows.to_json(rows.simple(found) | {"path": str(written)}))
    else:
        print(f"{text(found)}\n\nThe report is in {written}")
    return 0


def text(found: Diff) -> str:
    """The total over one line an order."""
    if found.why_not:
        return f"No twins: {found.why_not}."
    lines = [
        {
            "client_order_id": row.client_order_id,
            "symbol": row.symbol,
            "side": row.side,
            "type": row.order_type,
            "quantity": row.quantity,
            "filled": row.order.filled,
            "twin_filled": None if row.ungraded is Ungraded.CUT else row.twin.filled,
            "average_price": row.order.average_price,
            "twin_average_price": row.twin.average_price,
            "slippage_bp": row.order.slippage_bp,
            "twin_slippage_bp": row.twin.slippage_bp,
            "price_error_bp": row.price_error_bp,
            "seconds": row.order.seconds,
            "twin_seconds": row.twin.seconds,
            "grade": "running" if row.running else row.ungraded or row.grade,
        }
        for row in found.rows
    ]
    total = facts({name: value for name, value in rows.simple(found.total).items() if value is not None})
    return f"{total}\n\n{table(_COLUMNS.split(), lines, NOTHING)}"


def _copy(written: Path, target: Path) -> None:
    """Whole or not at all."""
    beside = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        beside.write_bytes(written.read_bytes())
        beside.replace(target)
    except OSError as error:
        raise CommandError(
            f"{target} cannot be written: {error.strerror}; the report itself is in {written}"
        ) from None
    finally:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
