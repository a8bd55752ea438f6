"""The folder of evidence has a bound; what goes first, and what never."""

import os
from pathlib import Path

import pytest

from spark_tui.store.evidence_shelf import Removed, bound, kept

SIZE = 1_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Ten bundles, oldest first: three of single canaries, those of a soak's checks, the soak's own."""
    place = tmp_path / "evidence"
    place.mkdir()
    names = ["c1-1", "c1-2", "c1-3", *(f"c1-4-{n}{k}" for n in (1, 2, 3) for k in "rc"), "c1-4"]
    for age, name in enumerate(names):
        path = place / f"canary-{name}.json"
        path.write_bytes(b"x" * SIZE)
        os.utime(path, ns=(age, age))
    return tmp_path


def left(folder: Path) -> list[str]:
    found = sorted(kept(folder), key=lambda one: one.written_ns)
    return [one.name.removeprefix("canary-").removesuffix(".json") for one in found]


def test_within_its_bound_nothing_goes(folder: Path) -> None:
    assert bound(folder, 10 * SIZE, ()) == Removed(count=0, size=10 * SIZE)
    assert len(left(folder)) == 10


def test_a_soaks_checks_go_first_the_oldest_of_them_before_the_others(folder: Path) -> None:
    assert bound(folder, 9 * SIZE, ()) == Removed(count=2, size=8 * SIZE)  # and some room more
    assert left(folder) == ["c1-1", "c1-2", "c1-3", "c1-4-2r", "c1-4-2c", "c1-4-3r", "c1-4-3c", "c1-4"]


def test_then_the_oldest_of_the_rest(folder: Path) -> None:
    bound(folder, 3 * SIZE, ())
    assert left(folder) == ["c1-3", "c1-4"]


def test_what_is_needed_never_goes(folder: Path) -> None:
    done = bound(folder, SIZE, {"canary-c1-1.json", "canary-c1-4-1r.json"})
    assert left(folder) == ["c1-1", "c1-4-1r"]
    assert done == Removed(count=8, size=2 * SIZE)


def test_what_is_no_bundle_is_not_touched(folder: Path) -> None:
    (folder / "evidence" / "canary-c1-5.journal").write_bytes(b"x" * SIZE)
    (folder / "evidence" / "canary-link.json").symlink_to(folder / "elsewhere")
    bound(folder, 0, ())
    assert {one.name for one in (folder / "evidence").iterdir()} == {
        "canary-c1-5.journal",
        "canary-link.json",
    }


def test_where_there_is_no_evidence_nothing_is_to_be_removed(tmp_path: Path) -> None:
    assert bound(tmp_path, 0, ()) == Removed(count=0, size=0)
