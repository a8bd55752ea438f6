"""The one action table: bindings, footer, help, palette, `spark-tui do` and docs/keys.md come from it.

Imports no Textual, so that the command line may read it for nothing. Keys are written as a person would
("ctrl+k", "X", "?"); only keys that reach a program through tmux and plain terminals are used by default.
"""

from collections.abc import Mapping
from difflib import get_close_matches

from spark_tui.link.messages import AnyRequest, CancelAll, CancelOrder, Focus, Kill, Resume, StopEngine
from spark_tui.ui.action_words import EVERYWHERE, ORDER, SYMBOL, VENUE, Action, ActionError, Param, submit
from spark_tui.ui.canary_actions import CANARY_ACTIONS
from spark_tui.ui.money_actions import MONEY_ACTIONS
from spark_tui.ui.order_actions import ORDER_ACTIONS, TRADE
from spark_tui.ui.rule_actions import RULE_ACTIONS

__all__ = ["ACTIONS", "BY_ID", "EVERYWHERE", "Action", "ActionError", "Param", "build_request", "keymap"]


def _cancel(params: Mapping[str, str]) -> AnyRequest:
    return CancelOrder(client_order_id=params["client_order_id"])


def _cancel_all(params: Mapping[str, str]) -> AnyRequest:
    return CancelAll(symbol=params.get("symbol", "").upper(), venue=params.get("venue", ""))


def _kill(params: Mapping[str, str]) -> AnyRequest:
    return Kill(reason=params.get("reason", "operator"))


def _resume(params: Mapping[str, str]) -> AnyRequest:
    return Resume(reason=params["reason"])


def _focus(params: Mapping[str, str]) -> AnyRequest:
    return Focus(
        symbol=params["symbol"].upper(), interval=params.get("interval", "1m"), venue=params.get("venue", "")
    )


def _stop(params: Mapping[str, str]) -> AnyRequest:
    return StopEngine()


