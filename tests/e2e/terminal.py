"""A real terminal: a program in a pty under a tmux server of its own, its screen read back as text."""

import os
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

PATIENCE_S = 30.0
_LOOK_EVERY_S = 0.03
MARK = "SPARK_TUI_TEST_MARK"  # in the environment of the program and so of everything it starts
# the terminal outlives the program, as under a shell
_SHELL = '"$@"; echo "ended with $?"; exec sleep 1000'


def tmux_is_here() -> bool:
    return shutil.which("tmux") is not None


class Terminal:
    """`with Terminal(...) as screen`: the program runs until it ends or the block does."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        width: int,
        height: int,
        environment: Mapping[str, str],
    ) -> None:
        self.mark = uuid.uuid4().hex
        self._server = f"spark-{self.mark[:8]}"
        self._sockets = tempfile.TemporaryDirectory(prefix="st-")  # short: a socket's path is limited
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("TMUX")}
        self._environment = inherited | {"TMUX_TMPDIR": self._sockets.name, "LANG": "C.UTF-8"}
        self._begin = (
            *("-u", "-f", "/dev/null", "new-session", "-d", "-x", str(width), "-y", str(height), "--"),
            *("sh", "-c", _SHELL, "sh", "env"),
            *(f"{name}={value}" for name, value in {**environment, MARK: self.mark}.items()),
            *command,
        )

    def __enter__(self) -> "Terminal":
        self._tmux(*self._begin)
        return self

    def __exit__(self, *_: object) -> None:
        self.hang_up()
        self._sockets.cleanup()

    # --- what an operator does

    def press(self, *keys: str) -> None:
        """Keys by tmux's names: `C-k`, `Tab`, `Escape`, `F2`, or a character."""
        for key in keys:
            self._tmux("send-keys", *(() if len(key) > 1 else ("-l",)), "--", key)

    def type(self, text: str) -> None:
        self._tmux("send-keys", "-l", "--", text)

    def resize(self, width: int, height: int) -> None:
        self._tmux("resize-window", "-x", str(width), "-y", str(height))

    def hang_up(self) -> None:
        """The line is lost: the program's terminal goes away."""
        subprocess.run(
            ["tmux", "-L", self._server, "kill-server"],
            env=self._environment,
            capture_output=True,
            check=False,
        )

    # --- what an operator sees

    def text(self) -> str:
        return self._tmux("capture-pane", "-p")

    def until(self, *parts: str, gone: Sequence[str] = ()) -> str:
        """The first screen that shows all of `parts` and none of `gone`."""
        return self.wait(lambda text: all(p in text for p in parts) and not any(g in text for g in gone))

    def wait(self, holds: Callable[[str], bool], again: Callable[[], None] | None = None) -> str:
        """Look until the screen is right; `again` is done every half a second meanwhile."""
        began = repeated = time.monotonic()
        while not holds(text := self.text()):
            now = time.monotonic()
            assert now < began + PATIENCE_S, f"not seen within {PATIENCE_S:g} s; the screen is:\n{text}"
            if again is not None and now - repeated > 0.5:
                repeated = now
                again()
            time.sleep(_LOOK_EVERY_S)
        return text

    def ended(self) -> int:
        """The program's exit code, once it has ended."""
        text = self.until("ended with ")
        return int(text.rpartition("ended with ")[2].split()[0])

    def is_plain(self) -> bool:
        """Whether the terminal is as a shell expects it: main screen, visible cursor, no mouse reports."""
        facts = "#{alternate_on}#{cursor_flag}#{mouse_any_flag}"
        return self._tmux("display-message", "-p", facts).strip() == "010"

    def processes(self) -> dict[int, str]:
        """Living processes that descend from the program, with their command lines (Linux)."""
        wanted = f"{MARK}={self.mark}".encode()
        found: dict[int, str] = {}
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                if wanted in (entry / "environ").read_bytes().split(b"\0"):
                    found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue  # it ended meanwhile, or is not ours to look at
        return found

    def _tmux(self, *words: str) -> str:
        done = subprocess.run(
            ["tmux", "-L", self._server, *words],
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout
