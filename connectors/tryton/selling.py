"""Writing quotes and orders: entered, quoted and, if it is an order, confirmed, a batch a call.

A sale past its quotation cannot be edited but for its reference: what the CRM changed then is refused, with the names.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import count
from typing import Any, cast

from connectors.tryton.batches import DONE, No, each, refused
from connectors.tryton.errors import WRONG_STATE, is_credit
from connectors.tryton.lookups import Lookups
from connectors.tryton.rpc import Rpc
from connectors.tryton.sales import EXTRAS, reference, reference_field, validity
from connectors.tryton.streams import Stream
from connectors.tryton.trade import Terms, Trade, look_up_trade
from connectors.tryton.values import Row
from connectors.tryton.writing import Keys
from isthmus.connect.protocol import Answer, Change
from isthmus.kernel.errors import Moved, Refused
from isthmus.kernel.records import Fields, Record

CONFIRMED = 25  # sales a call: confirming one makes invoice and shipment, and takes ten times as long as entering it
_RIVALS_MOST = 3  # times that a rival may be in the way of one write
OPEN = ("draft", "quotation")
#: The states in which a sale has what a button was pressed for.
_BEYOND = {
    "draft": ("draft",),
    "quotation": ("quotation", "confirmed", "processing", "done"),
    "confirmed": ("confirmed", "processing", "done"),
    "cancelled": ("cancelled",),
}
_GROUPS = ("bill_to", "ship_to")
_ANEW = "cancel the order in Tryton and enter it anew"


@dataclass(slots=True)
class Sale:
    """One change on its way: the sale it is about, and the first no that it met."""

    change: Change
    id: int = 0
    state: str = ""
    record: Record | None = None
    stamp: str = ""
    no: No | None = None
    values: Row = field(default_factory=dict)
    is_new: bool = False

    @property
    def terms(self) -> Terms:
        return Terms(self.change, self.record)


class Seller:
    """Writes the sales of one database."""

    def __init__(self, rpc: Rpc, keys: Keys, lookups: Lookups) -> None:
        self._rpc = rpc
        self._keys = keys
        self._lookups = lookups

    def write(self, stream: Stream, changes: Sequence[Change]) -> list[Answer]:
        """One answer each. Raises Unavailable when a call's answer is lost: what was to be created has its key."""
        answers = self._bring(stream, changes)
        for _ in range(_RIVALS_MOST):
            met = self._met_rivals(stream, changes, answers)
            if not met:
                break
            again = self._bring(stream, [changes[place] for place in met])
            answers = [dict(zip(met, again, strict=True)).get(place, one) for place, one in enumerate(answers)]
        return answers

    def _met_rivals(self, stream: Stream, changes: Sequence[Change], answers: Sequence[Answer]) -> list[int]:
        """Creates that were refused, though by now there is a sale of their key: somebody else entered it meanwhile.

        It is ours as well. What it is by now is read again, and only what it still lacks is done.
        """
        refused_ones = [
            place
            for place, (change, answer) in enumerate(zip(changes, answers, strict=True))
            if change.verb == "create" and answer.result in ("refused", "moved")
        ]
        made = self._keys.find(stream.name, [changes[place].key for place in refused_ones])
        return [place for place in refused_ones if changes[place].key in made]

    def _bring(self, stream: Stream, changes: Sequence[Change]) -> list[Answer]:
        """One pass: whatever was there is read, and brought to what each change says."""
        sales = [Sale(change) for change in changes]
        self._find_present(stream, sales)
        self._withdraw([one for one in sales if one.change.verb == "withdraw"])
        writing = [one for one in sales if one.change.verb != "withdraw" and one.no is None]
        self._prepare(stream, writing)
        quoted = [one for one in _going(writing, _needs_draft) if one.state == "quotation"]
        self._reopen(_going(writing, _needs_draft))
        self._create(stream, _going(writing, lambda one: not one.id))
        self._update(_going(writing, lambda one: bool(one.id and one.values) and not one.is_new))
        self._close_again([one for one in quoted if one.no is not None and one.state == "draft"])
        self._press("quote", _going(writing, lambda one: one.state == "draft"), "quotation")
        if stream.name == "order":
            self._press("confirm", _going(writing, lambda one: one.state == "quotation"), "confirmed")
        self._take_back([one for one in sales if one.is_new and one.no is not None])
        return [_answer(one) for one in sales]

    # --- what is there ------------------------------------------------------------------------------------------------

    def _find_present(self, stream: Stream, sales: Sequence[Sale]) -> None:
        made = self._keys.find(stream.name, [one.change.key for one in sales if one.change.verb == "create"])
        for one in sales:
            one.id = int(one.change.id or made.get(one.change.key) or 0)
        ids = [one.id for one in sales if one.id]
        columns = (*stream.columns, "_timestamp")
        rows = self._rpc.search_read("sale.sale", [["id", "in", ids]], columns) if ids else []
        records = {
            int(row["id"]): (row, record) for row, record in zip(rows, stream.make(self._rpc, rows), strict=True)
        }
        for one in sales:
            if one.id and one.id not in records:
                what, remedy = "the sale is not there any more", "restore it in Tryton, or dismiss this item"
                one.no = Refused(self._rpc.where, what, remedy)
            elif one.id:
                row, one.record = records[one.id]
                one.state, one.stamp = row["state"], row["_timestamp"]
                if one.change.expects and one.record.version > one.change.expects:
                    one.no = Moved(
                        self._rpc.where, "the sale was changed in Tryton meanwhile", "it is planned once more"
                    )

    def _prepare(self, stream: Stream, sales: Sequence[Sale]) -> None:
        """The values of each, as far as they differ from what Tryton shows."""
        lookups = self._lookups
        trade = look_up_trade(self._rpc, [one.terms for one in sales], lookups)
        for one in sales:
            try:
                one.values = self._values(stream, one, lookups, trade=trade)
            except Refused as no:
                one.no = no

    def _values(self, stream: Stream, sale: Sale, lookups: Lookups, *, trade: Trade) -> Row:
        change = sale.change
        changed = set(change.fields) if sale.record is None else differences(change, sale.record)
        lines_changed = change.lines is not None and (sale.record is None or lines_differ(change.lines, sale.record))
        if _locked(sale):
            self._refuse_locked(sale, changed - self._free(sale), lines_changed=lines_changed)
        values = header_values(sale.terms, changed, lookups)
        if _locked(sale):
            return values
        is_anew = sale.record is None or "customer_id" in changed  # its terms and its lines' taxes are the customer's
        if lines_changed or changed & EXTRAS.keys() or is_anew:
            values["lines"] = trade.line_actions(sale.terms)
        if is_anew:
            values |= trade.party_values(sale.terms)
        if sale.record is None:
            values["company"] = self._rpc.company()
            values[reference_field(self._rpc.config)] = reference(stream.name, change.key)
        if is_anew or changed & set(_GROUPS):
            values |= trade.addresses(sale.terms)
        return values

    def _free(self, sale: Sale) -> set[str]:
        """What may change past the quotation: with our module, also a quote that was not known before."""
        is_late = self._rpc.config.reference is not None and _names_no_quote(sale)
        return {"customer_reference"} | ({"quote_id"} if is_late else set())

    def _refuse_locked(self, sale: Sale, changed: set[str], *, lines_changed: bool) -> None:
        names = sorted(changed | ({"lines"} if lines_changed else set()))
        if names == ["quote_id"] and _names_no_quote(sale):
            what = f"its quote was not there when Tryton confirmed it; as {sale.state} it cannot be given one any more"
            remedy = f"activate isthmus_reference in Tryton, or take the quote off in the CRM; else {_ANEW}"
            raise Refused(self._rpc.where, what, remedy)
        if names:
            what = f"{', '.join(names)} changed, but Tryton has it as {sale.state}, past being edited"
            raise Refused(self._rpc.where, what, f"undo the change in the CRM, or {_ANEW}")

    # --- the calls ----------------------------------------------------------------------------------------------------

    def _create(self, stream: Stream, sales: Sequence[Sale]) -> None:
        tries = count()

        def act(items: Sequence[Sale]) -> list[int | None]:
            """Looked up again after whatever was rolled back: without a unique field, only this prevents a second."""
            made = self._keys.find(stream.name, [one.change.key for one in items]) if next(tries) else {}
            news = [one for one in items if one.change.key not in made]
            ids = iter(self._rpc.call("model.sale.sale.create", [one.values for one in news]) if news else [])
            return [None if one.change.key in made else int(next(ids)) for one in items]

        for one, told in zip(sales, each(sales, act, self._rpc.ports), strict=True):
            if isinstance(told, int):
                one.id, one.is_new, one.state = told, True, "draft"
            else:
                one.no = told or Moved(self._rpc.where, "somebody else has entered it", "it is looked at again")

    def _update(self, sales: Sequence[Sale]) -> None:
        def act(items: Sequence[Sale]) -> list[None]:
            stamps = {f"sale.sale,{one.id}": one.stamp for one in items if one.change.expects and _locked(one)}
            pairs = [part for one in items for part in ([one.id], one.values)]
            self._rpc.call("model.sale.sale.write", *pairs, context={"_timestamp": stamps} if stamps else {})
            return [None] * len(items)

        self._note(sales, each(sales, act, self._rpc.ports))

    def _press(self, button: str, sales: Sequence[Sale], state: str) -> None:
        """A button on all of them; who is refused keeps the state that it had."""

        def act(items: Sequence[Sale]) -> list[None]:
            self._rpc.call(f"model.sale.sale.{button}", [one.id for one in items])
            return [None] * len(items)

        size = CONFIRMED if button == "confirm" else max(len(sales), 1)
        parts = [sales[start : start + size] for start in range(0, len(sales), size)]
        told = [no for part in parts for no in each(part, act, self._rpc.ports)]
        self._note(sales, told)
        for one, no in zip(sales, told, strict=True):
            if no is None:
                one.state = state
        self._forgive([one for one in sales if one.no is not None and WRONG_STATE in one.no.fault.what], state)

    def _forgive(self, sales: Sequence[Sale], state: str) -> None:
        """Somebody else pressed the button meanwhile, or our own call that nobody heard of: it has been done.

        A sale that a clerk cancelled in between is what he made of it: that comes back as its status.
        """
        rows = self._rpc.search_read("sale.sale", [["id", "in", [one.id for one in sales]]], ["state"]) if sales else []
        now = {int(row["id"]): str(row["state"]) for row in rows}
        for one in sales:
            if now.get(one.id) in (*_BEYOND[state], "cancelled"):
                one.state, one.no = now[one.id], None

    def _reopen(self, sales: Sequence[Sale]) -> None:
        """Back to draft, to be edited; a quotation keeps its number."""
        self._press("draft", sales, "draft")

    def _close_again(self, sales: Sequence[Sale]) -> None:
        """Whose edit was refused waits on as the quotation that it was: a draft is neither held nor open."""
        said = [one.no for one in sales]
        self._press("quote", sales, "quotation")
        self._note(sales, said)

    def _withdraw(self, sales: Sequence[Sale]) -> None:
        going = [one for one in sales if one.no is None and one.state != "cancelled"]
        self._press("cancel", going, "cancelled")

    def _take_back(self, sales: Sequence[Sale]) -> None:
        """What was entered but cannot become what it should is deleted: together or not at all.

        A no for the customer's credit is no such no: the sale waits as a quotation.
        """
        gone = [one for one in sales if one.no is not None and not is_credit(one.no)]

        def act(items: Sequence[Sale]) -> list[None]:
            quoted = [one.id for one in items if one.state == "quotation"]
            if quoted:  # if nothing is heard from here on, the next attempt goes on with a draft
                self._rpc.call("model.sale.sale.draft", quoted)
            self._rpc.call("model.sale.sale.delete", [one.id for one in items])
            return [None] * len(items)

        each(gone, act, self._rpc.ports)

    @staticmethod
    def _note(sales: Sequence[Sale], told: Sequence[Any]) -> None:
        for one, no in zip(sales, told, strict=True):
            if no is not None:
                one.no = cast(No, no)


