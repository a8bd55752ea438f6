"""What makes the suite quick and proves nothing itself."""

import gc
import os
import sys

# Hundreds of tests start the program as a process: it is compiled once, whatever the shell says.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False


def pytest_collection_finish() -> None:
    """The collected tests and the imports stay: no later collection of garbage looks through them."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
