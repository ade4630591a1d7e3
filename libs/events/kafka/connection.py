"""How every client of ours reaches the cluster, and which errors mean that it cannot be reached now."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import ConsumerStoppedError, IllegalOperation, KafkaError

from libs.events.bus import BusUnavailableError
from libs.events.bus_settings import BusSettings

_REST = 1.0  # seconds


def connection(servers: Sequence[str], settings: BusSettings) -> dict[str, Any]:
    """What producer, consumer and admin client are told alike."""
    secure = settings.tls or settings.tls_ca_file is not None
    sasl = settings.sasl_username is not None
    told: dict[str, Any] = {
        "bootstrap_servers": list(servers),
        "client_id": settings.client_id,
        "request_timeout_ms": int(settings.request_timeout * 1000),
        "metadata_max_age_ms": 15_000,
        "security_protocol": {
            (False, False): "PLAINTEXT",
            (True, False): "SSL",
            (False, True): "SASL_PLAINTEXT",
            (True, True): "SASL_SSL",
        }[secure, sasl],
    }
    if secure:
        told["ssl_context"] = _tls(settings)
    if sasl:
        told["sasl_mechanism"] = settings.sasl_mechanism
        told["sasl_plain_username"] = settings.sasl_username
        told["sasl_plain_password"] = settings.password
    return told


def patient(client: Any) -> None:
    """Let a client rest after it has asked every broker in vain.

    Its own loops ask again at once: thousands of attempts and log lines a second for as long as the cluster is away.
    """
    ask = client._metadata_update  # noqa: SLF001 - there is no public way to slow it down

    async def asked(*told: Any) -> bool:
        answered = bool(await ask(*told))
        if not answered:
            await asyncio.sleep(_REST)
        return answered

    client._metadata_update = asked  # noqa: SLF001


@contextmanager
def available() -> Iterator[None]:
    """Say BusUnavailableError for what the cluster or the way to it did.

    The client cancels tasks of its own and waits for them: one that had not begun tells whoever called it that he was
    cancelled, which he was not.
    """
    try:
        yield
    except asyncio.CancelledError as error:
        caller = asyncio.current_task()
        if caller is None or caller.cancelling():
            raise
        raise BusUnavailableError("Kafka: the client gave up a task of its own") from error
    except (KafkaError, ConsumerStoppedError, IllegalOperation, OSError) as error:  # OSError: with TimeoutError
        raise BusUnavailableError(f"Kafka: {type(error).__name__}: {error}") from error


@asynccontextmanager
async def administrator(servers: Sequence[str], settings: BusSettings) -> AsyncIterator[AIOKafkaAdminClient]:
    """An admin client for a moment; BusUnavailableError also from within the block."""
    with available():
        client = AIOKafkaAdminClient(**connection(servers, settings))
        try:
            await client.start()
            yield client
        finally:
            with suppress(KafkaError, OSError):
                await client.close()


async def closed_at_last(client: Any) -> None:
    """Close a client's connections, also one that was just being made while its other ones closed."""
    for _ in range(2):
        with suppress(KafkaError, OSError):  # with TimeoutError
            async with asyncio.timeout(3):
                await client.close()
        await asyncio.sleep(0)


def _tls(settings: BusSettings) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=settings.tls_ca_file)
    if settings.tls_cert_file:
        context.load_cert_chain(settings.tls_cert_file, settings.tls_key_file)
    return context