def _going(sales: Sequence[Sale], fits: Callable[[Sale], bool]) -> list[Sale]:
    return [one for one in sales if one.no is None and fits(one)]


def _needs_draft(sale: Sale) -> bool:
    """A quotation is edited as a draft, and a cancelled sale comes back as one."""
    if not sale.id or sale.state == "draft" or _locked(sale):
        return False
    return bool(sale.values) or sale.state == "cancelled"


def _locked(sale: Sale) -> bool:
    return bool(sale.id) and sale.state not in OPEN and not (sale.state == "cancelled" and sale.change.verb == "reopen")


def _names_no_quote(sale: Sale) -> bool:
    return sale.record is not None and not sale.record.fields.get("quote_id")


def _answer(sale: Sale) -> Answer:
    change = sale.change
    if sale.no is not None and not (sale.id and is_credit(sale.no) and change.verb != "withdraw"):
        return refused(change, sale.no)
    return Answer(change.key, DONE[change.verb], str(sale.id))


# --- what a change says -------------------------------------------------------------------------------------------


def header_values(terms: Terms, changed: set[str], lookups: Lookups) -> Row:
    """The changed fields of the header as Tryton's values, without addresses and lines."""
    fields = terms.change.fields
    values: Row = {}
    if "customer_reference" in changed:
        values["reference"] = fields["customer_reference"]
    if "customer_id" in changed:
        values["party"] = int(fields["customer_id"])
    if "currency" in changed:
        values["currency"] = lookups.currency(fields["currency"])
    if "quote_id" in changed:
        values["origin"] = f"sale.sale,{int(fields['quote_id'])}" if fields["quote_id"] else None
    if "order_date" in changed:
        values["sale_date"] = lookups.day(fields["order_date"])
    if changed & {"quote_date", "valid_until"}:  # Tryton keeps days from a day on: one means nothing without the other
        quoted, until = terms.get("quote_date"), terms.get("valid_until")
        values["quotation_date"] = lookups.day(quoted)
        values["quotation_validity"] = validity(quoted, until)
    return values


