"""The words of `spark-tui canary`."""

import argparse
from decimal import Decimal
from pathlib import Path

from spark_tui.domain.decimals import parse
from spark_tui.domain.values import Side

VERBS = {
    "run": "look at everything an order needs; nothing is placed",
    "confirm": "place the order of a fresh run, follow it and compare it with the venue; never live",
    "status": "the latest canaries, and what live trading still lacks",
    "soak": "a health check and a canary every 10 s",
    "verify": "check a bundle of evidence, with no engine",
}


def fill(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    for verb, text in VERBS.items():
        sub = verbs.add_parser(verb, help=text, description=text)
        _FLAGS[verb](sub)
        sub.add_argument("--json", action="store_true", help="JSON instead of lines")
        sub.add_argument(
            "--data-dir",
            type=Path,
            metavar="DIR",
            default=argparse.SUPPRESS,
            help="which engine; for verify: whose key must have signed",
        )


def _scope(parser: argparse.ArgumentParser) -> None:
    flag = parser.add_argument
    flag("--symbol", required=True, metavar="SYMBOL", type=str.upper, help="instrument, e.g. BTCUSDT")
    flag("--side", choices=tuple(Side), type=_side, default=Side.BUY, help="BUY (if not said) or SELL")
    flag(
        "--quantity",
        type=_amount,
        metavar="N",
        help="amount in the base asset; not said: the smallest order the venue takes, or the run's",
    )
    flag("--venue", default="", metavar="NAME", help="only needed when two list the symbol")


def _run(parser: argparse.ArgumentParser) -> None:
    _scope(parser)
    parser.add_argument("--price", type=_amount, metavar="P", help="a LIMIT order at P instead of MARKET")


def _confirm(parser: argparse.ArgumentParser) -> None:
    _scope(parser)
    _meant(parser)


def _soak(parser: argparse.ArgumentParser) -> None:
    _scope(parser)
    flag = parser.add_argument
    flag("--duration", type=_seconds, required=True, metavar="S", help="for so many seconds")
    flag("--dry-run", action="store_true", help="place nothing; without it each check's order is real")
    _meant(parser)


def _meant(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--yes-i-mean", default="", metavar="SYMBOL", help="the symbol again: a real order will be placed"
    )


def _status(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--last", type=int, default=10, metavar="N", help="how many; 10 if not said")


def _verify(parser: argparse.ArgumentParser) -> None:
    flag = parser.add_argument
    flag("file", type=Path, metavar="FILE", help="the bundle")
    flag("--signer", default="", metavar="ID", help="who must have signed it, if not this machine's engine")


def _side(text: str) -> str:
    return text.upper()


def _amount(text: str) -> Decimal:
    try:
        return parse(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no plain number such as 0.01") from None


def _seconds(text: str) -> float:
    seconds = float(_amount(text))
    if seconds <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no time to soak for")
    return seconds


_FLAGS = {"run": _run, "confirm": _confirm, "status": _status, "soak": _soak, "verify": _verify}
