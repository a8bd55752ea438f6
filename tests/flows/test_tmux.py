"""`spark-tui demo` in a real terminal under tmux, from the keyboard alone, and nothing of it left behind."""

import random
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.cli.support import wait_for
from tests.e2e.terminal import Terminal, tmux_is_here

pytestmark = pytest.mark.skipif(not tmux_is_here(), reason="tmux is not installed")

WIDE = (120, 36)
NARROW = (80, 24)


class Desk:
    """A cockpit on a terminal, and the directories in which it may leave something."""

    def __init__(
        self, root: Path, runtime: Path, size: tuple[int, int], words: Sequence[str] = ("demo", "--seed", "7")
    ) -> None:
        self.temporary = root / "tmp"
        self.temporary.mkdir(parents=True)
        self.runtime = runtime
        self.home = root / "home"
        self.home.mkdir()
        self.screen = Terminal(
            [sys.executable, "-m", "spark_tui", *words],
            width=size[0],
            height=size[1],
            environment={
                "HOME": str(self.home),
                "XDG_DATA_HOME": str(self.home / "data"),
                "XDG_CONFIG_HOME": str(self.home / "config"),
                "XDG_RUNTIME_DIR": str(runtime),
                "TMPDIR": str(self.temporary),
                "EXECUTOR_PORT": "0",
                "TERM": "tmux-256color",
            },
        )

    def ready(self) -> Terminal:
        self.screen.until("SIM", "ACTIVE", "● spot", "BTCUSDT", "no orders yet")
        return self.screen

    def buy(self, quantity: str, price: str) -> None:
        """Fill in the ticket and send it once every rule passes."""
        self.fill_in(quantity, price)
        self.screen.until("✓ passes")
        self.screen.press("C-o")

    def fill_in(self, quantity: str, price: str) -> None:
        self.screen.press("b", "C-u")
        self.screen.type(quantity)
        self.screen.press("Tab")
        self.screen.type(price)

    def leave_ticket(self) -> None:
        """Esc and a key right after it would be one key, so the cursor must have gone first."""
        self.screen.press("Escape")
        self.screen.until(gone=["▏"])

    def leave(self) -> None:
        self.screen.press("q")
        self.screen.until("Quit the demo")
        self.screen.wait(lambda text: "Quit the demo" not in text, again=lambda: self.screen.press("y"))
        assert self.screen.ended() == 0

    def assert_nothing_is_left(self) -> None:
        self.screen.wait(lambda _: not self.screen.processes())
        self.assert_no_files_are_left()

    def assert_no_files_are_left(self) -> None:
        assert [path.name for path in self.temporary.iterdir()] == []
        assert [path for path in self.runtime.rglob("*") if not path.is_dir()] == []
        assert [path for path in self.home.rglob("*") if not path.is_dir()] == []


@pytest.fixture
def runtime() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="st-") as folder:  # short: a socket's path is limited
        yield Path(folder)


def test_a_day_at_the_desk(tmp_path: Path, runtime: Path) -> None:
    desk = Desk(tmp_path, runtime, WIDE)
    with desk.screen as screen:
        desk.ready()

        desk.buy("0.01", "50000")
        screen.until("1 ACCEPTED")
        desk.leave_ticket()
        desk.buy("0.02", "70000")
        screen.until("2 FILLED", "50 000.00  0.01000 0.00000 ACCEPTED", "70 000.00  0.02000 0.02000 FILLED")

        desk.leave_ticket()
        screen.press("1", "g", "x")
        screen.until("will cancel", "BUY 0.01", "Enter never confirms")
        screen.wait(lambda text: "CANCELED" in text, again=lambda: screen.press("y"))

        screen.press("?")
        screen.until("KILL: halt and cancel everything", "Buy")
        screen.press("Escape")
        screen.until("CANCELED", gone=["KILL: halt"])
        screen.press(":")
        screen.type("health")
        screen.until("Health screen")
        screen.press("Escape")
        screen.until("CANCELED", gone=["Health screen"])

        sizes = random.Random(5)
        for _ in range(25):
            screen.resize(sizes.randint(4, 200), sizes.randint(2, 60))
        for size in ((3, 1), (1, 1), NARROW, WIDE):
            screen.resize(*size)
        screen.until("SIM", "ACTIVE", "CANCELED", "ctrl+k KILL", "─ Depth ─")

        desk.buy("0.03", "51000")
        screen.until("3 ACCEPTED")
        screen.press("C-k")
        screen.until("HALTED by operator", "1 cancelled")
        desk.leave_ticket()
        desk.fill_in("0.04", "52000")
        screen.until("halted")
        screen.press("C-o")
        screen.until("refused")
        desk.leave_ticket()
        screen.until("3     BTCUSDT", gone=["4     BTCUSDT", "52 000.00  0.04"])

        desk.leave()
        assert screen.is_plain()
        assert "Traceback" not in screen.text()
        desk.assert_nothing_is_left()


def test_a_small_terminal_and_a_lost_line(tmp_path: Path, runtime: Path) -> None:
    desk = Desk(tmp_path, runtime, NARROW)
    with desk.screen as screen:
        desk.ready()
        desk.buy("0.01", "70000")
        text = screen.until("FILLED")
        assert max(len(line) for line in text.splitlines()) <= NARROW[0]
        screen.press("C-k")
        screen.until("HALTED by operator")
        assert screen.processes()
        screen.hang_up()
        wait_for(lambda: not screen.processes(), "the end of every process")
        desk.assert_no_files_are_left()


def test_the_engine_outlives_a_lost_line_and_is_found_again(tmp_path: Path, runtime: Path) -> None:
    data = ("--data-dir", str(tmp_path / "data"))
    first = Desk(tmp_path / "first", runtime, NARROW, data)
    with first.screen as screen:
        first.ready()
        first.buy("0.01", "50000")
        screen.until("ACCEPTED")
        before = screen.processes()
        screen.hang_up()
        wait_for(lambda: len(screen.processes()) < len(before), "the cockpit's end")

        second = Desk(tmp_path / "second", runtime, WIDE, ("attach", *data))
        with second.screen as again:
            again.until("SIM", "ACTIVE", "● spot", "50 000.00  0.01000 0.00000 ACCEPTED")
            again.press("C-k")
            again.until("HALTED by operator", "CANCELED")
            again.press("q")
            again.until("leave the engine running")
            again.wait(lambda text: "leave the engine" not in text, again=lambda: again.press("s"))
            assert again.ended() == 0
            assert again.is_plain()
        wait_for(lambda: not screen.processes(), "the end of engine and simulator")
        first.assert_no_files_are_left()
