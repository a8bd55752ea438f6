"""POST, GET and DELETE /sim/v1/faults."""

import msgspec

from spark_tui.simulator.faults.desk import Faults
from spark_tui.simulator.faults.fault import FaultError
from spark_tui.simulator.rest import Reply


class _Arm(msgspec.Struct, forbid_unknown_fields=True):
    verb: str
    args: dict[str, str | int | float | bool] = {}
    seed: int | None = None


_decode = msgspec.json.Decoder(_Arm).decode


def fault_request(faults: Faults, method: str, body: bytes) -> Reply:
    """Arm one fault ({"verb", "args", "seed"}; a seed begins its schedule), list, or clear. Every answer says
    what is armed now; 400 {"error"} for what cannot be."""
    try:
        if method == "POST":
            wanted = _decode(body)
            faults.arm(wanted.verb, wanted.args, seed=wanted.seed)
        elif method == "DELETE":
            faults.clear()
        elif method != "GET":
            return Reply(405, {}, b"")
    except msgspec.DecodeError as error:
        text = f'send {{"verb": NAME, "args": {{...}}}} ({error})'
        return Reply(400, {}, msgspec.json.encode({"error": text}))
    except FaultError as error:
        return Reply(400, {}, msgspec.json.encode({"error": str(error)}))
    return Reply(200, {}, msgspec.json.encode(faults.describe()))
