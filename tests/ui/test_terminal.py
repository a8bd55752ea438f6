"""A terminal that goes away while the cockpit writes to it."""

import io
import threading

from textual.drivers._writer_thread import WriterThread

from spark_tui.ui.terminal import EnduringFile


class GoneTerminal(io.StringIO):
    def write(self, text: str) -> int:
        raise OSError(5, "Input/output error")

    def flush(self) -> None:
        raise OSError(5, "Input/output error")


def test_a_terminal_that_is_gone_keeps_nobody_waiting() -> None:
    writer = WriterThread(EnduringFile(GoneTerminal()))  # type: ignore[arg-type]  # all it needs of a file
    writer.start()

    def leave() -> None:
        for _ in range(100):  # more than the queue holds
            writer.write("x")
        writer.stop()

    leaving = threading.Thread(target=leave, daemon=True)
    leaving.start()
    leaving.join(5)
    assert not leaving.is_alive()


def test_a_terminal_that_is_there_gets_everything() -> None:
    file = io.StringIO()
    enduring = EnduringFile(file)
    assert enduring.write("abc") == 3
    enduring.flush()
    assert file.getvalue() == "abc"
    assert enduring.isatty() is False
