"""Makes the guide's pictures from the real thing: `python docs/screenshots.py`.

Starts an engine with the bundled simulator on throw-away data, attaches the cockpit without a terminal,
trades a little from the keyboard, and writes one SVG a screen and size to docs/pictures.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

from msgspec import structs
from textual.pilot import Pilot

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # the tree this lies in, not one that happens to be installed

from spark_tui.domain.values import OrderType, Side  # noqa: E402
from spark_tui.link.messages import Kill, Resume, StopEngine, SubmitOrder  # noqa: E402
from spark_tui.link.remote import RemoteLink  # noqa: E402
from spark_tui.ui.app import CockpitApp  # noqa: E402
from spark_tui.ui.picture import svg  # noqa: E402

PICTURES = Path(__file__).with_name("pictures")
WIDE, NARROW = (120, 36), (80, 24)
PATIENCE_S = 60


@asynccontextmanager
async def engine() -> AsyncIterator[Path]:
    """The socket of an engine that trades on its own simulator."""
    with tempfile.TemporaryDirectory() as folder:
        ready = Path(folder) / "ready.json"
        command = [sys.executable, "-m", "spark_tui", "engine", "--data-dir", f"{folder}/data"]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("BINANCE_")}
        process = await asyncio.create_subprocess_exec(
            *command,
            "--ready-file",
            str(ready),
            cwd=ROOT,
            env={**environment, "EXECUTOR_PORT": "0"},
            stdout=subprocess.DEVNULL,
        )
        try:
            await until(lambda: ready.exists() or process.returncode is not None, "the engine")
            yield Path(json.loads(ready.read_text())["socket"])
        finally:
            if process.returncode is None:
                process.terminate()
            await asyncio.wait_for(process.wait(), PATIENCE_S)


async def until(happened: Callable[[], object], what: str) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not happened():  # noqa: ASYNC110  # another process's file and screen have no event
            await asyncio.sleep(0.05)
    print(f"{what}: there", file=sys.stderr)


class Photographer:
    def __init__(self, app: CockpitApp, pilot: Pilot[str]) -> None:
        self.app = app
        self.pilot = pilot

    @property
    def text(self) -> str:
        return "\n".join(strip.text for strip in self.app.screen._compositor.render_strips())

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.app.pump.pump_once()

    async def sees(self, words: str) -> None:
        await until(lambda: words in self.text, words)

    async def take(self, name: str) -> None:
        model = self.app.model
        if model.status is not None:  # where the throw-away data was concerns nobody
            model.apply(structs.replace(model.status, data_dir="~/.local/share/spark-tui"))
        await self.app.pump.pump_once()
        await self.pilot.pause()
        PICTURES.mkdir(exist_ok=True)
        strips = self.app.screen._compositor.render_strips()
        (PICTURES / f"{name}.svg").write_text(svg(strips, self.app.context.plain), encoding="utf-8")


@asynccontextmanager
async def cockpit(socket: Path, size: tuple[int, int]) -> AsyncIterator[Photographer]:
    link = await RemoteLink.connect(socket, face="cockpit", operator="operator")
    app = CockpitApp(link)
    async with app.run_test(size=size) as pilot:
        photographer = Photographer(app, pilot)
        await photographer.sees(" bp " if size == WIDE else "Depth BTCUSDT")
        await until(lambda: app.model.book and app.model.book.usable and app.model.instruments, "a live book")
        yield photographer
    await link.close()


async def trade(camera: Photographer) -> None:
    """Orders of several kinds, so that the pictures show some."""
    for side, quantity, price in (("b", "0.25", "66000"), ("b", "0.012", "69000"), ("s", "0.1", "71000")):
        await camera.press(side, "ctrl+u", *quantity, "tab", *price)
        await camera.sees("passes")
        await camera.press("ctrl+o")
        await camera.sees("ACCEPTED" if price != "69000" else "FILLED")
    await camera.press("b", "ctrl+u", *"0.05", "tab", "=")
    await camera.sees("passes")


async def twins(camera: Photographer) -> None:
    """Orders that fill beside their twins."""
    for side, quantity in ((Side.SELL, "0.01"), (Side.BUY, "0.03"), (Side.SELL, "0.02"), (Side.BUY, "0.01")):
        order = SubmitOrder(symbol="BTCUSDT", side=side, type=OrderType.MARKET, quantity=Decimal(quantity))
        await camera.app.call(order)
    await camera.press("f7")
    await camera.sees("5 compared")
    await camera.press("j")
    await camera.take("diff-120x36")


async def canary(camera: Photographer) -> None:
    """A dry run, its order confirmed by its typed symbol."""
    await camera.press("f6", "r")
    await camera.sees("● green")
    await camera.press("c")
    await camera.sees("will send")
    for character in "BTCUS":
        await asyncio.sleep(0.5)  # as a hand types: a burst is no decision
        await camera.press(character)
    await camera.take("canary-confirm-120x36")
    for character in "DT":
        await asyncio.sleep(0.5)
        await camera.press(character)
    await camera.sees("FILLED")
    await camera.press("g")
    await camera.sees("residue")
    await camera.take("canary-120x36")


async def main() -> None:
    async with engine() as socket:
        async with cockpit(socket, WIDE) as camera:
            await trade(camera)
            await camera.take("trade-120x36")
            await camera.press("escape", "1", "x")
            await camera.sees("will cancel")
            await camera.take("confirm-120x36")
            await camera.press("escape", "s", "l", *"0.05", "tab", *"72000", "tab", *"60000", "tab", *"59900")
            await camera.sees("✓ below")
            await camera.take("list-120x36")
            await camera.press("escape", "f2")
            await camera.sees("btcusdt@trade")
            await camera.take("health-120x36")
            await camera.press("f4")
            await camera.sees("position-share")
            await camera.take("risk-120x36")
            await camera.press("f5")
            await camera.sees("100.00 %")
            await camera.take("pnl-120x36")
            await camera.press("f8")
            await camera.sees("price-band")
            await camera.take("log-120x36")
            await twins(camera)
            await canary(camera)
        async with cockpit(socket, NARROW) as camera:
            await camera.press("b", *"0.05")
            await camera.sees("passes")
            await camera.take("trade-80x24")
            await camera.press("s", "w", *"0.05", "tab", *"10", "tab", *"5")
            await camera.sees("passes")
            await camera.press("ctrl+o")
            await camera.sees("RUNNING")
            await camera.take("algo-80x24")
            await camera.app.call(Kill(reason="operator"))
            await camera.sees("HALTED by operator")
            await camera.take("halted-80x24")
            await camera.app.call(Resume(reason="pictures taken"))
            await camera.app.call(StopEngine())


if __name__ == "__main__":
    asyncio.run(main())
