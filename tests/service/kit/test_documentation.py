"""OpenAPI is complete, and its pages work on a machine without internet."""

import re

from httpx import AsyncClient

from libs.service.testing import ServiceClient


async def test_the_pages_need_nobody_elses_server(api: ServiceClient) -> None:
    nobody: AsyncClient = api.as_role("")
    page = await nobody.get("/docs")
    assert page.status_code == 200
    assert "http://" not in page.text
    assert "https://" not in page.text
    assets = re.findall(r'(?:href|src)="([^"]+)"', page.text)
    assert len(assets) >= 3
    for asset in assets:
        answer = await nobody.get(asset)
        assert answer.status_code == 200
        assert len(answer.content) > 100


async def test_every_operation_says_what_it_may_answer(api: ServiceClient) -> None:
    document = (await api.get("/openapi.json")).json()
    operations = {
        operation["operationId"]: (method, operation)
        for path in document["paths"].values()
        for method, operation in path.items()
    }
    assert {"make_mug", "list_mugs", "read_mug", "rename_mug", "open_door"} <= set(operations)
    for name, (method, operation) in operations.items():
        responses = operation["responses"]
        guarded = name != "open_door"
        assert {"400", "413", "422", "429"} <= set(responses), name
        assert ({"401", "403"} <= set(responses)) == guarded, name
        for status, response in responses.items():
            if status.startswith("4"):
                assert set(response["content"]) == {"application/problem+json"}, (name, status)
                assert response["content"]["application/problem+json"]["examples"], (name, status)
        headers = {parameter["name"] for parameter in operation["parameters"] if parameter["in"] == "header"}
        assert ({"Idempotency-Key", "If-Match"} <= headers) == (method != "get")
        assert bool(operation.get("security")) == guarded
    _, make = operations["make_mug"]
    assert {"conflict", "in-progress"} <= set(
        make["responses"]["409"]["content"]["application/problem+json"]["examples"]
    )
    assert make["requestBody"]["content"]["application/json"]["example"] == {"name": "text"}
    assert document["components"]["schemas"]["MugIn"]["additionalProperties"] is False
    assert {"bearer", "api_key"} == set(document["components"]["securitySchemes"])


async def test_every_reference_in_the_document_leads_somewhere(api: ServiceClient) -> None:
    answer = await api.get("/openapi.json")
    schemas = answer.json()["components"]["schemas"]
    for name in re.findall(r'"#/components/schemas/([^"]+)"', answer.text):
        assert name in schemas
