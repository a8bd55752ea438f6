"""`spark-tui kill`: halt, cancel everything, and flatten where asked, whether an engine is alive or not."""

import argparse
import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path

from spark_tui.commands import rows
from spark_tui.commands.do import params_of
from spark_tui.commands.errors import REFUSED, USAGE, CommandError
from spark_tui.commands.reach import data_dir_of, operator
from spark_tui.domain.decimals import plain
from spark_tui.engine.exchange import discover, wanted_base
from spark_tui.engine.last_orders import last_orders
from spark_tui.engine.plan_keeper import venue_plan
from spark_tui.link.rendezvous import LEDGER_FILE, is_locked
from spark_tui.rescue.drill import drill
from spark_tui.rescue.process import Outcome, Rescue
from spark_tui.settings import SettingsError, load
from spark_tui.venues.kill_plan import KILL_AGAIN, KillPlan, PlanError, exposed, read_plan
from spark_tui.wire.clock import SystemClock

_ENGINE = {
    "none": "No engine runs",
    "answered": "The engine halted",
    "hung": "The engine did not answer and was ended",
}
SHOWN = 20
_HALTED = "; the next one starts HALTED."


def run(arguments: argparse.Namespace) -> int:
    """Exit 0 only when the venues say that nothing is open, and nothing but dust is held where flattening
    was asked for. A line that is lost ends no kill."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        return _run(arguments)
    finally:
        signal.signal(signal.SIGHUP, before)


def _say(text: str) -> None:
    with contextlib.suppress(OSError):  # nobody is left to read it
        print(f"spark-tui: kill: {text}", file=sys.stderr, flush=True)


def _run(arguments: argparse.Namespace) -> int:
    data_dir = data_dir_of(arguments)
    words = params_of(arguments.params)
    unknown = [name for name in words if name != "reason"]
    if unknown:
        raise CommandError(f"kill: takes no {unknown[0]}; only reason=TEXT", USAGE)
    try:
        plan, doubt = _plan(arguments, data_dir)
    except CommandError as error:
        if arguments.json:
            print(rows.to_json(_row(_nothing_done(str(error)))))
        raise
    rescue = Rescue(
        data_dir,
        SystemClock(),
        operator=operator(),
        reason=words.get("reason") or ("kill drill" if arguments.drill else "operator"),
        drill=arguments.drill,
        last_orders=lambda: last_orders(data_dir / LEDGER_FILE, planned=plan.written_ms > 0),
        say=_say,
    )
    warning = exposed(data_dir)
    if arguments.drill:
        code = _drill(rescue, plan, as_json=arguments.json)
    else:
        code = _kill_and_tell(rescue, plan, arguments, doubt)
    if warning:  # not before: a terminal that is held still, or nobody reads, must hold up no cancel
        _say(warning)
    return code


def _kill_and_tell(rescue: Rescue, plan: KillPlan, arguments: argparse.Namespace, doubt: str) -> int:
    outcome = asyncio.run(_kill(rescue, plan, flatten=arguments.flatten, doubt=doubt))
    if arguments.json:
        print(rows.to_json(_row(outcome)))
    else:
        _tell(outcome, flatten=arguments.flatten)
    return 0 if outcome.green else REFUSED


async def _kill(rescue: Rescue, plan: KillPlan, *, flatten: bool, doubt: str) -> Outcome:
    """ctrl+c ends its waits, so that what was done is told; a second one ends the kill."""
    loop = asyncio.get_running_loop()

    def hurry() -> None:
        loop.remove_signal_handler(signal.SIGINT)
        rescue.hurry()
        _say("it waits no longer; ctrl+c again ends it at once")

    loop.add_signal_handler(signal.SIGINT, hurry)
    try:
        return await rescue.kill(plan, flatten=flatten, doubt=doubt)
    finally:
        loop.remove_signal_handler(signal.SIGINT)


def _drill(rescue: Rescue, plan: KillPlan, *, as_json: bool) -> int:
    try:
        verdict = asyncio.run(drill(rescue, plan, SystemClock()))
    except PlanError as error:
        raise CommandError(f"kill: {error}", REFUSED) from None
    if as_json:
        checks = [{"text": check.text, "ok": check.ok} for check in verdict.checks]
        outcome = _row(verdict.outcome) if verdict.outcome else None
        print(rows.to_json({"ok": verdict.ok, "took_ms": verdict.took_ms, "checks": checks, "kill": outcome}))
    else:
        for check in verdict.checks:
            print(f"{'ok    ' if check.ok else 'FAILED'} {check.text}")
        print(f"The drill {'passed' if verdict.ok else 'FAILED'}; the kill took {verdict.took_ms} ms.")
    return 0 if verdict.ok else REFUSED


def _plan(arguments: argparse.Namespace, data_dir: Path) -> tuple[KillPlan, str]:
    """The engine's own; without one, what the configuration says. And why it may not be all there is: a kill
    goes on with what it has. Raises CommandError where there is nothing to kill."""
    nothing = KillPlan(venues=(), written_ms=0)
    held = is_locked(data_dir)
    try:
        plan = read_plan(data_dir)
        doubt = "" if plan or not held else "The engine has written no kill plan yet."
    except PlanError as error:
        plan, doubt = None, str(error)
    if plan is not None:
        return plan, ""
    try:
        return asyncio.run(_configured(arguments)), doubt
    except (PlanError, SettingsError) as error:
        if doubt:  # a living engine can still be asked, and the next one must start halted
            return nothing, doubt
        code = REFUSED if isinstance(error, PlanError) else USAGE
        raise CommandError(f"kill: {error}", code) from None


def _nothing_done(text: str) -> Outcome:
    return Outcome(
        engine="none",
        canceled=(),
        left=(),
        flattened=(),
        residue=(),
        errors=(text,),
        confirmed=False,
        marked=False,
    )


async def _configured(arguments: argparse.Namespace) -> KillPlan:
    """Raises PlanError where no exchange is configured, SettingsError."""
    settings = load(getattr(arguments, "config", None), os.environ, {})
    base = wanted_base(settings)
    if not base:
        raise PlanError(
            "No engine has ever traded here and no exchange is configured, so there is nothing to kill;"
            " name another place with --data-dir."
        )
    found = await discover(settings, base)
    return KillPlan(venues=(venue_plan(settings.venues[0], found, settings, bundled=False),), written_ms=0)


def _row(outcome: Outcome) -> rows.Row:
    return {
        "engine": outcome.engine,
        "confirmed": outcome.confirmed,
        "canceled": list(outcome.canceled),
        "left": list(outcome.left),
        "flattened": list(outcome.flattened),
        "residue": [
            {
                "venue": one.venue,
                "symbol": one.symbol,
                "quantity": one.quantity,
                "dust": one.dust,
                "text": one.text,
            }
            for one in outcome.residue
        ],
        "errors": list(outcome.errors),
        "cures": list(outcome.cures),
        "green": outcome.green,
    }


def _tell(outcome: Outcome, *, flatten: bool) -> None:
    print(_ENGINE[outcome.engine] + (_HALTED if outcome.engine != "answered" and outcome.marked else "."))
    # A venue that could not be asked may hold anything: nothing is said about it.
    nothing = "nothing was open" if outcome.confirmed else "nothing could be sent"
    print(f"Cancelled: {_named(outcome.canceled) or nothing}.")
    if flatten:
        held = bool(outcome.residue) or not outcome.confirmed
        nothing = "nothing could be sent" if held else "nothing was held"
        print(f"Flattened with: {', '.join(outcome.flattened) or nothing}.")
    for client_id in outcome.left:
        print(f"STILL OPEN: {client_id}")
    for one in outcome.residue:
        word = "Dust" if one.dust else "STILL HELD"
        what = f"{word}: {plain(one.quantity)} {one.symbol}" if one.quantity else f"NOT KNOWN: {one.symbol}"
        print(f"{what.rstrip()} at {one.venue} ({one.text})")
    for text in dict.fromkeys(outcome.errors):
        print(f"spark-tui: kill: {text}", file=sys.stderr)
    cures = " ".join(outcome.cures or (KILL_AGAIN,))
    if not outcome.confirmed:
        print(f"Not confirmed: not every venue said what is open. {cures}")
    elif not outcome.green:
        print(f"Not done. {cures}")
    else:
        print("Confirmed by the venues: nothing is open.")


def _named(client_ids: tuple[str, ...]) -> str:
    """A line a person reads; --json names them all."""
    more = len(client_ids) - SHOWN
    return ", ".join(client_ids[:SHOWN]) + (f" and {more} more" if more > 0 else "")
