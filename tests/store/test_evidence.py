"""An evidence bundle says what was signed, or a check says what is wrong with it."""

import json
import os
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_tui.store import evidence
from spark_tui.store.evidence import (
    MAX_BYTES,
    Bundle,
    EvidenceError,
    EvidenceKey,
    canonical,
    check,
    check_file,
    hashed_exchange,
    keep,
)


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> EvidenceKey:
    return EvidenceKey.open(tmp_path_factory.mktemp("key"))


@pytest.fixture(scope="module")
def small(key: EvidenceKey) -> bytes:
    bundle = Bundle()
    bundle.add("run", {"run_id": "c-1", "quantity": Decimal("0.00100"), "ok": True, "price": 1.5})
    asked = evidence.hashed_exchange("POST /order/test", "symbol=BTCUSDT", '{"ş": "\\u0000"}', status=200)
    bundle.add("exchanges", {"exchanges": [asked]})
    return bundle.seal(key)


def test_a_bundle_as_it_was_signed_is_good(small: bytes, key: EvidenceKey) -> None:
    found = check(small)
    assert found.ok
    assert found.signer == key.fingerprint
    assert found.sections["run"] == {"run_id": "c-1", "quantity": "0.00100", "ok": True, "price": "1.5"}
    assert found.digest == evidence.sha256(small)


def test_no_byte_may_be_changed_added_or_left_out(small: bytes) -> None:
    for at in range(len(small)):
        for mask in (0x01, 0x20, 0x80):
            changed = bytearray(small)
            changed[at] ^= mask
            assert not check(bytes(changed)).ok, (at, mask)
        assert not check(small[:at] + small[at + 1 :]).ok, at
        assert not check(small[:at] + b" " + small[at:]).ok, at
    assert not check(small + b"\n").ok


@given(st.binary() | st.text().map(lambda text: json.dumps({"format": text}).encode()))
def test_whatever_it_is_given_it_answers(content: bytes) -> None:
    assert not check(content).ok


def test_depth_that_ends_the_parser_is_no_bundle() -> None:
    assert not check(b"[" * 100_000 + b"]" * 100_000).ok


Step = str | int

GONE = object()
EXCHANGE = ("sections", 1, "body", "exchanges", 0)


def _edited(raw: bytes, path: tuple[Step, ...], value: object) -> bytes:
    """The bundle with one thing changed, and in canonical form again."""
    found = json.loads(raw)
    place = found
    for step in path[:-1]:
        place = place[step]
    if value is GONE:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return canonical(found) + b"\n"


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("sections", 0, "body", "run_id"), "c-2", "section 1 (run): its content"),
        (("sections", 0, "previous"), "1" * 64, "section 1 (run): it does not follow"),
        (("sections", 1, "name"), "run", "stands twice"),
        ((*EXCHANGE, "answer"), "{}", "the answer of exchange 1 (POST /order/test)"),
        ((*EXCHANGE, "request"), "", "the request of exchange 1"),
        (EXCHANGE, None, "exchange 1 is none"),
        (("sections", 0), GONE, "does not follow"),
        (("sections", 1), GONE, "the seal is not of the last section"),
        (("format",), "spark-tui evidence 9", "its format is"),
        (("seal", "signature"), "00" * 64, "the signature does not match"),
        (("seal", "public_key"), "zz", "the signature does not match"),
        (("seal", "extra"), "", "no evidence bundle"),
        (("sections",), [], "no evidence bundle"),
    ],
)
def test_a_check_names_what_is_wrong(small: bytes, path: tuple[Step, ...], value: object, said: str) -> None:
    problems = check(_edited(small, path, value)).problems
    assert any(said in one for one in problems), problems


def _resealed(raw: bytes, other: bytes) -> bytes:
    """The sections of one bundle under the seal of another."""
    found = json.loads(raw)
    found["seal"] = json.loads(other)["seal"]
    return canonical(found) + b"\n"


def _spliced(raw: bytes, other: bytes) -> bytes:
    """One section of another run among this one's."""
    found = json.loads(raw)
    found["sections"][1] = json.loads(other)["sections"][1]
    return canonical(found) + b"\n"


def _swapped(raw: bytes) -> bytes:
    found = json.loads(raw)
    found["sections"].reverse()
    return canonical(found) + b"\n"


def _twice(raw: bytes) -> bytes:
    found = json.loads(raw)
    found["sections"].append(found["sections"][1])
    return canonical(found) + b"\n"


def _upper_seal(raw: bytes) -> bytes:
    found = json.loads(raw)
    found["seal"]["signature"] = found["seal"]["signature"].upper()
    return canonical(found) + b"\n"


@pytest.fixture(scope="module")
def other(key: EvidenceKey) -> bytes:
    """Another run's bundle, by the same key."""
    bundle = Bundle()
    bundle.add("run", {"run_id": "c-2"})
    bundle.add("exchanges", {"exchanges": []})
    return bundle.seal(key)


