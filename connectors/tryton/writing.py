"""Writing customers and products: one call for what is new, one for what changes; one answer each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import quote

from connectors.tryton.batches import DONE, No, each, refused
from connectors.tryton.errors import NOT_UNIQUE
from connectors.tryton.lookups import Lookups
from connectors.tryton.parties import new_party, party_values
from connectors.tryton.price_lists import write_prices
from connectors.tryton.products import new_template, product_values, template_values
from connectors.tryton.rpc import Rpc
from connectors.tryton.sales import reference
from connectors.tryton.streams import STAMP, Stream
from connectors.tryton.values import Row
from isthmus.connect.protocol import Answer, Change
from isthmus.kernel.errors import Refused
from isthmus.kernel.records import Fields

Answers = dict[int, Answer]
Placed = tuple[int, Change]  # a change and its place among those that were asked for
Wanted = tuple[int, Change, Row]  # with the values that it means
Priced = tuple[int, int, list[Fields]]  # the place of a change, its product and the prices
_WHOLE_KEY = 15  # an id of so many characters is nobody else's; a shorter one counts only with system and stream


def code_of(key: str) -> str:
    """The party code of an external key: the CRM's own id where that is unmistakable."""
    own = key.rpartition("/")[2]
    return own if len(own) >= _WHOLE_KEY and own.isascii() and own.isalnum() else quote(key)


class Keys:
    """Which records of Tryton carry our external keys."""

    def __init__(self, rpc: Rpc, reference_field: str) -> None:
        self._rpc = rpc
        self._reference_field = reference_field

    def find(self, stream: str, keys: Sequence[str]) -> dict[str, str]:
        """Key → id; of several, which only a race without a unique field can make, the first."""
        wanted = {self.text(stream, key): key for key in keys}
        model, column, path = self._place(stream)
        rows = (
            self._rpc.search_read(model, [[column, "in", list(wanted)], *_any(stream)], [column, path])
            if wanted
            else []
        )
        found: dict[str, str] = {}
        for row in rows:
            found.setdefault(wanted[row[column]], str(row[path]))
        return found

    def text(self, stream: str, key: str) -> str:
        """How a key is spelled in Tryton, which takes blanks off texts and refuses other white space."""
        if stream == "customer":
            return code_of(key)
        return quote(key) if stream == "product" else reference(stream, key)

    def _place(self, stream: str) -> tuple[str, str, str]:
        """Model, column of the key, column of the record's id."""
        if stream == "customer":
            return "party.party", "code", "id"
        if stream == "product":
            return "product.identifier", "code", "product"
        return "sale.sale", self._reference_field, "id"


def _any(stream: str) -> list[Any]:
    return [["active", "in", [True, False]]] if stream == "customer" else []


class Writer:
    """Writes parties and products of one database."""

    def __init__(self, rpc: Rpc, keys: Keys, lookups: Lookups) -> None:
        self._rpc = rpc
        self._keys = keys
        self._lookups = lookups

    def customers(self, stream: Stream, changes: Sequence[Change]) -> list[Answer]:
        """Parties, each whole in one transaction."""
        lookups = self._lookups

        def create(change: Change) -> Row:
            return new_party(change, lookups, code_of(change.key))

        def update(change: Change, row: Row) -> Row:
            return party_values(_with_activity(change), lookups, row)

        plan = _Plan(self._rpc, stream, changes, keys=self._keys)
        plan.create("party.party", create)
        plan.update("party.party", update)
        return plan.answers()

    def products(self, stream: Stream, changes: Sequence[Change]) -> list[Answer]:
        """Products with their templates; prices of the price lists follow in calls of their own."""
        lookups = self._lookups
        plan = _Plan(self._rpc, stream, changes, keys=self._keys)

        def create(change: Change) -> Row:
            return new_template(change, lookups, self._keys.text("product", change.key))

        plan.create("product.template", create, self._products_of)
        plan.update("product.product", lambda change, _row: product_values(_with_activity(change)))
        plan.update("product.template", lambda change, _row: template_values(change, lookups), "template")
        answers = plan.answers()
        priced = [
            (place, int(answer.id), change.lines)
            for place, (change, answer) in enumerate(zip(changes, answers, strict=True))
            if answer.id and answer.result in ("created", "updated") and change.lines is not None
        ]

        def price(items: Sequence[Priced]) -> list[None]:
            write_prices(self._rpc, lookups, {product: lines for _, product, lines in items})
            return [None] * len(items)

        for (place, _, _), no in zip(priced, each(priced, price, self._rpc.ports), strict=True):
            if no is not None:
                answers[place] = refused(changes[place], no)
        return answers

    def _products_of(self, templates: Sequence[int]) -> list[int]:
        rows = self._rpc.search_read(
            "product.template", [["id", "in", list(templates)], *_any("customer")], ["products"]
        )
        product = {int(row["id"]): int(row["products"][0]) for row in rows}
        return [product[one] for one in templates]


