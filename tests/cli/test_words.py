"""Every mistake is one line on stderr and an exit code."""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from spark_tui.commands import rows
from spark_tui.commands.parser import parse
from tests.cli.conftest import Run
from tests.cli.support import Home
from tests.shared_data import shared


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["--bogus"], "--bogus"),
        (["sho", "orders"], "did you mean show?"),
        (["show"], "WHAT"),
        (["show", "ordrs"], "did you mean orders?"),
        (["show", "orders", "--jsn"], "did you mean --json?"),
        (["engine", "--config", "/nonexistent/x.toml"], "cannot be read"),
        (["engine", "--trade-mode", "real"], "--trade-mode"),
        (["engine", "--executor-port", "x"], "--executor-port"),
        (["engine", "--ready-file", "/nonexistent/ready"], "folder does not exist"),
        (["simulator", "--port", "many"], "--port"),
        (["simulator", "--sed", "1"], "did you mean --seed?"),
        (["do"], "ACTION"),
        (["do", "order.submt"], "did you mean order.submit?"),
        (["do", "order.submit", "symbol"], "key=value"),
        (["do", "order.submit", "symbol=A", "symbol=B"], "twice"),
        (["do", "order.submit", "symbol=BTCUSDT"], "side, type"),
        (["do", "order.submit", "symbol=BTCUSDT", "side=BY", "type=LIMIT"], "BUY, SELL"),
        (["do", "order.submit", "symbol=BTCUSDT", "side=BUY", "type=LIMIT", "quantity=NaN"], "plain number"),
        (["kill", "now"], "key=value"),
        (["kill", "reason=a", "--json", "now"], "key=value"),
        (["show", "orders", "BTCUSDT", "--json", "ETHUSDT"], "unexpected 'ETHUSDT'"),
        (["ledger", "burn"], "verify"),
        (["tape", "check", "/nonexistent/x.gz"], "cannot be opened"),
        (["demo", "--plain", "--duration", "-1"], "--duration"),
        (["demo", "--plain", "--replay", "/nonexistent/x.gz"], "is not a file"),
        ([], "--plain"),
        (["attach"], "--plain"),
        (["demo"], "--plain"),
    ],
)
def test_a_wrong_word_is_one_line_and_2(run: Run, words: list[str], part: str) -> None:
    code, out, err = run(*words)
    assert code == 2
    assert out == ""
    assert err.startswith("spark-tui: ")
    assert err.count("\n") == 1
    assert part in err


@pytest.mark.parametrize("words", [["show", "orders"], ["do", "kill"], ["stop"], ["attach", "--plain"]])
def test_no_engine_is_one_line_and_1(run: Run, words: list[str], home: Home) -> None:
    code, out, err = run(*words, "--data-dir", str(home.data))
    assert (code, out) == (1, "")
    hint = f"start one with: spark-tui --data-dir {home.data}"
    assert err == f"spark-tui: No engine runs on {home.data}; {hint}\n"


@pytest.mark.parametrize("words", [["--help"], ["show", "--help"], ["simulator", "--help"], ["do", "--help"]])
def test_help_is_not_an_error(run: Run, words: list[str]) -> None:
    code, out, err = run(*words)
    assert (code, err) == (0, "")
    assert "usage: spark-tui" in out


@pytest.mark.parametrize(
    ("environment", "part"),
    [
        ({"TRADE_MODE": "testnet", "BINANCE_API_BASE": "https://api.binance.com"}, "the host decides"),
        ({"BINANCE_API_KEY": "k", "BINANCE_API_SECRET": "hunter1"}, "TRADE_MODE"),
        ({"BINANCE_API_BASE": "ftp://x"}, "BINANCE_API_BASE"),
        ({"TRADE_MODE": "testnet", "BINANCE_API_SECRET": "hunter1"}, "BINANCE_API_KEY"),
        (
            {"TRADE_MODE": "testnet", "BINANCE_API_KEY": "k", "BINANCE_API_KEY_FILE": "/nonexistent"},
            "key file",
        ),
        ({"SPARK_VENUES": "nowhere"}, "SPARK_VENUES"),
    ],
)
def test_wrong_settings_end_the_engine_with_one_line(
    run: Run, home: Home, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], part: str
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    code, out, err = run("engine", "--data-dir", str(home.data))
    assert (code, out) == (2, "")
    assert err.startswith("spark-tui: engine: ")
    assert err.count("\n") == 1
    assert part in err
    assert "hunter" not in err


