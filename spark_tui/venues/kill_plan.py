"""What a kill needs when nothing of ours is alive: where the orders rest, with which key, and what is held.

The engine keeps it beside its ledger (mode 0600). It stands on no database: one small JSON file, replaced in
one step.
"""

from decimal import Decimal
from enum import StrEnum
from pathlib import Path

import msgspec

from spark_tui.domain.values import Environment
from spark_tui.link.rendezvous import write_private
from spark_tui.venues.small_file import read_small

PLAN_FILE = "kill-plan.json"


KILL_AGAIN = "Kill again, or cancel at the exchange's own site."


class PlanError(Exception):
    """The plan cannot be used: one sentence, and what to do."""

    def __init__(self, text: str, *, cure: str = KILL_AGAIN) -> None:
        super().__init__(text)
        self.cure = cure


class KeySource(StrEnum):
    SIMULATOR = "simulator"  # it brings its own key
    FILE = "file"  # the operator's 0600 file
    STORED = "stored"  # in the plan itself
    ENVIRONMENT = "environment"  # BINANCE_API_KEY and BINANCE_API_SECRET of who kills
    NONE = "none"  # market data only: nothing can be open


class KeyPlan(msgspec.Struct, frozen=True, kw_only=True):
    """How to come by the key. `secret` only where it is STORED."""

    source: KeySource
    api_key: str = ""
    secret: str = ""
    file: str = ""

    def __repr__(self) -> str:
        return f"KeyPlan(source={self.source}, hidden)"


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """A position as fills made it, signed base quantity. Account trades up to and including `counted_to` are
    in it, and so are those in `counted`; whatever else the venue lists came later. None: it cannot be told
    which are in it, and the quantity is all there is."""

    symbol: str
    base: str
    quote: str
    quantity: Decimal
    counted_to: int | None = None
    counted: tuple[str, ...] = ()


class LastOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order at the end of the ledger, noted or sent at `at_ms` of our clock. `heard`: the venue had a word
    on it; one without may still be on its way. `ended_ms`: when the ledger took down the last word on one
    that has ended; None: it may have traded ever since. `traded`: False where it ended without a fill."""

    client_order_id: str
    venue: str
    symbol: str
    at_ms: int
    heard: bool = False
    ended_ms: int | None = None
    traded: bool = True


class LastOrders(msgspec.Struct, frozen=True, kw_only=True):
    """`whole`: what was traded before them is known, for the plan has it or nothing was."""

    orders: tuple[LastOrder, ...] = ()
    whole: bool = True


class VenuePlan(msgspec.Struct, frozen=True, kw_only=True):
    """One account at one exchange. `bundled`: the simulator that lives and ends with its engine. `open`: the
    orders the venue had a word on that are open or were a moment ago; the end of the ledger may not name one
    that rests for long."""

    venue: str
    environment: Environment
    rest: str
    streams: str
    ws_api: str
    key: KeyPlan
    bundled: bool = False
    recv_window_ms: int = 5_000
    held: tuple[Held, ...] = ()
    open: tuple[LastOrder, ...] = ()


class KillPlan(msgspec.Struct, frozen=True, kw_only=True):
    """`written_ms` 0: no engine wrote it, it is what the configuration says."""

    venues: tuple[VenuePlan, ...]
    written_ms: int


def write_plan(data_dir: Path, plan: KillPlan) -> None:
    """Raises OSError."""
    write_private(data_dir / PLAN_FILE, msgspec.json.encode(plan) + b"\n", durable=True)


def read_plan(data_dir: Path) -> KillPlan | None:
    """None where no engine has ever written one. Raises PlanError."""
    path = data_dir / PLAN_FILE
    try:
        return msgspec.json.decode(read_small(path), type=KillPlan)
    except FileNotFoundError:
        if path.is_symlink():
            raise PlanError(f"The kill plan {path} is a link to nowhere; move it away.") from None
        return None
    except OSError as error:
        raise PlanError(f"The kill plan {path} cannot be read: {error.strerror}.") from None
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise PlanError(
            f"The kill plan {path} is damaged; cancel at the exchange's own site,"
            " or move the file away and set the addresses and keys in the environment."
        ) from None


def exposed(data_dir: Path) -> str:
    """Why the key in the plan may be known to others; empty while only its owner can read it."""
    path = data_dir / PLAN_FILE
    try:
        open_to_others = path.stat().st_mode & 0o077
    except OSError:
        return ""
    if not open_to_others:
        return ""
    return (
        f"The kill plan {path} can be read by others; run: chmod 600 {path}, and if a key is in it, replace"
        " that key at the exchange."
    )
