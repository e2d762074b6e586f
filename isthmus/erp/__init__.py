"""The built-in ERP: customers, products, quotes, orders, invoices, payments, ledger and credit."""
