"""Every table of the ERP, for migrations and for those who read the schema."""

from __future__ import annotations

from isthmus.erp import changes, credit, external_keys, ledger, parties, products, receivables, sales, sequences
from isthmus.erp.columns import Model

MODELS = (
    parties.Company,
    parties.Term,
    parties.Customer,
    parties.CreditTerm,
    parties.Merger,
    products.TaxCode,
    products.Product,
    products.Price,
    products.PriceBreak,
    sales.Transition,
    sales.Quote,
    sales.QuoteLine,
    sales.Order,
    sales.OrderLine,
    credit.Rate,
    ledger.Account,
    ledger.Period,
    ledger.Entry,
    ledger.Posting,
    receivables.Invoice,
    receivables.InvoiceLine,
    receivables.Payment,
    receivables.Allocation,
    receivables.Reversal,
    external_keys.ExternalKey,
    changes.Change,
    sequences.Sequence,
)
metadata = Model.metadata
