"""A ledger of deeds for the Log screen: enough for three pages, with one refusal among them."""

from decimal import Decimal

from msgspec import structs

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


def about_a_rule(seq: int, action: str, what: str, result: str = "done", **changes: object) -> AuditRow:
    row = AuditRow(
        seq=seq,
        at_ms=START_MS + seq * 60_000,
        who="ozan",
        face="cockpit",
        action=action,
        what=what,
        result=result,
        ok=True,
    )
    return structs.replace(row, **changes)


PUT = '{"id":"btc-position","kind":"max_position_notional","limit":"%s","scope":{"symbol":"BTCUSDT"}%s}'
REDUCES = ',"effect":"reduce-only"'
OVER = "the position could come to 23 400 USDT, the most is 20 000 USDT; order less"
RULE_DEEDS = (
    about_a_rule(1, "rule.put", f"rule={PUT % ('25000', '')}"),
    about_a_rule(4, "rule.put", f"rule={PUT % ('20000', REDUCES)}"),
    about_a_rule(9, "rule.disable", "rule_id=btc-position"),
    about_a_rule(11, "rule.enable", "rule_id=btc-position"),
    about_a_rule(12, "rule.put", 'rule={"id":"my-btc-position-2","kind":"leverage"}'),
    about_a_rule(
        15,
        "order.submit",
        "symbol=BTCUSDT side=BUY type=MARKET quantity=0.1",
        f"spab12cd3-15 DENIED MAX_POSITION_NOTIONAL: {OVER}",
        ok=False,
        who="ayse",
        verdicts=(AuditVerdict(rule="btc-position", ok=False, code="MAX_POSITION_NOTIONAL"),),
    ),
    about_a_rule(16, "trading", "REDUCING", f"rule btc-position: {OVER}", who="engine", face="", ok=None),
)


def answer(ask: GetAudit) -> Audit:
    if ask.text in ("btc-position", "MAX_POSITION_NOTIONAL"):
        rows = tuple(row for row in reversed(RULE_DEEDS) if row.seq > ask.after)
        return Audit(rows=rows, before=0, entries=RULE_DEEDS[-1].seq)
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
