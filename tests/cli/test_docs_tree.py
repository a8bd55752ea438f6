"""What writes the guide's pages and pictures shows the tree it lies in, whichever is installed."""

import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.mark.parametrize("maker", ["keys.py", "screenshots.py"])
def test_a_maker_uses_its_own_tree(maker: str, tmp_path: Path) -> None:
    other = tmp_path / "spark_tui"
    other.mkdir()
    (other / "__init__.py").write_text("raise ImportError('another tree')")
    code = f"import runpy; runpy.run_path({str(DOCS / maker)!r}); import spark_tui; print(spark_tui.__file__)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == str(DOCS.parent / "spark_tui" / "__init__.py"), done.stderr
