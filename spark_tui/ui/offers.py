"""What each confirm dialog says: from what is known to an `Offer`. Pure, no Textual."""

from dataclasses import dataclass
from decimal import Decimal

from spark_tui.domain.order import TERMINAL, Order
from spark_tui.domain.values import Environment
from spark_tui.link.messages import (
    AlgoKind,
    AlgoRow,
    Difference,
    OrderUpdate,
    ReplaceOrder,
    StartAlgo,
    SubmitList,
    SubmitOrder,
)
from spark_tui.ui import format as fmt
from spark_tui.ui.actions import BY_ID
from spark_tui.ui.ahead import Ahead
from spark_tui.ui.course import course
from spark_tui.ui.model import Model
from spark_tui.ui.story import short_id


@dataclass(frozen=True, slots=True)
class Offer:
    """What a confirm dialog says and takes. `facts`: (label, text, tone) rows. `choices`: (key, deed);
    with a `phrase` there is one choice and it is typed out. `opened_by`: keys that must not confirm."""

    title: str
    tone: str
    facts: tuple[tuple[str, str, str], ...]
    choices: tuple[tuple[str, str], ...]
    opened_by: tuple[str, ...]
    phrase: str = ""
    expires_s: float = 20.0


def _money(value: Decimal | None, unit: str) -> str:
    return f"{fmt.fixed(value, 2)} {unit}"


def order_words(order: SubmitOrder, model: Model) -> str:
    """BUY 0.010 BTCUSDT LIMIT at 67 000.0 GTC"""
    steps = model.steps((order.venue or model.look[0], order.symbol))
    instrument = model.instruments.get((order.venue or model.look[0], order.symbol))
    if order.quantity is not None:
        amount = f"{fmt.fixed(order.quantity, steps.quantity)} {order.symbol}"
    else:
        unit = f" {instrument.quote}" if instrument else ""
        amount = f"{order.symbol} for {fmt.exact(order.quote_quantity)}{unit}"
    words = [order.side.value, amount, order.type.replace("_", " ")]
    if order.stop_price is not None:
        words.append(f"stop {fmt.fixed(order.stop_price, steps.price)}")
    if order.trailing_delta is not None:
        words.append(f"trailing {order.trailing_delta} bp")
    if order.price is not None:
        words.append(f"at {fmt.fixed(order.price, steps.price)}")
    if order.iceberg_quantity is not None:
        words.append(f"showing {fmt.fixed(order.iceberg_quantity, steps.quantity)}")
    if order.time_in_force is not None:
        words.append(order.time_in_force.value)
    if order.self_trade_prevention is not None:
        words.append(f"STP {order.self_trade_prevention.replace('_', ' ').lower()}")
    return " ".join(words)


def asked_words(order: Order, model: Model) -> str:
    """An order that exists, in the same words; what is left of it."""
    fields = {name: getattr(order.request, name) for name in order.request.__struct_fields__}
    return order_words(SubmitOrder(**{**fields, "quantity": total(order)}), model)


def total(order: Order) -> Decimal | None:
    """What it asks for in the base asset, as far as amended."""
    return order.amended_quantity if order.amended_quantity is not None else order.request.quantity


def amount(text: str) -> Decimal:
    """What was typed as a plain number; 0 when there is none."""
    return Decimal(text.rstrip(".")) if text.strip(".") else Decimal(0)


def needs_confirming(environment: Environment) -> bool:
    """Play money goes out on the ticket's own key: the ticket has said everything a dialog would."""
    return environment not in {Environment.SIM, Environment.PAPER}


def _costs(ahead: Ahead) -> str:
    fees = " + ".join(f"{fmt.exact(amount)} {asset}" for amount, asset in ahead.fees)
    slip = "" if ahead.slippage_bp is None else f"   slip {ahead.slippage_bp:.1f} bp"
    return (f"fee at most {fees}" if fees else "fee unknown") + slip


