"""A table of a study's file and where it stands, so that whatever is wrong is said in one line with its remedy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from celegans_nn.errors import SpecError, nearest, one_line

KINDS: dict[type, str] = {str: "text", bool: "true or false", int: "a whole number", float: "a number"}


@dataclass(frozen=True)
class Place:
    """A table of the file and where it stands."""

    file: str
    where: str
    """"" for the top, else e.g. `networks[2] 'worm, lif'`."""
    table: Mapping[str, Any]

    def wrong(self, key: str, value: object, remedy: str) -> NoReturn:
        shown = f"{one_line(key, 80)} = {shown_value(value)}" if value is not None else one_line(key, 80)
        raise SpecError(one_line(": ".join(p for p in (self.file, self.where, f"{shown}: {remedy}") if p), 1500))

    def only(self, keys: Iterable[str]) -> None:
        """Refuse any key that is not one of these."""
        keys = tuple(keys)
        for key in self.table:
            if key not in keys:
                self.wrong(key, None, f"unknown key; {nearest(key, keys)}")

    def value(self, key: str, kind: type, default: Any = None) -> Any:
        """The value of a key, checked; a key without a default must be there."""
        if key not in self.table:
            if default is None:
                self.wrong(key, None, f"is missing; give {KINDS[kind]}")
            return default
        return self.checked(key, self.table[key], kind)

    def checked(self, key: str, value: Any, kind: type) -> Any:
        if kind is float and type(value) is int and abs(value) < 10**300:
            return float(value)
        if type(value) is not kind:
            self.wrong(key, value, f"must be {KINDS[kind]}")
        return value

    def named(self, key: str, value: Any, names: Iterable[str]) -> str:
        """Refuse a name that is not one of `names`."""
        names = tuple(names)
        if value not in names:
            self.wrong(key, value, f"unknown; {nearest(str(value), names)}")
        return str(value)

    def inner(self, key: str) -> dict[str, Any]:
        """The table at `key`, empty where there is none."""
        table = self.table.get(key, {})
        if not isinstance(table, dict):
            self.wrong(key, table, "must be a table")
        return dict(table)

    def tables(self, key: str) -> list[Place]:
        """The entries of `[[key]]`."""
        entries = self.table.get(key, [])
        if not isinstance(entries, list) or not all(isinstance(e, dict) for e in entries):
            self.wrong(key, entries, f"write each entry as its own [[{key}]] table")
        if not entries:
            self.wrong(key, None, f"is missing; give at least one [[{key}]] entry")
        places = []
        for number, entry in enumerate(entries, 1):
            title = entry_name(entry)
            where = f"{key}[{number}]" + (f" {one_line(title, 40)!r}" if title else "")
            places.append(self.at(where, entry))
        return places

    def at(self, where: str, table: Mapping[str, Any]) -> Place:
        """A table inside this one."""
        return Place(self.file, f"{self.where}: {where}" if self.where else where, table)


def entry_name(entry: Mapping[str, Any]) -> str:
    """What an entry of networks or tasks is called in the file."""
    return str(entry.get("label", entry.get("name", "")))


def duplicate(values: Sequence[str]) -> str | None:
    """The first value that stood there before.

    >>> duplicate(["a", "b", "a"])
    'a'
    """
    seen: set[str] = set()
    for value in values:
        if value in seen:
            return value
        seen.add(value)
    return None


def shown_value(value: object) -> str:
    """A value as it would stand in the file, cut to what a line holds.

    >>> shown_value(True), shown_value("a"), shown_value([1])
    ('true', '"a"', '[1]')
    """
    if isinstance(value, bool):
        return str(value).lower()
    try:
        return one_line(f'"{value}"' if isinstance(value, str) else repr(value), 80)
    except (ValueError, RecursionError):  # a whole number of thousands of digits
        return f"a {type(value).__name__} too long to show"
