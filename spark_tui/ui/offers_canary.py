"""What the dialogs of canary, soak and arming say. All are typed out: no key alone confirms them."""

import math

from spark_tui.domain.decimals import plain
from spark_tui.domain.values import Environment
from spark_tui.link.messages import ArmLive, Canaries, CanaryRow, Execution, SoakCanary, Status
from spark_tui.ui import format as fmt
from spark_tui.ui.actions import BY_ID
from spark_tui.ui.offers import Offer

TYPING_S = 60.0
SOAK_EVERY_S = 10.0  # between the checks of a soak


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


def offer_soak(ask: SoakCanary, known: Canaries | None, environment: Environment) -> Offer:
    """Of a soak that places orders: one a check, and a check at its end."""
    orders = math.ceil(ask.duration_s / SOAK_EVERY_S) + 1
    duration = fmt.group(f"{ask.duration_s:g}")
    amount = "the smallest" if ask.quantity is None else fmt.exact(ask.quantity)
    worth = "no more than a canary may be worth, each"
    if known is not None:
        total = fmt.exact(known.cap_usdt * orders)
        worth = f"at most {fmt.exact(known.cap_usdt)} USDT each, {total} in all"
    return Offer(
        title=f"Soak the canary · {environment} · PLACES ORDERS",
        tone="warn",
        facts=(
            ("will send", f"{ask.side} {amount} {ask.symbol} MARKET, up to {orders} times", "b ink"),
            ("for", f"{duration} s, one every {SOAK_EVERY_S:g} s and one at the end", "ink"),
            ("worth", worth, "ink"),
            ("each", "run first, then placed, followed, its rest cancelled, compared", "ink"),
            ("ends", "at the first that is not green; x on F6 ends it; ctrl+k kills", "ink"),
            ("then", "what was traded stays yours: nothing is traded back", "ink"),
        ),
        choices=((ask.symbol, "place them"),),
        opened_by=BY_ID["canary.soak"].keys,
        phrase=ask.symbol,
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