def _rests_on(ahead: Ahead, model: Model) -> tuple[str, str, str]:
    return "rests on", f"{len(ahead.verdicts)} rules pass, book {fmt.age(model.book_age_s())} old", "up"


def offer_order(order: SubmitOrder, ahead: Ahead, model: Model, environment: Environment) -> Offer:
    """For TESTNET a key; for LIVE the symbol has to be typed out."""
    instrument = model.instruments.get((order.venue or model.look[0], order.symbol))
    unit = instrument.quote if instrument else ""
    live = environment is Environment.LIVE
    cap = next((rule for rule in ahead.verdicts if rule.label == "order cap" and rule.allowed), None)
    worth = _money(ahead.notional, unit) + (f" of {fmt.exact(cap.allowed)} allowed" if cap else "")
    follows = (
        "rests in the book until filled or cancelled" if order.price else "fills at once at the best prices"
    )
    return Offer(
        title=f"Send order · {environment}, proved by host" + (" · REAL MONEY" if live else ""),
        tone="down" if live else "warn",
        facts=(
            ("will send", order_words(order, model), "b ink"),
            ("worth", worth, "ink"),
            ("expected", _costs(ahead), "ink"),
            _rests_on(ahead, model),
            ("then", follows, "ink"),
        ),
        choices=((order.symbol if live else "y", "send it"),),
        opened_by=BY_ID["order.submit"].keys,
        phrase=order.symbol if live else "",
    )


def offer_list(request: SubmitList, ahead: Ahead, model: Model, environment: Environment) -> Offer:
    """Orders that leave in one call: for TESTNET a key, for LIVE the symbol."""
    live = environment is Environment.LIVE
    symbol = request.legs[0].order.symbol
    instrument = model.instruments.get((request.legs[0].order.venue or model.look[0], symbol))
    legs = (
        (leg.role.replace("_", " ").lower(), order_words(leg.order, model), "b ink") for leg in request.legs
    )
    follows = {
        "OCO": "one call, all or none; when one leg trades, the other is cancelled",
        "OTO": "one call, all or none; the second is placed once the first is filled",
        "OTOCO": "one call, all or none; the pair is placed once the first is filled",
    }[request.kind]
    return Offer(
        title=f"Send {request.kind} list · {environment}, proved by host" + (" · REAL MONEY" if live else ""),
        tone="down" if live else "warn",
        facts=(
            *legs,
            ("worth", f"at most {_money(ahead.notional, instrument.quote if instrument else '')}", "ink"),
            ("expected", _costs(ahead), "ink"),
            _rests_on(ahead, model),
            ("then", follows, "ink"),
        ),
        choices=((symbol if live else "y", "send all of it"),),
        opened_by=BY_ID["order.submit"].keys,
        phrase=symbol if live else "",
    )


def offer_replace(
    old: Order, request: ReplaceOrder, ahead: Ahead, model: Model, environment: Environment
) -> Offer:
    """Both ways it can fail are said before it is sent."""
    live = environment is Environment.LIVE
    name, symbol = short_id(old.client_order_id), request.order.symbol
    return Offer(
        title=f"Replace {name} · {environment}" + (" · REAL MONEY" if live else ""),
        tone="down" if live else "warn",
        facts=(
            ("will end", asked_words(old, model), "ink"),
            ("will send", order_words(request.order, model), "b ink"),
            ("rests on", f"{len(ahead.verdicts)} rules pass, {name} is {old.state}", "up"),
            ("then", "one call; the new order goes to the end of the queue at its price", "ink"),
            ("if no cancel", f"{name} stays as it is and nothing new is sent", "ink"),
            ("if no order", f"{name} is gone and nothing took its place", "warn"),
        ),
        choices=((symbol if live else "y", "replace it"),),
        opened_by=BY_ID["order.submit"].keys,
        phrase=symbol if live else "",
    )


