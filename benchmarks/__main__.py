"""`python -m benchmarks` lists what can be measured; `python -m benchmarks NAME... [--quick]` measures it.

Each benchmark is a module of its own with flags of its own: they may follow when one is named
(`python -m benchmarks feed --frames 500000`), and `--help` after a name tells them.
"""

import subprocess
import sys
from itertools import takewhile
from typing import NamedTuple


class Benchmark(NamedTuple):
    """`quick`: flags for a run that shows that it works, and little more."""

    line: str
    quick: tuple[str, ...]


BENCHMARKS = {
    "feed": Benchmark(
        "socket to book and tape: frames/s, CPU a frame, loss, event to durable (8 min)",
        ("--frames", "20000", "--seconds", "2"),
    ),
    "order": Benchmark(
        "an order from the call to the socket and to its answer, idle and under load (6 min)",
        ("--orders", "40"),
    ),
    "cancel_flood": Benchmark(
        "how long a cancel waits while data requests use up the request budget (3 min)",
        ("--cancels", "20"),
    ),
    "cockpit": Benchmark(
        "a real terminal: key to paint, bytes a second, CPU, bytes of one changed row (8 min)",
        ("--seconds", "3", "--keys", "20"),
    ),
    "start": Benchmark(
        "first paint, start of every command, engine start to ready, resident memory (2 min)",
        ("--rounds", "2", "--seconds", "5"),
    ),
    "store": Benchmark("tape and ledger alone: event to durable, CPU a frame (1 min)", ("--seconds", "1")),
    "pnl": Benchmark(
        "profit and its explanation with 100 000 fills: how long the engine waits (1 min)",
        ("--fills", "5000"),
    ),
    "replay": Benchmark(
        "a ledger of 100 000 fills read, decoded and folded at a start (2 min)", ("--fills", "5000")
    ),
    "canary": Benchmark(
        "a canary's order and order/test, from the call to the venue's answer (1 min)",
        ("--confirms", "3"),
    ),
    "book": Benchmark("one 50-level depth diff applied to the book (15 s)", ("0.5",)),
    "codec": Benchmark("decoding frames and replies, signing an order (15 s)", ("--frames", "500")),
}


def main(words: list[str]) -> int:
    quick = "--quick" in words
    words = [word for word in words if word != "--quick"]
    names = list(takewhile(lambda word: not word.startswith("-"), words))
    flags = words[len(names) :]
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        print(f"there is no benchmark {unknown[0]}\n\n{_listing()}", file=sys.stderr)
        return 2
    if not names:
        print(_listing())
        return 0
    if flags and len(names) > 1:
        print(f"{' '.join(flags)}: flags go to one benchmark; name one", file=sys.stderr)
        return 2
    return max(_run(name, [*(BENCHMARKS[name].quick if quick else ()), *flags]) for name in names)


def _run(name: str, flags: list[str]) -> int:
    print(f"--- {name}", flush=True)
    command = [sys.executable, "-m", f"benchmarks.{name}_bench", *flags]
    return subprocess.run(command, check=False).returncode


def _listing() -> str:
    lines = [f"  {name:<13}{benchmark.line}" for name, benchmark in BENCHMARKS.items()]
    return "\n".join(("python -m benchmarks NAME... [--quick] [flags of the one named]", "", *lines))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
