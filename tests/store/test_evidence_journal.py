"""A journal gives back what was written to it, up to where somebody or something interfered."""

import os
import resource
from collections.abc import Callable
from pathlib import Path

import pytest

from spark_tui.store.evidence import Bundle, EvidenceError, EvidenceKey, check
from spark_tui.store.evidence_journal import Gathered, Journal, left_behind, read


@pytest.fixture
def key(tmp_path: Path) -> EvidenceKey:
    return EvidenceKey.open(tmp_path)


def bundle(checks: int = 3) -> Bundle:
    found = Bundle()
    for number in range(checks):
        found.add(f"check {number}", {"number": number, "text": "x" * 100})
    return found


@pytest.fixture
def path(tmp_path: Path, key: EvidenceKey) -> Path:
    journal = Journal(tmp_path, "canary-c1", key)
    for section in bundle().sections:
        journal.append([section])
    journal.close(remove=False)
    return journal.path


def test_what_was_written_can_be_sealed_as_it_is(path: Path, key: EvidenceKey, tmp_path: Path) -> None:
    assert left_behind(tmp_path) == [path]
    assert path.stat().st_mode & 0o777 == 0o600
    found = read(path, key)
    assert (found.trouble, list(found.bodies)) == ("", ["check 0", "check 1", "check 2"])
    whole = Bundle(found.sections)
    whole.add("verdict", {})
    sealed = check(whole.seal(key))
    assert sealed.ok, sealed.problems
    assert list(sealed.sections) == ["check 0", "check 1", "check 2", "verdict"]


def torn(content: bytes) -> bytes:
    return content[:-40]


def without_the_second(content: bytes) -> bytes:
    lines = content.splitlines(keepends=True)
    return lines[0] + lines[2]


def changed(content: bytes) -> bytes:
    return content.replace(b'"number":1', b'"number":7', 1)


def signed_by_nobody(content: bytes) -> bytes:
    lines = content.splitlines(keepends=True)
    return lines[0] + b"0" * 128 + lines[1][128:]


def spaced(content: bytes) -> bytes:
    lines = content.splitlines(keepends=True)
    return lines[0] + lines[1].replace(b" {", b"\t{", 1)


@pytest.mark.parametrize(
    ("hurt", "left", "said"),
    [
        (torn, 2, "its last line is torn"),
        (without_the_second, 1, "line 2 of 2"),
        (changed, 1, "line 2 of 3"),
        (signed_by_nobody, 1, "line 2 of 2"),
        (spaced, 1, "line 2 of 2"),
        (lambda content: b"", 0, ""),
        (lambda content: b"\xff\n", 0, "line 1 of 1"),
        (lambda content: b"[" * 200_000 + b"\n", 0, "line 1 of 1"),
    ],
)
def test_what_was_interfered_with_ends_what_is_believed(
    path: Path, key: EvidenceKey, hurt: Callable[[bytes], bytes], left: int, said: str
) -> None:
    path.write_bytes(hurt(path.read_bytes()))
    found: Gathered = read(path, key)
    assert len(found.sections) == left
    assert said in found.trouble
    assert bool(said) is bool(found.trouble)


def test_the_journal_of_another_key_holds_nothing(path: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    assert read(path, EvidenceKey.open(tmp_path / "other")).sections == ()


def test_a_pipe_in_its_place_is_no_journal(path: Path, key: EvidenceKey) -> None:
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(EvidenceError, match="no journal"):
        read(path, key)


def test_it_is_written_through_no_link(tmp_path: Path, key: EvidenceKey) -> None:
    (tmp_path / "evidence").mkdir()
    (tmp_path / "evidence" / "canary-c1.journal").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(EvidenceError, match="cannot be written"):
        Journal(tmp_path, "canary-c1", key).append(bundle().sections)
    assert not (tmp_path / "elsewhere").exists()


def test_a_disk_that_was_full_for_a_while_costs_nothing(
    tmp_path: Path, key: EvidenceKey, full_disk: Callable[[int], None]
) -> None:
    sections = bundle().sections
    journal = Journal(tmp_path, "canary-c1", key)
    journal.append(sections[:1])
    full_disk(journal.path.stat().st_size + 50)
    with pytest.raises(EvidenceError, match="cannot be written"):
        journal.append(sections[1:])
    assert read(journal.path, key).trouble == "its last line is torn"
    full_disk(resource.getrlimit(resource.RLIMIT_FSIZE)[1])
    journal.append(sections[1:])
    found = read(journal.path, key)
    assert (found.trouble, found.sections) == ("", tuple(sections))