def offer_cancel_list(order: Order, legs: list[Order], model: Model, environment: Environment) -> Offer:
    part = order.part
    kind = part.kind if part is not None else ""
    alive = [leg for leg in legs if leg.state not in TERMINAL]
    return Offer(
        title=f"Cancel {kind} list · {environment}",
        tone="warn",
        facts=(
            *(
                (
                    "will cancel" if leg is alive[0] else "and with it",
                    f"{short_id(leg.client_order_id)} {asked_words(leg, model)}",
                    "b ink",
                )
                for leg in alive
            ),
            ("rests on", f"a leg never goes alone: the venue cancels the whole {kind}", "ink"),
            ("then", "what was filled stays filled; the venue has the last word", "ink"),
        ),
        choices=(("y", "cancel the list"),),
        opened_by=BY_ID["order.cancel"].keys,
    )


def algo_words(start: StartAlgo, model: Model) -> str:
    """TWAP SELL 0.100 BTCUSDT in 10 orders over 5 min, no worse than 66 000.0"""
    steps = model.steps((start.venue or model.look[0], start.symbol))
    words = f"{start.kind} {start.side} {fmt.fixed(start.quantity, steps.quantity)} {start.symbol}"
    if start.slices is not None and start.duration_s is not None:
        words += f" in {start.slices} orders over {start.duration_s / 60:g} min"
        words += f", varied by {start.jitter:.0%}" if start.jitter else ""
    if start.limit_price is not None:
        worst = ", no worse than" if start.kind is AlgoKind.TWAP else " at"
        words += f"{worst} {fmt.fixed(start.limit_price, steps.price)}"
    if start.display is not None:
        words += f", showing {fmt.fixed(start.display, steps.quantity)}"
    if start.trail_bp is not None:
        words += f", trailing by {start.trail_bp} bp"
    return words


def offer_algo(start: StartAlgo, ahead: Ahead, model: Model, environment: Environment) -> Offer:
    live = environment is Environment.LIVE
    key = (start.venue or model.look[0], start.symbol)
    instrument = model.instruments.get(key)
    return Offer(
        title=f"Start algo · {environment}, proved by host" + (" · REAL MONEY" if live else ""),
        tone="down" if live else "warn",
        facts=(
            ("will start", algo_words(start, model), "b ink"),
            *((row.label, row.text, "ink") for row in course(ahead.answer, model.steps(key))),
            ("worth", _money(ahead.notional, instrument.quote if instrument else ""), "ink"),
            ("expected", _costs(ahead), "ink"),
            (
                "rests on",
                f"{len(ahead.verdicts)} rules pass for its largest order; each is asked again",
                "up",
            ),
            ("then", "the engine works it, this cockpit or no; space pauses, x stops it (6)", "ink"),
        ),
        choices=((start.symbol if live else "y", "start it"),),
        opened_by=BY_ID["order.submit"].keys,
        phrase=start.symbol if live else "",
    )


def offer_stop_algo(row: AlgoRow, model: Model, environment: Environment) -> Offer:
    return Offer(
        title=f"Stop algo {short_id(row.algo_id)} · {environment}",
        tone="warn",
        facts=(
            ("will stop", algo_words(row.start, model), "b ink"),
            ("so far", f"{fmt.exact(row.filled)} of {fmt.exact(row.start.quantity)} filled", "ink"),
            ("then", "its open orders are cancelled; what was filled stays filled", "ink"),
        ),
        choices=(("y", "stop it"),),
        opened_by=BY_ID["order.cancel"].keys,
    )


CHOICE_WORDS = {
    "external": "book it as somebody else's trade",
    "accept": "accept what the venue says; ask no more",
}


