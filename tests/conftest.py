"""What makes the suite quick and proves nothing itself."""

import gc
import os
import sys

import pytest

# Hundreds of tests start the program as a process: it is compiled once, whatever the shell says.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

gc.disable()  # until all is collected: nothing is thrown away before

# Files with few tests that take long; what comes last is short, so that all workers end together.
_FIRST = ("rescue", "e2e", "faults", "cli", "flows", "ui")


def pytest_configure(config: pytest.Config) -> None:
    """pytest-xdist would begin with the files of most tests, which are the quick ones."""
    config.option.loadscopereorder = False


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Half as many again as processors: the dear tests often wait for a process, a ban or a lease to end."""
    return max(2, (os.cpu_count() or 1) * 3 // 2)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def turn(item: pytest.Item) -> int:
        return next((place for place, room in enumerate(_FIRST) if f"/{room}/" in item.nodeid), len(_FIRST))

    items.sort(key=turn)


def pytest_collection_finish() -> None:
    """The collected tests and the imports stay: no later collection of garbage looks through them."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    gc.enable()
