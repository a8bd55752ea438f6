"""Balance change = sum of rows. Every asset begins at what the venue said first, every flow since is a row,
and what the venue says now less all that is the rest nobody explained: shown, never bent away.
"""

from collections import OrderedDict, deque
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final, NamedTuple

import msgspec

from spark_tui.domain.accounting.flows import Flow, FlowKind, Trade, flows_of
from spark_tui.domain.decimals import EXACT, ZERO, add

MAX_RECENT: Final = 1_000  # flows of an asset that may be younger than its balance, or than the first one
MAX_SEEN: Final = 2_000  # ids of flows, so that one told twice counts once


class Explained(msgspec.Struct, frozen=True, kw_only=True):
    """One asset at one venue: `opening` + `rows` = `expected`; `actual` is the venue's word, `rest` what is
    left. `moved`: the sum of all amounts whatever their sign."""

    venue: str
    asset: str
    opening: Decimal
    rows: dict[FlowKind, Decimal]
    expected: Decimal
    actual: Decimal
    rest: Decimal
    moved: Decimal


class _Account(msgspec.Struct):
    """One venue's: the first balances, and by asset what came since."""

    since_ms: int
    opening: dict[str, Decimal]
    sums: dict[str, dict[FlowKind, Decimal]] = {}
    moved: dict[str, Decimal] = {}


class _Recent(NamedTuple):
    """`latest_ms`: of this flow and all that were told before it, so that who looks back knows where to
    stop."""

    at_ms: int
    flow: Flow
    latest_ms: int


class CashBook:
    """`anchor`, `trade`, `cover`, `flow` and `adjust` change it."""

    def __init__(self) -> None:
        self._accounts: dict[str, _Account] = {}
        self._recent: dict[tuple[str, str], deque[_Recent]] = {}  # by venue and asset
        self._covers: dict[str, Trade] = {}
        self._seen: OrderedDict[str, None] = OrderedDict()

    def anchored(self, venue: str) -> bool:
        return venue in self._accounts

    def anchor(self, venue: str, totals: Mapping[str, Decimal], time_ms: int) -> None:
        """The venue's balances as first told, with everything up to `time_ms` in them; later ones change
        nothing."""
        if venue in self._accounts:
            return
        account = self._accounts[venue] = _Account(since_ms=time_ms, opening=dict(totals))
        for (where, _), recent in self._recent.items():
            if where == venue:
                _add(account, (one.flow for one in recent if one.at_ms > time_ms))

    def trade(self, trade: Trade) -> None:
        self._take(trade.venue, trade.fill.time_ms, flows_of(trade))

    def cover(self, client_order_id: str, trade: Trade | None) -> None:
        """An order's synthetic fill as it now is; None: its trades explain everything."""
        if trade is None:
            self._covers.pop(client_order_id, None)
        else:
            self._covers[client_order_id] = trade

    def settle(self, client_order_id: str) -> None:
        trade = self._covers.pop(client_order_id, None)
        if trade is not None:
            self.trade(trade)

    def flow(self, venue: str, flow_id: str, flow: Flow, time_ms: int) -> bool:
        """Money that moved outside trades. False: it was told before."""
        if flow_id in self._seen:
            return False
        self._seen[flow_id] = None
        if len(self._seen) > MAX_SEEN:
            self._seen.popitem(last=False)
        self._take(venue, time_ms, (flow,))
        return True

    def adjust(self, venue: str, changes: Mapping[str, Decimal]) -> None:
        """What every balance holds from the next answer on, whatever the clocks say."""
        account = self._accounts.get(venue)
        if account is not None:
            kind = FlowKind.ADJUSTMENT
            _add(account, (Flow(asset=asset, kind=kind, amount=by) for asset, by in changes.items() if by))

    def explain(
        self, venue: str, actual: Mapping[str, Decimal], as_of_ms: Mapping[str, int]
    ) -> tuple[Explained, ...]:
        """Every asset that is or was there. `as_of_ms`: when each balance changed last; a trade after that is
        not in it yet, so it is not in the sum either."""
        account = self._accounts.get(venue)
        if account is None:
            return ()
        whole = self._whole(account, venue)
        late = self._late(venue, account.since_ms, as_of_ms)
        rows = []
        for asset in sorted({*whole.opening, *whole.sums, *actual}):
            opening, now = whole.opening.get(asset, ZERO), actual.get(asset, ZERO)
            sums = {kind: amount for kind, amount in whole.sums.get(asset, {}).items() if amount}
            for kind, amount in late.get(asset, {}).items():
                sums[kind] = EXACT.subtract(sums.get(kind, ZERO), amount)
            if not opening and not now and not any(sums.values()):
                continue
            expected = opening
            for amount in sums.values():
                expected = add(expected, amount)
            rows.append(
                Explained(
                    venue=venue,
                    asset=asset,
                    opening=opening,
                    rows={kind: sums[kind] for kind in FlowKind if sums.get(kind)} if sums else {},
                    expected=expected,
                    actual=now,
                    rest=EXACT.subtract(now, expected),
                    moved=whole.moved.get(asset, ZERO),
                )
            )
        return tuple(rows)

    def digest(self) -> dict[str, object]:
        """Plain data; equal books give equal digests."""
        return {
            "accounts": self._accounts,
            "recent": [
                [*key, [(one.at_ms, one.flow) for one in recent]] for key, recent in self._recent.items()
            ],
            "covers": sorted(self._covers),
            "seen": list(self._seen),
        }

    def _take(self, venue: str, time_ms: int, flows: tuple[Flow, ...]) -> None:
        for flow in flows:
            recent = self._recent.get((venue, flow.asset))
            if recent is None:
                recent = self._recent[venue, flow.asset] = deque(maxlen=MAX_RECENT)
            recent.append(_Recent(time_ms, flow, max(time_ms, recent[-1].latest_ms if recent else 0)))
        account = self._accounts.get(venue)
        if account is not None and time_ms > account.since_ms:
            _add(account, flows)

    def _whole(self, account: _Account, venue: str) -> _Account:
        """With what synthetic fills cover."""
        covers = [trade for trade in self._covers.values() if trade.venue == venue]
        if not covers:
            return account
        whole = _Account(
            since_ms=account.since_ms,
            opening=account.opening,
            sums={asset: dict(sums) for asset, sums in account.sums.items()},
            moved=dict(account.moved),
        )
        for trade in covers:
            if trade.fill.time_ms > account.since_ms:
                _add(whole, flows_of(trade))
        return whole

    def _late(
        self, venue: str, since_ms: int, as_of_ms: Mapping[str, int]
    ) -> dict[str, dict[FlowKind, Decimal]]:
        """Trades that the balances cannot hold yet, by asset."""
        late: dict[str, dict[FlowKind, Decimal]] = {}
        for asset, known in as_of_ms.items():
            if known <= since_ms:
                continue
            for one in reversed(self._recent.get((venue, asset), ())):
                if one.latest_ms <= known:
                    break
                flow = one.flow
                if one.at_ms > known and not flow.kind.external:
                    sums = late.setdefault(asset, {})
                    sums[flow.kind] = add(sums.get(flow.kind, ZERO), flow.amount)
        return late


def _add(account: _Account, flows: Iterable[Flow]) -> None:
    for flow in flows:
        sums = account.sums.get(flow.asset)
        if sums is None:
            sums = account.sums[flow.asset] = {}
        sums[flow.kind] = add(sums.get(flow.kind, ZERO), flow.amount)
        account.moved[flow.asset] = add(account.moved.get(flow.asset, ZERO), flow.amount.copy_abs())
