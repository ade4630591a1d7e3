"""A stand-in's book: what it was really asked and what it really did, append-only, kept on disk where asked."""

import json
from collections.abc import Iterator, MutableMapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

Document = dict[str, Any]


class Book:
    """Entries numbered from 1, never changed; opening the same file again restores entries and shelves.

    ``asked`` is a request as it arrived, with the answer given; ``did`` is an effect; ``kept`` is the new state of
    one row of a shelf and exists only so that a restart can replay it.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.entries: list[Document] = []
        self.shelves: dict[str, dict[str, Any]] = {}
        self._file: TextIO | None = None
        self._next = 1
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.exists():
                self._replay(path)
            self._file = path.open("a", encoding="utf-8")

    def asked(self, operation: str, **facts: Any) -> None:
        """Note a request and how it was answered."""
        self._write({"kind": "asked", "operation": operation, **facts})

    def did(self, what: str, **facts: Any) -> None:
        """Note an effect: this is what a checker counts."""
        self._write({"kind": "did", "what": what, **facts})

    def keep(self, shelf: str, key: str, row: object) -> None:
        """Set one row of a shelf, or remove it with None."""
        self._shelve(shelf, key, row)
        self._write({"kind": "kept", "shelf": shelf, "key": key, "row": row}, lasting=False)

    def read(self, kind: str | None = None, name: str | None = None, after: int = 0) -> list[Document]:
        """Entries after that number, of one kind, of one operation or effect."""
        return [
            entry
            for entry in self.entries
            if entry["n"] > after
            and kind in (None, entry["kind"])
            and name in (None, entry.get("operation"), entry.get("what"))
        ]

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _write(self, facts: Document, *, lasting: bool = True) -> None:
        entry = {**facts, "n": self._next, "at": datetime.now(UTC).isoformat()}
        self._next += 1
        if not lasting and self._file is None:
            return
        text = json.dumps(entry, ensure_ascii=False)
        if lasting:
            self.entries.append(json.loads(text))
        if self._file is not None:
            self._file.write(text + "\n")
            self._file.flush()

    def _shelve(self, shelf: str, key: str, row: object) -> None:
        rows = self.shelves.setdefault(shelf, {})
        if row is None:
            rows.pop(key, None)
        else:
            rows[key] = row

    def _replay(self, path: Path) -> None:
        """Read everything back; a last line torn by a kill is cut off, nothing of it was ever answered."""
        whole = 0
        with path.open("rb") as lines:
            for line in lines:
                if not line.endswith(b"\n"):
                    break
                entry = json.loads(line)
                whole += len(line)
                self._next = entry["n"] + 1
                if entry["kind"] == "kept":
                    self._shelve(entry["shelf"], entry["key"], entry["row"])
                else:
                    self.entries.append(entry)
        with path.open("rb+") as torn:
            torn.truncate(whole)


class Shelf(MutableMapping[str, Any]):
    """A dictionary of JSON rows that survives a restart; a row changed in place must be set again."""

    def __init__(self, book: Book, name: str) -> None:
        self._book, self._name = book, name

    def __getitem__(self, key: str) -> Any:
        return self._book.shelves.get(self._name, {})[key]

    def __setitem__(self, key: str, row: object) -> None:
        self._book.keep(self._name, key, row)

    def __delitem__(self, key: str) -> None:
        self[key]  # a KeyError for what is not there
        self._book.keep(self._name, key, None)

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._book.shelves.get(self._name, {})))

    def __len__(self) -> int:
        return len(self._book.shelves.get(self._name, {}))
