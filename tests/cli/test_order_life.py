"""The full order life in words: `do` and `show` against a real engine on the bundled simulator."""

import json

import pytest

from tests.cli.support import Engine, Home


@pytest.fixture(scope="module")
def engine(shared_home: Home) -> Engine:
    return shared_home.engine(EXECUTOR_PORT="0")


BUY = ("symbol=BTCUSDT", "side=BUY", "quantity=0.01")


def test_a_dry_run_places_nothing(shared_home: Home, engine: Engine) -> None:
    before = shared_home.json("show", "orders", "--json")
    tested = shared_home.json("do", "order.test", *BUY, "type=LIMIT", "price=50000")
    assert (tested["sent"], tested["ok"]) == (True, True)
    assert shared_home.json("show", "orders", "--json") == before
    words = ("do", "order.test", *BUY, "type=LIMIT_MAKER", "price=1", "--data-dir", str(shared_home.data))
    refused = shared_home.run(*words)
    assert refused.returncode == 1
    assert json.loads(refused.stdout)["sent"] is False


LIST = (
    *("list.submit", "kind=OCO", "symbol=BTCUSDT", "side=SELL", "quantity=0.01"),
    *("above.type=LIMIT_MAKER", "above.price=90000", "below.type=STOP_LOSS", "below.stop_price=40000"),
)
TWAP = ("algo.start", "kind=TWAP", *BUY, "duration_s=600", "slices=5")


def test_dry_says_what_would_come_of_it_and_does_nothing(shared_home: Home, engine: Engine) -> None:
    home = shared_home
    before = home.json("show", "orders", "--json")
    listed = home.json("do", *LIST, "--dry", "--json")
    assert (listed["ok"], [leg["role"] for leg in listed["legs"]]) == (True, ["ABOVE", "BELOW"])
    algo = home.json("do", *TWAP, "--dry", "--json")
    assert (algo["children"], float(algo["first"]["quantity"])) == (5, 0.002)
    lines = home.run("do", *TWAP, "--dry", "--data-dir", str(home.data)).stdout
    assert "would be started" in lines
    assert "0.002 0.002 0.002 0.002 0.002" in lines
    assert home.json("show", "orders", "--json") == before
    assert home.json("show", "algos", "--json") == []


def test_dry_judges_what_do_would_send_and_refuses_alike(shared_home: Home, engine: Engine) -> None:
    home = shared_home
    terms = ("order.submit", *BUY, "type=LIMIT", "price=50000.001")
    dry = home.run("do", *terms, "--dry", "--json", "--data-dir", str(home.data))
    sent = home.run("do", *terms, "--data-dir", str(home.data))
    assert (dry.returncode, sent.returncode) == (1, 1)
    said, order = json.loads(dry.stdout), json.loads(sent.stdout)
    assert (said["code"], said["reason"]) == (order["code"], order["text"])
    assert order["state"] == "DENIED"
    nothing = home.run("do", "order.cancel-all", "--dry", "--data-dir", str(home.data))
    assert nothing.returncode == 2
    assert "--dry goes with" in nothing.stderr


def test_amend_and_replace(shared_home: Home, engine: Engine) -> None:
    home = shared_home
    order = home.json("do", "order.submit", *BUY, "type=LIMIT", "price=50000")
    name = f"client_order_id={order['client_order_id']}"
    dry = home.json("do", "order.amend", name, "quantity=0.008", "--dry", "--json")
    assert (dry["ok"], float(dry["leaves"]), float(dry["frees"])) == (True, 0.008, 100.0)
    lines = home.run("do", "order.amend", name, "quantity=0.02", "--dry", "--data-dir", str(home.data))
    assert (lines.returncode, "FILTER_AMEND_QUANTITY" in lines.stdout) == (1, True)
    amended = home.json("do", "order.amend", name, "quantity=0.008")
    assert float(amended["amended"]) == 0.008
    assert amended["state"] == "ACCEPTED"
    new = home.json("do", "order.replace", name, *BUY, "type=LIMIT", "price=51000", "key=k1")
    assert (new["state"], new["replaces"]) == ("ACCEPTED", order["client_order_id"])
    again = home.json("do", "order.replace", name, *BUY, "type=LIMIT", "price=51000", "key=k1")
    assert again == {**new, "replayed": True}
    by_id = {row["client_order_id"]: row for row in home.json("show", "orders", "--json")}
    assert by_id[order["client_order_id"]]["state"] == "CANCELED"
    assert by_id[order["client_order_id"]]["replaced_by"] == new["client_order_id"]
    home.json("do", "order.cancel", f"client_order_id={new['client_order_id']}")


