"""Any gateway that takes an SMS as one HTTP request: its address, fields and answers are settings.

It cannot be asked what became of an SMS. One whose answer was lost is sent again under the same reference: who knows
references sends it once, who does not may send it twice, and that is counted as a doubt.
"""

import re
from datetime import UTC, datetime
from urllib.parse import quote

import httpx

from libs.service.due import Answer, Failed, Refused, Succeeded, Unknown
from services.notifications.gateways.port import Sms, member, not_now
from services.notifications.settings import Settings


class Generic:
    """Speaks as `NOTIFICATIONS_SMS_*` says."""

    looks_up = False

    def __init__(self, settings: Settings, http: httpx.AsyncClient) -> None:
        self._settings, self._http = settings, http

    async def send(self, sms: Sms) -> Answer:
        """One request; what its answer means is said by two patterns."""
        settings = self._settings
        values = {"to": sms.to, "sender": sms.sender, "text": sms.text, "reference": sms.reference}
        fields = {name: _filled(text, values) for name, text in settings.sms_fields.items()}
        headers = {name: quote(_filled(text, values), safe="+-. ") for name, text in settings.sms_headers.items()}
        if settings.sms_auth is not None:
            headers[settings.sms_auth_header] = settings.sms_auth.get_secret_value()
        reply = await self._http.request(
            settings.sms_method,
            settings.sms_url,
            headers=headers,
            json=fields if settings.sms_body == "json" else None,
            data=fields if settings.sms_body == "form" else None,
            params=fields if settings.sms_body == "query" else None,
            timeout=settings.sms_timeout.total_seconds(),
        )
        return self._read(reply)

    async def look_up(self, sms: Sms) -> Answer:
        """The same again; a gateway that says nothing clear so often needs a person."""
        if sms.doubts >= self._settings.sms_tries or datetime.now(UTC) - sms.since > self._settings.sms_give_up_after:
            return Refused(f"no clear answer in {sms.attempts} tries: look at the gateway's own list")
        return await self.send(sms)

    def _read(self, reply: httpx.Response) -> Answer:
        settings, said = self._settings, reply.text
        if settings.sms_no and re.search(settings.sms_no, said):
            return Failed(f"{reply.status_code}: the gateway's no")
        if (answer := not_now(reply)) is not None:
            return answer
        if not reply.is_success:
            return Refused(str(reply.status_code))
        if settings.sms_yes and not re.search(settings.sms_yes, said):
            return Unknown("an answer that is neither a yes nor a no")
        return Succeeded(member(reply, settings.sms_id.split(".")))


def _filled(text: str, values: dict[str, str]) -> str:
    return re.sub(r"\{(\w+)\}", lambda name: values.get(name[1], name[0]), text)
