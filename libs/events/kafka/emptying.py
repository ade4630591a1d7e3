"""Topics thrown away with all they hold; with them go the offsets that groups committed for them."""

import asyncio
from collections.abc import Sequence
from typing import Any

from aiokafka.errors import UnknownTopicOrPartitionError, for_code

from libs.events.bus import BusUnavailableError
from libs.events.bus_settings import BusSettings
from libs.events.kafka.connection import administrator

GONE_WITHIN = 60.0


async def empty(url: str, names: Sequence[str], **settings: Any) -> None:
    """Delete these topics and wait until the cluster has none of them any more."""
    servers = url.partition("://")[2].strip("/").split(",")
    async with administrator(servers, BusSettings(**settings)) as admin:
        present = set(await admin.list_topics()) & set(names)
        if not present:
            return
        answer = await admin.delete_topics(sorted(present))
        for name, code in answer.topic_error_codes:
            error = for_code(code)
            if code and error is not UnknownTopicOrPartitionError:
                raise BusUnavailableError(f"{name} is not deleted: {error.__name__}")
        async with asyncio.timeout(GONE_WITHIN):
            while set(await admin.list_topics()) & present:  # noqa: ASYNC110 - nobody tells us when
                await asyncio.sleep(0.2)
