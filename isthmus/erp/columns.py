"""The kinds of columns that the ERP's tables are made of, and the checks that follow from their names.

Units come last in a name, so a name says its range: ``…_minor`` are amounts, ``…_micros`` prices, quantities and rates.
"""

from __future__ import annotations

from typing import Annotated, Any, cast

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Date, DateTime, Integer, MetaData, String, Table, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, mapped_column
from sqlalchemy.types import TypeDecorator, TypeEngine

from isthmus.kernel.clock import format_stamp
from isthmus.kernel.money import GREATEST

#: Prices, quantities and percents: a thousand million units, in micros.
GREATEST_MICROS = 1_000_000_000 * 1_000_000


class Flag(TypeDecorator[bool]):
    """True or false; 1 or 0 on SQLite, whose strict tables know no boolean."""

    impl = Boolean
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(Integer() if dialect.name == "sqlite" else Boolean())

    def process_bind_param(self, value: bool | None, dialect: Dialect) -> Any:
        return value if value is None or dialect.name != "sqlite" else int(value)

    def process_result_value(self, value: Any, _dialect: Dialect) -> bool | None:
        return None if value is None else bool(value)


class Day(TypeDecorator[str]):
    """A calendar day, ``2026-11-22`` in Python: as forms spell it."""

    impl = Date
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else Date())

    def process_result_value(self, value: Any, _dialect: Dialect) -> str | None:
        return value if value is None or isinstance(value, str) else str(value.isoformat())


class Stamp(TypeDecorator[str]):
    """An instant, in Python as ``kernel.clock.format_stamp`` spells it."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else DateTime(timezone=True))

    def process_result_value(self, value: Any, _dialect: Dialect) -> str | None:
        return value if value is None or isinstance(value, str) else format_stamp(value)


WHOLE = BigInteger().with_variant(Integer(), "sqlite")


def text(length: int) -> TypeEngine[str]:
    """Text of at most so many characters, on both databases."""
    return String(length).with_variant(Text(), "sqlite")


Id = Annotated[int, mapped_column(WHOLE, primary_key=True, autoincrement=False)]
Whole = Annotated[int, mapped_column(WHOLE)]
Truth = Annotated[bool, mapped_column(Flag())]
OnDay = Annotated[str, mapped_column(Day())]
At = Annotated[str, mapped_column(Stamp())]
Code = Annotated[str, mapped_column(text(20))]
Currency = Annotated[str, mapped_column(text(3))]
Line = Annotated[str, mapped_column(text(255))]  # the key of a document's line
Short = Annotated[str, mapped_column(text(80))]
Name = Annotated[str, mapped_column(text(255))]
Folded = Annotated[str, mapped_column(Text())]  # as match rules compare it; folding may make a text longer
Long = Annotated[str, mapped_column(text(4000))]

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}


class Model(DeclarativeBase):
    """A table of the ERP. Tables are strict on SQLite, so that neither 0.5 nor 'twelve' becomes an amount."""

    metadata = MetaData(naming_convention=NAMING)

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        table = cast(Table, cls.__table__)
        table.dialect_options["sqlite"]["strict"] = True
        for column in list(table.columns):
            for name, rule, dialect in _rules(column.name, column.type):
                constraint = CheckConstraint(rule, name=f"{column.name}_{name}")
                table.append_constraint(constraint.ddl_if(dialect=dialect) if dialect else constraint)


def _rules(name: str, kind: TypeEngine[Any]) -> list[tuple[str, str, str | None]]:
    """What a column may hold, beyond its type: (name, rule, the only dialect that needs it)."""
    rules: list[tuple[str, str, str | None]] = []
    if name.endswith("_minor"):
        rules.append(("range", f"{name} BETWEEN {-GREATEST} AND {GREATEST}", None))
    if name.endswith("_micros"):
        rules.append(("range", f"{name} BETWEEN {-GREATEST_MICROS} AND {GREATEST_MICROS}", None))
    if isinstance(kind, Flag):
        rules.append(("flag", f"{name} IN (0, 1)", "sqlite"))
    if isinstance(kind, Day):
        rules.append(("day", f"{name} IS date({name})", "sqlite"))
    if isinstance(kind, String) and kind.length:
        rules.append(("length", f"length({name}) <= {kind.length} AND instr({name}, char(0)) = 0", "sqlite"))
    return rules
