"""Every decoder of Binance Spot's wire in one place: bytes in, domain values out, else CodecError."""

from spark_tui.venues.binance.spot.codec_account import decode_account, decode_time, decode_trades
from spark_tui.venues.binance.spot.codec_changes import decode_amendment, decode_halves
from spark_tui.venues.binance.spot.codec_lists import (
    decode_cancel,
    decode_cancel_all,
    decode_list,
    decode_list_cancel,
    decode_list_numbers,
    decode_lists,
)
from spark_tui.venues.binance.spot.codec_market import (
    Reply,
    Shutdown,
    decode_data,
    decode_depth_snapshot,
    decode_frame,
    decode_klines,
    decoder_for,
    split_name,
    stream_name,
)
from spark_tui.venues.binance.spot.codec_orders import decode_order, decode_orders
from spark_tui.venues.binance.spot.codec_user import decode_api_frame, decode_user_event
from spark_tui.venues.binance.spot.instruments import decode_exchange_info
from spark_tui.venues.binance.spot.numbers import VENUE, CodecError

__all__ = [
    "VENUE",
    "CodecError",
    "Reply",
    "Shutdown",
    "decode_account",
    "decode_amendment",
    "decode_api_frame",
    "decode_cancel",
    "decode_cancel_all",
    "decode_data",
    "decode_depth_snapshot",
    "decode_exchange_info",
    "decode_frame",
    "decode_halves",
    "decode_klines",
    "decode_list",
    "decode_list_cancel",
    "decode_list_numbers",
    "decode_lists",
    "decode_order",
    "decode_orders",
    "decode_time",
    "decode_trades",
    "decode_user_event",
    "decoder_for",
    "split_name",
    "stream_name",
]
