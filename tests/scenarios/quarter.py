"""The vocabulary of quarter.md: each sentence is an act of a person in one system, or what a person sees in the CRM."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from isthmus.db import writing
from isthmus.erp import allocating, clerk, invoicing, ledger, reversing
from isthmus.erp.desk import sit_down
from isthmus.kernel.money import to_minor
from isthmus.kernel.selection import Selection
from isthmus.reconcile.run import Asked
from tests.scenarios.world import World

KINDS: tuple[Asked, ...] = ("totals", "receivables")
MONTHS = {"Oct": 10, "Nov": 11, "Dec": 12}
LINE = re.compile(r"- (\d+) (Oct|Nov|Dec): (.+)\.$")
MONEY = r"([\d,]+\.\d\d)"
CUSTOMER = r"([A-Z][\w ]+?)"
Work = Callable[..., None]
ACTS: list[tuple[re.Pattern[str], Work]] = []
SIGHTS: list[tuple[re.Pattern[str], Work]] = []


@dataclass(frozen=True)
class Step:
    """One line of the story."""

    at: datetime
    text: str

    def __str__(self) -> str:
        return f"{self.at:%d %b}: {self.text}"


def story(file: Path) -> list[Step]:
    """The steps, an hour apart within a day."""
    steps: list[Step] = []
    for found in map(LINE.match, file.read_text("utf-8").splitlines()):
        if found is None:
            continue
        at = datetime(2026, MONTHS[found[2]], int(found[1]), 7, tzinfo=UTC)
        steps.append(Step(at, found[3]))
    return steps


def says(pattern: str) -> Callable[[Work], Work]:
    """Registers what somebody does, in a sentence."""

    def register(work: Work) -> Work:
        ACTS.append((re.compile(pattern + "$"), work))
        return work

    return register


def sees(pattern: str) -> Callable[[Work], Work]:
    """Registers what somebody sees, in a sentence."""

    def register(work: Work) -> Work:
        SIGHTS.append((re.compile(pattern + "$"), work))
        return work

    return register


def amount(text: str) -> Decimal:
    return Decimal(text.replace(",", ""))


def minor(text: str, currency: str = "EUR") -> int:
    return to_minor(amount(text), currency)


def _carry_out(quarter: Quarter, text: str, sentences: list[tuple[re.Pattern[str], Work]]) -> bool:
    """Whether one of the sentences fits; then it was done."""
    for pattern, work in sentences:
        if found := pattern.match(text):
            work(quarter, *found.groups())
            return True
    return False


@dataclass
class Quarter:
    """A company and the names that the story gives to its records: name → id in the CRM, or number in the ERP."""

    world: World
    accounts: dict[str, str] = field(default_factory=dict)
    currencies: dict[str, str] = field(default_factory=dict)
    orders: dict[str, str] = field(default_factory=dict)
    numbers: dict[str, str] = field(default_factory=dict)  # invoices, credit notes and payments: the ERP's number

    def take(self, step: Step) -> None:
        """One line. A day comes; somebody acts, and both sides agree; or somebody only looks."""
        if step.at > self.world.clock.now():
            self.world.clock.advance(step.at - self.world.clock.now())
            self.rest()
        if _carry_out(self, step.text, ACTS):
            self.settle()
        elif not _carry_out(self, step.text, SIGHTS):
            raise AssertionError(f"quarter.py does not understand: {step.text}")

    def settle(self) -> None:
        """Isthmus runs until it rests; then both systems agree to the cent, item by item and in every balance."""
        self.rest()
        self.world.pass_time(minutes=1)
        for kind in KINDS:
            found = self.world.shop.reconcile(kind, "cli:ada")
            assert found.agrees, found.table()

    def rest(self) -> None:
        """Isthmus runs until nothing is due, as the scheduler would."""
        self.world.cycle()

    def desk(self, work: Callable[..., Any], *words: Any, **options: Any) -> Any:
        """A clerk's act in one transaction."""
        self.world.pass_time(minutes=1)
        with writing(self.world.shop.engine) as connection:
            desk = sit_down(connection, by="clerk:berta", clock=self.world.clock, time_zone="Europe/Berlin")
            return work(desk, *words, **options)

    def customer(self, name: str) -> str:
        """The customer's number in the ERP."""
        return str(self.world.erp("customer", self.accounts[name])["number"])

    def order(self, name: str) -> str:
        return str(self.world.erp("order", self.orders[name])["number"])

    def document_id(self, kind: str, name: str) -> str:
        """The id that the CRM gave to an invoice or payment."""
        (row,) = self.world.crm_rows(f"ERP_{kind}__c", f"Name = '{self.numbers[name]}'")
        return str(row["Id"])

    def shown(self, stream: str, record_id: str, *fields: str) -> tuple[Any, ...]:
        """What the CRM shows of a record."""
        (record,) = self.world.shop.ports.crm.fetch(Selection(stream, fields), [record_id])
        return tuple(record.fields[name] for name in fields)


