"""A small company in an empty Tryton, entered over the same door as everything else.

For `make run ERP=tryton`, the tests and the measurements; a real company has its own. Run as
``python -m connectors.tryton.company`` with the administrator's connection as JSON on standard input.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from connectors.tryton.config import read_config
from connectors.tryton.rpc import Rpc
from isthmus.connect.http import Limits, Ports
from isthmus.kernel.connection import Connection

CURRENCIES = {
    "EUR": ("Euro", "978", 2, "1"), "USD": ("US Dollar", "840", 2, "1.08"), "GBP": ("Pound", "826", 2, "0.85"),
    "NOK": ("Norwegian krone", "578", 2, "11.60"), "SEK": ("Swedish krona", "752", 2, "11.20"),
    "DKK": ("Danish krone", "208", 2, "7.46"), "CHF": ("Swiss franc", "756", 2, "0.95"),
    "PLN": ("Zloty", "985", 2, "4.30"), "JPY": ("Yen", "392", 0, "163"), "KWD": ("Kuwaiti dinar", "414", 3, "0.33"),
}  # fmt: skip
COUNTRIES = """
    AE United Arab Emirates; AR Argentina; AT Austria; AU Australia; BE Belgium; BG Bulgaria; BR Brazil; CA
    Canada; CH Switzerland; CL Chile; CN China; CY Cyprus; CZ Czechia; DE Germany; DK Denmark; EE Estonia; EG
    Egypt; ES Spain; FI Finland; FR France; GB United Kingdom; GR Greece; HK Hong Kong; HR Croatia; HU
    Hungary; IE Ireland; IL Israel; IN India; IS Iceland; IT Italy; JP Japan; KR South Korea; KW Kuwait; LI
    Liechtenstein; LT Lithuania; LU Luxembourg; LV Latvia; MT Malta; MX Mexico; MY Malaysia; NL Netherlands;
    NO Norway; NZ New Zealand; PL Poland; PT Portugal; RO Romania; RS Serbia; SA Saudi Arabia; SE Sweden; SG
    Singapore; SI Slovenia; SK Slovakia; TH Thailand; TR Turkey; TW Taiwan; UA Ukraine; US United States; VN
    Vietnam; ZA South Africa
