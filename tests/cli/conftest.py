from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.support import Home


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """An operator's machine of its own; whatever was started on it is ended."""
    place = Home(tmp_path)
    yield place
    place.close()


@pytest.fixture(scope="module")
def shared_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """As `home`, for tests that only look."""
    place = Home(tmp_path_factory.mktemp("home"))
    yield place
    place.close()


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(home: Home, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command in this process: (exit code, stdout, stderr)."""
    from spark_tui.cli import main

    for name, value in home.environment.items():
        monkeypatch.setenv(name, value)
    for name in home.unset:
        monkeypatch.delenv(name, raising=False)

    def call(*words: str) -> tuple[int, str, str]:
        try:
            code = main(words)
        except SystemExit as left:
            code = int(left.code or 0)
        out, err = capsys.readouterr()
        return code, out, err

    return call