# --- sales, in the CRM ------------------------------------------------------------------------------------------------


@says(rf"Sales wins {CUSTOMER}, on (NET\d+), in (\w{{3}})")
def _win(quarter: Quarter, name: str, terms: str, currency: str) -> None:
    quarter.accounts[name] = quarter.world.account(
        name, Payment_Terms__c=terms, CurrencyIsoCode=currency, BillingCountry="Germany"
    )
    quarter.currencies[name] = currency


@says(rf"Sales takes order (\w+) from {CUSTOMER}: (\d+) at {MONEY}")
def _order(quarter: Quarter, name: str, customer: str, quantity: str, price: str) -> None:
    world, currency = quarter.world, quarter.currencies[customer]
    product = world.crm_rows("product", "Tax_Category__c = 'standard' AND IsActive = 1")[0]
    entry = world.crm_rows(
        "PricebookEntry", f"CurrencyIsoCode = '{currency}' AND Product2Id = '{product['Id']}' AND IsActive = 1"
    )[0]
    header = {
        "AccountId": quarter.accounts[customer], "Status": "Draft", "CurrencyIsoCode": currency,
        "EffectiveDate": world.clock.now().date().isoformat(), "Pricebook2Id": entry["Pricebook2Id"],
        "BillingCountry": "Germany",
    }  # fmt: skip
    order_id = world.sell({"verb": "create", "object": "Order", "fields": header})[0]
    line = {"OrderId": order_id, "PricebookEntryId": entry["Id"], "Quantity": quantity, "UnitPrice": str(amount(price))}
    world.sell({"verb": "create", "object": "OrderItem", "fields": line})
    world.edit("order", order_id, Status="Activated")
    quarter.orders[name] = order_id


@says(r"Sales changes order (\w+) to (\d+)")
def _change(quarter: Quarter, name: str, quantity: str) -> None:
    (line,) = quarter.world.crm_rows("OrderItem", f"OrderId = '{quarter.orders[name]}'")
    quarter.world.edit("OrderItem", line["Id"], Quantity=quantity)


@says(r"Sales withdraws order (\w+)")
def _withdraw(quarter: Quarter, name: str) -> None:
    quarter.world.edit("order", quarter.orders[name], Status="Draft")


@says(rf"Sales edits the limit of {CUSTOMER} in the CRM to {MONEY}, and it is undone and told")
def _edit_limit(quarter: Quarter, name: str, value: str) -> None:
    account_id = quarter.accounts[name]
    quarter.world.edit("customer", account_id, ERP_Credit_Limit__c=str(amount(value)))
    quarter.rest()
    _expect_undone(quarter, "credit_status", account_id, unit="limit", new=minor(value))