ACTIONS: tuple[Action, ...] = (
    # --- trading ---------------------------------------------------------------------------------------
    Action(
        "ticket.buy", "Buy", "Open the ticket on the buy side, price at the best bid.",
        keys=("b",), screens=(TRADE,), group="Trading", footer="Buy", trades=True,
    ),
    Action(
        "ticket.sell", "Sell", "Open the ticket on the sell side, price at the best ask.",
        keys=("s",), screens=(TRADE,), group="Trading", footer="Sell", trades=True,
    ),
    Action(
        "order.submit", "Send the order", "Send what the ticket says, once every rule passes.",
        keys=("ctrl+o",), screens=(TRADE,), group="Trading", trades=True, request=submit,
        params=ORDER,
    ),
    Action(
        "order.cancel", "Cancel the order", "Cancel the order, a leg with its list, or stop an algo.",
        keys=("x",), screens=(TRADE,), group="Trading", footer="Cancel", trades=True, safe=True,
        request=_cancel,
        params=(Param("client_order_id", "the order's id", required=True),),
    ),
    Action(
        "order.cancel-all", "Cancel all orders", "Cancel every open order, after the code shown is typed.",
        keys=("X",), screens=(TRADE,), group="Trading", footer="All|", trades=True, safe=True,
        request=_cancel_all,
        params=(Param("symbol", "only this instrument"), VENUE),
    ),
    *(action for action in ORDER_ACTIONS if action.group == "Trading"),
    Action(
        "kill", "KILL: halt and cancel everything",
        "Acts at once, on every screen and inside dialogs: nothing leaves but cancels until resumed.",
        keys=("ctrl+k",), group="Trading", safe=True, request=_kill,
        params=(Param("reason", "goes into the ledger"),),
    ),
    Action(
        "resume", "Resume trading", "Lift a halt; asks for the reason.",
        keys=("R",), group="Trading", trades=True, request=_resume,
        params=(Param("reason", "why it is safe again; goes into the ledger", required=True),),
    ),
    # --- ticket ----------------------------------------------------------------------------------------
    Action(
        "ticket.type", "Order type", "Next order type: LIMIT, MARKET, LIMIT_MAKER, STOP_LOSS_LIMIT, ...",
        keys=("t",), screens=(TRADE,), group="Ticket",
    ),
    Action(
        "ticket.list", "Order list", "One order, or OCO, OTO, OTOCO: orders that live and die together.",
        keys=("l",), screens=(TRADE,), group="Ticket",
    ),
    Action(
        "ticket.algo", "Algo", "TWAP, iceberg, trailing stop: worked by the engine, cockpit or no.",
        keys=("w",), screens=(TRADE,), group="Ticket",
    ),
    Action(
        "ticket.time-in-force", "Time in force", "Next time in force: GTC, IOC, FOK.",
        keys=("f",), screens=(TRADE,), group="Ticket",
    ),
    Action(
        "ticket.unit", "Amount in base or quote", "MARKET: say the amount in the quote asset, or back.",
        keys=("u",), screens=(TRADE,), group="Ticket",
    ),
    Action(
        "ticket.trailing", "Stop that trails", "A stop price, a distance that trails, or both.",
        keys=("d",), screens=(TRADE,), group="Ticket",
    ),
    Action(
        "ticket.iceberg", "Iceberg", "Show only a part of the order at a time, or all of it.",
        keys=("v",), screens=(TRADE,), group="Ticket",
    ),
    Action(
        "ticket.prevention", "Self-trade prevention", "What happens when it would meet an order of your own.",
        keys=("p",), screens=(TRADE,), group="Ticket",
    ),
    Action(
        "ticket.touch", "Price at the touch", "Put the best price of your own side into the ticket.",
        keys=("=",), screens=(TRADE,), group="Ticket",
    ),
    Action(
        "ticket.more", "One step more", "Raise a number by one tick or step; a slip while it is typed.",
        keys=("+",), screens=(TRADE,), group="Ticket",
    ),
    Action(
        "ticket.less", "One step less", "Lower a number by one tick or step; a slip while it is typed.",
        keys=("-",), screens=(TRADE,), group="Ticket",
    ),
    Action(
        "ticket.rules", "Rules of the order", "All of them with headroom, fee and slippage; sends nothing.",
        keys=("r",), screens=(TRADE,), group="Ticket",
    ),
    Action(
        "ticket.clear", "Clear the ticket", "Empty quantity and prices.",
        keys=("ctrl+u",), screens=(TRADE,), group="Ticket",
    ),
    # --- market ----------------------------------------------------------------------------------------
    Action(
        "find", "Find a symbol", "Filter the watchlist as you type; Enter takes the match, Esc goes back.",
        keys=("/",), screens=(TRADE,), group="Market", footer="Find",
    ),
    Action(
        "focus", "Look at an instrument", "Depth, trades, candles and ticket follow.",
        group="Market", request=_focus,
        params=(SYMBOL, Param("interval", "candle interval, e.g. 1m"), VENUE),
    ),
    Action(
        "symbol.next", "Next instrument", "Down the watchlist.",
        keys=("]",), screens=(TRADE,), group="Market",
    ),
    Action(
        "symbol.previous", "Previous instrument", "Up the watchlist.",
        keys=("[",), screens=(TRADE,), group="Market",
    ),
    Action(
        "interval.next", "Next candle interval", "1m, 5m, 15m, 1h, 4h, 1d and round again.",
        keys=("i",), screens=(TRADE,), group="Market",
    ),
    # --- moving ----------------------------------------------------------------------------------------
    Action(
        "panel.next", "Next panel", "Move the focus to the next panel; inside the ticket, to the next field.",
        keys=("tab",), group="Moving",
    ),
    Action(
        "panel.previous", "Previous panel", "Move the focus back.",
        keys=("shift+tab",), group="Moving",
    ),
    Action(
        "panel.back", "Back", "Leave the ticket or the search for the table; in a dialog: cancel.",
        keys=("escape",), group="Moving",
    ),
    Action("row.down", "Down", "Next row of the panel in focus.", keys=("down", "j"), group="Moving"),
    Action("row.up", "Up", "Previous row.", keys=("up", "k"), group="Moving"),
    Action("row.first", "First row", "To the top.", keys=("g",), group="Moving"),
    Action("row.last", "Last row", "To the end.", keys=("G",), group="Moving"),
    Action(
        "row.open", "Details", "Everything known about the selected row.",
        keys=("enter",), group="Moving",
    ),
    Action("tab.orders", "Orders", "Show the orders.", keys=("1",), screens=(TRADE,), group="Moving"),
    Action("tab.positions", "Positions", "Show positions.", keys=("2",), screens=(TRADE,), group="Moving"),
    Action("tab.fills", "Fills", "Show the fills.", keys=("3",), screens=(TRADE,), group="Moving"),
    Action("tab.log", "Log", "Show the log.", keys=("4",), screens=(TRADE,), group="Moving"),
    Action(
        "tab.diff", "Differences", "Where the venue's word and ours differ; Enter answers one that asks.",
        keys=("5",), screens=(TRADE,), group="Moving",
    ),
    Action("tab.algos", "Algos", "Show the algos.", keys=("6",), screens=(TRADE,), group="Moving"),
    # --- cockpit ---------------------------------------------------------------------------------------
    Action("palette", "Command", "Find and run any action.", keys=(":", "ctrl+p"), footer="Command|Cmd"),
    Action("help", "Help", "Every key that works here, and what it does.", keys=("?",), footer="Help"),
    Action("screen.trade", "Trade screen", "Watchlist, candles, depth, ticket, orders.", keys=("f1",)),
    Action("screen.health", "Health screen", "Streams, lag, weight, ledger, tape, link.", keys=("f2",)),
    Action("screen.drills", "Drills screen", "Cause a fault and watch the engine. SIM only.", keys=("f3",)),
    Action("screen.log", "Log screen", "Who did what, what the rules said, what came of it.", keys=("f8",)),
    Action(
        "log.find", "Search the log", "Every word must occur; Enter keeps the search, Esc drops it.",
        keys=("/",), screens=("log",), footer="Find",
    ),
    Action(
        "log.all", "Every ledger entry", "What was done, or every entry of the ledger, and back.",
        keys=("a",), screens=("log",), footer="All",
    ),
    Action("screen.risk", "Risk screen", "Every rule, its headroom, on and off.", keys=("f4",)),
    Action("screen.pnl", "PnL screen", "Equity, drawdown, profit, what is explained.", keys=("f5",)),
    Action(
        "pnl.window", "Window of the curve", "The last hour, day, week, or all there is.",
        keys=("w",), screens=("pnl",), footer="Window",
    ),
    Action(
        "pnl.table", "Next table of profit", "Symbols, strategies, days, balances, explained.",
        keys=("t",), screens=("pnl",), footer="Table",
    ),
    Action(
        "pnl.export", "Export profit as CSV", "Profit, fills, equity and flows, into the data directory.",
        keys=("e",), screens=("pnl",), footer="Export",
    ),
    Action("screen.canary", "Canary screen", "Try, confirm, read the evidence.", keys=("f6",)),
    Action("screen.diff", "Diff screen", "Orders beside their paper twins, graded.", keys=("f7",)),
    Action(
        "diff.report", "Write the diff report", "Orders beside their twins as JSON, beside the ledger.",
        keys=("w",), screens=("diff",), footer="Write report|Write",
    ),
    Action("theme", "Next theme", "Change the colours; themes are files you may copy and edit.", keys=("T",)),
    Action("redraw", "Redraw", "Paint the whole screen again.", keys=("ctrl+l",)),
    Action(
        "detach", "Detach or quit", "Leave the cockpit; asks whether the engine goes on.",
        keys=("q", "ctrl+c"), footer="Detach|Quit",
    ),
    Action(
        "engine.stop", "Stop the engine",
        "Stop the engine process, after y. Open orders stay at the exchange, unguarded.",
        request=_stop,
    ),
    *CANARY_ACTIONS,
    *(action for action in ORDER_ACTIONS if action.group != "Trading"),
    *RULE_ACTIONS,
    *MONEY_ACTIONS,
)  # fmt: skip

