"""What the engine writes into the ledger, and nothing else: its whole state is the fold of these records."""

from decimal import Decimal

import msgspec

from spark_tui.domain.order import Fill, OrderEvent
from spark_tui.domain.rules import Rule
from spark_tui.domain.values import Side, TradingState
from spark_tui.engine.algos.state import Fact, Plan
from spark_tui.engine.money_records import MoneyRecord
from spark_tui.engine.twin_records import TwinRecord
from spark_tui.link.messages import CanaryRow, StartAlgo
from spark_tui.link.messages.audit import AuditVerdict
from spark_tui.store.ledger import Entry


class RunStarted(msgspec.Struct, frozen=True, kw_only=True, tag="run"):
    """An engine start; `run` is part of every client order id of that run."""

    run: str
    at_ms: int


class OrderRecord(msgspec.Struct, frozen=True, kw_only=True, tag="order"):
    """One event of one order. `base` and `quote` come with the write-ahead, so that positions need no
    venue."""

    client_order_id: str
    event: OrderEvent
    base: str = ""
    quote: str = ""


class ExternalFill(msgspec.Struct, frozen=True, kw_only=True, tag="external-fill"):
    """An execution of an order that was placed outside this engine; it moves our position all the same."""

    venue: str
    symbol: str
    side: Side
    client_order_id: str
    venue_order_id: str
    fill: Fill
    base: str
    quote: str


class TradesReconciled(msgspec.Struct, frozen=True, kw_only=True, tag="trades-reconciled"):
    """Every account trade of `symbol` up to and including `last_trade_id` is accounted for."""

    venue: str
    symbol: str
    last_trade_id: int


class TradingStateChanged(msgspec.Struct, frozen=True, kw_only=True, tag="trading-state"):
    """`killed`: the kill switch did it, so whatever still comes alive at the venue is cancelled too."""

    state: TradingState
    reason: str
    killed: bool
    operator: str
    at_ms: int


class MarksTaken(msgspec.Struct, frozen=True, kw_only=True, tag="kill-marks-taken"):
    """The kills that left these marks are recorded: a mark that is read again does not halt again."""

    marks: tuple[str, ...]


class DayStarted(msgspec.Struct, frozen=True, kw_only=True, tag="day"):
    """`baseline`: total PnL in USDT terms when the UTC day `day` was first seen; day PnL counts from it."""

    day: str
    baseline: Decimal


class DifferenceSettled(msgspec.Struct, frozen=True, kw_only=True, tag="difference-settled"):
    """What the operator chose for a difference that asks; it is not asked again under the same id."""

    difference_id: str
    choice: str
    operator: str
    at_ms: int


class RuleChanged(msgspec.Struct, frozen=True, kw_only=True, tag="rule"):
    """A risk rule was put, or (`rule` None) taken away again. `over`: what the configuration says of it,
    which this overrides for as long as it says so."""

    rule_id: str
    rule: Rule | None
    over: Rule | None
    operator: str
    why: str
    at_ms: int


class RuleForgiven(msgspec.Struct, frozen=True, kw_only=True, tag="rule-forgiven"):
    """What a rule had counted when the operator resumed: from there it counts anew. `day`: the UTC day."""

    rule_id: str
    value: Decimal
    day: str
    operator: str
    reason: str
    at_ms: int


class AlgoStarted(msgspec.Struct, frozen=True, kw_only=True, tag="algo-started"):
    """An algo begins; with `plan` its course is known without asking anybody. Its children name it as their
    parent."""

    algo_id: str
    start: StartAlgo
    venue: str
    operator: str
    plan: Plan
    at_ms: int


class AlgoEvent(msgspec.Struct, frozen=True, kw_only=True, tag="algo-event"):
    """What happened to an algo, its children's fates aside."""

    algo_id: str
    fact: Fact
    at_ms: int


class CanaryTried(msgspec.Struct, frozen=True, kw_only=True, tag="canary"):
    """A canary and its verdict; what it saw is in the bundle it names."""

    row: CanaryRow


class LiveArmed(msgspec.Struct, frozen=True, kw_only=True, tag="live-armed"):
    """Orders for real money may leave: in `symbols`, for `cap` USDT in all, until `expires_ms`, while the
    configuration is the one of `config_hash`. `rests_on`: the green canary."""

    symbols: tuple[str, ...]
    cap: Decimal
    expires_ms: int
    config_hash: str
    rests_on: str
    phrase: str
    operator: str
    at_ms: int


class LiveDisarmed(msgspec.Struct, frozen=True, kw_only=True, tag="live-disarmed"):
    reason: str
    operator: str
    at_ms: int


class Decision(msgspec.Struct, frozen=True, kw_only=True, tag="decision"):
    """A command that is not one order's event, for the audit only; it changes no state."""

    action: str
    operator: str
    text: str
    at_ms: int


class Acted(msgspec.Struct, frozen=True, kw_only=True, tag="acted"):
    """A command and what came of it, for the audit only; it changes no state. `action`: the request's name,
    `what`: its parameters, `verdicts`: what the rules said."""

    action: str
    what: str
    operator: str
    face: str
    verdicts: tuple[AuditVerdict, ...]
    result: str
    ok: bool
    at_ms: int


Record = (
    RunStarted
    | OrderRecord
    | ExternalFill
    | TradesReconciled
    | TradingStateChanged
    | MarksTaken
    | DayStarted
    | DifferenceSettled
    | RuleChanged
    | RuleForgiven
    | AlgoStarted
    | AlgoEvent
    | CanaryTried
    | LiveArmed
    | LiveDisarmed
    | Decision
    | Acted
    | MoneyRecord
    | TwinRecord
)

# of the audit alone: a replay need not even decode them, and there is one for every command
AUDIT_KINDS = frozenset(str(kind.__struct_config__.tag) for kind in (Decision, Acted))

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Record] = msgspec.json.Decoder(Record)


def to_entry(record: Record) -> Entry:
    """The ledger's kind is the record's tag, its body the record as JSON (Decimals as text)."""
    return Entry(kind=str(record.__struct_config__.tag), body=_encoder.encode(record))


def from_body(body: bytes) -> Record:
    """Raises msgspec.ValidationError / DecodeError for a body this version does not know."""
    return _decoder.decode(body)