@says(rf"Sales edits the open amount of invoice (\w+) in the CRM to {MONEY}, and it is undone and told")
def _edit_invoice(quarter: Quarter, name: str, value: str) -> None:
    record_id = quarter.document_id("Invoice", name)
    before = quarter.shown("ERP_Invoice__c", record_id, "Outstanding__c")
    quarter.world.edit("ERP_Invoice__c", record_id, Outstanding__c=str(amount(value)))
    quarter.rest()
    _expect_undone(quarter, "invoice", record_id, unit="outstanding", new=minor(value))
    assert quarter.shown("ERP_Invoice__c", record_id, "Outstanding__c") == before


def _expect_undone(quarter: Quarter, entity: str, record_id: str, *, unit: str, new: int) -> None:
    (edit,) = [one for one in quarter.world.overruled(entity, record_id) if one["field"] == unit]
    assert edit["new"] == new
    assert edit["by"], "nobody is named"


@says(r"Sales deletes invoice (\w+) in the CRM")
def _delete_invoice(quarter: Quarter, name: str) -> None:
    quarter.world.delete("ERP_Invoice__c", quarter.document_id("Invoice", name))


@says(rf"Sales merges {CUSTOMER} into {CUSTOMER}, and finance keeps {CUSTOMER}")
def _merge(quarter: Quarter, loser: str, winner: str, keeps: str) -> None:
    world = quarter.world
    kept = world.erp("customer", quarter.accounts[keeps])["id"]
    world.merge(quarter.accounts[winner], quarter.accounts[loser])
    quarter.rest()
    (item,) = world.items("ambiguous", "customer")
    world.shop.office.resolve(item.id or 0, kept, "cli:ada")


# --- finance, in the ERP ----------------------------------------------------------------------------------------------


@says(rf"Finance gives {CUSTOMER} a limit of {MONEY} (\w{{3}}) and (\d+) days of grace")
def _limit(quarter: Quarter, name: str, value: str, currency: str, days: str) -> None:
    limit = minor(value, currency)
    quarter.desk(clerk.limit, quarter.customer(name), limit, currency=currency, grace_days=int(days))


@says(r"Finance invoices (?:(\d+) of )?order (\w+) as (\w+)")
def _invoice(quarter: Quarter, quantity: str | None, order: str, name: str) -> None:
    wanted = None
    if quantity:
        (line,) = quarter.world.erp("order", quarter.orders[order])["lines"]
        wanted = {line["key"]: int(quantity) * 1_000_000}
    quarter.numbers[name] = quarter.desk(invoicing.invoice, quarter.order(order), wanted).number


@says(rf"{CUSTOMER} returns (?:(\d+) of )?invoice (\w+) as (\w+)")
def _return(quarter: Quarter, _customer: str, quantity: str | None, invoice: str, name: str) -> None:
    wanted = None
    if quantity:
        (line,) = quarter.world.erp("invoice", quarter.document_id("Invoice", invoice))["lines"]
        wanted = {line["key"]: int(quantity) * 1_000_000}
    quarter.numbers[name] = quarter.desk(invoicing.credit_note, quarter.numbers[invoice], wanted).number


@says(rf"{CUSTOMER} pays {MONEY} (\w{{3}}) (?:for (\w+)|in advance) as (\w+)")
def _pay(quarter: Quarter, customer: str, value: str, currency: str, invoice: str | None, name: str) -> None:
    invoices = [quarter.numbers[invoice]] if invoice else []
    number = quarter.customer(customer)
    paid = quarter.desk(
        allocating.pay, number, amount_minor=minor(value, currency), currency=currency, invoices=invoices
    )
    quarter.numbers[name] = paid.number


@says(r"Finance applies payment (\w+) to (\w+)")
def _apply(quarter: Quarter, payment: str, invoice: str) -> None:
    quarter.desk(allocating.allocate, quarter.numbers[payment], [quarter.numbers[invoice]])


