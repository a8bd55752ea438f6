"""Where an engine and its faces meet: the data directory's lock, its engine file, and the socket's path.

A face knows only the data directory. The engine file there says where the engine listens; the socket itself
lies in a private runtime directory, because a unix socket's path may hold no more than about a hundred bytes.
"""

import contextlib
import fcntl
import hashlib
import os
import stat
import tempfile
import time
import warnings
from pathlib import Path

import msgspec
import platformdirs

APP = "spark-tui"
SOCKET_PATH_LIMIT = 100  # bytes; sun_path holds 108 on Linux and 104 on macOS, with the ending zero
ENGINE_FILE = "engine.json"
LOCK_FILE = "engine.lock"
LEDGER_FILE = "ledger.sqlite"
LOG_FILE = "engine.log"


class RendezvousError(Exception):
    """One sentence with the cure."""


class EngineRuns(RendezvousError):
    """Another engine holds this data directory."""


class EngineFile(msgspec.Struct, frozen=True, kw_only=True):
    """What a running engine says of itself; also what `--ready-file` receives. `metrics_port` 0: off."""

    socket: str
    pid: int
    data_dir: str
    metrics_port: int = 0


def default_data_dir() -> Path:
    return Path(platformdirs.user_data_dir(APP))


def default_config_file() -> Path:
    return Path(platformdirs.user_config_dir(APP)) / "config.toml"


def runtime_dir() -> Path:
    """The operator's own directory for sockets, mode 0700. RendezvousError when it is not private."""
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # without XDG_RUNTIME_DIR platformdirs warns on stderr, and falls back well
        path = Path(platformdirs.user_runtime_dir(APP))
    if len(os.fsencode(path)) > SOCKET_PATH_LIMIT - len("/0123456789abcdef.sock"):
        path = Path(tempfile.gettempdir()) / f"{APP}-{os.getuid()}"
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        path.mkdir(mode=0o700, exist_ok=True)
        _require_private(path)
    except OSError as error:
        raise RendezvousError(f"The runtime directory {path} cannot be used: {error.strerror}.") from error
    return path


def _require_private(path: Path) -> None:
    about = path.stat(follow_symlinks=False)
    if not stat.S_ISDIR(about.st_mode) or about.st_uid != os.getuid():
        raise RendezvousError(
            f"The runtime directory {path} is not yours; set XDG_RUNTIME_DIR to one that is."
        )
    if about.st_mode & 0o077:
        raise RendezvousError(f"The runtime directory {path} is open to others; run: chmod 700 {path}")


def socket_path(data_dir: Path) -> Path:
    """The socket of the engine on `data_dir`: short, and the same for every face of this operator."""
    digest = hashlib.sha256(os.fsencode(data_dir.resolve())).hexdigest()[:16]
    return runtime_dir() / f"{digest}.sock"


def find_engine(data_dir: Path) -> EngineFile | None:
    """The engine that says it runs on `data_dir`; None when there is no readable engine file or its process
    no longer holds the lock (an engine that was killed leaves its file behind)."""
    try:
        found = msgspec.json.decode((data_dir / ENGINE_FILE).read_bytes(), type=EngineFile)
    except (OSError, msgspec.MsgspecError):
        return None
    return found if is_locked(data_dir) else None


def write_private(path: Path, content: bytes, *, durable: bool = False) -> None:
    """Replace `path` with `content` in one step, mode 0600: a reader never sees half a file. `durable`: nor
    does one after a power cut."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        os.replace(name, path)
        if durable:
            _sync_folder(path.parent)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _sync_folder(folder: Path) -> None:
    """Else a new name may be gone after a power cut, with what it stands for."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_engine_file(path: Path, engine: EngineFile) -> None:
    write_private(path, msgspec.json.encode(engine) + b"\n")


class DataDirLock:
    """Held for the life of an engine. The kernel lets go of it when the process ends, however it ends, so a
    killed engine never blocks the next one."""

    def __init__(self, handle: int) -> None:
        self._handle = handle

    @classmethod
    def acquire(cls, data_dir: Path) -> "DataDirLock":
        """Creates the directory (0700). Raises EngineRuns naming the process, or RendezvousError."""
        try:
            data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(data_dir / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise RendezvousError(
                f"The data directory {data_dir} cannot be used: {error.strerror}."
            ) from error
        if not _lock(handle):
            owner = _owner(handle) or "unknown"
            os.close(handle)
            raise EngineRuns(
                f"An engine (pid {owner}) already runs on {data_dir}: use `spark-tui attach`,"
                " or end it with `spark-tui stop`."
            )
        try:
            os.ftruncate(handle, 0)
            os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        except OSError as error:  # a full disk
            os.close(handle)
            raise RendezvousError(
                f"The data directory {data_dir} cannot be used: {error.strerror}."
            ) from error
        return cls(handle)

    @classmethod
    def keep_engines_out(cls, data_dir: Path) -> "DataDirLock":
        """No engine starts meanwhile; of those who keep them out there may be several at once, and none is
        taken for an engine. Raises EngineRuns, or RendezvousError."""
        try:
            handle = os.open(data_dir / LOCK_FILE, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise RendezvousError(
                f"The data directory {data_dir} cannot be used: {error.strerror}."
            ) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            raise EngineRuns(f"An engine has just started on {data_dir}.") from None
        return cls(handle)

    def release(self) -> None:
        os.close(self._handle)


def _lock(handle: int) -> bool:
    """Tried for a fifth of a second, because `is_locked` holds a shared lock for an instant."""
    for _ in range(10):
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.02)
        else:
            return True
    return False


def _owner(handle: int) -> str:
    return os.pread(handle, 32, 0).decode("ascii", "replace").strip()


def lock_owner(data_dir: Path) -> int | None:
    """The process that holds `data_dir`; None when none does, or it does not say: one that has only just
    begun has not written over the number of the one before, which may be anybody's by now."""
    if not is_locked(data_dir):
        return None
    try:
        handle = os.open(data_dir / LOCK_FILE, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        owner = _owner(handle)
    finally:
        os.close(handle)
    pid = int(owner) if owner.isdigit() else None
    return pid if pid is not None and _has_open(pid, data_dir / LOCK_FILE) else None


def _has_open(pid: int, path: Path) -> bool:
    """Where the system does not tell, it is believed."""
    if not Path("/proc/self/fd").is_dir():
        return True
    wanted = path.stat()
    for entry in Path(f"/proc/{pid}/fd").glob("*"):
        with contextlib.suppress(OSError):  # closed meanwhile
            if os.path.samestat(entry.stat(), wanted):
                return True
    return False


def is_locked(data_dir: Path) -> bool:
    """Whether a living engine holds `data_dir`; also where the disk has become read-only."""
    try:
        handle = os.open(data_dir / LOCK_FILE, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False
