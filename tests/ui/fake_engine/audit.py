"""A ledger of deeds for the Log screen: enough for three pages, with one refusal among them."""

from decimal import Decimal

from spark_tui.link.messages import Audit, AuditRow, AuditVerdict, GetAudit

COUNT = 450
START_MS = 1_795_000_000_000
REFUSED = 448
RULES = ("trading_state", "reconciling", "live_armed", "symbol_allowed", "symbol_trading", "book")


def deed(seq: int) -> AuditRow:
    refused = seq == REFUSED
    price = "4000000" if refused else "66000"
    result = f"spab12cd3-{seq} ACCEPTED"
    if refused:
        result = f"spab12cd3-{seq} DENIED PRICE_BAND: price {price} is 5 870 % from mid; move it closer"
    band = AuditVerdict(
        rule="price_band",
        ok=not refused,
        code="PRICE_BAND" if refused else "",
        used=Decimal("5870.12") if refused else Decimal("1.49"),
        allowed=Decimal(75),
    )
    return AuditRow(
        seq=seq,
        at_ms=START_MS + seq * 1_000,
        who="ayse",
        face="cockpit" if seq % 2 else "do",
        action="order.submit",
        what=f"symbol=BTCUSDT side=BUY type=LIMIT quantity=0.01 price={price}",
        result=result,
        ok=not refused,
        verdicts=(*(AuditVerdict(rule=rule, ok=True) for rule in RULES), band),
    )


def answer(ask: GetAudit) -> Audit:
    words = ask.text.lower().split()
    end = ask.before - 1 if ask.before else COUNT
    rows = [deed(seq) for seq in range(end, ask.after, -1)]
    if not ask.all_entries:
        rows = [row for row in rows if row.seq % 3 or row.seq == REFUSED]
    found = [
        row for row in rows if all(word in f"{row.who} {row.what} {row.result}".lower() for word in words)
    ]
    page = found[: ask.limit]
    return Audit(rows=tuple(page), before=page[-1].seq if len(found) > len(page) else 0, entries=COUNT)
