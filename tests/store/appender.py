"""A process that appends to a ledger for ever and says what was acknowledged; it is there to be killed.

Arguments: the ledger's path, the number of concurrent clients. Output: a line `<seq> <body>` each.
"""

import asyncio
import os
import sys
import time
from pathlib import Path

from spark_tui.store.ledger import Entry, Ledger


async def client(ledger: Ledger, name: int) -> None:
    for number in range(1_000_000):
        body = f"{os.getpid()}.{name}.{number}"
        seq = await ledger.append(Entry("test", body.encode()))
        os.write(1, f"{seq} {body}\n".encode())


async def main(path: str, clients: str) -> None:
    ledger = Ledger.open(Path(path), time.time_ns)
    await asyncio.gather(*(client(ledger, name) for name in range(int(clients))))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
