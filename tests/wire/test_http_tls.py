"""A host that cannot prove who it is hears nothing from us."""

import asyncio
import contextlib
import ipaddress
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from spark_tui.venues.binance.spot.endpoints import get
from spark_tui.wire.http import HttpFailure, Phase

from .http_clients import client


@contextlib.asynccontextmanager
async def unproved(folder: Path) -> AsyncIterator[tuple[str, list[bytes]]]:
    """host:port of a TLS server whose certificate nobody signed but itself, and what it was told."""
    key = Ed25519PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(key, None)
    )
    file = folder / "both.pem"
    file.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        + certificate.public_bytes(Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}", heard


@pytest.mark.parametrize("scheme", ["https", "HTTPS"])
async def test_a_host_without_a_trusted_certificate_hears_no_request(tmp_path: Path, scheme: str) -> None:
    async with unproved(tmp_path) as (place, heard):
        http = client(f"{scheme}://{place}")
        with pytest.raises(HttpFailure) as failure:
            await http.request("GET", "/api/v3/account", query="signature=1")
        await http.close()
        with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
            await get(f"{scheme}://{place}/sim/v1/info")
    assert failure.value.phase is Phase.CONNECT
    assert heard == []
