"""`spark-tui stop` is over when the engine's process is."""

import subprocess
import sys
from pathlib import Path

import pytest

from spark_tui.commands import stop
from spark_tui.link.rendezvous import EngineFile

LAST_ACT = "import pathlib, sys; sys.stdin.readline(); pathlib.Path(sys.argv[1]).touch()"


def test_it_waits_until_the_process_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    last = tmp_path / "last"
    with subprocess.Popen([sys.executable, "-c", LAST_ACT, str(last)], stdin=subprocess.PIPE) as process:
        found = EngineFile(socket="", pid=process.pid, data_dir=str(tmp_path), metrics_port=0)
        monkeypatch.setattr(stop, "require_engine", lambda data_dir: found)
        monkeypatch.setattr(stop, "with_line", lambda *_: tell())

        def tell() -> None:
            assert process.stdin is not None
            process.stdin.write(b"\n")
            process.stdin.close()

        assert stop.stop_engine(tmp_path) is found
        assert last.exists()
