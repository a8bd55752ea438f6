"""Seeded Binance Spot frames, encoded once, in the mix that perf figures are quoted for.

The mix: 70 % trade, 14 % depth diff of 50 levels, 14 % depth5, 2 % ticker. Update ids are continuous from
`FIRST_ID`, and `snapshot()` is the book just before them, so a real book stays in sync on these frames.
"""

import json
import random

SYMBOL = "BTCUSDT"
FIRST_ID = 1_000_000
FIRST_MS = 1_700_000_000_000
MIDDLE = 6_700_000  # ticks of 0.01
LEVELS_A_SIDE = 25
MIX = (("trade", 70), ("depth", 14), ("depth5", 14), ("ticker", 2))


def snapshot() -> dict[str, object]:
    """The REST depth body that precedes the first diff."""
    return {
        "lastUpdateId": FIRST_ID,
        "bids": [[_price(MIDDLE - 1 - k), "0.50000000"] for k in range(1000)],
        "asks": [[_price(MIDDLE + 1 + k), "0.50000000"] for k in range(1000)],
    }


def build(count: int, kinds: tuple[tuple[str, int], ...] = MIX, seed: int = 7) -> list[str]:
    """`count` combined-stream frames of the weighted `kinds`."""
    rng = random.Random(seed)
    names, weights = zip(*kinds, strict=True)
    ids = {"update": FIRST_ID, "trade": 1, "time": FIRST_MS}
    makers = {"trade": _trade, "depth": _depth, "depth5": _depth5, "ticker": _ticker}
    texts = []
    for name in rng.choices(names, weights, k=count):
        ids["time"] += 1  # a venue time that stands still is a producer that is stuck, and no price
        texts.append(json.dumps(makers[name](rng, ids), separators=(",", ":")))
    return texts


def _price(ticks: int) -> str:
    return f"{ticks // 100}.{ticks % 100:02d}000000"


def _quantity(rng: random.Random) -> str:
    return f"{rng.uniform(0.00001, 3):.5f}000"


def _frame(stream: str, data: dict[str, object]) -> dict[str, object]:
    return {"stream": f"{SYMBOL.lower()}@{stream}", "data": data}


def _trade(rng: random.Random, ids: dict[str, int]) -> dict[str, object]:
    ids["trade"] += 1
    data = {
        "e": "trade",
        "E": ids["time"],
        "s": SYMBOL,
        "t": ids["trade"],
        "p": _price(MIDDLE + rng.choice((-1, 1))),
        "q": _quantity(rng),
        "T": ids["time"],
        "m": rng.random() < 0.5,
        "M": True,
    }
    return _frame("trade", data)


def _depth(rng: random.Random, ids: dict[str, int]) -> dict[str, object]:
    """Changes near the touch and beyond it; the touch itself is never deleted, so the book never crosses."""
    first = ids["update"] + 1
    ids["update"] += 40

    def side(direction: int) -> list[list[str]]:
        offsets = sorted({1 + min(int(rng.expovariate(1 / 120)), 900) for _ in range(LEVELS_A_SIDE * 2)})
        chosen = rng.sample(offsets, min(LEVELS_A_SIDE, len(offsets)))
        return [
            [_price(MIDDLE + direction * k), "0.00000000" if k > 1 and rng.random() < 0.3 else _quantity(rng)]
            for k in chosen
        ]

    data = {
        "e": "depthUpdate",
        "E": ids["time"],
        "s": SYMBOL,
        "U": first,
        "u": ids["update"],
        "b": side(-1),
        "a": side(1),
    }
    return _frame("depth@100ms", data)


def _depth5(rng: random.Random, ids: dict[str, int]) -> dict[str, object]:
    bids = [[_price(MIDDLE - 1 - k), _quantity(rng)] for k in range(5)]
    asks = [[_price(MIDDLE + 1 + k), _quantity(rng)] for k in range(5)]
    return _frame("depth5@100ms", {"lastUpdateId": ids["update"], "bids": bids, "asks": asks})


def _ticker(rng: random.Random, ids: dict[str, int]) -> dict[str, object]:
    price = _price(MIDDLE)
    data = {
        "e": "24hrTicker",
        "E": ids["time"],
        "s": SYMBOL,
        "p": "94.99999800",
        "P": "0.142",
        **dict.fromkeys("wxcbaohl", price),
        "Q": _quantity(rng),
        "B": "1.0",
        "A": "1.0",
        "v": "10000.00000000",
        "q": "670000000.00000000",
        "O": 1_699_913_600_000,
        "C": ids["time"],
        "F": 0,
        "L": ids["trade"],
        "n": ids["trade"],
    }
    return _frame("ticker", data)
