"""A parsed query → one SQL statement with bound parameters whose rows are already JSON (or CSV) text."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Literal

from isthmus.playground.conditions import Column, ConditionWriter
from isthmus.playground.refusals import Refusal, unknown_column, unknown_object
from isthmus.playground.schema import NUMBERS, TEXTS, SalesforceField, SalesforceObject, Schema
from isthmus.playground.soql import Query, malformed

Shape = Literal["json", "csv", "ids"]
_DEEPEST_PATH = 5
_MOST_SKIPPED = 2000


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL of one column: a record's text. ``count_sql`` takes the same parameters and answers the number of rows."""

    sql: str
    count_sql: str
    parameters: tuple[Any, ...]
    entity: str
    header: tuple[str, ...]


def compile_query(
    query: Query, schema: Schema, *, shape: Shape, version: str, deleted_since: str | None = None
) -> Statement:
    """The statement of a query; ``deleted_since`` shows what is in the recycle bin since that stamp (queryAll).

    Raises Refusal: INVALID_TYPE, INVALID_FIELD, MALFORMED_QUERY, INVALID_QUERY_FILTER_OPERATOR.
    """
    return Compiler(query, schema).compile(shape, version, deleted_since)


@dataclass(slots=True)
class _Node:
    """One record in the answer's tree: the root, or a parent reached through a relationship."""

    entity: SalesforceObject
    alias: str
    leaves: dict[str, SalesforceField] = field(default_factory=dict)
    parents: dict[str, _Node] = field(default_factory=dict)


