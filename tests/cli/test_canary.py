"""`spark-tui canary` against a real engine on the bundled simulator; `verify` against nothing but a file."""

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from spark_tui.store.evidence import Bundle, EvidenceKey
from tests.cli.support import COMMAND, Engine, Home, wait_for

SCOPE = ("--symbol", "BTCUSDT")
MEANT = ("--yes-i-mean", "BTCUSDT")


@pytest.fixture(scope="module")
def engine(shared_home: Home) -> Engine:
    return shared_home.engine(EXECUTOR_PORT="0")


def canary(home: Home, *words: str) -> "subprocess.CompletedProcess[str]":
    return home.run("canary", *words, "--data-dir", str(home.data))


def told(home: Home, *words: str) -> tuple[int, dict[str, Any]]:
    done = canary(home, *words, "--json")
    return done.returncode, json.loads(done.stdout)


def test_from_a_dry_run_to_a_real_order_and_its_evidence(shared_home: Home, engine: Engine) -> None:
    home = shared_home
    before = home.json("show", "orders", "--json")
    assert told(home, "confirm", *SCOPE, *MEANT)[0] == 1  # nothing to confirm yet
    code, run = told(home, "run", *SCOPE)
    assert (code, run["verdict"], run["reasons"]) == (0, "green", [])
    assert home.json("show", "orders", "--json") == before

    code, meant = told(home, "confirm", *SCOPE)
    assert (code, meant["verdict"]) == (1, "refused")
    assert meant["reasons"][0].startswith("NOT_TYPED: ")
    code, done = told(home, "confirm", *SCOPE, *MEANT)
    assert (code, done["verdict"], done["residue"]) == (0, "green", [])
    assert (done["state"], done["rests_on"]) == ("FILLED", run["run_id"])
    orders = home.json("show", "orders", "--json")
    assert [order["client_order_id"] for order in orders] == [done["client_order_id"]]

    code, status = told(home, "status")
    assert (code, status["verdict"], status["run_id"]) == (0, "green", done["run_id"])
    assert [row["kind"] for row in status["canaries"]] == ["confirm", "confirm", "run", "confirm"]

    for row in (run, done):
        code, verified = told(home, "verify", row["bundle"])
        assert (code, verified["run_id"], verified["verdict"]) == (0, row["run_id"], "green")
    text = Path(done["bundle"]).read_text()
    assert "WS order.place" in text
    assert "apiKey" not in text


def test_a_bundle_that_was_touched_is_named_and_refused_without_an_engine(
    shared_home: Home, engine: Engine, tmp_path: Path
) -> None:
    _, run = told(shared_home, "run", *SCOPE)
    copy = tmp_path / "copy.json"
    copy.write_bytes(Path(run["bundle"]).read_bytes())
    elsewhere = ("--data-dir", str(tmp_path / "nowhere"))
    assert shared_home.run("canary", "verify", str(copy), *elsewhere).returncode == 0
    other = shared_home.run("canary", "verify", str(copy), "--signer", "0123456789abcdef", *elsewhere)
    assert (other.returncode, "it is signed by" in other.stderr) == (1, True)
    copy.write_bytes(copy.read_bytes().replace(b'"BUY"', b'"SEL"', 1))
    touched = shared_home.run("canary", "verify", str(copy), *elsewhere)
    assert touched.returncode == 1
    assert "section 1 (run): its content does not match its hash" in touched.stderr
    assert shared_home.run("canary", "verify", str(tmp_path / "none"), *elsewhere).returncode == 2


def test_a_soak_can_be_interrupted(shared_home: Home, engine: Engine) -> None:
    home = shared_home
    words = ("canary", "soak", *SCOPE, "--duration", "600", "--dry-run", "--json")
    soak = subprocess.Popen(
        [*COMMAND, *words, "--data-dir", str(home.data)],
        env=home.full({}),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    wait_for(lambda: told(home, "status")[1]["running"].startswith("soak"), "the soak")
    soak.send_signal(signal.SIGINT)
    out, _ = soak.communicate(timeout=30)
    row = json.loads(out)
    assert (soak.returncode, row["kind"], row["verdict"]) == (1, "soak", "red")
    assert row["reasons"][0].startswith("STOPPED: ")
    assert row["checks"][0]["ok"]
    assert row["checks"][0]["measured"]["test_latency_s"] > 0
    assert (row["figures"]["checks"], row["figures"]["healthy"], row["figures"]["orders"]) == (1, 1, 0)
    assert "1/1" in canary(home, "status", "--last", "1").stdout
    assert told(home, "verify", row["bundle"])[0] == 0


FIELDS = ("run_id", "bundle", "verdict", "reasons", "client_order_id", "state", "residue")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("run", "--symbol", "NOPE"), "SYMBOL"),
        (("confirm", *SCOPE, "--side", "SELL", "--yes-i-mean", "BTCUSD"), "NOT_TYPED"),
        (("soak", *SCOPE, "--duration", "10"), "NOT_TYPED"),
        (("soak", *SCOPE, "--duration", "1000000", "--dry-run"), "DURATION"),
    ],
)
def test_a_refusal_is_one_document_with_every_field(
    shared_home: Home, engine: Engine, words: tuple[str, ...], code: str
) -> None:
    exit_code, row = told(shared_home, *words)
    assert (exit_code, row["verdict"]) == (1, "refused")
    assert any(reason.startswith(f"{code}: ") for reason in row["reasons"])
    assert row.keys() >= set(FIELDS)


