"""No statement of a transaction gives back `*` of a table, so that the next release's migrations break none of them."""

import ast
import re
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
ALONE = {
    "libs/events/postgres/bus.py",  # a look at the log, of tests and the command line
    "libs/events/postgres/schema.py",  # topics are made by nobody but the deployment
    "services/orders/desk/lists.py",  # parts of a statement, each put into parentheses of it
    "libs/events/relay.py",  # alone, never in a transaction: the driver prepares it anew by itself
    "libs/events/restored.py",  # the same
}
STAR = re.compile(r"(?:\bSELECT|\bRETURNING|,)\s+(?:(\w+)\.)?\*(?!\))", re.IGNORECASE)
GIVEN = re.compile(r"\bSELECT\s+\*\s+FROM\s+(?:unnest|jsonb_to_recordset)\b|\bINSERT\b[^*]*SELECT\s+(?:\S+, )*\*")


def statements(path: Path) -> list[str]:
    """The texts in a file that read or write tables, without what stands in them in braces."""
    tree = ast.parse(path.read_text())
    inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in ast.walk(node)}
    found = [
        "".join(part.value if isinstance(part, ast.Constant) else " _ " for part in node.values)  # type: ignore[misc]
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr)
    ]
    found += [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside
    ]
    return [text for text in found if re.search(r"\b(FROM|RETURNING)\b", text)]


def given_back(statement: str) -> list[str]:
    """Where its own list has a star: what stands in parentheses has a list of its own, and where that ends, a name."""
    explicit = set(re.findall(r"\)\s+AS\s+(\w+)|\)\s+(\w+)\b", statement))
    names = {name for pair in explicit for name in pair if name}
    while (shorter := re.sub(r"\([^()]*\)", " () ", statement.replace("()", "  "))) != statement:
        statement = shorter
    statement = GIVEN.sub(" ", statement)
    return [match.group() for match in STAR.finditer(statement) if match.group(1) not in names]


def stars(path: Path) -> list[str]:
    return [star for statement in statements(path) for star in given_back(statement)]


FILES = [
    path
    for root in ("libs", "services")
    for path in sorted((CHECKOUT / root).rglob("*.py"))
    if "migrations" not in path.parts and str(path.relative_to(CHECKOUT)) not in ALONE
]


def test_every_statement_of_a_transaction_names_the_columns_it_gives_back() -> None:
    """`libs.service.columns` names them; what a statement has in its parentheses may say `*`."""
    assert {str(path.relative_to(CHECKOUT)): found for path in FILES if (found := stars(path))} == {}


@pytest.mark.parametrize(
    ("statement", "number"),
    [
        ("SELECT * FROM orders WHERE id = $1", 1),
        ("SELECT id, o.* FROM orders o", 1),
        ("UPDATE orders SET a = (SELECT 1) WHERE id = $1 RETURNING *", 1),
        ("WITH a AS (SELECT 1) SELECT * FROM orders", 1),
        ("SELECT count(*) FROM orders", 0),
        ("SELECT id FROM (SELECT o.* FROM orders o LIMIT (SELECT 1)) l", 0),
        ("SELECT f.*, k FROM a LEFT JOIN (SELECT id FROM b) AS f ON true", 0),
        ("INSERT INTO a (b) SELECT * FROM given", 0),
        ("SELECT * FROM unnest($1::text[])", 0),
    ],
)
def test_a_star_is_found_where_it_is_given_back(statement: str, number: int) -> None:
    assert len(given_back(statement)) == number
