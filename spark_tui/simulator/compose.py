"""From options to a venue ready to serve."""

import time
from pathlib import Path

import msgspec

from spark_tui.simulator.auth import load_public_key
from spark_tui.simulator.faults.fault import FaultError
from spark_tui.simulator.options import Options, OptionsError
from spark_tui.simulator.recordings import RecordingError, scan
from spark_tui.simulator.replay import Player, prepare
from spark_tui.simulator.simulation import Simulation
from spark_tui.simulator.state import StateError, StateFile, restore


class Composed(msgspec.Struct, kw_only=True):
    """Everything a server needs."""

    simulation: Simulation
    players: list[Player]
    state: StateFile | None
    api_key: str
    api_secret: str
    ed25519_api_key: str

    def encode_state(self) -> bytes:
        """The state file's content as of now; only with a state file."""
        if self.state is None:
            return b""
        return self.state.encode(
            self.simulation,
            api_key=self.api_key,
            api_secret=self.api_secret,
            ed25519_api_key=self.ed25519_api_key,
        )

    def __repr__(self) -> str:
        return f"Composed({self.simulation.data})"


def compose(options: Options) -> Composed:
    """OptionsError, one sentence, for files that cannot be used."""
    try:
        state = StateFile(options.data_dir) if options.data_dir is not None else None
        saved = state.load() if state is not None else None
        simulation = Simulation(wall_ns=time.time_ns)
        players: list[Player] = []
        if options.replay:
            players = prepare(simulation, scan(options.replay), options.speed)
        else:
            marks = saved.marks if saved is not None else None
            simulation.populate(options.seed, simulation.wall_ms(), marks=marks)
        if saved is not None:
            restore(simulation, saved)
        simulation.faults.seed = options.fault_seed
        simulation.faults.arm_spelt(options.fault)
    except FaultError as error:
        raise OptionsError(f"--fault: {error}") from None
    except (StateError, RecordingError) as error:
        raise OptionsError(str(error)) from None
    api_key, api_secret = simulation.issue_hmac_key(*((saved.api_key, saved.api_secret) if saved else ()))
    ed25519_api_key = ""
    if options.ed25519_public_key is not None:
        ed25519_api_key = _accept(
            simulation, options.ed25519_public_key, saved.ed25519_api_key if saved else ""
        )
    return Composed(
        simulation=simulation,
        players=players,
        state=state,
        api_key=api_key,
        api_secret=api_secret,
        ed25519_api_key=ed25519_api_key,
    )


def _accept(simulation: Simulation, path: Path, key: str) -> str:
    try:
        return simulation.accept_public_key(load_public_key(path.read_bytes()), key)
    except OSError as error:
        raise OptionsError(f"--ed25519-public-key {path} cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise OptionsError(f"--ed25519-public-key {path}: {error}") from None