@pytest.mark.parametrize(
    "words",
    [("run", *SCOPE), ("confirm", *SCOPE, *MEANT), ("soak", *SCOPE, "--duration", "9"), ("status",)],
)
def test_without_an_engine_the_document_says_so(
    shared_home: Home, tmp_path: Path, words: tuple[str, ...]
) -> None:
    done = shared_home.run("canary", *words, "--json", "--data-dir", str(tmp_path))
    row = json.loads(done.stdout)
    assert (done.returncode, row["verdict"]) == (1, "refused")
    assert row["reasons"][0].startswith("NO_ENGINE: ")
    assert row.keys() >= set(FIELDS)


def journal_of(data: Path) -> bytes:
    return b"".join(path.read_bytes() for path in (data / "evidence").glob("*.journal"))


def soaking(home: Home, data: Path) -> "subprocess.Popen[str]":
    words = ("canary", "soak", *SCOPE, "--duration", "600", "--dry-run", "--json", "--data-dir", str(data))
    soak = home.begin(*words)

    def runs() -> bool:
        done = home.run("canary", "status", "--json", "--data-dir", str(data))
        return bool(json.loads(done.stdout)["running"].startswith("soak"))

    wait_for(runs, "the soak")
    return soak


def test_a_soak_whose_engine_is_stopped_or_killed_leaves_its_evidence_and_is_red(
    shared_home: Home, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    engine = shared_home.engine(data=data, EXECUTOR_PORT="0")
    soak = soaking(shared_home, data)
    assert engine.end()[0] == 0
    out, _ = soak.communicate(timeout=30)
    row = json.loads(out)
    assert (soak.returncode, row["verdict"]) == (1, "red")
    (bundle,) = (data / "evidence").glob("*.json")
    verified = shared_home.run("canary", "verify", str(bundle), "--json", "--data-dir", str(data))
    assert (verified.returncode, json.loads(verified.stdout)["verdict"]) == (0, "red")

    engine = shared_home.engine(data=data, EXECUTOR_PORT="0")
    soak = soaking(shared_home, data)
    wait_for(lambda: b"check 1" in journal_of(data), "the first check on disk")
    engine.kill()
    (journal,) = (data / "evidence").glob("*.journal")
    unsealed = shared_home.run("canary", "verify", str(journal))
    assert (unsealed.returncode, "checks as they were signed: 1;" in unsealed.stderr) == (1, True)
    out, err = soak.communicate(timeout=30)
    row = json.loads(out)
    assert (soak.returncode, row["verdict"]) == (1, "red")
    assert row["reasons"][0].startswith("ENGINE_GONE: ")
    assert row.keys() >= set(FIELDS)
    assert len(err.splitlines()) == 1

    engine = shared_home.engine(data=data, EXECUTOR_PORT="0")
    row = cut_off(shared_home, data)
    assert row["reasons"][0].startswith("CUT_OFF: the engine ended after check 1 of 61")
    assert row["figures"]["checks"] == len(row["checks"]) == 1
    verified = shared_home.run("canary", "verify", row["bundle"], "--json", "--data-dir", str(data))
    assert (verified.returncode, json.loads(verified.stdout)["verdict"]) == (0, "red")
    assert not list((data / "evidence").glob("*.journal"))


def cut_off(home: Home, data: Path) -> dict[str, Any]:
    """What the next engine tells of the soak that was killed."""

    def newest() -> dict[str, Any]:
        done = home.run("canary", "status", "--json", "--data-dir", str(data))
        row: dict[str, Any] = json.loads(done.stdout)["canaries"][0]
        return row

    wait_for(lambda: "CUT_OFF" in newest()["reasons"][0], "the soak that was cut off")
    return newest()


def test_what_never_ends_or_is_never_written_is_no_bundle(shared_home: Home, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in ("/dev/zero", str(tmp_path / "pipe")):
        done = canary(shared_home, "verify", path)
        assert (done.returncode, "no plain file" in done.stderr) == (1, True)
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(1 << 40)
    done = canary(shared_home, "verify", str(tmp_path / "huge"))
    assert (done.returncode, "larger than 16 MiB" in done.stderr) == (1, True)


def test_a_strangers_bundle_moves_no_cursor(shared_home: Home, tmp_path: Path) -> None:
    (tmp_path / "stranger").mkdir()
    bundle = Bundle()
    bundle.add("run\x1b[2J", {})
    bundle.add("run", {"kind": "soak\x1b[31m\r\n", "symbol": "BTC\x1b]0;mine\x07", "run_id": "\u202e"})
    whole = bundle.seal(EvidenceKey.open(tmp_path / "stranger"))
    for content in (whole, whole.replace(b"{}", b'{"a":1}', 1)):
        (tmp_path / "bundle.json").write_bytes(content)
        nowhere = str(tmp_path / "nowhere")
        done = shared_home.run("canary", "verify", str(tmp_path / "bundle.json"), "--data-dir", nowhere)
        assert all(character.isprintable() for line in done.stdout.splitlines() for character in line)
        assert all(character.isprintable() for line in done.stderr.splitlines() for character in line)
        assert len((done.stdout + done.stderr).splitlines()) == 1


@pytest.mark.parametrize(
    "words",
    [
        ("run",),
        ("run", *SCOPE, "--quantity", "1e3"),
        ("run", *SCOPE, "--side", "HOLD"),
        ("soak", *SCOPE),
        ("soak", *SCOPE, "--duration", "nan", "--dry-run"),
        ("soak", *SCOPE, "--duration", "0", "--dry-run"),
        ("sing",),
        (),
    ],
)
def test_a_slip_is_a_usage_error_of_one_line(shared_home: Home, words: tuple[str, ...]) -> None:
    done = canary(shared_home, *words)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
