"""`spark-tui canary run|confirm|status|soak|verify`: 0 only when green."""

import argparse
import asyncio
import contextlib
import signal
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from spark_tui.commands import rows
from spark_tui.commands.canary_table import healthy, soaking, words
from spark_tui.commands.errors import REFUSED, CommandError
from spark_tui.commands.reach import FOLLOWED_S, data_dir_of, line_to, require_engine, with_line
from spark_tui.commands.table import facts, table
from spark_tui.link.messages import (
    AnyRequest,
    Canaries,
    CanaryRow,
    CanaryVerdict,
    ConfirmCanary,
    GetCanaries,
    Result,
    RunCanary,
    SoakCanary,
    StopCanary,
)
from spark_tui.link.service import LinkError

_COLUMNS = (
    "run_id",
    "kind",
    "verdict",
    "symbol",
    "side",
    "quantity",
    "worth_usdt",
    "state",
    "checks",
    "age",
    "reasons",
)
DAY_MS = 86_400_000


def run(arguments: argparse.Namespace) -> int:
    match arguments.verb:
        case "verify":
            from spark_tui.commands.canary_check import run as verify

            return verify(arguments)
        case "status":
            return _status(arguments)
        case verb:
            return _try(arguments, _REQUESTS[verb](arguments))


def _run(arguments: argparse.Namespace) -> AnyRequest:
    return RunCanary(**_scope(arguments), price=arguments.price)


def _confirm(arguments: argparse.Namespace) -> AnyRequest:
    return ConfirmCanary(**_scope(arguments), typed=arguments.yes_i_mean)


def _soak(arguments: argparse.Namespace) -> AnyRequest:
    return SoakCanary(
        **_scope(arguments),
        duration_s=arguments.duration,
        dry=arguments.dry_run,
        typed=arguments.yes_i_mean,
    )


_REQUESTS = {"run": _run, "confirm": _confirm, "soak": _soak}


def _scope(arguments: argparse.Namespace) -> dict[str, Any]:
    return {name: getattr(arguments, name) for name in ("symbol", "side", "quantity", "venue")}


def _try(arguments: argparse.Namespace, request: AnyRequest) -> int:
    try:
        result = asyncio.run(_ask(data_dir_of(arguments), request, arguments))
    except CommandError as error:
        return _failed(arguments, "NO_ENGINE", str(error))
    except LinkError as error:
        return _failed(arguments, error.code, error.text)
    except (asyncio.CancelledError, KeyboardInterrupt):
        text = "Nobody waits for it any more, and it goes on: see spark-tui canary status."
        return _failed(arguments, "INTERRUPTED", text)
    assert isinstance(result, CanaryRow)  # what these requests are answered with
    print(rows.to_json(rows.simple(result)) if arguments.json else words(result))
    if result.verdict is CanaryVerdict.GREEN:
        return 0
    for reason in result.reasons:
        print(f"spark-tui: {reason}", file=sys.stderr)
    return REFUSED


# what was asked may have happened
_TRIED = ("ENGINE_GONE", "NO_ANSWER", "CUT_OFF", "INTERRUPTED", "INTERNAL", "LEDGER_UNAVAILABLE")


def _failed(arguments: argparse.Namespace, code: str, text: str) -> int:
    """One document all the same, with every field that a script reads."""
    if arguments.json:
        verdict = CanaryVerdict.RED if code in _TRIED else CanaryVerdict.REFUSED
        print(rows.to_json({**_NOTHING, "verdict": verdict, "reasons": [f"{code}: {text}"]}))
    raise CommandError(text, REFUSED)


_NOTHING: rows.Row = {
    "run_id": "",
    "bundle": "",
    "verdict": "",
    "reasons": [],
    "client_order_id": "",
    "state": "",
    "residue": [],
}


