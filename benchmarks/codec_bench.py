"""What decoding costs: CPU microseconds a frame, one thread, no socket. `python -m benchmarks.codec_bench`.

`json only` decodes the same bytes with msgspec into untyped objects, for comparison.
"""

import argparse
import time
from collections.abc import Callable
from decimal import Decimal

import msgspec

from benchmarks.frames import build
from benchmarks.table import machine, percentiles, show
from spark_tui.domain.order import OrderRequest
from spark_tui.domain.values import OrderType, Side
from spark_tui.venues.binance.credentials import HmacKey
from spark_tui.venues.binance.signing import signed_params
from spark_tui.venues.binance.spot.codec import decode_api_frame, decode_frame, decode_order
from spark_tui.venues.binance.spot.orders import order_params

KINDS = ("trade", "depth", "depth5", "ticker")
ROUNDS = 15
REQUEST = OrderRequest(
    venue="binance-spot",
    symbol="BTCUSDT",
    side=Side.BUY,
    type=OrderType.LIMIT,
    quantity=Decimal("0.01"),
    price=Decimal("60000.00"),
)
FILL = (
    b'{"subscriptionId":0,"event":{"e":"executionReport","E":1499405660100,"s":"ETHBTC","c":"mUvoqJxFIILMdfAW5iGSOW",'
    b'"S":"BUY","o":"LIMIT","f":"GTC","q":"1.00000000","p":"0.10264410","P":"0.00000000","F":"0.00000000","g":-1,'
    b'"C":"","x":"TRADE","X":"FILLED","r":"NONE","i":4293153,"l":"0.60000000","z":"1.00000000","L":"0.10264410",'
    b'"n":"0.00060000","N":"ETH","T":1499405660099,"t":53118,"I":8641995,"w":false,"m":true,"M":true,'
    b'"O":1499405658657,"Z":"0.10264410","Y":"0.06158646","Q":"0.00000000","W":1499405658657,"V":"NONE"}}'
)
REPLY = (
    b'{"id":1,"status":200,"result":{"symbol":"BTCUSDT","orderId":28,"orderListId":-1,"clientOrderId":"x",'
    b'"transactTime":1507725176595,"price":"60000.00","origQty":"0.01","executedQty":"0.00","status":"NEW",'
    b'"cummulativeQuoteQty":"0.00","timeInForce":"GTC","type":"LIMIT","side":"BUY","fills":[]},"rateLimits":['
    b'{"rateLimitType":"REQUEST_WEIGHT","interval":"MINUTE","intervalNum":1,"limit":6000,"count":1}]}'
)


def measure(work: Callable[[bytes], object], frames: list[bytes]) -> tuple[float, ...]:
    """Microseconds a frame, over rounds."""
    samples = []
    for _ in range(ROUNDS):
        began = time.thread_time_ns()
        for frame in frames:
            work(frame)
        samples.append((time.thread_time_ns() - began) / 1000 / len(frames))
    return percentiles(samples)


def order_call(_: bytes) -> object:
    """From a request to the signed frame that leaves."""
    params = order_params("client-order-id-1", REQUEST)
    signed = signed_params({**params, "recvWindow": 5000, "timestamp": 1499827319559}, KEY)
    return msgspec.json.encode({"id": 1, "method": "order.place", "params": signed})


def order_reply(raw: bytes) -> object:
    return decode_order(decode_api_frame(raw).result)  # type: ignore[union-attr]  # REPLY is a reply


KEY = HmacKey("k" * 64, "s" * 64)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=4_000, help="frames of each kind")
    count = parser.parse_args().frames
    untyped = msgspec.json.Decoder()
    rows: list[tuple[object, ...]] = []
    for kind in KINDS:
        frames = [frame.encode() for frame in build(count, ((kind, 1),))]
        size = sum(map(len, frames)) // len(frames)
        rows.append((kind, size, *measure(decode_frame, frames), measure(untyped.decode, frames)[1]))
    for name, work, raw in (("user fill", decode_api_frame, FILL), ("order reply", order_reply, REPLY)):
        frames = [raw] * count
        rows.append((name, len(raw), *measure(work, frames), measure(untyped.decode, frames)[1]))
    signed = [b""] * count
    rows.append(("order to signed frame", 0, *measure(order_call, signed), float("nan")))
    print(machine())
    show(
        f"codec, CPU us a frame ({ROUNDS} rounds of {count})",
        ("frame", "bytes", "min", "median", "P95", "P99", "max", "json only"),
        rows,
    )


if __name__ == "__main__":
    main()
