"""The place that looks inside Textual's driver: how much is written, how much waits to be written.

A terminal that reads slowly (SSH, a stopped tmux client) fills the writer's queue; painting more then only
adds delay. The pump asks `queued` before each beat and skips while the terminal is behind.
"""

import contextlib
import os
import sys
from functools import partial
from typing import IO, Any

from textual.driver import Driver

from spark_tui.ui.terminal_input import listen


class TerminalMeter:
    """Bytes handed to the terminal and frames still queued. Counts nothing until `attach`."""

    def __init__(self) -> None:
        self.written = 0
        self._driver: Driver | None = None

    def attach(self, driver: Driver) -> None:
        self._driver = driver

    def count(self, data: str) -> None:
        self.written += len(data) if data.isascii() else len(data.encode("utf-8", "replace"))

    @property
    def queued(self) -> int:
        """Writes the driver's thread has not taken yet; 0 for drivers that have no thread."""
        writer = getattr(self._driver, "_writer_thread", None)
        return 0 if writer is None else int(writer._queue.qsize())


class EnduringFile:
    """A terminal that is gone takes what is written and keeps nothing. Textual's writer thread would end at
    the first error, and whoever fills its queue then, as an exit may, would wait for ever."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def write(self, text: str) -> int:
        try:
            return self._file.write(text)
        except OSError:
            return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            self._file.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def metered(driver_class: type[Driver], meter: TerminalMeter) -> type[Driver]:
    """`driver_class`, counting into `meter` whatever it writes."""

    class MeteredDriver(driver_class):  # type: ignore[misc, valid-type]  # the base is chosen at run time
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            terminal: IO[str] | None = self.__dict__.get("_file")
            if terminal is not None:
                self.__dict__["_file"] = EnduringFile(terminal)
            meter.attach(self)

        def write(self, data: str) -> None:
            meter.count(data)
            super().write(data)

        def _run_input_thread(self) -> None:
            """Textual would print the traceback of an error and end as if nothing were."""
            try:
                self.run_input_thread()
            except Exception as error:
                self._app.call_later(partial(_raise, error))

        def run_input_thread(self) -> None:
            """Of drivers that read a terminal by themselves. One that goes away may send no signal."""
            listen(self.fileno, self.exit_event, self.process_message)
            if not self.exit_event.is_set():
                self._app.call_later(self._app.exit)

    return MeteredDriver


def _raise(error: Exception) -> None:
    raise error


def size_now() -> tuple[int, int] | None:
    """Columns and rows of the terminal; None where there is none."""
    try:
        columns, rows = os.get_terminal_size(sys.__stdout__.fileno()) if sys.__stdout__ else (0, 0)
    except (OSError, ValueError):
        return None
    return (columns, rows) if columns > 0 and rows > 0 else None
