"""An evidence bundle says what was signed, or a check says what is wrong with it."""

import json
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_tui.store import evidence
from spark_tui.store.evidence import Bundle, EvidenceError, EvidenceKey, canonical, check


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


def test_numbers_keep_their_digits_and_never_an_exponent() -> None:
    assert canonical({"b": Decimal("1E+3"), "a": [1, None, frozenset({"y", "x"})]}) == (
        b'{"a":[1,null,["x","y"]],"b":"1000"}'
    )
    with pytest.raises(TypeError):
        canonical({"x": object()})