@says(r"The bank takes payment (\w+) back")
def _reverse(quarter: Quarter, payment: str) -> None:
    quarter.desk(reversing.reverse, quarter.numbers[payment], "not honoured")


@says(rf"The bank charges payment (\w+) back, and keeps {MONEY}")
def _charge_back(quarter: Quarter, payment: str, fee: str) -> None:
    quarter.desk(reversing.reverse, quarter.numbers[payment], "charged back", kind="chargeback", fee_minor=minor(fee))


@says(rf"Finance pays {MONEY} EUR of (\w+) back")
def _refund(quarter: Quarter, value: str, payment: str) -> None:
    quarter.desk(reversing.refund, quarter.numbers[payment], minor(value))


@says(rf"Finance puts {CUSTOMER} on hold: (.+)")
def _hold(quarter: Quarter, name: str, why: str) -> None:
    quarter.desk(clerk.hold, quarter.customer(name), why)


@says(rf"Finance lifts the hold on {CUSTOMER}")
def _lift(quarter: Quarter, name: str) -> None:
    quarter.desk(clerk.lift, quarter.customer(name))


@says(r"Finance enters that 1 USD is ([\d.]+) EUR, and 1 EUR ([\d.]+) USD")
def _rate(quarter: Quarter, there: str, back: str) -> None:
    quarter.desk(clerk.rate, "USD", "EUR", value=there)
    quarter.desk(clerk.rate, "EUR", "USD", value=back)


@says(r"Finance closes (October|November|December)")
def _close(quarter: Quarter, month: str) -> None:
    quarter.desk(ledger.close_period, f"2026-{MONTHS[month[:3]]}")


# --- what sales sees in the CRM ---------------------------------------------------------------------------------------


@sees(rf"{CUSTOMER} is (ok|warning|hold), owes {MONEY} and may order {MONEY}")
def _see_credit(quarter: Quarter, name: str, status: str, owes: str, may_order: str) -> None:
    fields = ("ERP_Credit_Status__c", "ERP_Outstanding__c", "ERP_Credit_Available__c")
    found, *amounts = quarter.shown("Account", quarter.accounts[name], *fields)
    assert (found.lower(), *amounts) == (status, amount(owes), amount(may_order)), (found, amounts)


@sees(rf"Order (\w+) is ([\w ]+?) at {MONEY}")
def _see_order(quarter: Quarter, name: str, status: str, total: str) -> None:
    shown = quarter.shown("Order", quarter.orders[name], "ERP_Status__c", "ERP_Total__c")
    assert shown == (status, amount(total))


@sees(r"Order (\w+) is On credit hold, because (.+)")
def _see_hold(quarter: Quarter, name: str, why: str) -> None:
    shown = quarter.shown("Order", quarter.orders[name], "ERP_Status__c", "ERP_Hold_Reason__c")
    assert shown == ("On credit hold", why)


@sees(r"Order (\w+) is refused, and the choice is credit note, new order or dismissal")
def _see_refusal(quarter: Quarter, name: str) -> None:
    item = quarter.world.item(quarter.orders[name])
    assert item.reason == "refused"
    for choice in ("credit note", "new order", "dismiss"):
        assert choice in item.fault.remedy


@sees(rf"Invoice (\w+) is ([\w ]+), {MONEY} of {MONEY}")
def _see_invoice(quarter: Quarter, name: str, status: str, left: str, total: str) -> None:
    record_id = quarter.document_id("Invoice", name)
    shown = quarter.shown("ERP_Invoice__c", record_id, "Status__c", "Outstanding__c", "Total__c")
    assert shown == (status, amount(left), amount(total))


@sees(rf"Payment (\w+) has {MONEY} of {MONEY} unapplied")
def _see_payment(quarter: Quarter, name: str, left: str, total: str) -> None:
    shown = quarter.shown("ERP_Payment__c", quarter.document_id("Payment", name), "Unapplied__c", "Amount__c")
    assert shown == (amount(left), amount(total))