def test_a_key_file_others_can_read_is_refused(
    run: Run, home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    key = tmp_path / "key.pem"
    key.write_text("hunter1")
    key.chmod(0o644)
    monkeypatch.setenv("TRADE_MODE", "testnet")
    monkeypatch.setenv("BINANCE_API_KEY", "k")
    monkeypatch.setenv("BINANCE_API_KEY_FILE", str(key))
    code, _, err = run("engine", "--data-dir", str(home.data))
    assert code == 2
    assert "chmod 600" in err
    assert "hunter" not in err


@pytest.mark.parametrize(
    "words",
    [
        ["do", "order.submit", "--dry", "symbol=BTCUSDT", "side=BUY"],
        ["do", "--json", "order.submit", "symbol=BTCUSDT", "--wait", "5", "side=BUY"],
    ],
)
def test_what_an_action_takes_may_stand_on_either_side_of_a_flag(words: list[str]) -> None:
    assert parse(words).params == ["symbol=BTCUSDT", "side=BUY"]


def test_a_data_directory_that_cannot_be_is_one_line(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    code, _, err = run("engine", "--data-dir", str(tmp_path / "file" / "x"))
    assert code == 1
    assert "cannot be used" in err
    assert err.count("\n") == 1


def test_one_data_directory_serves_one_environment(
    run: Run, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.data.mkdir()
    (home.data / "environment").write_text("SIM\n")
    monkeypatch.setenv("TRADE_MODE", "testnet")
    code, _, err = run("engine", "--data-dir", str(home.data))
    assert code == 1
    assert "belongs to SIM, but the exchange is TESTNET" in err


def test_a_defect_is_told_without_a_traceback(run: Run, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(path: Path) -> None:
        raise RuntimeError("details for the log")

    monkeypatch.setattr("spark_tui.store.ledger.verify", broken)
    log = Path(home.environment["XDG_DATA_HOME"]) / "spark-tui" / "engine.log"
    log.parent.mkdir(parents=True)
    code, out, err = run("ledger", "verify")
    assert (code, out) == (1, "")
    assert err.count("\n") == 1
    assert "Traceback" not in err
    assert "details for the log" in log.read_text()


def test_a_ledger_that_is_not_there_yet_is_sound(run: Run, home: Home) -> None:
    assert run("ledger", "verify", "--data-dir", str(home.data)) == (0, "There is no ledger yet.\n", "")


def test_tape_check_counts_and_compares(run: Run) -> None:
    recording = next(shared("data", "cryptofeed-binance").glob("*.jsonl.gz"), None)
    if recording is None:
        pytest.skip("no recording here")
    code, out, err = run("tape", "check", str(recording), "--json")
    assert (code, err) == (0, "")
    report = json.loads(out)
    assert {"frames", "diffs", "gaps", "resyncs", "compared", "mismatches"} <= set(report)
    assert report["frames"] > 0
    code, out, _ = run("tape", "check", str(recording))
    assert code == 0
    assert "frames" in out.splitlines()[0]


@pytest.mark.parametrize(
    ("value", "text"),
    [("1E+30", "1" + "0" * 30), ("1234567890123456789012.123456789", "1234567890123456789012.12345679")],
)
def test_a_number_of_any_length_fits_a_cell(value: str, text: str) -> None:
    assert rows.cell(Decimal(value)) == text
