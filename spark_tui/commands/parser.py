"""The command line's words. Flags of a command are only built when that command is used."""

import argparse
import difflib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from spark_tui.commands.errors import USAGE, CommandError

Fill = Callable[[argparse.ArgumentParser], None]
Run = Callable[[argparse.Namespace], int]

WHAT = (
    "orders",
    "lists",
    "algos",
    "differences",
    "drills",
    "fills",
    "positions",
    "balances",
    "book",
    "tickers",
    "venues",
    "status",
    "health",
    "rules",
    "instruments",
    "audit",
    "pnl",
    "equity",
    "explain",
    "diff",
)


class Parser(argparse.ArgumentParser):
    """One line for every mistake; flags are filled in on first use."""

    def __init__(self, prog: str, description: str, fill: Fill | None = None) -> None:
        super().__init__(prog=prog, description=description, allow_abbrev=False)
        self._fill = fill

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        fill, self._fill = self._fill, None
        if fill is not None:
            fill(self)
        found, rest = super().parse_known_args(args, namespace)
        unknown = [word for word in rest if word.startswith("-")]
        if unknown:  # said here, where the command and its flags are known
            self.error(f"unknown flag {unknown[0]}{nearest(unknown[0], self._option_string_actions)}")
        return found, rest

    def error(self, message: str) -> NoReturn:
        name = self.prog.removeprefix("spark-tui").strip()
        raise CommandError(f"{name}: {message}" if name else message, USAGE)


def parse(words: Sequence[str]) -> argparse.Namespace:
    """The arguments, with `run` to call. Raises CommandError."""
    parser = Parser(
        prog="spark-tui",
        description="A trading cockpit in the terminal. Without a command: attach to the engine, starting one"
        " when none runs. With nothing configured it trades in SIM on the bundled simulator.",
    )
    parser.add_argument("--version", action="store_true", help="print the version and end")
    _cockpit_flags(parser)
    _config(parser)
    parser.set_defaults(run=_cockpit("run_default"), command="")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for name, (text, fill, run) in _COMMANDS.items():
        sub = commands.add_parser(name, help=text, description=text, fill=fill)
        sub.set_defaults(run=run, command=name)
    _require_known(words, commands.choices)
    arguments, rest = parser.parse_known_args(list(words))
    if rest and isinstance(getattr(arguments, "params", None), list):
        arguments.params += rest  # key=value words behind a flag, which argparse takes for too many
    elif rest:
        parser.error(f"unexpected {rest[0]!r}; see spark-tui --help")
    return arguments  # type: ignore[no-any-return]  # argparse is typed so


def _require_known(words: Sequence[str], known: Any) -> None:
    """argparse would list every command at a slip; the nearest one is more help."""
    if words and not words[0].startswith("-") and words[0] not in known:
        raise CommandError(f"unknown command {words[0]!r}{nearest(words[0], known)}", USAGE)


def nearest(word: str, known: Any) -> str:
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {close[0]}?" if close else "; see --help"


# --- flags several commands share. SUPPRESS: a command's default must not undo what was said before it


def _data_dir(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data-dir",
        type=Path,
        metavar="DIR",
        default=argparse.SUPPRESS,
        help="where the engine keeps its ledger and tape; also how its faces find it",
    )


def _config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config", type=Path, metavar="FILE", default=argparse.SUPPRESS, help="TOML file with settings"
    )


def _look(parser: argparse.ArgumentParser) -> None:
    flag = parser.add_argument
    flag("--plain", action="store_true", default=argparse.SUPPRESS, help="lines of text instead of screens")
    flag("--lean", action="store_true", default=argparse.SUPPRESS, help="fewer bytes, for slow lines")
    flag("--read-only", action="store_true", default=argparse.SUPPRESS, help="look, but send no orders")
    flag("--theme", metavar="NAME", default=argparse.SUPPRESS, help="colours")


def _cockpit_flags(parser: argparse.ArgumentParser) -> None:
    _data_dir(parser)
    _look(parser)


def _demo_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=int, metavar="N", help="the same seed is the same market")
    parser.add_argument("--replay", type=Path, nargs="+", metavar="FILE", help="recordings to trade against")
    parser.add_argument("--duration", type=float, metavar="S", help="end after so many seconds")
    _look(parser)


def _engine_flags(parser: argparse.ArgumentParser) -> None:
    _data_dir(parser)
    _config(parser)
    flag = parser.add_argument
    flag(
        "--ready-file",
        type=Path,
        metavar="PATH",
        help="write socket, pid and data_dir there once it takes orders",
    )
    flag("--exit-with", type=int, metavar="PID", help="end when that process is gone")
    flag("--symbols", metavar="A,B", help="instruments to stream and trade")
    flag("--trade-mode", metavar="MODE", help="sim, paper, testnet or live")
    flag("--executor-port", metavar="PORT", help="metrics and health on loopback; 0 turns them off")


def _simulator_flags(parser: argparse.ArgumentParser) -> None:
    from spark_tui.simulator.options import add_arguments

    add_arguments(parser)


def _do_flags(parser: argparse.ArgumentParser) -> None:
    _data_dir(parser)
    parser.add_argument(
        "action", metavar="ACTION", help="e.g. order.submit; an unknown one lists what there is"
    )
    parser.add_argument("params", nargs="*", metavar="key=value")
    flag = parser.add_argument
    flag("--dry", action="store_true", help="what the gate would say and what would come of it; do nothing")
    flag("--json", action="store_true", help="JSON, which --dry and drill.run do not print by themselves")
    flag("--wait", type=_seconds, default=300.0, metavar="SECONDS", help="for the verdict of drill.run (300)")


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 86_400:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds above 0, up to a day")
    return seconds