"""
TAXES = {"Standard": "0.19", "Reduced": "0.07", "Zero": "0"}
TERMS = {"Net 14 days": 14, "Net 30 days": 30, "Net 60 days": 60, "Prepaid": 0}
USER = "isthmus"
GROUPS = (
    "sale.group_sale", "account.group_account", "stock.group_stock",
    "account_product.group_account_product_admin",
)  # fmt: skip


@dataclass(slots=True)
class Founder:
    """Enters the company, as its administrator would."""

    rpc: Rpc
    company: int = 0

    def call(self, method: str, *parameters: Any) -> Any:
        return self.rpc.call(method, *parameters)

    def make(self, model: str, **fields: Any) -> int:
        return int(self.call(f"model.{model}.create", [fields])[0])

    def named(self, xml_id: str) -> int:
        """The id of a record that a module ships."""
        return int(self.call("model.ir.model.data.get_id", xml_id))

    def one(self, model: str, *domain: Sequence[Any]) -> int:
        return int(self.call(f"model.{model}.search", list(domain), 0, 1, None)[0])


def found(rpc: Rpc, *, name: str, password: str, today: date) -> None:
    """The whole of it: company, books, taxes, terms, and the user whom the connector logs in as."""
    founder = Founder(rpc)
    currencies = _money(founder, today)
    _countries(founder)
    party = founder.make("party.party", name=name)
    founder.company = founder.make("company.company", party=party, currency=currencies["EUR"], timezone="Europe/Berlin")
    admin = rpc.session.user()
    founder.call(
        "model.res.user.write", [admin], {"companies": [["add", [founder.company]]], "company": founder.company}
    )
    rpc.forget_context()
    accounts = _chart(founder)
    for year in (today.year - 1, today.year, today.year + 1):
        _fiscal_year(founder, year)
    _terms(founder)
    taxes = _taxes(founder, accounts)
    _categories(founder, accounts, taxes)
    _payment_method(founder, accounts)
    sale = {"sale_invoice_method": "order", "sale_shipment_method": "order"}
    founder.call("model.sale.configuration.write", [1], sale)
    _user(founder, password)


def _money(founder: Founder, today: date) -> dict[str, int]:
    made = {}
    for code, (name, number, digits, rate) in CURRENCIES.items():
        rates = [["create", [{"date": date(today.year - 1, 1, 1), "rate": Decimal(rate)}]]]
        made[code] = founder.make(
            "currency.currency", name=name, code=code, numeric_code=number, symbol=code, digits=digits,
            rounding=Decimal(1).scaleb(-digits), rates=rates,
        )  # fmt: skip
    return made


def _countries(founder: Founder) -> None:
    pairs = [entry.split(maxsplit=1) for entry in COUNTRIES.split(";")]
    rows = [{"code": code, "name": name.strip()} for code, name in pairs]
    founder.call("model.country.country.create", rows)


def _chart(founder: Founder) -> dict[str, int]:
    """The shipped chart of accounts by its wizard. Without its last step, orders would stay `confirmed` for ever."""
    wizard = "wizard.account.create_chart"
    session = founder.call(f"{wizard}.create")[0]
    founder.call(f"{wizard}.execute", session, {}, "account")
    chart = {"company": founder.company, "account_template": founder.named("account.account_template_root_en")}
    founder.call(f"{wizard}.execute", session, {"account": chart}, "create_account")
    accounts = {kind: _account(founder, kind) for kind in ("receivable", "payable", "revenue", "expense")}
    properties = {
        "company": founder.company,
        "account_receivable": accounts["receivable"],
        "account_payable": accounts["payable"],
        "category_account_expense": accounts["expense"],
        "category_account_revenue": accounts["revenue"],
    }
    founder.call(f"{wizard}.execute", session, {"properties": properties}, "create_properties")
    founder.call(f"{wizard}.delete", session)
    exchange = {
        "currency_exchange_credit_account": accounts["revenue"],
        "currency_exchange_debit_account": accounts["expense"],
    }
    founder.call("model.account.configuration.write", [1], exchange)
    return {**accounts, "cash": _coded(founder, "1.1.1"), "tax": _coded(founder, "6.3.6")}


def _account(founder: Founder, kind: str) -> int:
    return founder.one(
        "account.account", [f"type.{kind}", "=", True], ["company", "=", founder.company], ["closed", "!=", True]
    )


def _coded(founder: Founder, code: str) -> int:
    return founder.one("account.account", ["code", "=", code], ["company", "=", founder.company])


def _fiscal_year(founder: Founder, year: int) -> None:
    company = founder.company
    moves = founder.make(
        "ir.sequence.strict", name=f"Moves {year}", company=company,
        sequence_type=founder.named("account.sequence_type_account_move"),
    )  # fmt: skip
    invoices = founder.make(
        "ir.sequence.strict", name=f"Invoices {year}", company=company, prefix=f"{year}-", padding=5,
        sequence_type=founder.named("account_invoice.sequence_type_account_invoice"),
    )  # fmt: skip
    names = ("in_invoice", "in_credit_note", "out_invoice", "out_credit_note")
    numbers = {f"{one}_sequence": invoices for one in names}
    made = founder.make(
        "account.fiscalyear", name=str(year), company=company, move_sequence=moves,
        start_date=date(year, 1, 1), end_date=date(year, 12, 31),
        invoice_sequences=[["create", [{"company": company, **numbers}]]],
    )  # fmt: skip
    founder.call("model.account.fiscalyear.create_period", [made])


def _terms(founder: Founder) -> None:
    made = {}
    for name, days in TERMS.items():
        lines = [["create", [{"type": "remainder", "relativedeltas": [["create", [{"days": days}]]]}]]]
        known = founder.call("model.account.invoice.payment_term.search", [["name", "=", name]], 0, 1, None)
        made[name] = known[0] if known else founder.make("account.invoice.payment_term", name=name, lines=lines)
    founder.call("model.account.configuration.write", [1], {"default_customer_payment_term": made["Net 30 days"]})


def _taxes(founder: Founder, accounts: Mapping[str, int]) -> dict[str, int]:
    group = founder.make("account.tax.group", name="VAT", code="VAT", kind="both")
    return {
        name: founder.make(
            "account.tax", name=f"VAT {name}", description=f"VAT {name}", type="percentage", rate=Decimal(rate),
            group=group, company=founder.company, invoice_account=accounts["tax"], credit_note_account=accounts["tax"],
        )
        for name, rate in TAXES.items()
    }  # fmt: skip


def _categories(founder: Founder, accounts: Mapping[str, int], taxes: Mapping[str, int]) -> None:
    for name, tax in taxes.items():
        founder.make(
            "product.category", name=name, accounting=True, account_revenue=accounts["revenue"],
            account_expense=accounts["expense"], customer_taxes=[["add", [tax]]],
        )  # fmt: skip


def _payment_method(founder: Founder, accounts: Mapping[str, int]) -> None:
    journal = founder.one("account.journal", ["type", "=", "cash"])
    founder.make(
        "account.invoice.payment.method", name="Bank", company=founder.company, journal=journal,
        credit_account=accounts["cash"], debit_account=accounts["cash"],
    )  # fmt: skip


def _user(founder: Founder, password: str) -> None:
    """The integration's user: no administrator, and not in the group that may wave the credit limit through."""
    groups = [founder.named(one) for one in GROUPS]
    founder.make(
        "res.user", name="Isthmus", login=USER, password=password, email="isthmus@erp.example",
        companies=[["add", [founder.company]]], company=founder.company, groups=[["add", groups]],
    )  # fmt: skip


def main() -> None:
    """Reads ``{"host", "database", "password", "user_password", "name", "today"}``."""
    told = json.load(sys.stdin)
    connection = Connection("tryton", "tryton", told["host"], "admin", told["password"], schema=told["database"])
    rpc = Rpc(read_config(connection), Ports(), Limits(attempts=8))
    today = date.fromisoformat(told["today"])
    found(rpc, name=told["name"], password=told["user_password"], today=today)
    rpc.close()


if __name__ == "__main__":
    main()
