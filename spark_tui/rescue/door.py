"""From a line of the kill plan to a venue one may call."""

import os
import random
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from spark_tui.venues.bans import Bans
from spark_tui.venues.binance.credentials import (
    CredentialError,
    Credentials,
    credentials,
    from_environment,
    from_file,
)
from spark_tui.venues.binance.spot.account import SpotSettings
from spark_tui.venues.binance.spot.adapter import BinanceSpot
from spark_tui.venues.binance.spot.endpoints import EndpointError, Endpoints, discover
from spark_tui.venues.kill_plan import KeyPlan, KeySource, PlanError, VenuePlan
from spark_tui.venues.port import Venue
from spark_tui.wire.clock import Clock


async def open_venue(
    plan: VenuePlan, clock: Clock, data_dir: Path, environment: Mapping[str, str] | None = None
) -> Venue | None:
    """The account on a connection of its own, which keeps to the bans noted in `data_dir`; None where it has
    no key, so that nothing can be open.

    Raises PlanError: the host is another environment than it was, the key is gone, nobody answers there.
    """
    if plan.key.source is KeySource.NONE:
        return None
    endpoints = Endpoints(plan.rest, plan.streams, plan.ws_api)
    try:
        if endpoints.environment is not plan.environment:
            raise PlanError(
                f"{plan.rest} is {endpoints.environment}, but the plan was made for {plan.environment}."
            )
        key = await _key(plan, os.environ if environment is None else environment)
        return BinanceSpot(
            endpoints,
            key,
            clock=clock,
            rng=random.SystemRandom(),
            settings=SpotSettings(recv_window_ms=plan.recv_window_ms),
            bans=Bans(data_dir, urlsplit(plan.rest).netloc, clock),
        )
    except (EndpointError, CredentialError) as error:
        if plan.bundled:
            raise PlanError(
                "The bundled simulator is not running, so nothing can fill. Its orders lie on disk, and the"
                " next engine cancels them at its start.",
                cure="Start the engine: spark-tui engine",
            ) from None
        raise PlanError(str(error)) from None


async def _key(plan: VenuePlan, environment: Mapping[str, str]) -> Credentials:
    key: KeyPlan = plan.key
    match key.source:
        case KeySource.SIMULATOR:
            found = (await discover(plan.rest)).credentials
        case KeySource.FILE:
            found = _of_file(key, environment)
        case KeySource.STORED:
            found = credentials(key.api_key, key.secret)
        case _:
            found = from_environment(environment)
    if found is None:
        raise PlanError(
            f"The key of {plan.venue} is not in the plan.",
            cure="Set BINANCE_API_KEY and BINANCE_API_SECRET and kill again, or cancel at the exchange's own"
            " site.",
        )
    return found


def _of_file(key: KeyPlan, environment: Mapping[str, str]) -> Credentials:
    """A file that is gone is replaced by the environment, if that has the same key: another one could be
    another account's. Raises CredentialError, PlanError."""
    try:
        return from_file(key.api_key, Path(key.file))
    except CredentialError as error:
        spare = from_environment(environment)
        if spare is not None and spare.api_key == key.api_key:
            return spare
        raise PlanError(
            str(error),
            cure="Bring the key file back, or set BINANCE_API_KEY to the same key and BINANCE_API_SECRET to"
            " its secret, and kill again; or cancel at the exchange's own site.",
        ) from None