def differences(change: Change, record: Record) -> set[str]:
    """Which fields of a change Tryton does not show yet."""
    shown = record.fields
    return {name for name, value in change.fields.items() if not _same(value, shown.get(name))}


def _same(wanted: Any, shown: Any) -> bool:
    if isinstance(wanted, dict):
        return all(_same(value, (shown or {}).get(name)) for name, value in wanted.items())
    return (wanted or None) == (shown or None)


def lines_differ(lines: Sequence[Fields], record: Record) -> bool:
    """Whether the goods are other ones than Tryton shows. A price or amount that is left to Tryton is no wish."""
    shown = {line["key"]: line for line in record.lines or ()}
    if [line["key"] for line in lines] != list(shown):
        return True
    return any(_goods(line) != _goods({**shown[line["key"]], **_left_open(line)}) for line in lines)


def _left_open(line: Fields) -> Fields:
    return {name: None for name in ("unit_price", "amount") if line.get(name) is None}


def _goods(line: Fields) -> tuple[Any, ...]:
    numbers = (line.get(name) for name in ("unit_price", "amount"))
    return (
        line["key"], str(line["product_id"]), Decimal(line["quantity"]), line.get("description") or None,
        Decimal(line.get("discount_percent") or 0), *(None if one is None else Decimal(one) for one in numbers),
    )  # fmt: skip
