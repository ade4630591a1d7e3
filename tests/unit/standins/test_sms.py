"""The SMS stand-in: a plain gateway that knows references, and Twilio's messages."""

import httpx

from tests.standins.sms import SmsStandIn

SMS = {"to": "+40722123456", "from": "Shop", "text": "Bună", "reference": "r1"}


async def test_a_reference_is_sent_once_and_refusals_send_nothing() -> None:
    async with SmsStandIn() as gateway, httpx.AsyncClient(base_url=gateway.url) as http:
        assert (await http.post("/send", json=SMS)).status_code == 401
        http.headers["Authorization"] = "Bearer sms-secret"
        first, again = await http.post("/send", json=SMS), await http.post("/send", data=SMS)
        assert first.json() == again.json()
        assert (await http.post("/send", json=SMS | {"to": "0722"})).status_code == 400
        await gateway.misbehave("send", "error500_after")
        assert (await http.post("/send", json=SMS | {"reference": "r2"})).status_code == 500
        assert [each["reference"] for each in gateway.sent(SMS["to"])] == ["r1", "r2"]


async def test_twilios_half_lists_what_it_took() -> None:
    place = "/2010-04-01/Accounts/AC0123456789/Messages.json"
    async with SmsStandIn() as gateway, httpx.AsyncClient(base_url=gateway.url) as http:
        asked = {"To": SMS["to"], "From": "Shop", "Body": "Bună"}
        assert (await http.post(place, data=asked)).json()["code"] == 20003
        http.auth = httpx.BasicAuth("AC0123456789", "sms-secret")
        taken = [(await http.post(place, data=asked)).json()["sid"] for _ in range(2)]
        assert (await http.post(place, data=asked | {"To": "x"})).json()["code"] == 21211
        listed = (await http.get(place, params={"To": SMS["to"]})).json()["messages"]
        assert sorted(each["sid"] for each in listed) == sorted(taken)
        assert (await http.get(place, params={"To": "+40700000000"})).json()["messages"] == []
