"""What tests of silence look with: it overlooks what machines make up, and nothing else."""

from tests.telltale import telltales


def test_words_are_found_and_not_within_ids_moments_and_tokens() -> None:
    made_up = (
        "0712aaaa-0712-7123-8712-071207120712",
        "2026-11-23T07:12:07.120712Z",
        "2026-11-23T07:12+07:12",
        "0712-Ana_" * 4,
        "07120712" * 8,
    )
    assert telltales(" ".join(made_up), ("0712", "Ana", "13")) == []
    for text in ("of Ana", "07:12 is 0712", f"{made_up[0]}0712 Ana", '"phone": "0712 345"', "https://x/Ana?at=0712"):
        assert telltales(text, ("0712", "Ana")), text
    assert telltales("Ana Pop, 0712", ("Pop", "Maria", "pop", "0712")) == ["Pop", "0712"]
