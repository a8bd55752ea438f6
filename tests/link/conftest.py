import contextlib
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from spark_tui.link.local import LocalLink
from spark_tui.link.remote import RemoteLink
from spark_tui.link.server import serve
from spark_tui.link.service import Link
from tests.link.fake import FakeService

MakeLink = Callable[..., Link]


@pytest.fixture
def socket_dir() -> Iterator[Path]:
    """Short, because a socket's path is: pytest's own directories may be too long."""
    with tempfile.TemporaryDirectory(prefix="st-") as name:
        yield Path(name)


@pytest.fixture
async def service() -> FakeService:
    return FakeService()


@pytest.fixture(params=["local", "remote"])
async def make_link(
    request: pytest.FixtureRequest, service: FakeService, socket_dir: Path
) -> AsyncIterator[MakeLink]:
    """Makes links of one kind onto `service`; both kinds must behave alike."""
    links: list[Link] = []

    def make(rate_hz: float = 5.0) -> Link:
        link: Link
        if request.param == "local":
            link = LocalLink(service, face="test", operator="ada", rate_hz=rate_hz)
        else:
            link = RemoteLink(socket_dir / "s", face="test", operator="ada", rate_hz=rate_hz)
        links.append(link)
        return link

    async with contextlib.AsyncExitStack() as stack:
        if request.param == "remote":
            await stack.enter_async_context(serve(service, socket_dir / "s"))
        yield make
        for link in links:
            await link.close()
