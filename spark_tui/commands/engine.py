"""`spark-tui engine`: the engine in the foreground."""

import argparse
import contextlib
import os

from spark_tui.commands.errors import REFUSED, USAGE, CommandError, report_crash
from spark_tui.commands.reach import data_dir_of
from spark_tui.engine.place import Place, StartError
from spark_tui.engine.process import run as run_engine
from spark_tui.link.rendezvous import RendezvousError
from spark_tui.settings import SettingsError, load
from spark_tui.symbols_file import SymbolsFileError, read_symbols, with_synced_symbols

_FLAGS = {"symbols": ("symbols",), "trade_mode": ("trade_mode",), "executor_port": ("executor_port",)}


def run(arguments: argparse.Namespace) -> int:
    data_dir = data_dir_of(arguments)
    try:
        settings = load(
            getattr(arguments, "config", None),
            os.environ,
            {key: value for name, key in _FLAGS.items() if (value := getattr(arguments, name)) is not None},
        )
        if arguments.symbols is None:
            settings = with_synced_symbols(settings, read_symbols(data_dir))
        ready = arguments.ready_file
        if ready is not None and not ready.absolute().parent.is_dir():
            raise SettingsError(f"--ready-file {ready}: its folder does not exist")
        run_engine(
            settings,
            Place(data_dir=data_dir, ready_file=ready, exit_with=arguments.exit_with),
            say=_say,
        )
    except (SettingsError, SymbolsFileError) as error:
        raise CommandError(f"engine: {error}", USAGE) from None
    except (RendezvousError, StartError) as error:
        raise CommandError(f"engine: {error}", REFUSED) from None
    except Exception as error:  # as in cli.main, but the log of this data directory is the place for details
        raise CommandError(f"engine: {report_crash(error, data_dir)}", REFUSED) from None
    return 0


def _say(text: str) -> None:
    with contextlib.suppress(OSError):  # nobody may be reading
        for line in text.splitlines():
            print(f"engine: {line}", flush=True)
