"""The one table of what a Binance error means: (venue, HTTP status, code, phase) -> Reaction, as data.

Source: protocol section 12. Rules are tried in order and the first match counts; the last one matches
everything, so no answer at all can fall through. While trading, "may have executed" is the default and a
definite reject wants proof: a documented refusal, or the venue's own JSON error under a 4xx.
"""

from enum import StrEnum

import msgspec

from spark_tui.venues.port import Reaction, VenueError


class Phase(StrEnum):
    """What we were doing. `CONNECT`: the request provably did not leave."""

    CONNECT = "connect"
    TRADE = "trade"  # place, cancel: must not be repeated blindly
    READ = "read"


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """None matches anything. `cure` follows the venue's own words."""

    reaction: Reaction
    cure: str
    phase: Phase | None = None
    http: frozenset[int] | None = None
    codes: frozenset[int] | None = None
    coded: bool | None = None  # whether the body was the venue's own error object, with a negative code
    venue: str | None = None


def _set(*items: int | range) -> frozenset[int]:
    return frozenset(n for item in items for n in (item if isinstance(item, range) else (item,)))


_5XX = _set(range(500, 600))
_4XX = _set(range(400, 500))
_NOT_4XX = _set(range(400), range(500, 1000))
_NO_ANSWER_YET = "its fate is not known yet and is being found out by query; do not send it again"

RULES: tuple[Rule, ...] = (
    # --- it never left
    Rule(
        phase=Phase.CONNECT,
        reaction=Reaction.RETRY_SAFE,
        cure="nothing was sent; check the network and the address",
    ),
    # --- a trading call: only the venue's own refusal under 4xx proves anything (12.1); a proxy may garble
    Rule(http=_NOT_4XX, phase=Phase.TRADE, reaction=Reaction.UNKNOWN, cure=_NO_ANSWER_YET),
    Rule(
        http=_set(451),
        codes=_set(0),
        reaction=Reaction.DEFINITE_REJECT,
        cure="Binance does not serve this location; nothing was placed",
    ),
    Rule(coded=False, phase=Phase.TRADE, reaction=Reaction.UNKNOWN, cure=_NO_ANSWER_YET),
    Rule(
        codes=_set(-1000, -1001, -1006, -1007, -1008, -1016, -2021),
        phase=Phase.TRADE,
        reaction=Reaction.UNKNOWN,
        cure=_NO_ANSWER_YET,
    ),
    # --- limits
    Rule(
        http=_set(418),
        reaction=Reaction.BANNED,
        cure="this address is banned for a while; nothing is sent until the ban ends",
    ),
    Rule(
        http=_set(429),
        codes=_set(-1015),
        reaction=Reaction.THROTTLED,
        cure="too many unfilled orders in this window; wait for the next one, cancels still work",
    ),
    Rule(
        http=_set(429),
        reaction=Reaction.THROTTLED,
        cure="the request budget is used up; waiting as long as asked",
    ),
    # --- the venue's own trouble
    Rule(
        codes=_set(-1000, -1001, -1006, -1007, -1008, -1016),
        reaction=Reaction.RETRY_SAFE,
        cure="the venue has a problem; trying again later",
    ),
    # --- refusals with a code
    Rule(
        codes=_set(-1021),
        reaction=Reaction.CLOCK,
        cure="our clock and Binance's differ too much; set this machine's clock",
    ),
    Rule(codes=_set(-1003, -1034), reaction=Reaction.THROTTLED, cure="too many requests; slowing down"),
    Rule(
        codes=_set(-1015),
        reaction=Reaction.THROTTLED,
        cure="too many unfilled orders in this window; wait for the next one, cancels still work",
    ),
    Rule(
        codes=_set(-1022),
        reaction=Reaction.AUTH,
        cure="check that the API secret belongs to this API key",
    ),
    Rule(
        codes=_set(-2014),
        reaction=Reaction.AUTH,
        cure="the API key is malformed; paste it again",
    ),
    Rule(
        codes=_set(-2015),
        reaction=Reaction.AUTH,
        cure="check the API key, its IP list and trading permission, and that it is of this environment",
    ),
    Rule(codes=_set(-1002), reaction=Reaction.AUTH, cure="this key may not do that; check its permissions"),
    Rule(
        codes=_set(-4061),
        http=_4XX,
        reaction=Reaction.MODE,
        cure="nothing was placed; the account's position mode is not the one assumed, read it again",
    ),
    Rule(codes=_set(-1121), reaction=Reaction.DEFINITE_REJECT, cure="check the symbol, e.g. BTCUSDT"),
    Rule(
        codes=_set(-1013),
        reaction=Reaction.DEFINITE_REJECT,
        cure="change price or quantity so that the instrument's rule is met",
    ),
    Rule(
        codes=_set(-1111),
        reaction=Reaction.DEFINITE_REJECT,
        cure="use fewer decimals, as the instrument's tick and step say",
    ),
    Rule(
        codes=_set(-1010, -2010),
        reaction=Reaction.DEFINITE_REJECT,
        cure="the order was not placed; change it before trying again",
    ),
    Rule(
        codes=_set(-2011),
        reaction=Reaction.DEFINITE_REJECT,
        cure="the cancel was refused; the order has probably ended, and is being queried",
    ),
    Rule(
        codes=_set(-2013),
        reaction=Reaction.DEFINITE_REJECT,
        cure="Binance does not know this order (yet)",
    ),
    Rule(
        codes=_set(-2026),
        reaction=Reaction.DEFINITE_REJECT,
        cure="the order ended unfilled more than 90 days ago and was archived",
    ),
    Rule(
        codes=_set(-2038),
        reaction=Reaction.DEFINITE_REJECT,
        cure="the amend was refused and the order is unchanged; the new quantity must be smaller than the "
        "present one and above what is filled, and an order can be amended only so often",
    ),
    Rule(
        codes=_set(-2022),
        reaction=Reaction.DEFINITE_REJECT,
        cure="the old order was not cancelled and the new one was not placed; the old one is being queried",
    ),
    Rule(
        codes=_set(-1158, -1160, -1165, -1166, -1168, range(-1199, -1195)),
        reaction=Reaction.DEFINITE_REJECT,
        cure="the legs of the list do not fit together, so none was placed; one takes the profit and one "
        "stops the loss, on either side of the market",
    ),
    Rule(
        codes=_set(range(-1225, -1221)),
        reaction=Reaction.DEFINITE_REJECT,
        cure="the working leg must buy and the pending ones sell what it bought; none was placed",
    ),
    Rule(
        codes=_set(-1014, -1020, -1112, -1220, -2016, -2035, -2036, -2039, -2042, -2043),
        reaction=Reaction.DEFINITE_REJECT,
        cure="Binance refused it; nothing was placed",
    ),
    Rule(
        codes=_set(range(-1199, -1099), range(-1299, -1199)),
        http=_4XX,
        reaction=Reaction.DEFINITE_REJECT,
        cure="a parameter was refused; nothing was placed",
    ),
    # --- HTTP statuses that mean something by themselves
    Rule(
        http=_set(451),
        reaction=Reaction.DEFINITE_REJECT,
        cure="the venue does not serve this location",
    ),
    Rule(
        http=_set(401),
        reaction=Reaction.AUTH,
        cure="the API key was not accepted; check it and the environment it belongs to",
    ),
    Rule(
        http=_set(404, 405, 410),
        reaction=Reaction.DEFINITE_REJECT,
        cure="this address does not offer the call; check the configured base URL",
    ),
    Rule(
        http=_set(403),
        reaction=Reaction.THROTTLED,
        cure="the venue's firewall refused it; slow down and check the parameters",
    ),
    # --- what is left
    Rule(http=_5XX, reaction=Reaction.RETRY_SAFE, cure="the venue has a problem; trying again later"),
    Rule(
        http=_4XX - {408, 409},
        coded=True,
        reaction=Reaction.DEFINITE_REJECT,
        cure="Binance refused it; nothing was placed",
    ),
    Rule(phase=Phase.TRADE, reaction=Reaction.UNKNOWN, cure=_NO_ANSWER_YET),
    Rule(reaction=Reaction.RETRY_SAFE, cure="the answer makes no sense; trying again later"),
)


