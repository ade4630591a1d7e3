"""Migrations expand: the release before runs on the new schema. What contracts says so, and since when it is unused."""

import ast
import re
from pathlib import Path

import pytest

from deploy.system import PROCESSES
from libs.service.migrations import statements

CHECKOUT = Path(__file__).parents[3]
FIRST = "0001"
BEFORE_THE_RULE = {"shipping/0002_labels_for_thermal_printers.py"}
NAME = r'[\w."]+'
ANYHOW = re.IGNORECASE | re.DOTALL
NAMED = r"\bADD\s+(?:CONSTRAINT\s+\S+\s+)?"
NO_COLUMN = "COLUMN|CONSTRAINT|DEFAULT|NOT|EXPRESSION|IDENTITY"
CONTRACTING = {
    "drops a column": rf"\bDROP\s+COLUMN\b|\bALTER\s+TABLE\s+.*\bDROP\s+(?!{NO_COLUMN}){NAME}",
    "drops a table": r"\bDROP\s+TABLE\b",
    "renames": r"\bRENAME\b",
    "changes a type": r"\bALTER\s+(?:COLUMN\s+)?\S+\s+(?:SET\s+DATA\s+)?TYPE\b",
    "forbids NULL where there was one": r"\bSET\s+NOT\s+NULL\b",
    "takes a default away": r"\bDROP\s+DEFAULT\b",
    "adds a key": rf"{NAMED}(?:PRIMARY\s+KEY|UNIQUE)\b|\bCREATE\s+UNIQUE\s+INDEX\b",
    "drops a key": r"\bDROP\s+CONSTRAINT\s+\S*(?:_pkey|_key)\b",
    "narrows what is allowed": rf"{NAMED}(?:CHECK|FOREIGN\s+KEY|EXCLUDE)\b(?!.*\bNOT\s+VALID\b)",
}
NEEDED = r"\bADD\s+(?:COLUMN\s+)?(?!CONSTRAINT|PRIMARY|UNIQUE|CHECK|FOREIGN|EXCLUDE)[^,]*\bNOT\s+NULL\b[^,]*"
TABLE = rf"\bCREATE\s+TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?({NAME})"
BY_ALEMBIC = {"drop_column", "drop_table", "rename_table", "alter_column", "create_unique_constraint"}


def problems(source: str) -> list[str]:
    """What in a migration the release before could not live with; nothing where `contracts` tells why it may."""
    tree = ast.parse(source)
    if any(isinstance(node, ast.Assign) and _named(node, "contracts") for node in tree.body):
        return []
    texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    every = [statement for text in texts for statement in statements(text)]
    made = {name.lower() for statement in every for name in re.findall(TABLE, statement, ANYHOW)}
    found = [
        f"op.{node.attr}" for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr in BY_ALEMBIC
    ]
    for statement in every:
        if _about(statement) in made:
            continue  # nobody uses yet what this very migration makes
        found += [why for why, pattern in CONTRACTING.items() if re.search(pattern, statement, ANYHOW)]
        if any("DEFAULT" not in each.upper() for each in re.findall(NEEDED, statement, ANYHOW)):
            found.append("adds a column that must be given")
    return found


def _named(node: ast.Assign, name: str) -> bool:
    return any(isinstance(target, ast.Name) and target.id == name for target in node.targets)


def _about(statement: str) -> str:
    """The table that a statement is about."""
    about = re.search(rf"\b(?:TABLE|ON)\s+(?:IF\s+EXISTS\s+)?(?:ONLY\s+)?({NAME})", statement, ANYHOW)
    return about[1].lower() if about else ""


def later_migrations() -> list[Path]:
    folders = [CHECKOUT / Path(*process.module.split(".")) / "migrations" / "versions" for process in PROCESSES]
    return sorted(file for folder in folders for file in folder.glob("[0-9]*.py") if not file.name.startswith(FIRST))


def name_of(file: Path) -> str:
    return f"{file.parts[-4]}/{file.name}"


@pytest.mark.parametrize("file", later_migrations(), ids=name_of)
def test_a_migration_only_expands(file: Path) -> None:
    """Otherwise write `contracts = "since release X nothing uses ..."`, once the release before does not use it."""
    if name_of(file) not in BEFORE_THE_RULE:
        assert problems(file.read_text()) == []


@pytest.mark.parametrize(
    "sql",
    [
        "ALTER TABLE label DROP COLUMN size",
        "ALTER TABLE label DROP size",
        "DROP TABLE label",
        "ALTER TABLE label RENAME COLUMN size TO format",
        "ALTER TABLE label RENAME TO labels",
        "ALTER TABLE label ALTER COLUMN size TYPE bigint",
        "ALTER TABLE label ALTER size SET DATA TYPE bigint",
        "ALTER TABLE label ALTER COLUMN size SET NOT NULL",
        "ALTER TABLE label ALTER COLUMN size DROP DEFAULT",
        "ALTER TABLE label ADD COLUMN format text NOT NULL",
        "ALTER TABLE label ADD format text NOT NULL",
        "ALTER TABLE label ADD COLUMN a text NOT NULL DEFAULT 'pdf', ADD COLUMN b text NOT NULL",
        "ALTER TABLE label DROP CONSTRAINT label_pkey",
        "ALTER TABLE label ADD PRIMARY KEY (size)",
        "ALTER TABLE label ADD CONSTRAINT once UNIQUE (size)",
        "ALTER TABLE label ADD CONSTRAINT some CHECK (size > 1)",
        "CREATE UNIQUE INDEX once ON label (size)",
    ],
)
def test_what_the_release_before_could_not_live_with_is_found(sql: str) -> None:
    assert problems(f'def upgrade() -> None:\n    op.execute("{sql}")\n')
    assert not problems(f'contracts = "unused since 1.2"\n\n\ndef upgrade() -> None:\n    op.execute("{sql}")\n')


@pytest.mark.parametrize(
    "sql",
    [
        "ALTER TABLE label ADD COLUMN format text",
        "ALTER TABLE label ADD COLUMN format text NOT NULL DEFAULT 'pdf' CHECK (format IN ('pdf', 'zpl'))",
        "ALTER TABLE label ALTER COLUMN size DROP NOT NULL",
        "ALTER TABLE label ADD CONSTRAINT some CHECK (size > 1) NOT VALID",
        "CREATE TABLE label (id uuid PRIMARY KEY, name text NOT NULL); CREATE UNIQUE INDEX once ON label (name)",
        "CREATE INDEX sizes ON label (size)",
        "DROP INDEX sizes",
    ],
)
def test_what_only_expands_is_let_through(sql: str) -> None:
    assert problems(f'def upgrade() -> None:\n    op.execute("{sql}")\n') == []


def test_alembic_s_own_words_are_found_too() -> None:
    assert problems('def upgrade() -> None:\n    op.drop_column("label", "size")\n') == ["op.drop_column"]
