"""The condition of streams and request budgets, as the Health screen shows it."""

import msgspec


class StreamHealth(msgspec.Struct, frozen=True, kw_only=True):
    """One stream's condition. Ages in seconds of our monotonic clock; `lag_ms` = receipt - venue time;
    `undecoded`: frames that could not be read (among the gaps, too); `revivals`: times it was dead on a live
    connection and asked for anew."""

    venue: str
    name: str  # "btcusdt@depth@100ms", "user", "ws-api"
    state: str  # connecting | live | stale | down
    age_s: float | None
    rate: float  # messages a second, last 10 s
    lag_ms: float | None
    messages: int
    gaps: int
    reconnects: int
    undecoded: int = 0
    revivals: int = 0
    detail: str = ""

    @property
    def symbol(self) -> str:
        """As streams are named: symbol@kind. Of a connection, its name."""
        return self.name.partition("@")[0].upper()

    @property
    def kind(self) -> str:
        """Without its speed: "depth" of symbol@depth@100ms. Empty of a connection."""
        return self.name.partition("@")[2].partition("@")[0]


class WeightGauge(msgspec.Struct, frozen=True, kw_only=True):
    """Use of the request budget in the current window, by the server's own count, and how many calls wait
    for some of it."""

    used: int
    limit: int
    waiting: int = 0


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One call about the account, for the meters. `method`: GET, POST, ... or WS; `code` is empty when it
    succeeded, else the venue's, "http-N", or "lost"."""

    route: str
    method: str
    code: str
    took_ms: float