def choice_keys(choices: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """(key, choice): its first letter, or its number where two begin alike."""
    firsts = [choice[0].lower() for choice in choices]
    plain = len(set(firsts)) == len(firsts)
    return tuple(
        (first if plain else str(index), choice)
        for index, (first, choice) in enumerate(zip(firsts, choices, strict=True), 1)
    )


def offer_difference(row: Difference, environment: Environment) -> Offer:
    subject = short_id(row.client_order_id) if row.client_order_id else row.symbol
    return Offer(
        title=f"Difference · {row.kind.replace('_', ' ').lower()} · {environment}",
        tone="warn",
        facts=(
            ("about", f"{subject} at {row.venue}", "b ink"),
            ("we have", row.local, "ink"),
            ("venue says", row.remote, "ink"),
            ("then", "the answer goes into the ledger; the same question is not asked again", "ink"),
        ),
        choices=tuple((key, CHOICE_WORDS.get(choice, choice)) for key, choice in choice_keys(row.choices)),
        opened_by=BY_ID["row.open"].keys,
        expires_s=60,
    )


def offer_cancel(order: Order, model: Model, environment: Environment) -> Offer:
    request = order.request
    instrument = model.instruments.get((request.venue, request.symbol))
    left = (total(order) or Decimal(0)) - order.filled
    price = request.price if request.price is not None else request.stop_price
    worth = _money(left * price, instrument.quote if instrument else "") if price is not None else "not known"
    age_s = (model.clock.wall_ms() - order.created_ms) / 1_000
    return Offer(
        title=f"Cancel order · {environment}",
        tone="warn",
        facts=(
            ("will cancel", asked_words(order, model), "b ink"),
            ("worth", f"{worth} still open", "ink"),
            ("rests on", f"{order.state}, {fmt.elapsed(age_s)} old, {order.client_order_id}", "ink"),
            ("then", "what was filled stays filled; the venue has the last word", "ink"),
        ),
        choices=(("y", "cancel the order"),),
        opened_by=BY_ID["order.cancel"].keys,
    )


def offer_cancel_all(orders: list[OrderUpdate], model: Model, environment: Environment, code: str) -> Offer:
    """`code`: two digits to type, so that no reflex cancels everything."""
    symbols = sorted({row.order.request.symbol for row in orders})
    named = ", ".join(symbols[:4]) + (f" and {len(symbols) - 4} more" if len(symbols) > 4 else "")
    oldest = max((model.clock.wall_ms() - row.order.created_ms) / 1_000 for row in orders)
    return Offer(
        title=f"Cancel all orders · {environment}",
        tone="warn",
        facts=(
            ("will cancel", f"{len(orders)} open order{'s' if len(orders) != 1 else ''} in {named}", "b ink"),
            ("rests on", f"the orders shown; the oldest is {fmt.elapsed(oldest)} old", "ink"),
            ("then", "positions stay; trading stays on. ctrl+k would halt as well", "ink"),
        ),
        choices=((code, "cancel them all"),),
        opened_by=BY_ID["order.cancel-all"].keys,
        phrase=code,
    )


def offer_detach(model: Model, *, owns_engine: bool) -> Offer:
    open_orders = len(model.open_orders())
    resting = f"{open_orders} open order{'s' if open_orders != 1 else ''}"
    if owns_engine:
        return Offer(
            title="Quit the demo",
            tone="accent",
            facts=(
                ("will stop", "the engine, the simulator and its throw-away account", "b ink"),
                ("worth", f"nothing real; {resting} end with it", "ink"),
            ),
            choices=(("y", "quit"),),
            opened_by=BY_ID["detach"].keys,
            expires_s=60,
        )
    return Offer(
        title="Detach",
        tone="accent",
        facts=(
            ("engine", f"pid {model.status.pid if model.status else '?'}, {resting}", "b ink"),
            ("left on", "it goes on guarding; spark-tui attaches again", "ink"),
            ("stopped", "open orders stay at the exchange, unguarded", "ink"),
        ),
        choices=(("l", "leave the engine running"), ("s", "stop the engine")),
        opened_by=BY_ID["detach"].keys,
        expires_s=60,
    )


def offer_stop(model: Model) -> Offer:
    return Offer(
        title="Stop the engine",
        tone="warn",
        facts=(
            ("will stop", f"the engine, pid {model.status.pid if model.status else '?'}", "b ink"),
            ("then", f"{len(model.open_orders())} open orders stay at the exchange, unguarded", "ink"),
        ),
        choices=(("y", "stop the engine and quit"),),
        opened_by=(),
    )
