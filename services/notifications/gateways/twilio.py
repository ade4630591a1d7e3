"""Twilio Programmable Messaging, read in its public API reference of version 2010-04-01; never tried live.

It keeps no idempotency keys. An SMS whose answer was lost is looked for among those it has for that number since then:
found, it is this one; absent twice, a grace apart, it never was, and is handed over again.
"""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from libs.service.due import Absent, Answer, Failed, Refused, Succeeded, Unknown, Wait
from services.notifications.gateways.port import Sms, member, not_now
from services.notifications.settings import Settings

HOST = "https://api.twilio.com"
NO_RECIPIENT = frozenset({"21211", "21214", "21217", "21408", "21610", "21612", "21614", "21635"})
"""Errors that are about the number: not valid, not mobile, not reachable, told STOP."""
CLOCKS = timedelta(minutes=5)
"""How far their clock may be from ours."""


class Twilio:
    """Speaks with one account."""

    looks_up = True

    def __init__(self, settings: Settings, http: httpx.AsyncClient) -> None:
        self._settings, self._http = settings, http
        self._place = f"{settings.sms_url or HOST}/2010-04-01/Accounts/{settings.sms_account}/Messages.json"
        token = settings.sms_token.get_secret_value() if settings.sms_token else ""
        self._auth = httpx.BasicAuth(settings.sms_account, token)

    async def send(self, sms: Sms) -> Answer:
        """One message; a sender that begins with MG is a messaging service."""
        whose = "MessagingServiceSid" if sms.sender.startswith("MG") else "From"
        form = {"To": sms.to, whose: sms.sender, "Body": sms.text}
        reply = await self._http.post(self._place, data=form, auth=self._auth, timeout=self._seconds())
        if (answer := not_now(reply)) is not None:
            return answer
        sid, code = member(reply, ("sid",)), member(reply, ("code",))
        if reply.is_success:
            return Succeeded(sid) if sid else Unknown("an answer without a sid")
        if code in NO_RECIPIENT:
            return Failed(f"{reply.status_code} {code}")
        return Refused(f"{reply.status_code} {code}" if code else str(reply.status_code))

    async def look_up(self, sms: Sms) -> Answer:
        """Look for it; hand it over again once it was absent a second time."""
        asked = {"To": sms.to, "DateSent>": f"{(sms.since - CLOCKS).astimezone(UTC):%Y-%m-%d}", "PageSize": "100"}
        try:  # whatever goes wrong here is no doubt about a send: it is asked again
            reply = await self._http.get(self._place, params=asked, auth=self._auth, timeout=self._seconds())
            if (answer := not_now(reply)) is not None:
                return answer if isinstance(answer, Wait) else Wait(reason=answer.reason)
            found = [each["sid"] for each in reply.json()["messages"] if _is(each, sms)]
        except (httpx.TransportError, ValueError, KeyError, TypeError) as error:
            return Wait(reason=f"look-up: {type(error).__name__}")
        if found:
            return Succeeded(str(found[0]))
        return Absent() if sms.absent == 0 else await self.send(sms)

    def _seconds(self) -> float:
        return self._settings.sms_timeout.total_seconds()


def _is(listed: dict[str, Any], sms: Sms) -> bool:
    """Whether this is the SMS: to whom and what it says, made since, and not one that we know by its own name."""
    if listed["to"] != sms.to or listed["body"] != sms.text or listed["sid"] in sms.known:
        return False
    try:
        made: datetime = parsedate_to_datetime(listed["date_created"])
    except (KeyError, TypeError, ValueError):
        return True
    return made >= sms.since - CLOCKS
