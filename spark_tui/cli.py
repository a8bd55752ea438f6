"""Commands: parse, call, print."""


def main() -> int:
    return 0
