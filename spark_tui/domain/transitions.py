"""The one transition table of an order, as data. `lifecycle.py` applies it."""

from typing import Final

import msgspec

from spark_tui.domain.order import (
    Accepted,
    Amended,
    AmendRequested,
    Canceled,
    CancelFailed,
    CancelRequested,
    Completed,
    Dead,
    Denied,
    Expired,
    Filled,
    OrderEvent,
    OrderState,
    Rejected,
    ReplaceFailed,
    ReplaceRequested,
    Sent,
    Uncertain,
)

# The table. A row is the state an order is in, a column what happens to it. A cell is the state it moves to;
# LIVE is the working state its facts say (ACCEPTED, PARTIALLY_FILLED, PENDING_CANCEL, PENDING_REPLACE); `=`
# stays. `!` marks a move that no healthy venue and engine make: it is applied, reported as an anomaly and
# asks for a query; `?` asks for a query only. An order that lived and whose fills make up its quantity is
# FILLED whatever the cell.
_GRID: Final = """
                 Denied  Sent   Uncertain  Accepted  Filled  Completed  CancelRequested  CancelFailed  AmendRequested  Amended  ReplaceRequested  ReplaceFailed  Canceled   Expired   Rejected   Dead
NEW              DENIED  SENT   UNKNOWN    LIVE      LIVE    FILLED     =                ?=            =               LIVE     =                 ?=             CANCELED   EXPIRED   REJECTED   DEAD
DENIED           =       !SENT  !UNKNOWN   !LIVE     !LIVE   !FILLED    =                !=            =               !LIVE    =                 !=             !CANCELED  !EXPIRED  !REJECTED  !DEAD
SENT             !=      =      UNKNOWN    LIVE      LIVE    FILLED     =                ?=            =               LIVE     =                 ?=             CANCELED   EXPIRED   REJECTED   DEAD
UNKNOWN          !=      =      =          LIVE      LIVE    FILLED     =                ?=            =               LIVE     =                 ?=             CANCELED   EXPIRED   REJECTED   DEAD
DEAD             !=      =      =          !LIVE     !LIVE   !FILLED    =                =             =               !LIVE    =                 =              !CANCELED  !EXPIRED  !REJECTED  =
REJECTED         !=      =      =          !LIVE     !LIVE   !FILLED    =                =             =               !LIVE    =                 =              !CANCELED  !EXPIRED  =          !=
ACCEPTED         !=      =      ?=         =         LIVE    FILLED     LIVE             ?LIVE         LIVE            LIVE     LIVE              ?LIVE          CANCELED   EXPIRED   !=         !=
PARTIALLY_FILLED !=      =      ?=         =         LIVE    FILLED     LIVE             ?LIVE         LIVE            LIVE     LIVE              ?LIVE          CANCELED   EXPIRED   !=         !=
PENDING_CANCEL   !=      =      ?=         =         LIVE    FILLED     =                ?LIVE         LIVE            LIVE     LIVE              ?LIVE          CANCELED   EXPIRED   !=         !=
PENDING_REPLACE  !=      =      ?=         =         LIVE    FILLED     LIVE             ?LIVE         LIVE            LIVE     LIVE              ?LIVE          CANCELED   EXPIRED   !=         !=
EXPIRED          !=      =      =          =         =       !FILLED    =                =             =               =        =                 =              !CANCELED  =         !=         !=
CANCELED         !=      =      =          =         =       !FILLED    =                =             =               =        =                 =              =          !=        !=         !=
FILLED           !=      =      =          =         =       =          =                =             =               =        =                 =              !=         !=        !=         !=
"""  # noqa: E501 - a table is read in columns

_EVENTS: Final[dict[str, type[OrderEvent]]] = {
    kind.__name__: kind
    for kind in (
        Denied,
        Sent,
        Uncertain,
        Accepted,
        Filled,
        Completed,
        CancelRequested,
        CancelFailed,
        AmendRequested,
        Amended,
        ReplaceRequested,
        ReplaceFailed,
        Canceled,
        Expired,
        Rejected,
        Dead,
    )
}


class Move(msgspec.Struct, frozen=True):
    """One cell. `to` is None where the order stays; `live`: its facts choose among the working states."""

    to: OrderState | None
    live: bool
    anomaly: bool
    query: bool


def _parse(grid: str) -> dict[tuple[OrderState, type[OrderEvent]], Move]:
    header, *rows = [line.split() for line in grid.strip().splitlines()]
    table = {}
    for name, *cells in rows:
        for event, cell in zip(header, cells, strict=True):
            word = cell.lstrip("!?")
            to = None if word in ("=", "LIVE") else OrderState(word)
            move = Move(to, live=word == "LIVE", anomaly=cell[0] == "!", query=cell[0] in "!?")
            table[OrderState(name), _EVENTS[event]] = move
    return table


TABLE: Final = _parse(_GRID)
