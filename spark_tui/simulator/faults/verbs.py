"""Every fault by name, and how one is spelt: NAME[:key=value,...]."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

import msgspec

from spark_tui.simulator.faults.events import (
    DropEvent,
    DuplicateEvent,
    ExpireUserStream,
    ForeignExecution,
    MuteStream,
)
from spark_tui.simulator.faults.fault import Fault, FaultError
from spark_tui.simulator.faults.fills import FillAfterCancel, Overfill, SplitFill
from spark_tui.simulator.faults.lines import Blackhole, ClockFault, CloseMidFrame, ServerShutdown
from spark_tui.simulator.faults.replies import (
    AcceptDropReply,
    CancelRejectFilled,
    DelayReply,
    ErrorReply,
    Reject,
    ReorderReply,
    ReplicaLag,
)
from spark_tui.simulator.faults.strangers import ExternalClose, ExternalOrder, SymbolStatus

VERBS: dict[str, type[Fault]] = {
    kind.VERB: kind
    for kind in (
        AcceptDropReply,
        Reject,
        ErrorReply,
        DelayReply,
        ReorderReply,
        DuplicateEvent,
        DropEvent,
        MuteStream,
        SplitFill,
        Overfill,
        FillAfterCancel,
        CancelRejectFilled,
        ReplicaLag,
        ExternalOrder,
        ExternalClose,
        ExpireUserStream,
        ServerShutdown,
        Blackhole,
        CloseMidFrame,
        ClockFault,
        SymbolStatus,
        ForeignExecution,
    )
}


def spelt(text: str) -> tuple[str, dict[str, str]]:
    """NAME[:key=value,...] as name and arguments; FaultError when it is not of that form."""
    name, _, rest = text.partition(":")
    values: dict[str, str] = {}
    for pair in filter(None, rest.split(",")):
        key, equals, value = pair.partition("=")
        if not equals:
            raise FaultError(f"{text}: {pair} is not key=value")
        values[key] = value
    return name, values


def read_fault(name: str, values: Mapping[str, Any]) -> Fault:
    """FaultError, one sentence, for an unknown name or argument."""
    kind = VERBS.get(name)
    if kind is None:
        raise FaultError(f"there is no fault {name}{_hint(name, tuple(VERBS))}")
    known = kind.__struct_fields__
    for key in values:
        if key not in known:
            raise FaultError(f"{name} has no argument {key}{_hint(key, known)}")
    try:
        fault = msgspec.convert(dict(values), kind, strict=False)
    except msgspec.ValidationError as error:
        raise FaultError(f"{name}: {error}") from None
    if fault.after < 0 or fault.times < 0 or not 0 <= fault.chance <= 1:
        raise FaultError(f"{name}: after and times are not negative, and chance is between 0 and 1")
    return fault


def _hint(wrong: str, known: tuple[str, ...]) -> str:
    near = get_close_matches(wrong, known, n=1)
    return f"; did you mean {near[0]}?" if near else f"; known: {', '.join(known)}"


def catalogue() -> list[dict[str, Any]]:
    """Every verb with its help and its arguments' defaults."""
    return [
        {
            "verb": name,
            "help": " ".join((kind.__doc__ or "").split()),
            "args": {field.name: field.default for field in msgspec.structs.fields(kind)},
        }
        for name, kind in VERBS.items()
    ]
