"""`spark-tui ledger verify|repair` and `spark-tui tape check`: files, no engine."""

import argparse
import sys
import time

from spark_tui.commands import rows
from spark_tui.commands.errors import REFUSED, USAGE, CommandError
from spark_tui.commands.reach import data_dir_of, where
from spark_tui.link.rendezvous import LEDGER_FILE


def run_ledger(arguments: argparse.Namespace) -> int:
    from spark_tui.store.ledger import verify
    from spark_tui.store.repair import RepairError, repair

    path = data_dir_of(arguments) / LEDGER_FILE
    if arguments.verb == "repair":
        try:
            done = repair(path, time.time_ns, _halt)
        except RepairError as error:
            raise CommandError(error.text) from None
        then = "" if done.kept is None else " The next engine starts HALTED; resume when you have looked."
        print(f"{done.text}{then}")
        return 0
    found = verify(path)
    if found.ok:
        print(found.text)
        return 0
    cure = f"spark-tui ledger repair{where(path.parent)}"
    print(f"spark-tui: {found.text} Keep its good part with: {cure}", file=sys.stderr)
    return REFUSED


def _halt(entries: int) -> tuple[str, bytes]:
    """A halt, or a stricter rule, may be among what was lost: whoever trades on has to say so."""
    from spark_tui.domain.values import TradingState
    from spark_tui.engine.records import TradingStateChanged, to_entry

    reason = f"the ledger was repaired, and what came after entry {entries} is lost"
    at_ms = time.time_ns() // 1_000_000
    entry = to_entry(
        TradingStateChanged(
            state=TradingState.HALTED, reason=reason, killed=False, operator="ledger repair", at_ms=at_ms
        )
    )
    return entry.kind, entry.body


def run_tape(arguments: argparse.Namespace) -> int:
    from spark_tui.store.check import Codec, check_files, render
    from spark_tui.store.recordings import RecordingError
    from spark_tui.venues.binance.spot.codec import CodecError, decode_depth_snapshot, decode_frame

    try:
        report = check_files(arguments.files, Codec(decode_frame, decode_depth_snapshot, CodecError))
    except RecordingError as error:
        raise CommandError(error.text, USAGE) from None
    print(rows.to_json(rows.simple(report)) if arguments.json else render(report))
    return 0
