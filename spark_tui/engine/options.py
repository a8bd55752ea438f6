"""What the engine must be told that no venue and no ledger knows."""

import msgspec

from spark_tui.domain.rules import STANDARD, Rule
from spark_tui.venues.kill_marks import Mark


class EngineSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`symbols`: what is streamed, by venue name; the first is shown to a face that has not chosen."""

    symbols: dict[str, tuple[str, ...]]
    rules: tuple[Rule, ...] = STANDARD
    live_allowed: bool = False  # TRADE_MODE=live and LIVE_ENABLED=true; then it still has to be armed
    hosts: dict[str, str] = {}  # where each venue is served: what proves its environment
    config: dict[str, str] = {}  # what else an operator configured that decides about orders; no secrets
    data_badge: str = "Real"  # Real | Mock | Replay
    data_dir: str = ""
    evidence_bytes: int = 64 << 20  # of all bundles; the oldest make room
    metrics_port: int = 0  # as served; 0 when off
    book_max_age_s: float = 5.0  # an older book is no price
    reconcile_every_s: float = 45.0  # between regular comparisons with the venue
    marks: tuple[Mark, ...] = ()  # kills without an engine, oldest first; the ledger may have some of them
