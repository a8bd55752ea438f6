"""Start-up is counted: the cockpit does not pay for what others need, nor scripts for the cockpit."""

import subprocess
import sys

HEAVY = ("pydantic", "httpx", "numpy", "aiohttp", "cryptography", "prometheus_client", "uvloop", "yaml")
LATER = ("spark_tui.ui.screens.health", "spark_tui.ui.screens.help", "spark_tui.ui.screens.palette")


def loaded_by(module: str) -> set[str]:
    code = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_cockpit_imports_nothing_heavy_and_no_screen_before_its_time() -> None:
    assert loaded_by("spark_tui.ui.app").isdisjoint({*HEAVY, *LATER})


def test_the_action_table_imports_no_textual() -> None:
    assert loaded_by("spark_tui.ui.actions").isdisjoint({"textual", "rich", "asyncio", *HEAVY})
