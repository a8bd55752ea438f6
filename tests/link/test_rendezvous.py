"""Where an engine and its faces meet."""

import errno
import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from spark_tui.link.rendezvous import (
    DataDirLock,
    EngineFile,
    EngineRuns,
    RendezvousError,
    find_engine,
    is_locked,
    runtime_dir,
    socket_path,
    write_engine_file,
)


@pytest.fixture(autouse=True)
def own_runtime_dir(socket_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A short one: in place of one that is too long the machine's own would be taken."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(socket_dir / "run"))


def test_the_socket_path_is_short_stable_and_its_own(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["a-rather-long-directory-name"] * 8)
    deep.mkdir(parents=True)
    assert socket_path(deep) == socket_path(deep / ".." / deep.name)
    assert socket_path(deep) != socket_path(tmp_path)
    assert len(os.fsencode(socket_path(deep))) <= 100


def test_a_long_runtime_directory_is_replaced_by_a_short_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / ("x" * 90)))
    with tempfile.TemporaryDirectory(prefix="st-") as short:
        monkeypatch.setattr(tempfile, "tempdir", short)
        assert len(os.fsencode(socket_path(tmp_path))) <= 100
        assert socket_path(tmp_path).is_relative_to(short)


def test_the_runtime_directory_is_private(tmp_path: Path) -> None:
    path = runtime_dir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o700
    path.chmod(0o755)
    with pytest.raises(RendezvousError, match="chmod 700"):
        runtime_dir()


def test_an_engine_is_found_while_its_process_holds_the_lock(tmp_path: Path) -> None:
    engine = EngineFile(socket="/run/x.sock", pid=12, data_dir=str(tmp_path), metrics_port=4001)
    assert find_engine(tmp_path) is None
    lock = DataDirLock.acquire(tmp_path)
    write_engine_file(tmp_path / "engine.json", engine)
    assert find_engine(tmp_path) == engine
    assert stat.S_IMODE((tmp_path / "engine.json").stat().st_mode) == 0o600
    lock.release()
    assert find_engine(tmp_path) is None


def test_a_second_engine_is_refused_by_pid(tmp_path: Path) -> None:
    lock = DataDirLock.acquire(tmp_path)
    with pytest.raises(EngineRuns, match=rf"pid {os.getpid()}\b"):
        DataDirLock.acquire(tmp_path)
    lock.release()
    DataDirLock.acquire(tmp_path).release()


def test_a_killed_engine_leaves_no_lock(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from spark_tui.link.rendezvous import DataDirLock\n"
        "lock = DataDirLock.acquire(Path(sys.argv[1])); print('held', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    with holder:
        assert holder.stdout.readline() == "held\n"
        assert is_locked(tmp_path)
        holder.kill()
        holder.wait()
    DataDirLock.acquire(tmp_path).release()


def test_an_unusable_data_directory_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RendezvousError, match="cannot be used"):
        DataDirLock.acquire(tmp_path / "file")


def test_a_held_directory_is_seen_on_a_disk_that_became_read_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.open

    def read_only(path: Path, flags: int, *mode: int) -> int:
        if flags & (os.O_RDWR | os.O_WRONLY):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        return real(path, flags, *mode)

    lock = DataDirLock.acquire(tmp_path)
    try:
        monkeypatch.setattr(os, "open", read_only)
        assert is_locked(tmp_path)
    finally:
        lock.release()
