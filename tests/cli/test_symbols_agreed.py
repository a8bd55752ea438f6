"""`Apply? Type yes:` on a real terminal: nothing but that word, typed and sent, changes the list."""

import os
import pty
import select
import subprocess
import sys
import time

import pytest

from spark_tui.symbols_file import SYMBOLS_FILE
from tests.cli.support import COMMAND, PATIENCE_S, Home
from tests.cli.test_symbols import Exchange, exchange, figures

__all__ = ["exchange"]

# the terminal becomes the one that ctrl+c is typed at; a suite in the background ignores that signal, and so
# would whatever it starts
_AT_A_TERMINAL = (
    "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL);"
    " os.close(os.open(os.ttyname(0), os.O_RDWR)); os.execv(sys.argv[1], sys.argv[1:])"
)
_CTRL_C = b"\x03"


def answered(home: Home, typed: bytes, **environment: str) -> tuple[int, str]:
    """Exit code, as a shell tells it, and the screen of `symbols sync`, with `typed` at its question."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", _AT_A_TERMINAL, *COMMAND, "symbols", "sync", "--data-dir", str(home.data)],
        env=home.full(environment),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    screen, deadline = b"", time.monotonic() + PATIENCE_S
    try:
        while time.monotonic() < deadline:
            if not select.select([ours], [], [], 0.1)[0]:
                if b"Type yes" in screen and typed.endswith(_CTRL_C):
                    os.write(ours, _CTRL_C)  # a signal that comes before input() reads waits for the next key
                continue
            try:
                told = os.read(ours, 4096)
            except OSError:  # it has ended, and its terminal with it
                break
            asked = b"Type yes" in screen
            screen += told
            if not asked and b"Type yes" in screen:
                os.write(ours, typed)
        code = process.wait(PATIENCE_S)
        return code if code >= 0 else 128 - code, screen.decode(errors="replace")
    finally:
        process.kill()
        process.wait()
        os.close(ours)


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        pytest.param(b"yes\r", 0, id="yes"),
        pytest.param(b"  YES \r", 0, id="yes, loudly"),
        pytest.param(b"\r", 2, id="enter"),
        pytest.param(b"y\r", 2, id="y"),
        pytest.param(b"yes please\r", 2, id="more than that"),
        pytest.param(b"\xff\xfe\xc3yes\r", 2, id="bytes that are no text"),
        pytest.param(b"\x1b[A\x1b[200~yes\x1b[201~\r", 2, id="arrows and a paste"),
        pytest.param(b"\x04", 2, id="end of file"),
        pytest.param(b"ye\x03", 130, id="ctrl+c"),
    ],
)
def test_only_yes_applies(exchange: Exchange, home: Home, typed: bytes, code: int) -> None:
    exchange.days = exchange.json(figures(BTCUSDT="90000000", ETHUSDT="1", BNBUSDT="1", BTCTRY="90000000"))
    found, screen = answered(home, typed, BINANCE_API_BASE=exchange.base)
    assert (found, (home.data / SYMBOLS_FILE).exists()) == (code, code == 0), screen
    assert "Traceback" not in screen
    assert ("nothing was changed" in screen) is (code == 2)