async def _ask(data_dir: Path, request: AnyRequest, arguments: argparse.Namespace) -> Result:
    """Its answer. Ctrl-C ends a soak at its next check, so that it is never left running by itself; a run, a
    confirm and, when it is pressed again, a soak go on without us."""
    patience_s = FOLLOWED_S + getattr(arguments, "duration", 0.0) * 2
    async with line_to(require_engine(data_dir), "canary", answer_s=patience_s) as link:
        asked = asyncio.ensure_future(link.call(request))
        stops: set[asyncio.Task[None]] = set()

        async def stop() -> None:
            with contextlib.suppress(LinkError):  # it ended meanwhile
                await link.call(StopCanary())

        def interrupted() -> None:
            if isinstance(request, SoakCanary) and not stops:
                _begin(stop(), stops)
            else:
                asked.cancel()

        loop = asyncio.get_running_loop()
        for name in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(name, interrupted)
        return await asked


def _begin(work: Coroutine[None, None, None], running: "set[asyncio.Task[None]]") -> None:
    running.add(asyncio.create_task(work))


# --- status ------------------------------------------------------------------------------------------------


def _status(arguments: argparse.Namespace) -> int:
    """Green when the newest canary that was tried under the configuration in force is, and a day old at
    most."""
    try:
        engine = require_engine(data_dir_of(arguments))
        found = with_line(engine, "canary", lambda link: link.call(GetCanaries()))
    except CommandError as error:
        return _failed(arguments, "NO_ENGINE", str(error))
    assert isinstance(found, Canaries)
    tried = [row for row in found.rows if row.verdict is not CanaryVerdict.REFUSED]
    newest = next((row for row in tried if row.config_hash == found.config_hash), None)
    why = _not_green(newest, found.time_ms)
    shown = found.rows[: max(1, arguments.last)]
    if arguments.json:
        print(rows.to_json(_status_json(found, newest, shown, why)))
    else:
        print(_status_words(found, shown))
    if why:
        print(f"spark-tui: {why}", file=sys.stderr)
    return REFUSED if why else 0


def _not_green(newest: CanaryRow | None, now_ms: int) -> str:
    """Empty when it is green."""
    if newest is None:
        return "no canary of this configuration ran yet; begin with: spark-tui canary run --symbol SYMBOL"
    if newest.verdict is not CanaryVerdict.GREEN:
        return f"the newest canary, {newest.run_id}, is {newest.verdict}: {newest.reasons[0]}"
    if now_ms - newest.at_ms >= DAY_MS:
        return f"the newest canary, {newest.run_id}, is green but more than a day old; run it again"
    if now_ms < newest.at_ms:
        return f"the newest canary, {newest.run_id}, is of a later time: the clock was set back; run it again"
    return ""


def _status_json(
    found: Canaries, newest: CanaryRow | None, shown: tuple[CanaryRow, ...], why: str
) -> rows.Row:
    return {
        **(_NOTHING if newest is None else {name: rows.simple(newest)[name] for name in _NOTHING}),
        "verdict": "none" if newest is None else CanaryVerdict.RED if why else newest.verdict,
        "reasons": [why] if why else [],
        "config_hash": found.config_hash,
        "signer": found.signer,
        "running": found.running,
        "soaking": rows.simple(found.soaking) if found.soaking else None,
        "not_armable": found.not_armable,
        "arming": rows.simple(found.arming) if found.arming else None,
        "canaries": [rows.simple(row) for row in shown],
    }


def _status_words(found: Canaries, shown: tuple[CanaryRow, ...]) -> str:
    arming = found.arming
    armed = (
        f"{', '.join(arming.symbols)} for {rows.cell(arming.used)} of {rows.cell(arming.cap)} USDT,"
        f" {max(0, arming.expires_ms - found.time_ms) // 60_000} min left"
        + (f"; it lets nothing leave: {arming.lapsed}" if arming.lapsed else "")
        if arming
        else "no"
    )
    head: rows.Row = {
        "configuration": found.config_hash[:12],
        "evidence_key": found.signer,
        "running": found.running,
        **soaking(found.soaking, found.time_ms),
        "live_armed": armed,
        "live_lacks": found.not_armable or "only the phrase: spark-tui do live.arm",
    }
    lines = [
        {
            **rows.simple(row),
            "worth_usdt": row.notional_usdt,
            "checks": healthy(row.figures),
            "age": f"{max(0, found.time_ms - row.at_ms) // 1_000} s",
            "reasons": row.reasons[0] if row.reasons else "",
        }
        for row in shown
    ]
    return f"{facts(head)}\n\n{table(_COLUMNS, lines, 'No canaries yet.')}"
