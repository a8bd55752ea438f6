"""From a data directory to a line with its engine."""

import argparse
import asyncio
import contextlib
import getpass
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from spark_tui.commands.errors import REFUSED, CommandError
from spark_tui.link.remote import RemoteLink
from spark_tui.link.rendezvous import EngineFile, default_data_dir, find_engine
from spark_tui.link.service import LinkError

T = TypeVar("T")

ANSWER_S = 30.0
FOLLOWED_S = 180.0  # above the time a lost answer's fate takes to be proved, and the comparison after it


def data_dir_of(arguments: argparse.Namespace) -> Path:
    given: Path | None = getattr(arguments, "data_dir", None)
    return (given or default_data_dir()).expanduser().absolute()


def operator() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without a name, as in some containers
        return "operator"


def where(data_dir: Path) -> str:
    """The flag that leads a hint to the same place, where it is needed."""
    return "" if data_dir == default_data_dir().absolute() else f" --data-dir {data_dir}"


def require_engine(data_dir: Path) -> EngineFile:
    """The running engine, or CommandError."""
    engine = find_engine(data_dir)
    if engine is None:
        raise CommandError(f"No engine runs on {data_dir}; start one with: spark-tui{where(data_dir)}")
    return engine


@contextlib.asynccontextmanager
async def line_to(
    engine: EngineFile, face: str, *, answer_s: float = ANSWER_S, rate_hz: float = 0
) -> AsyncIterator[RemoteLink]:
    """A line for requests, each answered within so long, and with `rate_hz` for events. Raises LinkError."""
    link = await RemoteLink.connect(
        Path(engine.socket), face=face, operator=operator(), rate_hz=rate_hz, answer_s=answer_s
    )
    try:
        yield link
    finally:
        await link.close()


def with_line(engine: EngineFile, face: str, work: Callable[[RemoteLink], Awaitable[T]]) -> T:
    """What `work` answers, on a line of its own. LinkErrors become CommandErrors."""

    async def go() -> T:
        async with line_to(engine, face) as link:
            return await work(link)

    try:
        return asyncio.run(go())
    except LinkError as error:
        raise CommandError(error.text, REFUSED) from None
