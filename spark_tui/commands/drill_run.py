"""`spark-tui do drill.run`: begins the drill and waits for its verdict, each check told as it comes."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from spark_tui.commands.errors import REFUSED, CommandError
from spark_tui.commands.reach import line_to, require_engine
from spark_tui.link.messages import DrillRow, RunDrill
from spark_tui.link.remote import RemoteLink
from spark_tui.link.service import LinkError

_RATE_HZ = 5.0
_VERDICTS = ("PASSED", "FAILED")

Tell = Callable[[str], None]


async def run(data_dir: Path, request: RunDrill, wait_s: float, tell: Tell) -> DrillRow:
    """The verdict. `tell` is given a line a check. Raises LinkError; CommandError when the time is over."""
    async with line_to(require_engine(data_dir), "do", rate_hz=_RATE_HZ) as link:
        await link.call(request)
        try:
            async with asyncio.timeout(wait_s):
                return await _verdict(link, request.name, tell)
        except TimeoutError:
            text = f"no verdict within {wait_s:g} s; the drill goes on, its verdict comes in `show drills`"
            raise CommandError(text, REFUSED) from None


async def _verdict(link: RemoteLink, name: str, tell: Tell) -> DrillRow:
    told = 0
    async for batch in link.events():
        for row in batch:
            if not isinstance(row, DrillRow) or row.name != name:
                continue
            for what, held in row.checks[told:]:
                tell(f"{'✓' if held else '✗'} {what}")
            told = len(row.checks)
            if row.state in _VERDICTS:
                tell(f"{row.state} in {row.seconds:.1f} s: {row.text}")
                return row
    raise LinkError("ENGINE_GONE", "The engine stopped before the drill's verdict.")
