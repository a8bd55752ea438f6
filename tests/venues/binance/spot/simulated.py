"""The bundled simulator as a process of its own, and orders to send it."""

import itertools
import os
import random
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import msgspec

from spark_tui.domain.decimals import floor_to, from_float
from spark_tui.domain.order import OrderRequest
from spark_tui.domain.values import OrderType, Side
from spark_tui.venues.binance.credentials import Credentials
from spark_tui.venues.binance.spot.account import SpotSettings
from spark_tui.venues.binance.spot.adapter import BinanceSpot
from spark_tui.venues.binance.spot.endpoints import Endpoints
from spark_tui.wire.clock import SystemClock
from tests import hatchery

_ids = itertools.count(1)


class Simulator:
    """One simulator process; `start` it again and it serves at the same address with the same account."""

    def __init__(self, directory: Path, *flags: str) -> None:
        self._directory = directory
        self._flags = flags
        self._port = "0"
        self._process: hatchery.Hatched | None = None
        self.info: dict[str, str] = {}
        self.ed25519_pem = ""

    def start(self) -> None:
        ready = self._directory / "ready.json"
        words = ["simulator", "--port", self._port, "--seed", "1", "--ready-file", str(ready)]
        words += ["--data-dir", str(self._directory / "data"), *self._flags]
        self._process = hatchery.begin(words, os.environ)
        assert "serving" in self._process.stdout.readline()
        self.info = msgspec.json.decode(ready.read_bytes())
        self._port = self.info["base_url"].rpartition(":")[2]

    def stop(self) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.communicate(timeout=10)


def connect(endpoints: Endpoints, key: Credentials | None, **settings: Any) -> BinanceSpot:
    return BinanceSpot(
        endpoints, key, clock=SystemClock(), rng=random.Random(1), settings=SpotSettings(**settings)
    )


def new_id() -> str:
    return f"it-{next(_ids)}"


def buy(quantity: str, price: D | None = None, symbol: str = "BTCUSDT") -> OrderRequest:
    return OrderRequest(
        venue="binance-spot",
        symbol=symbol,
        side=Side.BUY,
        type=OrderType.MARKET if price is None else OrderType.LIMIT,
        quantity=D(quantity),
        price=price,
    )


async def far_below(venue: BinanceSpot) -> D:
    """A price that rests."""
    best = (await venue.depth_snapshot("BTCUSDT", 5)).bids[0][0]
    return floor_to(from_float(best) * D("0.9"), D("0.01"))


def nothing() -> None:
    """Nobody to tell."""


def key_pair(public: Path) -> str:
    """Write the public half as PEM; the private half."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
        PublicFormat,
    )

    key = Ed25519PrivateKey.generate()
    public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
