"""What an operator may set: flags, or the same names in a TOML file. Flags win."""

import argparse
import tomllib
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import msgspec


class OptionsError(Exception):
    """One sentence with the cure, for stderr; the process ends with 2."""


class Options(msgspec.Struct, frozen=True, kw_only=True):
    port: int = 0
    seed: int = 1
    replay: tuple[Path, ...] = ()
    speed: float = 1.0
    ready_file: Path | None = None
    data_dir: Path | None = None
    ed25519_public_key: Path | None = None
    exit_with: int | None = None
    fault: tuple[str, ...] = ()
    fault_seed: int = 1


_NAMES = tuple(Options.__struct_fields__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The simulator's flags. Defaults live in Options, so an absent flag stays None and a file may set it."""
    add = parser.add_argument
    add("--port", type=int, metavar="N", help="port on loopback; 0 takes any free one (the default)")
    add("--seed", type=int, metavar="N", help="the same seed is the same market (1)")
    add(
        "--replay",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="play recordings instead of the simulated market",
    )
    add("--speed", type=float, metavar="X", help="replay speed; 0 is as fast as it is read (1)")
    add("--ready-file", type=Path, metavar="PATH", help="write addresses and key there once serving")
    add("--data-dir", type=Path, metavar="DIR", help="keep account, orders and key there over restarts")
    add("--config", type=Path, metavar="FILE", help="TOML file with the same names as these flags")
    add(
        "--ed25519-public-key", type=Path, metavar="FILE", help="PEM public key to accept beside the HMAC key"
    )
    add(
        "--fault",
        action="append",
        metavar="NAME[:KEY=VALUE,...]",
        help="cause this fault; GET /sim/v1/faults lists them (may be given again)",
    )
    add("--fault-seed", type=int, metavar="N", help="the same seed is the same schedule of faults (1)")
    add("--exit-with", type=int, metavar="PID", help="end when that process is gone")


def read_options(arguments: argparse.Namespace) -> Options:
    """Flags over file over defaults; OptionsError for what cannot be used."""
    values: dict[str, Any] = _from_file(arguments.config) if arguments.config is not None else {}
    values |= {name: value for name in _NAMES if (value := getattr(arguments, name)) is not None}
    try:
        options = msgspec.convert(values, Options, strict=True, dec_hook=_path)
    except msgspec.ValidationError as error:
        raise OptionsError(f"{error}; see --help") from None
    _check(options)
    return options


def _path(kind: type, value: Any) -> Any:
    if kind is Path and isinstance(value, str):
        return Path(value)
    if isinstance(value, kind):
        return value
    raise NotImplementedError


def _from_file(path: Path) -> dict[str, Any]:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise OptionsError(f"{path} cannot be read ({error.strerror})") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise OptionsError(f"{path} is not valid TOML: {error}") from None
    values = {name.replace("-", "_"): value for name, value in table.items()}
    for name in values:
        if name not in _NAMES:
            near = get_close_matches(name, _NAMES, n=1)
            hint = f"; did you mean {near[0]}?" if near else f"; known: {', '.join(_NAMES)}"
            raise OptionsError(f"{path}: unknown setting {name}{hint}")
    return values


def _check(options: Options) -> None:
    if not 0 <= options.port <= 65_535:
        raise OptionsError(f"--port {options.port} is not a port; use 0 to 65535")
    if not options.speed >= 0:
        raise OptionsError(
            f"--speed {options.speed} is negative; use 1 for recorded pace, 0 for as fast as read"
        )
    for flag, path in (
        ("--ed25519-public-key", options.ed25519_public_key),
        *(("--replay", p) for p in options.replay),
    ):
        if path is not None and not path.is_file():
            raise OptionsError(f"{flag} {path} is not a file")
    if options.ready_file is not None and not options.ready_file.absolute().parent.is_dir():
        raise OptionsError(f"--ready-file {options.ready_file}: its folder does not exist")