def _kill_flags(parser: argparse.ArgumentParser) -> None:
    _data_dir(parser)
    _config(parser)
    parser.add_argument("params", nargs="*", metavar="reason=TEXT")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--flatten", action="store_true", help="also close every position at market")
    how.add_argument("--drill", action="store_true", help="put an order out first, and give a verdict")
    parser.add_argument("--json", action="store_true", help="JSON instead of words")


def _show_flags(parser: argparse.ArgumentParser) -> None:
    _data_dir(parser)
    parser.add_argument("what", metavar="WHAT", help=", ".join(WHAT))
    parser.add_argument(
        "symbol", nargs="?", default="", help="instrument, for book, orders and fills; words, for audit"
    )
    parser.add_argument("--json", action="store_true", help="JSON instead of a table")


def _canary_flags(parser: argparse.ArgumentParser) -> None:
    from spark_tui.commands.canary_words import fill

    fill(parser)


def _paper_flags(parser: argparse.ArgumentParser) -> None:
    _data_dir(parser)
    _config(parser)
    parser.add_argument("verb", choices=("status", "reset"), help="what it holds, or begin again")
    parser.add_argument("--yes", action="store_true", help="for reset: cancel its orders, set its balances")
    parser.add_argument("--json", action="store_true", help="JSON instead of words")


def _export_flags(parser: argparse.ArgumentParser) -> None:
    _data_dir(parser)
    parser.add_argument("what", choices=("pnl", "fills", "equity", "flows"), help="which table")
    parser.add_argument("--csv", metavar="FILE", required=True, help="where to write it; - for stdout")


def _diff_flags(parser: argparse.ArgumentParser) -> None:
    _data_dir(parser)
    parser.add_argument("verb", choices=("report",), help="write orders beside their twins")
    parser.add_argument("--out", metavar="FILE", help="where to; else beside the ledger only")
    parser.add_argument("--json", action="store_true", help="JSON instead of words")


def _symbols_flags(parser: argparse.ArgumentParser) -> None:
    from spark_tui.commands.symbols_words import fill

    fill(parser)


def _ledger_flags(parser: argparse.ArgumentParser) -> None:
    _data_dir(parser)
    parser.add_argument("verb", choices=("verify", "repair"), help="walk the chain, or keep its good part")


def _tape_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("verb", choices=("check",), help="recordings through codec and book")
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE")
    parser.add_argument("--json", action="store_true", help="JSON instead of a table")


# --- what runs: imported only then


def _cockpit(name: str) -> Run:
    def run(arguments: argparse.Namespace) -> int:
        from spark_tui.commands import cockpit

        code: int = getattr(cockpit, name)(arguments)
        return code

    return run


def _run_engine(arguments: argparse.Namespace) -> int:
    from spark_tui.commands.engine import run

    return run(arguments)


def _run_simulator(arguments: argparse.Namespace) -> int:
    from spark_tui.simulator.server import run

    return run(arguments)


def _run_do(arguments: argparse.Namespace) -> int:
    from spark_tui.commands.do import run

    return run(arguments)


def _run_kill(arguments: argparse.Namespace) -> int:
    from spark_tui.commands.kill import run

    return run(arguments)


def _run_show(arguments: argparse.Namespace) -> int:
    from spark_tui.commands.show import run

    return run(arguments)


def _run_stop(arguments: argparse.Namespace) -> int:
    from spark_tui.commands.stop import run

    return run(arguments)


def _run_canary(arguments: argparse.Namespace) -> int:
    from spark_tui.commands.canary import run

    return run(arguments)


def _run_paper(arguments: argparse.Namespace) -> int:
    from spark_tui.commands.paper import run

    return run(arguments)


def _run_export(arguments: argparse.Namespace) -> int:
    from spark_tui.commands.export import run

    return run(arguments)


def _run_diff(arguments: argparse.Namespace) -> int:
    from spark_tui.commands.diff import run

    return run(arguments)


def _run_symbols(arguments: argparse.Namespace) -> int:
    from spark_tui.commands.symbols import run

    return run(arguments)


def _run_ledger(arguments: argparse.Namespace) -> int:
    from spark_tui.commands.files import run_ledger

    return run_ledger(arguments)


def _run_tape(arguments: argparse.Namespace) -> int:
    from spark_tui.commands.files import run_tape

    return run_tape(arguments)


_COMMANDS: dict[str, tuple[str, Fill, Run]] = {
    "demo": ("simulator, engine and cockpit on data that is thrown away", _demo_flags, _cockpit("run_demo")),
    "attach": ("join the running engine", _cockpit_flags, _cockpit("run_attach")),
    "engine": ("run the engine in the foreground", _engine_flags, _run_engine),
    "simulator": ("run the bundled exchange on loopback", _simulator_flags, _run_simulator),
    "stop": ("end the running engine", _data_dir, _run_stop),
    "do": ("run an action, print its answer as JSON", _do_flags, _run_do),
    "kill": ("halt and cancel every order, engine or no", _kill_flags, _run_kill),
    "show": ("print what the engine knows", _show_flags, _run_show),
    "canary": ("run, confirm, soak, verify: proof before an order matters", _canary_flags, _run_canary),
    "paper": ("the paper account: status, or begin again", _paper_flags, _run_paper),
    "export": ("write profit, fills, equity or flows as CSV, out of the ledger", _export_flags, _run_export),
    "diff": ("report: orders beside their paper twins, graded", _diff_flags, _run_diff),
    "symbols": ("what is worth trading; show what changes, then change it", _symbols_flags, _run_symbols),
    "ledger": ("verify or repair the ledger", _ledger_flags, _run_ledger),
    "tape": ("check recordings", _tape_flags, _run_tape),
}
