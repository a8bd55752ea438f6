"""`spark-tui`, `attach` and `demo`: a face on an engine, on a screen or as plain lines."""

import argparse
import asyncio
import contextlib
import gc
import json
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from spark_tui.commands.errors import USAGE, CommandError
from spark_tui.commands.hang_up import HungUp, is_gone
from spark_tui.commands.launch import start_engine, without_trading
from spark_tui.commands.reach import data_dir_of, operator, require_engine
from spark_tui.commands.stop import stop_engine
from spark_tui.link.remote import RemoteLink
from spark_tui.link.rendezvous import EngineFile, default_config_file, find_engine

STARTED_S = 2.0  # by then the first screens are painted


def run_default(arguments: argparse.Namespace) -> int:
    """Attach, starting an engine if none runs."""
    _require_terminal(arguments, "spark-tui")
    data_dir = data_dir_of(arguments)
    engine = find_engine(data_dir)
    if engine is None:
        config: Path | None = getattr(arguments, "config", None)
        _say(_announce(config, data_dir))
        flags = ["--config", str(config.absolute())] if config else []
        engine = start_engine(data_dir, flags, meanwhile=lambda: _warm_up(arguments))
    return _attend(arguments, engine, data_dir)


def run_attach(arguments: argparse.Namespace) -> int:
    _require_terminal(arguments, "spark-tui attach")
    data_dir = data_dir_of(arguments)
    return _attend(arguments, require_engine(data_dir), data_dir)


def run_demo(arguments: argparse.Namespace) -> int:
    """Everything on throw-away data, whatever is configured; nothing of it is left."""
    _require_terminal(arguments, "spark-tui demo")
    if arguments.duration is not None and not arguments.duration > 0:
        raise CommandError(f"demo: --duration {arguments.duration:g} is no time; give seconds", USAGE)
    for path in arguments.replay or ():
        if not path.is_file():
            raise CommandError(f"demo: --replay {path} is not a file", USAGE)
    with _throw_away() as data_dir:
        config = data_dir / "demo.toml"
        config.write_text(_demo_config(arguments), encoding="utf-8")
        _say("Demo: a simulated exchange, an engine and a cockpit on throw-away data. Nothing here is real.")
        flags = ["--config", str(config), "--exit-with", str(os.getpid())]
        engine = start_engine(data_dir, flags, without_trading(), lambda: _warm_up(arguments))
        try:
            _run(arguments, engine, owns_engine=True)
        finally:
            _end_demo(data_dir)
    return 0


def _attend(arguments: argparse.Namespace, engine: EngineFile, data_dir: Path) -> int:
    _run(arguments, engine, owns_engine=False)
    left = find_engine(data_dir)
    if left is not None:
        _say(f"The engine (pid {left.pid}) goes on. Come back: spark-tui attach. End it: spark-tui stop.")
    return 0


def _run(arguments: argparse.Namespace, engine: EngineFile, *, owns_engine: bool) -> None:
    """Raises HungUp when it ended because its terminal did."""
    asyncio.run(_face(arguments, engine, owns_engine=owns_engine))
    if is_gone(sys.stdout):
        raise HungUp


async def _face(arguments: argparse.Namespace, engine: EngineFile, *, owns_engine: bool) -> None:
    """Until the operator leaves, the duration is over, or the terminal goes (SIGHUP, SIGTERM)."""
    plain = _flag(arguments, "plain")
    link = RemoteLink(
        Path(engine.socket),
        face="plain" if plain else "cockpit",
        operator=operator(),
        rate_hz=1.0 if plain else 5.0,
    )
    work = _lines(link) if plain else _screens(arguments, link, owns_engine=owns_engine)
    task = asyncio.create_task(work)
    loop = asyncio.get_running_loop()
    gc.disable()  # start-up only makes what stays; looking through it again and again is 7 % of its CPU
    loop.call_later(STARTED_S, _collect_again)
    signals = [signal.SIGTERM, signal.SIGHUP] + ([signal.SIGINT] if plain else [])
    for name in signals:
        loop.add_signal_handler(name, task.cancel)
    try:
        await asyncio.wait({task}, timeout=getattr(arguments, "duration", None))
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    finally:
        gc.enable()
        await link.close()


