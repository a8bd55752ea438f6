"""What of settings and addresses the configuration's hash speaks of."""

from spark_tui.domain.values import Environment
from spark_tui.engine.canary.build import config_hash
from spark_tui.engine.composition import decisive
from spark_tui.settings import Settings
from spark_tui.venues.binance.credentials import HmacKey
from spark_tui.venues.binance.spot.endpoints import Discovery, Endpoints


def hashed(rest: str = "127.0.0.1:1", ws: str = "127.0.0.1:2", **settings: object) -> str:
    found = Discovery(
        endpoints=Endpoints(f"http://{rest}", f"ws://{ws}", f"ws://{ws}/ws-api/v3"),
        environment=Environment.SIM,
        data="Mock",
        credentials=HmacKey("MyKey", "MySecret"),
    )
    facts = decisive(Settings.model_validate(settings), found)
    assert "My" not in str(facts)
    return config_hash(facts)


def test_every_host_counts_and_no_port() -> None:
    assert hashed() == hashed(rest="127.0.0.1:8399", ws="127.0.0.1:9")
    assert hashed() != hashed(ws="127.0.0.9:2")
    assert hashed() != hashed(rest="127.0.0.9:1")


def test_what_decides_counts_and_what_does_not_does_not() -> None:
    assert hashed() != hashed(live_enabled=True)
    assert hashed() != hashed(trade_mode="sim")
    assert hashed() == hashed(executor_port=4002)