def _with_activity(change: Change) -> Change:
    """Deactivating and reopening are values of `active`."""
    if change.verb not in ("withdraw", "reopen"):
        return change
    fields: Fields = {**change.fields, "active": change.verb == "reopen"}
    return Change(change.verb, change.key, fields, change.lines, change.id, change.expects, change.how)


class _Plan:
    """One write: who is created and who is updated. A create whose record is there already becomes an update."""

    def __init__(self, rpc: Rpc, stream: Stream, changes: Sequence[Change], *, keys: Keys) -> None:
        self._rpc, self._stream, self._keys = rpc, stream, keys
        self._changes = changes
        self._answers: Answers = {}
        made = keys.find(stream.name, [one.key for one in changes if one.verb == "create"])
        placed = list(enumerate(changes))
        self._news = [(place, one) for place, one in placed if one.verb == "create" and one.key not in made]
        self._known = [
            (place, one, one.id or made.get(one.key, "")) for place, one in placed if one.id or one.key in made
        ]
        self._ids = {place: record_id for place, _, record_id in self._known}
        self._rows = self._present(stream) if self._known else {}

    def answers(self) -> list[Answer]:
        """One for each change, in order."""
        return [self._answers[place] for place in range(len(self._changes))]

    def create(
        self, model: str, values: Callable[[Change], Row], ids_of: Callable[[list[int]], list[int]] = lambda ids: ids
    ) -> None:
        """One call for all that is new."""
        wanted = self._translate([(place, one, {}) for place, one in self._news], lambda change, _row: values(change))

        def act(items: Sequence[Wanted]) -> list[int]:
            return [int(one) for one in self._rpc.call(f"model.{model}.create", [row for _, _, row in items])]

        told = each(wanted, act, self._rpc.ports)
        made = {place: one for (place, _, _), one in zip(wanted, told, strict=True) if isinstance(one, int)}
        records = dict(zip(made.values(), ids_of(list(made.values())), strict=True)) if made else {}
        for (place, change, _), one in zip(wanted, told, strict=True):
            if isinstance(one, int):
                self._answers[place] = Answer(change.key, "created", str(records[one]))
            else:
                self._answers[place] = self._rival(change, one) or refused(change, one)

    def _rival(self, change: Change, no: No) -> Answer | None:
        """Somebody else entered the same record a moment before: that one is ours as well."""
        made = self._keys.find(self._stream.name, [change.key]) if NOT_UNIQUE in no.fault.what else {}
        return Answer(change.key, "created", made[change.key]) if made else None

    def update(self, model: str, values: Callable[[Change, Row], Row], id_column: str = "id") -> None:
        """One call for all that change; each with the version that it expects. May be called for several models."""
        known = [(place, one, self._rows.get(record_id)) for place, one, record_id in self._known]
        here = [(place, one, row) for place, one, row in known if row is not None and self._is_open(place)]
        for place, change, row in known:
            if row is None:
                gone = Refused(
                    self._rpc.where, "the record is not there any more", "restore it in Tryton, or dismiss this item"
                )
                self._answers[place] = refused(change, gone)
        wanted = self._translate(here, values)

        def act(items: Sequence[Wanted]) -> list[None]:
            pairs = [part for place, _, row in items if row for part in ([self._number(place, id_column)], row)]
            if pairs:
                self._rpc.call(f"model.{model}.write", *pairs)
            return [None] * len(items)

        for (place, change, _), told in zip(wanted, each(wanted, act, self._rpc.ports), strict=True):
            done = Answer(change.key, DONE[change.verb], self._ids[place])
            self._answers[place] = done if told is None else refused(change, told)

    def _present(self, stream: Stream) -> dict[str, Row]:
        """The records as they are, and ``moved`` for each that is newer than expected."""
        ids = [int(record_id) for _, _, record_id in self._known]
        columns = tuple(dict.fromkeys((*stream.columns, *STAMP)))
        rows = {
            str(row["id"]): row
            for row in self._rpc.search_read(stream.model, [["id", "in", ids], *stream.domain], columns)
        }
        expected = [rows[record_id] for _, change, record_id in self._known if change.expects and record_id in rows]
        shown = stream.make(self._rpc, [dict(row) for row in expected]) if expected else []
        versions = {record.id: record.version for record in shown}
        for place, change, record_id in self._known:
            if change.expects and versions.get(record_id, "") > change.expects:
                self._answers[place] = Answer(change.key, "moved", change.id)
        return rows

    def _is_open(self, place: int) -> bool:
        answer = self._answers.get(place)
        return answer is None or answer.result not in ("moved", "refused")

    def _number(self, place: int, column: str) -> int:
        return int(self._rows[self._ids[place]][column])

    def _translate(
        self, items: Sequence[tuple[int, Change, Row]], values: Callable[[Change, Row], Row]
    ) -> list[Wanted]:
        """The values of each change; a name that Tryton does not know is that record's own no."""
        wanted = []
        for place, change, row in items:
            try:
                wanted.append((place, change, values(change, row)))
            except Refused as no:
                self._answers[place] = refused(change, no)
        return wanted
