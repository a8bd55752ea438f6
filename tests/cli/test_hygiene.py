"""Small commands stay quick because they do not import what they do not use."""

import subprocess
import sys

import pytest

from tests.cli.support import Home

HEAVY = (
    "textual",
    "rich",
    "numpy",
    "httpx",
    "aiohttp",
    "cryptography",
    "pydantic",
    "prometheus_client",
    "uvloop",
)


@pytest.mark.parametrize(
    ("words", "more"),
    [
        (["--version"], ("asyncio", "argparse", "msgspec", "websockets")),
        (["show", "orders"], ("sqlite3",)),
        (["do", "kill"], ("sqlite3",)),
        (["stop"], ("sqlite3",)),
        (["--bogus"], ("asyncio", "websockets")),
        (["attach"], ()),
    ],
)
def test_a_command_imports_only_what_it_needs(home: Home, words: list[str], more: tuple[str, ...]) -> None:
    code = (
        "import sys\nfrom spark_tui.cli import main\n"
        f"main({words!r})\n"
        f"print('heavy:', *sorted(name for name in {(*HEAVY, *more)!r} if name in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=home.full({}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert "Traceback" not in done.stderr
    assert done.stdout.splitlines()[-1] == "heavy:"
