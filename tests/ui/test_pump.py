"""The pump: latest wins, nothing is lost while the terminal is behind; the adapter knows Textual's queue."""

import asyncio
from queue import Queue

import pytest
from textual.drivers._writer_thread import WriterThread
from textual.drivers.headless_driver import HeadlessDriver

from spark_tui.link.messages import Notice
from spark_tui.ui.model import Model, Topic
from spark_tui.ui.pump import MAX_QUEUED, Pump
from spark_tui.ui.terminal import TerminalMeter, metered
from tests.ui.cockpit import cockpit
from tests.ui.fake_engine import ManualClock


class Shown:
    """A pane that only counts."""

    def __init__(self, *topics: Topic, every_s: float = 0.0) -> None:
        self.topics = frozenset(topics)
        self.every_s = every_s
        self.restless = False
        self.pulls = 0
        self.pulled = asyncio.Event()

    def pull(self) -> None:
        self.pulls += 1
        self.pulled.set()


class Bench:
    def __init__(self, *panes: Shown) -> None:
        self.clock = ManualClock()
        self.model = Model(self.clock)
        self.queued = 0
        self.panes = list(panes)
        self.pump = Pump(
            self.model, panes=lambda: self.panes, queued=lambda: self.queued, painted=self._painted
        )

    def _painted(self) -> "asyncio.Future[None]":
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done

    def note(self) -> None:
        self.model.apply(Notice(time_ms=0, level="info", text="x"))


async def test_only_panes_whose_topic_changed_pull_and_once_for_many_events() -> None:
    log, book = Shown(Topic.LOG), Shown(Topic.BOOK)
    bench = Bench(log, book)
    for _ in range(100):
        bench.note()
    await bench.pump.pump_once()
    assert (log.pulls, book.pulls) == (1, 0)
    await bench.pump.pump_once()
    assert log.pulls == 1


async def test_a_terminal_that_is_behind_is_left_alone_and_loses_nothing() -> None:
    log = Shown(Topic.LOG)
    bench = Bench(log)
    bench.note()
    bench.queued = MAX_QUEUED + 1
    assert not await bench.pump.pump_once()
    assert (log.pulls, bench.pump.skipped) == (0, 1)
    bench.queued = 0
    assert await bench.pump.pump_once()
    assert log.pulls == 1


async def test_behind_a_dialog_nothing_is_painted_and_nothing_is_forgotten() -> None:
    log = Shown(Topic.LOG)
    bench = Bench()
    bench.note()
    await bench.pump.pump_once()
    bench.panes = [log]
    await bench.pump.pump_once()
    assert log.pulls == 1


async def test_a_slow_pane_gets_its_topic_later() -> None:
    chart = Shown(Topic.LOG, every_s=0.5)
    bench = Bench(chart)
    for _ in range(3):
        bench.note()
        await bench.pump.pump_once()
    assert chart.pulls == 1
    bench.clock.advance(0.6)
    await bench.pump.pump_once()
    assert chart.pulls == 2


async def test_a_slow_pane_does_not_keep_an_instrument_nobody_looks_at() -> None:
    chart = Shown(Topic.LOG, Topic.LOOK, every_s=0.5)
    bench = Bench(chart)
    bench.note()
    await bench.pump.pump_once()
    bench.model.set_look(("v", "ETHUSDT"), "1m")
    await bench.pump.pump_once()
    assert chart.pulls == 2


async def test_a_restless_pane_is_pulled_every_beat() -> None:
    countdown = Shown(Topic.BOOK)
    countdown.restless = True
    bench = Bench(countdown)
    await bench.pump.pump_once()
    await bench.pump.pump_once()
    assert countdown.pulls == 2


async def test_a_nudge_beats_before_the_interval_is_over() -> None:
    log = Shown(Topic.LOG)
    bench = Bench(log)
    bench.pump.interval_s = 3_600
    bench.note()
    running = asyncio.create_task(bench.pump.run())
    async with asyncio.timeout(5):
        await log.pulled.wait()
        log.pulled.clear()
        bench.note()
        bench.pump.nudge()
        await log.pulled.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


def test_textual_still_keeps_its_backlog_where_the_adapter_looks() -> None:
    """Fails when a new Textual moves it: then `TerminalMeter.queued` must be taught the new place."""

    class NoFile:
        def write(self, text: str) -> None:
            raise AssertionError("the thread was never started")

        def flush(self) -> None:
            raise AssertionError("the thread was never started")

        def fileno(self) -> int:
            return 1

    writer = WriterThread(NoFile())  # type: ignore[arg-type]
    assert isinstance(writer._queue, Queue)
    from textual.drivers.linux_driver import LinuxDriver

    assert LinuxDriver.__init__.__code__.co_names.count("_writer_thread") == 1
    driver = object.__new__(LinuxDriver)
    driver._writer_thread = writer
    meter = TerminalMeter()
    meter.attach(driver)
    assert meter.queued == 0
    writer.write("a")
    writer.write("b")
    assert meter.queued == 2


async def test_the_meter_counts_what_is_written() -> None:
    async with cockpit() as face:
        meter = TerminalMeter()
        driver = metered(HeadlessDriver, meter)(face.app, size=(80, 24))
        driver.write("abc")
        driver.write("▲")
        assert meter.written == 6
        assert meter.queued == 0