class Compiler:
    """One query against one schema."""

    def __init__(self, query: Query, schema: Schema) -> None:
        self._query = query
        self._schema = schema
        entity = schema.find(query.entity)
        if entity is None:
            raise unknown_object(query.entity)
        self._entity = entity
        self._root = _Node(entity, "t0")
        self._aliases: dict[tuple[str, ...], tuple[str, SalesforceObject]] = {}
        self._joins: list[str] = []

    def compile(self, shape: Shape, version: str, deleted_since: str | None) -> Statement:
        paths = [self._add(path) for path in self._query.fields]
        if len({path.lower() for path in self._query.fields}) != len(self._query.fields):
            raise Refusal("INVALID_FIELD", "duplicate field selected")
        order = ", ".join(self._order())
        body, parameters = self.body(deleted_since)
        tail = f" ORDER BY {order}" if order else ""
        tail += self._window()
        row = self._row(shape, version, paths)
        return Statement(
            sql=f"SELECT {row} {body}{tail}",
            count_sql=f"SELECT COUNT(*) FROM (SELECT 1 {body}{self._window()})",
            parameters=parameters,
            entity=self._entity.name,
            header=tuple(paths),
        )

    def body(self, deleted_since: str | None) -> tuple[str, tuple[Any, ...]]:
        """FROM and WHERE with their parameters; what is selected and sorted by is resolved before, for its joins."""
        conditions = ConditionWriter(self.resolve, self._subquery)
        where = [conditions.write(self._query.where)] if self._query.where else []
        if self._entity.recycled:
            kept = f""" OR t0."SystemModstamp" >= '{deleted_since}'""" if deleted_since else ""
            where.insert(0, f'(t0."IsDeleted" = 0{kept})')
        text = f'FROM "{self._entity.name}" t0 {" ".join(self._joins)}'
        return text + (f" WHERE {' AND '.join(where)}" if where else ""), tuple(conditions.parameters)

    def _window(self) -> str:
        limit, offset = self._query.limit, self._query.offset
        if offset is not None and offset > _MOST_SKIPPED:
            raise Refusal("NUMBER_OUTSIDE_VALID_RANGE", f"Maximum SOQL offset allowed is {_MOST_SKIPPED}")
        if limit is None and offset is None:
            return ""
        return f" LIMIT {-1 if limit is None else limit} OFFSET {offset or 0}"

    def _row(self, shape: Shape, version: str, paths: list[str]) -> str:
        if shape == "ids":
            return 't0."Id"'
        if shape == "csv":
            cells = [csv_text(self.resolve(path)) for path in paths]
            return " || ',' || ".join(cells) or "''"
        return json_text(self._root, version)

    def _order(self) -> list[str]:
        terms = []
        for one in self._query.order:
            column = self.resolve(one.path)
            if not column.field.filterable:
                raise Refusal("INVALID_FIELD", f"field '{one.path}' can not be sorted in a query call")
            text = column.field.type in TEXTS
            direction = (" COLLATE NOCASE" if text else "") + (" DESC" if one.descending else "")
            nulls = ("" if not one.descending else " NULLS FIRST") if not one.nulls_last else " NULLS LAST"
            terms.append(f"{column.sql}{direction}{nulls if not column.field.required else ''}")
        return terms

    def _subquery(self, query: Query) -> tuple[str, list[Any], SalesforceField]:
        """A semi-join: one Id or lookup of another object."""
        if query.terms or len(query.fields) != 1 or query.order or query.limit is not None or query.offset is not None:
            raise malformed("A subquery in a condition selects exactly one field and has no ORDER BY or LIMIT.")
        inner = Compiler(query, self._schema)
        column = inner.resolve(query.fields[0])
        if column.field.type not in ("id", "reference"):
            raise malformed(f"The field {query.fields[0]} of a subquery must be an Id or a reference.")
        conditions = ConditionWriter(inner.resolve, None)
        where = [f"{column.sql} IS NOT NULL"]
        if inner._entity.recycled:
            where.append('t0."IsDeleted" = 0')
        where += [conditions.write(query.where)] if query.where else []
        sql = f'SELECT {column.sql} FROM "{inner._entity.name}" t0 {" ".join(inner._joins)} WHERE {" AND ".join(where)}'
        return sql, conditions.parameters, column.field

    def resolve(self, path: str) -> Column:
        """The column of a path such as ``Owner.Email``, joined if need be. Raises Refusal INVALID_FIELD."""
        steps = self._steps(path)
        alias, entity = self._reach(steps[:-1])
        found = entity.find(steps[-1])
        if found is None:
            raise unknown_column(steps[-1], entity.name)
        sql = f'{alias}."{found.column}"'
        if found.kept in NUMBERS and found.type not in NUMBERS:
            sql = f"({digits(found.kept, found.scale, sql)})"
        return Column(found, sql, path)

    def _steps(self, path: str) -> list[str]:
        steps = path.split(".")
        names = {self._entity.name.lower(), (self._query.alias or self._entity.name).lower()}
        if len(steps) > 1 and steps[0].lower() in names and self._entity.relation(steps[0]) is None:
            steps = steps[1:]
        if len(steps) > _DEEPEST_PATH + 1:
            raise malformed(f"The relationship path '{path}' is deeper than {_DEEPEST_PATH} levels.")
        return steps

    def _reach(self, steps: list[str]) -> tuple[str, SalesforceObject]:
        alias, entity = "t0", self._entity
        for depth, step in enumerate(steps):
            key = tuple(part.lower() for part in steps[: depth + 1])
            if key not in self._aliases:
                self._aliases[key] = self._join(alias, entity, step)
            alias, entity = self._aliases[key]
        return alias, entity

    def _join(self, alias: str, entity: SalesforceObject, step: str) -> tuple[str, SalesforceObject]:
        found = entity.relation(step)
        target = self._schema.find(found.refers_to[0]) if found else None
        if found is None or target is None:
            raise Refusal(
                "INVALID_FIELD",
                f"Didn't understand relationship '{step}' in field path. If you are"
                " attempting to use a custom relationship, be sure to append the '__r' after the custom"
                " relationship name.",
            )
        joined = f"t{len(self._joins) + 1}"
        self._joins.append(f'LEFT JOIN "{target.name}" {joined} ON {joined}."Id" = {alias}."{found.column}"')
        return joined, target

    def _add(self, path: str) -> str:
        """Puts a selected path into the answer's tree; answers its canonical spelling."""
        column = self.resolve(path)
        steps = self._steps(path)
        node, spelled = self._root, []
        for depth in range(len(steps) - 1):
            alias, entity = self._aliases[tuple(part.lower() for part in steps[: depth + 1])]
            relation = node.entity.relation(steps[depth])
            name = str(relation.relationship) if relation else steps[depth]
            node = node.parents.setdefault(name, _Node(entity, alias))
            spelled.append(name)
        node.leaves[column.field.name] = column.field
        return ".".join([*spelled, column.field.name])


