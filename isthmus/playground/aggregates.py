"""Aggregate queries: COUNT and SUM by groups. The answer is one batch or none: there is no queryMore for it."""

from __future__ import annotations

from isthmus.playground.conditions import Column
from isthmus.playground.refusals import Refusal
from isthmus.playground.schema import NUMBERS
from isthmus.playground.soql import Query, Term, malformed
from isthmus.playground.soql_sql import Compiler, digits
from isthmus.playground.store import Store

MOST_GROUPS = 2000
_PARTS = {"calendar_year": "1, 4", "calendar_month": "6, 2"}
_GROUPED = frozenset({"id", "string", "picklist", "reference", "boolean", "date", "email", "phone", "url", "int"})


def aggregate(query: Query, store: Store, *, deleted_since: str | None) -> bytes:
    """The answer's body: one AggregateResult a group. Raises Refusal as Salesforce words it."""
    _check(query)
    compiler = Compiler(query, store.schema)
    writer = _Writer(compiler, store)
    cells = [writer.cell(term) for term in query.terms]
    groups = [writer.group(term) for term in query.groups]
    body, parameters = compiler.body(deleted_since)
    whole = " || ',' || ".join(f"""'"{name}":' || {sql}""" for name, sql in _named(query.terms, cells))
    sql = f"""SELECT '{{"attributes":{{"type":"AggregateResult"}},' || {whole} || '}}' {body}"""
    if groups:
        sql += f" GROUP BY {', '.join(groups)} ORDER BY {', '.join(groups)}"
    limit = MOST_GROUPS + 1 if query.limit is None else query.limit
    rows = [row for (row,) in store.connection().execute(f"{sql} LIMIT {limit}", parameters)]
    if len(rows) > MOST_GROUPS:
        raise Refusal(
            "EXCEEDED_ID_LIMIT",
            "Aggregate query does not support queryMore(), use LIMIT to restrict the results to a single batch",
        )
    return f'{{"totalSize":{len(rows)},"done":true,"records":[{",".join(rows)}]}}'.encode()


def _check(query: Query) -> None:
    if not query.terms:
        raise malformed("COUNT() cannot be used in a query with GROUP BY: name the field that is counted")
    if query.order or query.offset is not None:
        raise malformed("ORDER BY and OFFSET are not known to the playground in an aggregate query.")
    if query.limit is not None and not query.groups:
        raise malformed("Non-grouped query that uses overall aggregate functions cannot also use LIMIT")
    grouped = {(one.path.lower(), one.function) for one in query.groups}
    for one in query.terms:
        if one.function not in ("count", "sum") and (one.path.lower(), one.function) not in grouped:
            raise malformed(f"Field must be grouped or aggregated: {one.path}")
    for one in query.groups:
        if one.function in ("count", "sum"):
            raise malformed(f"unexpected token: '{one.function.upper()}'")


def _named(terms: tuple[Term, ...], cells: list[str]) -> list[tuple[str, str]]:
    """Each cell with its name: the author's, else the field's own, else a running one."""
    names: list[str] = []
    for one in terms:
        running = sum(name.startswith("expr") for name in names)
        names.append(one.name or (f"expr{running}" if one.function else one.path.rpartition(".")[2]))
    twice = next((name for name in names if [each.lower() for each in names].count(name.lower()) > 1), None)
    if twice:
        raise malformed(f"duplicate alias: {twice}")
    return list(zip(names, cells, strict=True))


class _Writer:
    """Terms as SQL: what they are grouped by, and how they are shown as JSON."""

    def __init__(self, compiler: Compiler, store: Store) -> None:
        self._compiler = compiler
        self._converts = "CurrencyType" in store.schema.objects

    def group(self, term: Term) -> str:
        column = self._compiler.resolve(term.path)
        if term.function:
            return self._part(column, term.function)
        if column.field.type not in _GROUPED or not column.field.filterable:
            raise Refusal("INVALID_FIELD", f"field '{term.path}' can not be grouped in a query call")
        return column.sql

    def cell(self, term: Term) -> str:
        column = self._compiler.resolve(term.path)
        if term.function == "count":
            return f"COUNT({column.sql})"
        if term.function == "sum":
            return self._sum(column)
        if term.function:
            return f"ifnull(CAST({self._part(column, term.function)} AS INTEGER), 'null')"
        return _shown(column)

    def _part(self, column: Column, function: str) -> str:
        """Year or month. A dateTime has those of UTC."""
        if column.field.type not in ("date", "datetime"):
            raise malformed(f"field {column.field.name} does not support date function {function.upper()}")
        return f"substr({column.sql}, {_PARTS[function]})"

    def _sum(self, column: Column) -> str:
        """Exact. Currency fields are added up in the organisation's currency, whatever the records' is.

        Salesforce says no more about that sum than its currency; it is rounded once here, at the end.
        """
        one = column.field
        if one.kept not in NUMBERS or one.type not in NUMBERS:
            raise malformed(f"field {one.name} does not support aggregate operator SUM")
        total = f"SUM({column.sql})"
        if one.type == "currency" and self._converts:
            code = self._compiler.resolve(f"{column.path.rpartition('.')[0]}.CurrencyIsoCode".lstrip(".")).sql
            rate = f'(SELECT "ConversionRate" FROM "CurrencyType" WHERE "IsoCode" = {code} LIMIT 1)'
            total = f"sf_converted_sum({column.sql}, {rate})"
        return f"ifnull({digits(one.kept, one.scale, total)}, 'null')"


def _shown(column: Column) -> str:
    if column.field.type == "boolean":
        return f"CASE {column.sql} WHEN 1 THEN 'true' ELSE 'false' END"
    if column.field.type == "int":
        return f"ifnull(CAST({column.sql} AS TEXT), 'null')"
    return f"json_quote({column.sql})"