FORGERIES: dict[str, Callable[[bytes, bytes], bytes]] = {
    "another bundle's seal": _resealed,
    "another run's section": _spliced,
    "sections in another order": lambda raw, other: _swapped(raw),
    "a section twice": lambda raw, other: _twice(raw),
    "capitals in the seal": lambda raw, other: _upper_seal(raw),
    "a key twice": lambda raw, other: raw.replace(b'"name":"run"', b'"name":"run","name":"run"', 1),
    "a key twice, first another": lambda raw, other: raw.replace(b'{"body"', b'{"body":{},"body"', 1),
    "NaN": lambda raw, other: raw.replace(b'"1.5"', b"NaN", 1),
    "an infinite number": lambda raw, other: raw.replace(b'"1.5"', b"1e999999", 1),
    "a huge integer": lambda raw, other: raw.replace(b'"1.5"', b"9" * 5_000, 1),
    "a long integer": lambda raw, other: raw.replace(b'"1.5"', b"9" * 4_000, 1),
    "a number instead of text": lambda raw, other: raw.replace(b'"1.5"', b"1.5", 1),
    "an escaped letter": lambda raw, other: raw.replace(b'"c-1"', b'"\\u0063-1"', 1),
    "half a character": lambda raw, other: raw.replace(b'"c-1"', b'"\\ud800"', 1),
    "no UTF-8": lambda raw, other: raw.replace(b'"c-1"', b'"\xff\xfe"', 1),
    "UTF-16": lambda raw, other: raw.decode().encode("utf-16"),
    "a byte order mark": lambda raw, other: b"\xef\xbb\xbf" + raw,
    "another document behind it": lambda raw, other: raw + other,
    "no last line end": lambda raw, other: raw[:-1],
    "Windows line end": lambda raw, other: raw[:-1] + b"\r\n",
    "indented": lambda raw, other: json.dumps(json.loads(raw), indent=1).encode(),
}


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES)
def test_a_forgery_fails(small: bytes, other: bytes, forge: Callable[[bytes, bytes], bytes]) -> None:
    forged = forge(small, other)
    assert forged != small
    assert check(other).ok
    assert not check(forged).ok


@given(data=st.data())
def test_no_byte_may_be_any_other(small: bytes, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(small) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda one: one != small[at]))
    assert not check(small[:at] + bytes([byte]) + small[at + 1 :]).ok


def test_another_key_can_seal_but_not_as_the_same_signer(small: bytes, tmp_path: Path) -> None:
    other, bundle = EvidenceKey.open(tmp_path), Bundle()
    for name, body in check(small).sections.items():
        bundle.add(name, body)
    forged = check(bundle.seal(other))
    assert forged.ok
    assert forged.signer == other.fingerprint != check(small).signer


def test_the_key_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    first = EvidenceKey.open(tmp_path)
    path = tmp_path / evidence.KEY_FILE
    assert path.stat().st_mode & 0o777 == 0o600
    assert EvidenceKey.open(tmp_path).public == first.public
    path.chmod(0o644)
    with pytest.raises(EvidenceError, match="chmod 600"):
        EvidenceKey.open(tmp_path)
    path.chmod(0o600)
    path.write_text("damaged")
    with pytest.raises(EvidenceError, match="damaged"):
        EvidenceKey.open(tmp_path)


def test_a_kept_bundle_is_its_owners_only(small: bytes, tmp_path: Path) -> None:
    path = evidence.keep(tmp_path, "c-1", small)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert evidence.check_file(path).ok


def test_a_disk_that_fills_up_leaves_no_half_bundle(
    small: bytes, tmp_path: Path, full_disk: Callable[[int], None]
) -> None:
    full_disk(len(small) - 1)
    with pytest.raises(EvidenceError, match="cannot be written"):
        keep(tmp_path, "c-1", small)
    assert list((tmp_path / evidence.FOLDER).iterdir()) == []


def test_a_key_that_is_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / evidence.KEY_FILE, 0o600)
    with pytest.raises(EvidenceError, match="no plain file"):
        EvidenceKey.open(tmp_path)


def test_numbers_keep_their_digits_and_never_an_exponent() -> None:
    assert canonical({"b": Decimal("1E+3"), "a": [1, None, frozenset({"y", "x"})]}) == (
        b'{"a":[1,null,["x","y"]],"b":"1000"}'
    )
    with pytest.raises(TypeError):
        canonical({"x": object()})


def test_half_a_character_from_a_venue_is_kept_as_it_was_written(key: EvidenceKey) -> None:
    bundle = Bundle()
    answer = json.loads('"no such \\ud83d order"')
    bundle.add("exchanges", {"exchanges": [hashed_exchange("GET /order", "", answer)]})
    found = check(bundle.seal(key))
    assert found.ok, found.problems
    assert found.sections["exchanges"]["exchanges"][0]["answer"] == answer


def test_what_is_too_large_to_be_checked_is_not_kept(tmp_path: Path) -> None:
    with pytest.raises(EvidenceError, match="larger than 16 MiB"):
        keep(tmp_path, "canary-1", b"x" * (MAX_BYTES + 1))
    assert not list(tmp_path.rglob("*.json"))


def test_what_is_no_plain_file_is_no_bundle_and_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/dev/zero")
    for name in ("pipe", "link"):
        assert check_file(tmp_path / name).problems == ("it is no plain file, so it is no bundle",)
    with pytest.raises(EvidenceError, match="cannot be read"):
        check_file(tmp_path)
