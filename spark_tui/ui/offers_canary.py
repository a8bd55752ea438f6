"""What the canary's and the arming's dialogs say. Both are typed out: no key alone confirms them."""

from spark_tui.domain.decimals import plain
from spark_tui.link.messages import ArmLive, Canaries, CanaryRow, Execution, Status
from spark_tui.ui import format as fmt
from spark_tui.ui.actions import BY_ID
from spark_tui.ui.offers import Offer

TYPING_S = 60.0


def offer_confirm(run: CanaryRow, known: Canaries | None, now_ms: int) -> Offer:
    order = f"{run.side} {fmt.exact(run.quantity)} {run.symbol}  {run.order_type}"
    if run.price is not None:
        order += f" at {fmt.exact(run.price)}"
    cap = f" of {fmt.exact(known.cap_usdt)} allowed" if known else ""
    age = max(0, now_ms - run.at_ms) // 1_000
    passed = sum(check.ok for check in run.checks)
    stale = known is not None and age >= known.fresh_s
    return Offer(
        title=f"Confirm canary · {run.environment}, proved by host",
        tone="warn",
        facts=(
            ("will send", order, "b ink"),
            ("worth", f"{fmt.fixed(run.notional_usdt, 2)} USDT{cap}", "ink"),
            ("expected", _expected(run.expected), "ink"),
            (
                "evidence",
                f"run {run.run_id}  {fmt.age(age)} old  {passed} checks hold",
                "warn" if stale else "up",
            ),
            ("then", "follow it, cancel the rest, reconcile to zero", "ink"),
        ),
        choices=((run.symbol, "send it"),),
        opened_by=BY_ID["canary.confirm"].keys,
        phrase=run.symbol,
        expires_s=TYPING_S,
    )


def _expected(seen: Execution | None) -> str:
    if seen is None:
        return "not known"
    parts = [fmt.exact(seen.price)]
    if seen.slippage_bp is not None:
        parts.append(f"slip {seen.slippage_bp} bp")
    parts += [f"fee at most {fmt.exact(amount)} {asset}" for asset, amount in seen.fees.items()]
    return "   ".join(parts)


def arming_phrase(request: ArmLive) -> str:
    """As the engine asks for it; another one is refused there."""
    symbols = ",".join(request.symbols)
    return f"ARM LIVE {symbols} CAP {plain(request.cap)} USDT FOR {request.minutes} MIN"


def offer_arming(request: ArmLive, status: Status | None) -> Offer:
    where = status.environment if status else "an unknown environment"
    return Offer(
        title=f"Arm live trading · {where} · REAL MONEY",
        tone="down",
        facts=(
            ("will arm", f"{', '.join(request.symbols)} and nothing else", "b ink"),
            ("cap", f"{fmt.exact(request.cap)} USDT in all, buys and sells added up", "ink"),
            ("ends", f"after {request.minutes} min, by itself; live.disarm ends it at once", "ink"),
            ("rests on", "the settings, and a green canary of the last 24 h", "ink"),
            ("then", "orders leave for real money, as the rules allow", "b down"),
        ),
        choices=((arming_phrase(request), "arm"),),
        opened_by=(),
        phrase=arming_phrase(request),
        expires_s=TYPING_S,
    )