BY_ID: Mapping[str, Action] = {action.id: action for action in ACTIONS}


def build_request(action_id: str, params: Mapping[str, str]) -> AnyRequest:
    """What the engine is asked for `action_id key=value ...`. Raises ActionError with one sentence."""
    action = BY_ID.get(action_id)
    if action is None or action.request is None:
        known = [other.id for other in ACTIONS if other.request is not None]
        raise ActionError(f"{action_id} is no action of the engine{_nearest(action_id, known)}.")
    names = [param.name for param in action.params]
    for name in params:
        if name not in names:
            raise ActionError(f"{action_id} takes no {name}{_nearest(name, names)}.")
    missing = [p.name for p in action.params if p.required and not params.get(p.name, "").strip()]
    if missing:
        raise ActionError(f"{action_id} needs {', '.join(missing)}.")
    return action.request({name: value for name, value in params.items() if value.strip()})


def _nearest(word: str, known: list[str]) -> str:
    close = get_close_matches(word, known, n=1)
    return f"; did you mean {close[0]}?" if close else f" (known: {', '.join(known) or 'none'})"


def keymap(screen: str) -> dict[str, str]:
    """Key -> action id, for one screen."""
    here = [action for action in ACTIONS if EVERYWHERE in action.screens or screen in action.screens]
    return {key: action.id for action in here for key in action.keys}
