"""The table of the fault plan names every row, and only tests that exist."""

import re
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
ROWS = re.findall(r"^\| (F\d\db?) \| [^|]+ \| (.+) \|$", (TESTS / "faults" / "README.md").read_text(), re.M)


def test_every_row_of_the_plan_is_there_once() -> None:
    expected = sorted([*(f"F{number:02}" for number in range(1, 62)), "F01b"])
    assert sorted(row for row, _ in ROWS) == expected


def test_every_row_names_tests_that_exist_or_says_where_it_belongs() -> None:
    for row, text in ROWS:
        named = re.findall(r"`([\w/]+\.py)::(\w+)`", text)
        assert named or text.startswith(("Later: ", "Impossible: ")), row
        for file, test in named:
            assert re.search(rf"^(?:async )?def {test}\(", (TESTS / file).read_text(), re.M), (
                row,
                file,
                test,
            )
