"""The fault verbs a seeded test arms, each with the arguments it draws from."""

from typing import Any

import msgspec

_TRADES = ("order.place", "order.cancel", "order.cancelReplace", "any")
_EVENTS = ("any", "TRADE", "NEW", "CANCELED", "balance")


class Verb(msgspec.Struct, frozen=True):
    name: str
    choices: dict[str, tuple[Any, ...]] = {}


VERBS = (
    Verb("accept-drop-reply", {"cut": (False, True), "method": _TRADES}),
    Verb("reject", {"method": ("order.place", "order.cancel"), "times": (1, 3)}),
    Verb("error-reply", {"code": (-1007, -1006, -1001, 503), "method": _TRADES, "done": (True, False)}),
    Verb("error-reply", {"code": (429, 418), "retry_after": (2, 20), "method": _TRADES}),
    Verb("delay-reply", {"ms": (300, 3_000, 15_000), "method": _TRADES}),
    Verb(
        "reorder-reply", {"order": ("reply-first", "reply-last", "swap"), "method": _TRADES, "times": (1, 3)}
    ),
    Verb("duplicate-event", {"kind": ("any", "TRADE", "NEW"), "times": (1, 4)}),
    Verb("drop-event", {"kind": _EVENTS, "times": (1, 4)}),
    Verb("duplicate-event", {"stream": ("depth",), "times": (1, 2)}),
    Verb("drop-event", {"stream": ("depth",), "times": (1, 2)}),
    Verb("split-fill", {"parts": (2, 5)}),
    Verb("overfill", {"steps": (1, 50)}),
    Verb("fill-after-cancel", {"percent": (10, 100), "ms": (0, 500, 5_000)}),
    Verb("cancel-reject-filled", {"late": (0, 700)}),
    Verb("replica-lag", {"ms": (500, 3_000), "times": (1, 5, 0)}),
    Verb("external-order", {"side": ("BUY", "SELL"), "kind": ("LIMIT", "MARKET"), "percent": (0, 5)}),
    Verb("external-close", {"ms": (0, 400)}),
    Verb("expire-user-stream", {"now": (True, False)}),
    Verb("server-shutdown", {"lead_ms": (0, 500), "silent": (True, False)}),
    Verb("blackhole"),
    Verb("close-mid-frame"),
    Verb("clock", {"step_ms": (-3_000, 3_000, 400)}),
    Verb("clock", {"drift_ppm": (50, -50)}),
    Verb("clock", {"suspend_s": (60,)}),
    Verb("symbol-status", {"status": ("HALT", "CANCEL_ONLY"), "back_ms": (800, 5_000)}),
    Verb("foreign-execution", {"kind": ("TRADE_PREVENTION", "CALCULATED", "REPLACED")}),
)