def test_a_list_is_one_thing(shared_home: Home, engine: Engine) -> None:
    home = shared_home
    home.json("do", "order.submit", *BUY, "type=MARKET")
    placed = home.json(
        *("do", "list.submit", "kind=OTOCO", "symbol=BTCUSDT", "side=SELL", "quantity=0.01"),
        *("working.side=BUY", "working.type=LIMIT", "working.price=50000"),
        *("pending_above.type=LIMIT_MAKER", "pending_above.price=90000"),
        *("pending_below.type=STOP_LOSS", "pending_below.stop_price=40000"),
    )
    assert placed["states"] == ["WORKING ACCEPTED", "PENDING_ABOVE ACCEPTED", "PENDING_BELOW ACCEPTED"]
    assert home.json("show", "lists", "--json") == [placed]
    assert placed["list_id"] in home.run("show", "lists", "--data-dir", str(home.data)).stdout
    leg = placed["legs"][2]["client_order_id"]
    assert home.json("do", "order.cancel", f"client_order_id={leg}")["state"] == "CANCELED"
    (ended,) = home.json("show", "lists", "--json")
    assert {row["state"] for row in ended["legs"]} <= {"CANCELED", "EXPIRED"}


def test_comparing_finds_an_account_in_step(shared_home: Home, engine: Engine) -> None:
    assert shared_home.json("do", "reconcile") == []
    assert shared_home.json("show", "differences", "--json") == []
    words = ("do", "difference.resolve", "difference_id=none", "choice=accept")
    refused = shared_home.run(*words, "--data-dir", str(shared_home.data))
    assert refused.returncode == 1
    assert json.loads(refused.stdout)["error"] == "NO_SUCH_DIFFERENCE"


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("do", "list.submit", "kind=OCO", "symbol=BTCUSDT"), "above.type="),
        (("do", "list.submit", "kind=OCO", "symbol=BTCUSDT", "above.price=1"), "ABOVE leg needs side, type"),
        (("do", "order.amend", "client_order_id=x"), "needs quantity"),
        (
            ("do", "order.replace", "client_order_id=x", *BUY, "type=LIMIT", "allow_failure=maybe"),
            "yes nor no",
        ),
        (("do", "order.submit", *BUY, "type=STOP_LOSS", "trailing_delta=1.5"), "whole number"),
    ],
)
def test_mistakes_get_a_sentence(
    shared_home: Home, engine: Engine, words: tuple[str, ...], part: str
) -> None:
    done = shared_home.run(*words, "--data-dir", str(shared_home.data))
    assert done.returncode == 2
    assert part in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_drill_is_waited_for_and_tells_its_checks(shared_home: Home, engine: Engine) -> None:
    where = ("--data-dir", str(shared_home.data))
    done = shared_home.run("do", "drill.run", "name=rejected", *where)
    lines = done.stdout.splitlines()
    assert (done.returncode, done.stderr) == (0, "")
    assert lines[0] == "✓ the order becomes REJECTED"
    assert lines[-1].startswith("PASSED in ")
    assert all(line.startswith("✓ ") for line in lines[:-1])
    drill = shared_home.json("do", "drill.run", "name=rejected", "seed=2", "--json")
    assert (drill["state"], drill["seed"]) == ("PASSED", 2)
    assert [row["check"] for row in drill["checks"]] == [line[2:] for line in lines[:-1]]
    hasty = shared_home.run("do", "drill.run", "name=only-a-query", "--wait", "0.1", *where)
    assert hasty.returncode == 1
    assert "no verdict within 0.1 s" in hasty.stderr
    assert shared_home.run("do", "drill.run", "name=nothing", *where).returncode == 1
    assert shared_home.run("do", "drill.run", "name=rejected", "--wait", "0", *where).returncode == 2