class _Body(msgspec.Struct):
    code: int
    msg: str = ""
    data: msgspec.Raw = msgspec.Raw()


_body: msgspec.json.Decoder[_Body] = msgspec.json.Decoder(_Body)
_MAX_TEXT = 240


def classify(venue: str, http: int | None, code: int | None, phase: Phase) -> Rule:
    """The rule for an answer; `code` is None where the body was no error object. Never raises."""
    for rule in RULES:
        if (
            (rule.phase is None or rule.phase is phase)
            and (rule.venue is None or rule.venue == venue)
            and (rule.http is None or http in rule.http)
            and (rule.codes is None or code in rule.codes)
            and (rule.coded is None or rule.coded == (code is not None and code < 0))
        ):
            return rule
    raise AssertionError("unreachable: the last rule matches everything")


def venue_error(
    venue: str,
    http: int | None,
    code: int | None,
    text: str,
    phase: Phase,
    *,
    retry_after_s: float | None = None,
) -> VenueError:
    """The error to raise for an answer: stable code, the venue's own words, and the cure."""
    rule = classify(venue, http, code, phase)
    said = _clean(text) or (f"HTTP {http}" if http else "no answer")
    name = str(code) if code is not None else f"HTTP_{http}" if http else phase.upper()
    return VenueError(rule.reaction, name, f"{said.rstrip('.')}: {rule.cure}.", retry_after_s=retry_after_s)


def from_body(
    venue: str, http: int, body: bytes, phase: Phase, *, retry_after_s: float | None = None
) -> VenueError:
    """The error for an HTTP answer with any body: JSON, HTML, garbage or nothing. Never raises."""
    code, text = parse_body(body)
    if code is None:
        text = f"The venue answered HTTP {http} without an explanation"
    return venue_error(venue, http, code, text, phase, retry_after_s=retry_after_s)


def parse_body(body: bytes) -> tuple[int | None, str]:
    """Code and message of an error body, (None, "") when it is none of the venue's. Never raises."""
    try:
        error = _body.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None, ""
    return error.code, error.msg


def data_of(body: bytes) -> bytes:
    """The JSON that an error body carries beside code and text; empty when there is none. Never raises."""
    try:
        return bytes(_body.decode(body).data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return b""


def _clean(text: str) -> str:
    """One printable line, bounded: the text is a stranger's and goes to a terminal."""
    return " ".join("".join(c if c.isprintable() else " " for c in text[: _MAX_TEXT * 2]).split())[:_MAX_TEXT]
