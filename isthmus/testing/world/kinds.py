"""Every kind of trouble of the simulated world, by who makes it, and what happens."""

from __future__ import annotations

NETWORK = {
    "down": "a system does not answer a call",
    "quota": "a system answers that no calls are left",
    "auth": "a login is refused",
    "cut": "a read ends between two pages",
    "lost": "a write is carried out, its answer lost",
    "doubted": "a write is carried out, and each answer says that nobody knows",
    "undone": "a write is not carried out, and each answer says that nobody knows",
    "late": "a write lands after everybody gave up on it, up to a day later",
    "twice": "a write arrives twice",
    "partly": "half of a write is carried out",
    "spent": "the day's calls end in the middle of a page, and none is answered for hours",
    "mixed_answers": "the answers to a write are too few, or in another order",
    "short_page": "a page has fewer records than it says",
    "page_again": "a page is delivered twice",
    "moving_pages": "records are edited while the pages of a read come",
}
WORKERS = {
    "crash": "a worker dies before a durable step, or right after it",
    "crash_again": "so does the one that makes it good",
    "pause": "a worker stands still, perhaps for longer than its lease",
    "usurp": "another worker takes over meanwhile",
    "busy": "people go on working meanwhile",
    "beside": "other mappings are synchronised meanwhile",
    "worker_clock": "a worker's own clock is an hour wrong",
}
DATABASE = {
    "unheard": "a commit is carried out, its answer lost",
    "locked": "the database is locked by somebody else",
    "disk_full": "the disk is full at a commit",
    "db_restart": "the database goes away between two statements",
}
CRM = {
    "late_commit": "a transaction is seen minutes after its stamp",
    "very_late": "a transaction is seen hours after its stamp",
    "small_pages": "pages of one to three records",
    "equal_stamps": "floods of equal stamps",
    "hard_delete": "a record vanishes and leaves nothing in the recycle bin",
    "restored": "the CRM is brought back from an older backup",
    "clock_back": "the CRM's clock is set back by hours",
    "clock_ahead": "the CRM's clock is put ahead by hours",
    "hidden_field": "a mapped field is hidden for a while",
    "wrong_org": "the connection leads to another organisation for a while",
}
SALES = {
    "delete": "records are deleted, and some undeleted",
    "merge": "two accounts become one",
    "shared_tax": "two accounts have one tax number",
    "reparented": "an account gets another parent, or none",
    "reassigned": "an order moves to another account",
    "quotes": "quotes are made, changed, taken back, deleted and ordered",
    "twice_ordered": "two orders name one quote",
    "foreign_orders": "orders in a currency that may have no rate yet",
}
CLERKS = {
    "erp_edits": "clerks edit what is theirs, and what is not",
    "contradictions": "sales and a clerk enter two values of one field",
    "holds": "customers are held by hand, and let go",
    "limits": "credit limits change",
    "families": "customers share their parents' limits",
    "books": "orders are invoiced and paid",
    "part_invoiced": "orders are invoiced in part, and changed afterwards",
    "credits": "invoices are credited",
    "reversals": "payments are reversed",
    "refunds": "money is paid back",
    "cancels": "orders are cancelled in the ERP",
    "closing": "the month's books are closed",
}
OPERATORS = {
    "outage": "nobody works for weeks",
    "mapping_edited": "a mapping file is changed, and accepted where it must be",
    "paused": "mappings are paused and resumed",
    "retries": "items of the worklist are tried again",
    "dismissals": "items of the worklist are dismissed",
    "answers": "questions of the worklist are answered",
    "second_thoughts": "who was asked puts back what stood there before",
}
TROUBLES: dict[str, str] = {**NETWORK, **WORKERS, **DATABASE, **CRM, **SALES, **CLERKS, **OPERATORS}
KINDS = tuple(TROUBLES)