def json_text(node: _Node, version: str) -> str:
    """An SQL expression for a record's JSON, parents nested; a parent that is not there is null."""
    start = json.dumps(
        {"type": node.entity.name, "url": f"/services/data/v{version}/sobjects/{node.entity.name}/"},
        separators=(",", ":"),
    )
    parts = [f"""'{{"attributes":{start[:-2]}' || {node.alias}."Id" || '"}}'"""]
    values = {one.name: json_value(one, f'{node.alias}."{one.column}"') for one in node.leaves.values()}
    values |= {name: json_text(parent, version) for name, parent in node.parents.items()}
    parts += [f"""',"{name}":' || {value}""" for name, value in values.items()]
    whole = " || ".join([*parts, "'}'"])
    return whole if node.alias == "t0" else f"CASE WHEN {node.alias}.\"Id\" IS NULL THEN 'null' ELSE {whole} END"


def json_value(one: SalesforceField, column: str) -> str:
    """An SQL expression for one value as JSON; numbers are written from integers, never through a float."""
    kept = one.kept
    if kept in NUMBERS:
        written = digits(kept, one.scale, column)
        shown = written if one.type in NUMBERS else f"'\"' || {written} || '\"'"
        return f"ifnull({shown}, 'null')"
    if kept == "boolean":
        return f"CASE {column} WHEN 1 THEN 'true' ELSE 'false' END"
    if kept == "datetime":
        return f"ifnull('\"' || {column} || '.000+0000\"', 'null')"
    return f"json_quote({column})"


def digits(kept: str, scale: int, column: str) -> str:
    """A scaled integer as a decimal; from ten million on a double is written with an exponent, as Java does."""
    if kept == "int":
        return f"CAST({column} AS TEXT)"
    power = 10**scale
    whole = f"printf('%s%d', CASE WHEN {column} < 0 THEN '-' ELSE '' END, abs({column}) / {power})"
    if not scale:
        plain = f"{whole} || '.0'"
    else:
        rest = f"printf('%0{scale}d', abs({column}) % {power})"
        plain = f"{whole} || '.' || CASE WHEN {column} % {power} = 0 THEN '0' ELSE rtrim({rest}, '0') END"
    # A null stays null: printf would write it as 0.
    great = f"WHEN abs({column}) >= {power * 10_000_000} THEN sf_exponent({column}, {scale})"
    return f"CASE WHEN {column} IS NULL THEN NULL {great} ELSE {plain} END"


def csv_text(column: Column) -> str:
    """An SQL expression for one quoted CSV cell; null is an empty cell."""
    one, sql = column.field, column.sql
    if one.type in NUMBERS:
        return f"'\"' || ifnull({digits(one.kept, one.scale, sql)}, '') || '\"'"
    if one.kept == "boolean":
        return f"CASE {sql} WHEN 1 THEN '\"true\"' ELSE '\"false\"' END"
    if one.kept == "datetime":
        return f"'\"' || ifnull({sql} || '.000Z', '') || '\"'"
    return f"'\"' || replace(ifnull({sql}, ''), '\"', '\"\"') || '\"'"
