"""What each customer owes by the items of each side, and by what the customer's own record states."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, func, select

from isthmus.kernel.records import Fields
from isthmus.kernel.units import SIDES, Side
from isthmus.reconcile.findings import Difference, Line
from isthmus.reconcile.ports import Ports
from isthmus.reconcile.scratch import TABLES
from isthmus.reconcile.shape import Shape
from isthmus.reconcile.sides import Readers

if TYPE_CHECKING:
    from pandas import DataFrame

KEYS = ["party", "currency"]
STATED = "credit_status"
SHOWN_MOST = 200


@dataclass(slots=True)
class Balance:
    """One customer in one currency, in minor units. ``stated`` is None where the customer's record says nothing."""

    party: str  # the ERP's id
    currency: str
    items_minor: dict[Side, int]
    stated_minor: dict[Side, int | None]
    name: str = ""

    @property
    def differs(self) -> bool:
        return self.items_minor["crm"] != self.items_minor["erp"]

    def as_json(self) -> Fields:
        return {
            "customer": self.party, "name": self.name, "currency": self.currency,
            "crm_items_minor": self.items_minor["crm"], "erp_items_minor": self.items_minor["erp"],
            "crm_stated_minor": self.stated_minor["crm"], "erp_stated_minor": self.stated_minor["erp"],
        }  # fmt: skip


@dataclass
class Balances:
    """Gathers the open items of one entity after the other, as frames."""

    frames: list[DataFrame] = field(default_factory=list)
    touched: set[str] = field(default_factory=set)

    def take(self, connection: Connection, entity: str) -> None:
        """The open items of an entity that has just been read, and whose records are not in step."""
        import pandas as pd

        for side in SIDES:
            table = TABLES[side].c
            query = select(table.party, table.currency, func.sum(table.open_minor)).where(table.party.is_not(None))
            query = query.where(table.currency.is_not(None)).group_by(table.party, table.currency)
            rows = [tuple(row) for row in connection.execute(query)]
            frame = pd.DataFrame(rows, columns=[*KEYS, "minor"], dtype=object)
            self.frames.append(frame.assign(what=f"{'stated' if entity == STATED else 'items'}_{side}"))

    def touch(self, parties: Iterable[str | None]) -> None:
        """Customers of which something is explained or listed: their sums cannot be expected to agree."""
        self.touched.update(party for party in parties if party)

    def joined(self) -> DataFrame:
        """One row a customer and currency: the outer join of all that was taken."""
        import pandas as pd

        columns = ["items_crm", "items_erp", "stated_crm", "stated_erp"]
        if not self.frames:
            return pd.DataFrame(columns=[*KEYS, *columns])
        sums = pd.concat(self.frames).groupby([*KEYS, "what"])["minor"].agg(_add)
        # As objects: whole numbers of any size, where a column with a gap would else be floats.
        return sums.astype(object).unstack("what").reindex(columns=columns).reset_index()  # noqa: PD010 - pivot makes floats

    def rows(self) -> list[Balance]:
        """All balances, the greatest difference first."""
        found = [_balance(row) for row in self.joined().to_dict("records")]
        return sorted(found, key=lambda one: (-abs(one.items_minor["crm"] - one.items_minor["erp"]), one.party))


def _add(amounts: Any) -> int:
    return sum(int(amount) for amount in amounts)


def _balance(row: Mapping[Any, Any]) -> Balance:
    items: dict[Side, int] = {"crm": _minor(row["items_crm"]) or 0, "erp": _minor(row["items_erp"]) or 0}
    stated: dict[Side, int | None] = {"crm": _minor(row["stated_crm"]), "erp": _minor(row["stated_erp"])}
    return Balance(str(row["party"]), str(row["currency"]), items, stated)


def _minor(value: Any) -> int | None:
    return None if value is None or isinstance(value, float) else int(value)  # the only float is NaN, a gap


def add_up(rows: Sequence[Balance], *, is_listed: bool) -> list[Line]:
    """What is open in all, by currency. Why sums differ is told by the items: listed ones, or explained ones."""
    lines: dict[str, Line] = {}
    for row in rows:
        line = lines.setdefault(row.currency, Line(row.currency, None))
        line.crm_count += bool(row.items_minor["crm"])
        line.erp_count += bool(row.items_minor["erp"])
        line.crm_minor += row.items_minor["crm"]
        line.erp_minor += row.items_minor["erp"]
    for line in lines.values():
        told = (line.crm_minor - line.erp_minor, line.crm_count - line.erp_count)
        if is_listed:
            line.differing_minor, line.differing_count = told
        else:
            line.explained_minor, line.explained_count = told
    return [lines[currency] for currency in sorted(lines)]


def misstated(rows: Sequence[Balance], touched: set[str]) -> list[Difference]:
    """Customers whose record states another balance than its items come to, though every item agrees.

    Only where all items are in the currency in which the record states it: converted sums have other rates.
    """
    currencies: dict[str, set[str]] = {}
    for row in rows:
        if row.items_minor["crm"] or row.items_minor["erp"]:
            currencies.setdefault(row.party, set()).add(row.currency)
    found = []
    for row in rows:
        stated, items = row.stated_minor["crm"], row.items_minor["crm"]
        alone = currencies.get(row.party, set()) <= {row.currency}
        if stated is not None and stated != items and alone and row.party not in touched:
            remedy = "every item agrees, but not their sum: run `isthmus sync credit_status --full`"
            found.append(
                Difference(
                    "balance", {"erp": row.party}, row.currency, "balance", "", {"crm": stated, "erp": items},
                    abs(stated - items), row.currency, remedy, name=row.name or row.party,
                    spelling="minor",
                )
            )  # fmt: skip
    return found


def name_parties(ports: Ports, rows: Sequence[Balance]) -> None:
    """What people call these customers."""
    mapping = ports.mappings.get("customer")
    if mapping is None or not rows:
        return
    looks = Readers(ports, Shape(mapping)).fetch("erp", list({row.party for row in rows}))
    for row in rows:
        if row.party in looks:
            form = looks[row.party].form
            row.name = " ".join(str(form[name]) for name in ("number", "name") if form.get(name))
