"""The auditor: looks after each step at what must always hold, by its own sums and never by the engine's functions."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from typing import Any

from isthmus.testing.world.judgement import Judgement
from isthmus.testing.world.world import LANDED, Violation, World

_SAID = re.compile(r"N(\d+)")
SOLD = ("confirmed", "partly_invoiced", "invoiced", "closed")


class Auditor:
    """Remembers what it has seen, so that it notices what must never change."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.pages = 0
        self.uneven = 0  # pages that read more than they gave: the network shortened them
        self.newest_run: dict[str, tuple[int, int]] = {}  # mapping → token and number of the newest run that stored
        self.ledger: dict[tuple[int, int], tuple[Any, ...]] = {}
        self.newest: dict[str, int] = {}  # ERP customer → the greatest number that its name has shown
        self.orders: dict[int, tuple[str, int]] = {}
        self.terms: dict[int, tuple[int | None, int | None]] = {}  # customer → whose limit it shares, its own limit
        self.sittings = 0
        self.held: set[int] = set()  # customers that were on hold at the last look

    def look(self) -> None:
        """Everything of section 4 that holds at every moment. Raises Violation."""
        self._look_at_runs()
        if self.world.is_weak:
            self._look_at_weak()
        else:
            self._look_at_erp()

    def judge(self) -> None:
        """Everything that must hold once all is calm: nothing lost, nothing doubled, both sides agree."""
        Judgement(self.world).judge()
        self._verify_chains()
        self._look_for_inventions()

    # --- runs -----------------------------------------------------------------------------------------------------

    def _look_at_runs(self) -> None:
        """Accounted, Alone and Explained: each new page adds up, comes from the newest holder, bears its run's hash."""
        query = (
            "SELECT p.id, p.run_id, p.mapping, p.read, p.outcomes, r.token, r.mapping_hash,"
            " (SELECT count(*) FROM state_audit a WHERE a.page_id = p.id) AS loud"
            " FROM state_page p JOIN state_run r ON r.id = p.run_id WHERE p.id > ? ORDER BY p.id"
        )
        for row in self.world.ask(query, (self.pages,)):
            self.pages = row["id"]
            quiet = sum(len(ids) for ids in json.loads(row["outcomes"]).values())
            self.uneven += row["read"] != quiet + row["loud"]
            if self.uneven > self.world.counted["short_page while asking"]:
                raise Violation("Accounted", f"page {row['id']}: {row['read']} read, {quiet + row['loud']} outcomes")
            place = (row["token"], row["run_id"])
            if place < self.newest_run.get(row["mapping"], (0, 0)):
                raise Violation("Alone", f"page {row['id']} of {row['mapping']} was stored by a run that was succeeded")
            self.newest_run[row["mapping"]] = place
            if row["mapping_hash"] not in self.world.hashes[row["mapping"]]:
                raise Violation("Explained", f"page {row['id']} bears another mapping's hash")

    def _look_for_inventions(self) -> None:
        """No edit is invented: what the audit says was edited and undone, somebody did edit."""
        if self._was_handed_on():
            return  # who takes over a pair shows other values, and nobody edited them
        query = (
            "SELECT DISTINCT a.entity, b.crm_id FROM state_audit a JOIN state_binding b ON b.entity = a.entity"
            " AND a.source_id = CASE a.side WHEN 'crm' THEN b.crm_id ELSE b.erp_id END"
            " WHERE a.entity IN ('customer', 'order') AND a.payload LIKE '%\"overruled\"%'"
        )
        for row in self.world.ask(query):
            if (row["entity"], row["crm_id"]) not in self.world.meddled:
                raise Violation("No edit is invented", f"{row['entity']} {row['crm_id']} is said to have been edited")

    def _verify_chains(self) -> None:
        from isthmus.db import reading
        from isthmus.state.chain import verify_chain

        with self.world.offstage(), reading(self.world.disk.engine) as connection:
            for name in self.world.ports.mappings:
                if broken := verify_chain(connection, name):
                    raise Violation("Explained", f"the chain of {name} is broken: {broken}")

    # --- the built-in ERP -----------------------------------------------------------------------------------------

    def _look_at_erp(self) -> None:
        self._look_at_keys()
        self._look_at_names()
        self._look_at_ledger()
        self._look_at_credit()
        self._look_at_lines()

    def _look_at_keys(self) -> None:
        """Once and Whole: every record has one live key, every order its lines, every binding its record."""
        for stream in ("customer", "quote", "order"):
            query = (
                f"SELECT t.id, count(k.key) AS keys FROM erp_{stream} t LEFT JOIN erp_external_key k"
                f" ON k.stream = '{stream}' AND k.record_id = t.id AND k.status = 'live'"
                " GROUP BY t.id HAVING count(k.key) <> 1"
            )
            for row in self.world.ask(query):
                keys = self.world.ask(
                    "SELECT key FROM erp_external_key WHERE stream = ? AND record_id = ? AND status = 'live'",
                    (stream, row["id"]),
                )
                if stream != "customer" or not (
                    self._are_merged([one["key"] for one in keys]) or self._went(row["id"])
                ):
                    raise Violation("Once", f"ERP {stream} {row['id']} has {row['keys']} live keys")
        bare = self.world.ask("SELECT id FROM erp_order WHERE id NOT IN (SELECT order_id FROM erp_order_line)")
        if bare:
            raise Violation("Whole", f"ERP order {bare[0]['id']} has no lines")
        if self.world.kind == "own":
            query = (
                "SELECT b.entity, b.erp_id FROM state_binding b LEFT JOIN erp_external_key k ON k.stream = b.entity"
                " AND k.record_id = CAST(b.erp_id AS INTEGER) WHERE k.key IS NULL"
                " AND b.entity IN ('customer', 'product', 'quote', 'order')"
            )
            for row in self.world.ask(query):
                raise Violation("Whole", f"{row['entity']} {row['erp_id']} is bound, and the ERP has no such key")

    def _look_at_lines(self) -> None:
        """Balanced: quantity × price, rounded half up once, in whole cents; computed here in integers.

        Pieces that are invoiced one by one are rounded one by one: what is booked of a line stays, even if the line is
        made shorter afterwards.
        """
        query = (
            "SELECT i.order_id, l.key, sum(l.net_minor + l.discount_share_minor) AS booked FROM erp_invoice_line l"
            " JOIN erp_invoice i ON i.id = l.invoice_id WHERE i.kind = 'invoice' GROUP BY i.order_id, l.key"
        )
        booked = {(row["order_id"], row["key"]): row["booked"] for row in self.world.ask(query)}
        for row in self.world.ask("SELECT * FROM erp_order_line"):
            exact = row["quantity_micros"] * row["unit_price_micros"] * 100
            whole, rest = divmod(exact, 10**12)
            if row["amount_minor"] != max(whole + (2 * rest >= 10**12), booked.get((row["order_id"], row["key"]), 0)):
                raise Violation("Balanced", f"line {row['key']} of order {row['order_id']} is {row['amount_minor']}")

    def _went(self, customer: int) -> bool:
        """Whether it was merged into another one in the ERP, which has its keys."""
        return bool(self.world.ask("SELECT customer_id FROM erp_merger WHERE customer_id = ?", (customer,)))

    def _are_merged(self, keys: list[str]) -> bool:
        """A customer answers to the keys of all whose pair it was: of merged accounts, or of deleted ones."""
        ids = [key.rpartition("/")[2] for key in keys]
        things = self.world.crm.things["Account"]
        former = [one for one in ids if one in things and (things[one].lost or self._has_no_pair(one))]
        return len(ids) > 1 and len(former) >= len(ids) - 1

    def _has_no_pair(self, account: str) -> bool:
        return bool(self.world.ask("SELECT id FROM state_alias WHERE entity = 'customer' AND id = ?", (account,)))

    def _was_handed_on(self) -> bool:
        """Whether any pair has become another account's."""
        lost = any(one.lost for one in self.world.crm.things["Account"].values())
        return lost or bool(self.world.ask("SELECT id FROM state_alias LIMIT 1"))

    def _look_at_names(self) -> None:
        """Forward: names carry the number of the edit that made them, and no customer goes back to an older one."""
        if self.world.kind != "own":
            return
        for row in self.world.ask("SELECT id, name FROM erp_customer"):
            self._see_name(str(row["id"]), row["name"])

    def _see_name(self, erp_id: str, name: str) -> None:
        if (found := _SAID.fullmatch(name)) is None:
            return
        number = int(found.group(1))
        if number < self.newest.get(erp_id, 0) and not self._was_handed_on() and not self.world.fell_behind:
            raise Violation("Forward", f"ERP customer {erp_id} shows {name} after N{self.newest[erp_id]}")
        self.newest[erp_id] = max(number, self.newest.get(erp_id, 0))

    def _look_at_ledger(self) -> None:
        """Balanced: entries sum to nothing, have two lines, never change; receivables are the documents' sum."""
        seen: dict[tuple[int, int], tuple[Any, ...]] = {}
        sums: dict[tuple[int, str], int] = defaultdict(int)
        lines: Counter[int] = Counter()
        owed: dict[int, int] = defaultdict(int)
        query = "SELECT p.* FROM erp_posting p JOIN erp_entry e ON e.id = p.entry_id WHERE e.posted_at IS NOT NULL"
        for row in self.world.ask(query):
            seen[row["entry_id"], row["position"]] = tuple(row)
            sums[row["entry_id"], row["currency"]] += row["amount_minor"]
            lines[row["entry_id"]] += 1
            if row["account"] == "1100":
                owed[row["customer_id"]] += row["amount_minor"]
        for (entry, currency), total in sums.items():
            if total or lines[entry] < 2 or not isinstance(total, int):
                raise Violation("Balanced", f"entry {entry} sums to {total} {currency} in {lines[entry]} lines")
        for place, row_before in self.ledger.items():
            if seen.get(place) != row_before:
                raise Violation("Balanced", f"posting {place} was changed after it was posted")
        self.ledger = seen
        self._look_at_receivables(owed)

    def _look_at_receivables(self, owed: dict[int, int]) -> None:
        documents: dict[int, int] = defaultdict(int)
        for row in self.world.ask("SELECT customer_id, kind, total_minor FROM erp_invoice"):
            documents[row["customer_id"]] += row["total_minor"] if row["kind"] == "invoice" else -row["total_minor"]
        query = (
            "SELECT customer_id, amount_minor FROM erp_payment WHERE id NOT IN (SELECT payment_id FROM erp_reversal)"
        )
        for row in self.world.ask(query):
            documents[row["customer_id"]] -= row["amount_minor"]
        for customer in owed.keys() | documents.keys():
            if owed[customer] != documents[customer]:
                what = f"customer {customer} owes {owed[customer]} by the ledger, {documents[customer]} by documents"
                raise Violation("Balanced", what)

    def _look_at_credit(self) -> None:
        """Credit-safe: an order that Isthmus wrote is not newly confirmed, or raised, while its customer is held, or
        beyond its limit."""
        held = {row["customer_id"] for row in self.world.ask("SELECT customer_id FROM erp_credit_term WHERE held")}
        risen = set()
        for row in self.world.ask("SELECT id, customer_id, status, total_minor, changed_by FROM erp_order"):
            before = self.orders.get(row["id"], ("", 0))
            rose = row["status"] == "confirmed" and (before[0] not in SOLD or row["total_minor"] > before[1])
            if rose and row["changed_by"] == "sync":
                risen.add(row["customer_id"])
            self.orders[row["id"]] = (row["status"], row["total_minor"])
        for customer in risen & held & self.held:
            raise Violation("Credit-safe", f"an order was confirmed while customer {customer} is held")
        self.held = held
        self._look_at_limits(risen)

    def _look_at_limits(self, risen: set[int]) -> None:
        """What a family owes and has ordered, added up here; judged where no clerk moved anything meanwhile."""
        terms = {
            row["id"]: (row["parent_id"] if row["shares_parent_limit"] else None, row["limit_minor"])
            for row in self.world.ask(
                "SELECT c.id, coalesce(m.into_id, c.parent_id) AS parent_id, t.limit_minor,"
                " m.into_id IS NOT NULL OR t.shares_parent_limit AS shares_parent_limit FROM erp_customer c"
                " LEFT JOIN erp_credit_term t ON t.customer_id = c.id LEFT JOIN erp_merger m ON m.customer_id = c.id"
            )
        }
        same, self.terms = terms == self.terms and self.world.sittings == self.sittings, terms
        self.sittings = self.world.sittings
        if not risen or not same:
            return
        owed: Counter[int] = Counter()
        query = (
            "SELECT customer_id, currency, amount_minor FROM erp_posting WHERE account = '1100' UNION ALL SELECT"
            " customer_id, currency, to_invoice_minor FROM erp_order WHERE status IN ('confirmed', 'partly_invoiced')"
        )
        for row in self.world.ask(query):
            if row["currency"] != "EUR":
                return  # the rates in force are the ERP's own tests' matter
            owed[self._root(row["customer_id"])] += row["amount_minor"]
        for root in {self._root(customer) for customer in risen}:
            limit = terms[root][1]
            if limit is not None and owed[root] > limit:
                raise Violation("Credit-safe", f"customer {root} has ordered {owed[root]}, beyond its limit of {limit}")

    def _root(self, customer: int) -> int:
        """Whose limit counts: what one that was merged away owes or has paid is its winner's. Nobody's parents go in a
        circle."""
        while (parent := self.terms[customer][0]) is not None:
            customer = parent
        return customer

    # --- the weak ERP ---------------------------------------------------------------------------------------------

    def _look_at_weak(self) -> None:
        """Once, as a system without keys can keep it: a second record only where a request came when nobody waited."""
        weak = self.world.weak
        for stream in ("customer", "quote", "order"):
            counts = Counter(one.key for one in weak.things[stream].values() if one.key and not one.deleted)
            doubled = {key: number for key, number in counts.items() if number > 1}
            if doubled and not self.world.counted.keys() & {LANDED, "twice while writing"}:
                raise Violation("Once", f"the weak ERP has {doubled}, and every request was answered in time")
