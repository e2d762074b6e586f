"""A record of an answer → a Record: exact values, whole ids, no ``attributes``, a version that sorts as text."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from connectors.salesforce.describing import CURRENCY, Describer, Shape
from connectors.salesforce.searching import KEY
from connectors.salesforce.values import strip, version_of
from isthmus.kernel.records import Fields, Record
from isthmus.kernel.selection import Lines, Selection

Row = dict[str, Any]


class Maker:
    """Turns the rows of one selection into records."""

    def __init__(self, selection: Selection, describer: Describer, our_user: Callable[[], str]) -> None:
        self.shape = describer.shape(selection.stream)
        self.lines_shape = describer.shape(selection.lines.stream) if selection.lines else None
        self._selection = selection
        self._describer = describer
        self._our_user = our_user
        paths = [field.split(".") for field in selection.fields]
        self._nested = tuple(sorted({path[0] for path in paths if len(path) == 2}))
        self._deep = tuple(sorted({path[0] for path in paths if len(path) > 2}))

    def columns(self) -> list[str]:
        """What to select: the mapping's fields and the system's own."""
        lines = self._selection.lines
        own = (KEY,) if lines and lines.key == KEY else ()
        return _columns(self.shape, (*self._selection.fields, *own))

    def line_columns(self, lines: Lines) -> list[str]:
        """The same of a line; its parent, key and order are among them."""
        shape = self.lines_shape or self.shape
        sort = (lines.sort,) if lines.sort else ()
        return _columns(shape, (*lines.fields, lines.key, lines.parent, *sort))

    def records(self, rows: Iterable[Row]) -> list[Record]:
        """Each row as a record without lines. Whose record it is, is asked for only if there is one."""
        rows = list(rows)
        return list(map(self._make(), rows)) if rows else []

    def line(self, row: Row, header: Fields) -> Fields:
        """One line as the mapping reads it. Our key on it is told as the other side knows it."""
        strip(row)
        if self._selection.lines and self.lines_shape:
            self._fill_currency(row, self.lines_shape, self._selection.lines.fields)
            if self._selection.lines.key == KEY:
                row[KEY] = (row[KEY] or row["Id"]).removeprefix(f"{header.get(KEY)}/")
        return row

    def _make(self) -> Callable[[Row], Record]:
        shape, nested, deep, us = self.shape, self._nested, self._deep, self._our_user()
        stamp, has_master, has_deleted, has_writer = shape.stamp, shape.has_master, shape.has_deleted, shape.has_writer
        fills = CURRENCY in self._selection.fields and not shape.own_currency
        currency = self._describer.currency() if fills else None

        def make(row: Row) -> Record:
            row.pop("attributes", None)
            for name in nested:
                if row[name]:
                    row[name].pop("attributes", None)
            for name in deep:
                if row[name]:
                    strip(row[name])
            if fills:
                row[CURRENCY] = currency
            moment = row[stamp]
            version = moment[:23] + "Z" if moment[23:] == "+0000" else version_of(moment)
            writer = row["LastModifiedById"] if has_writer else None
            if has_deleted and row["IsDeleted"]:
                master = row["MasterRecordId"] if has_master else None
                return Record(row["Id"], version, row, None, True, master, writer == us, writer)
            return Record(row["Id"], version, row, None, False, None, writer == us, writer)

        return make

    def _fill_currency(self, row: Row, shape: Shape, fields: tuple[str, ...]) -> None:
        if CURRENCY in fields and not shape.own_currency:
            row[CURRENCY] = self._describer.currency()


def _columns(shape: Shape, fields: tuple[str, ...]) -> list[str]:
    system = ["Id", shape.stamp]
    system += ["IsDeleted"] if shape.has_deleted else []
    system += ["MasterRecordId"] if shape.has_master else []
    system += ["LastModifiedById"] if shape.has_writer else []
    wanted = [field for field in fields if field != CURRENCY or shape.own_currency]
    return list(dict.fromkeys([*system, *wanted]))