def _collect_again() -> None:
    """What start-up made is never walked again, so a collection is short ever after."""
    gc.freeze()
    gc.enable()


def _warm_up(arguments: argparse.Namespace) -> None:
    """Import the cockpit on this core while the engine does its imports on the other."""
    if not _flag(arguments, "plain"):
        import spark_tui.ui.app  # noqa: F401


async def _lines(link: RemoteLink) -> None:
    from spark_tui.commands.plain import follow

    await follow(link)


def _theme_folders() -> list[Path]:
    return [default_config_file().parent / "themes"]


def _theme(arguments: argparse.Namespace) -> str:
    """The theme asked for; CommandError names those there are."""
    from spark_tui.ui.theme import BUILT_IN, load_themes, theme_folder

    name: str = getattr(arguments, "theme", None) or BUILT_IN.name
    themes, _ = load_themes([folder for folder in (theme_folder(), *_theme_folders()) if folder is not None])
    if name not in {*themes, BUILT_IN.name}:
        raise CommandError(f"There is no theme {name!r}; there are: {', '.join(sorted(themes))}.", USAGE)
    return name


async def _screens(arguments: argparse.Namespace, link: RemoteLink, *, owns_engine: bool) -> None:
    from spark_tui.ui.app import CockpitApp

    app = CockpitApp(
        link,
        theme=_theme(arguments),
        theme_folders=_theme_folders(),
        lean=_flag(arguments, "lean"),
        read_only=_flag(arguments, "read_only"),
        owns_engine=owns_engine,
    )
    await app.run_async()
    if app.failure is not None:
        raise app.failure


def _require_terminal(arguments: argparse.Namespace, command: str) -> None:
    streams = (sys.stdin, sys.stdout, sys.stderr)  # the screens are drawn on the third
    if not _flag(arguments, "plain") and not all(stream.isatty() for stream in streams):
        raise CommandError(f"This is no terminal; for lines of text use: {command} --plain", USAGE)


def _flag(arguments: argparse.Namespace, name: str) -> bool:
    return bool(getattr(arguments, name, False))


def _announce(config: Path | None, data_dir: Path) -> str:
    """What is about to be started, said before the screen is taken over. Wrong settings end here."""
    from spark_tui.engine.exchange import wanted_base
    from spark_tui.settings import SettingsError, TradeMode, load

    try:
        settings = load(config, os.environ, {})
        base = wanted_base(settings)
    except SettingsError as error:
        raise CommandError(str(error), USAGE) from None
    if settings.trade_mode is TradeMode.PAPER:
        market = base or "the bundled simulator"
        return f"Starting a paper account on the market of {market}, data in {data_dir}."
    if base:
        return f"Starting the engine on {base}, data in {data_dir}."
    return f"No exchange is configured: trading in SIM on the bundled simulator; data stays in {data_dir}."


@contextlib.contextmanager
def _throw_away() -> Iterator[Path]:
    data_dir = Path(tempfile.mkdtemp(prefix="spark-tui-demo-"))
    try:
        yield data_dir
    finally:
        shutil.rmtree(data_dir, ignore_errors=True)


def _end_demo(data_dir: Path) -> None:
    if find_engine(data_dir) is None:
        return  # ended from the cockpit, or lost
    try:
        stop_engine(data_dir)
    except CommandError as error:
        _say(f"spark-tui: {error}")


def _demo_config(arguments: argparse.Namespace) -> str:
    """TOML; a JSON string is a TOML string."""
    lines = ["[simulator]"]
    if arguments.seed is not None:
        lines.append(f"seed = {arguments.seed}")
    if arguments.replay:
        paths = ", ".join(json.dumps(str(path.absolute())) for path in arguments.replay)
        lines.append(f"replay = [{paths}]")
    return "\n".join(lines) + "\n"


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
