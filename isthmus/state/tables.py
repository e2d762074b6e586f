"""The tables of the state. Side is ``crm`` or ``erp``: for runs, pages, due and worklist the side that was *read*."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData()

#: SQLite gives row ids only to INTEGER keys; PostgreSQL wants 64 bits.
Key = BigInteger().with_variant(Integer, "sqlite")


def _side() -> CheckConstraint:
    return CheckConstraint("side IN ('crm', 'erp')")


mapping = Table(
    "state_mapping",
    metadata,
    Column("name", Text, primary_key=True),
    Column("entity", Text, nullable=False),
    Column("hash", Text),  # of the mapping that the records were last planned by
    Column("accepted_hash", Text),
    Column("accepted_by", Text),
    Column("accepted_why", Text),
    Column("accepted_at", Text),
    Column("paused_by", Text),
    Column("paused_why", Text),
    Column("paused_at", Text),
    Column("crm_org", Text),
    Column("erp_org", Text),
    Column("crm_print", Text),  # the mapped fields as the system described them at the last good run
    Column("erp_print", Text),
    Column("full_wanted", Text),  # why the next run must read everything
    Column("units", Text),  # where each unit stands in both systems, by the file that the stored forms were made by
)

watermark = Table(
    "state_watermark",
    metadata,
    Column("mapping", Text, primary_key=True),
    Column("side", Text, primary_key=True),
    Column("position", Text),
    Column("resume", Text),
    Column("moved_at", Text, nullable=False),
    _side(),
)

binding = Table(
    "state_binding",
    metadata,
    Column("id", Key, primary_key=True),
    Column("entity", Text, nullable=False),
    Column("crm_org", Text, nullable=False),
    Column("crm_id", Text, nullable=False),
    Column("erp_org", Text, nullable=False),
    Column("erp_id", Text, nullable=False),
    Column("gone", Text, nullable=False),  # "", or which side left, and how: "crm outside", "crm deleted"
    Column("regardless", Boolean, nullable=False),  # pulled: stays although it is outside the filter
    Column("crm_version", Text, nullable=False),
    Column("erp_version", Text, nullable=False),
    Column("crm_hash", LargeBinary, nullable=False),
    Column("erp_hash", LargeBinary, nullable=False),
    Column("crm_form", Text, nullable=False),
    Column("erp_form", Text, nullable=False),  # empty: the same as crm_form
    Column("crm_wrote", Text, nullable=False),  # units that we wrote there and have not seen since, comma separated
    Column("erp_wrote", Text, nullable=False),
    UniqueConstraint("entity", "crm_org", "crm_id"),
    UniqueConstraint("entity", "erp_org", "erp_id"),
)

alias = Table(  # a merged record: its references resolve to the survivor's binding
    "state_alias",
    metadata,
    Column("entity", Text, primary_key=True),
    Column("org", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("binding_id", Key, ForeignKey("state_binding.id"), nullable=False),
)

grave = Table(  # keys of a record that the target buried: its next creation goes by another one
    "state_grave",
    metadata,
    Column("entity", Text, primary_key=True),
    Column("org", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("times", Integer, nullable=False),
)

due = Table(
    "state_due",
    metadata,
    Column("mapping", Text, primary_key=True),
    Column("side", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("why", Text, nullable=False),
    Column("since", Text, nullable=False),
    Column("regardless", Boolean, nullable=False),  # born even if outside the filter
    Column("force", Boolean, nullable=False),  # the owner's values are written even if they did not change
    Column("resolution", Text),  # a person's answer to a conflict: JSON
    _side(),
)

intent = Table(
    "state_intent",
    metadata,
    Column("id", Key, primary_key=True),
    Column("run_id", Key, nullable=False),
    Column("mapping", Text, nullable=False),
    Column("side", Text, nullable=False),
    Column("opened_at", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("settled_at", Text),  # since when its records are planned anew; what nobody heard of may still land
    _side(),
)

worklist = Table(
    "state_worklist",
    metadata,
    Column("id", Key, primary_key=True),
    Column("mapping", Text, nullable=False),
    Column("side", Text, nullable=False),
    Column("source_id", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("where", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("remedy", Text, nullable=False),
    Column("version", Text, nullable=False),  # what the record showed: our own notes move its stamp, but not this
    Column("since", Text, nullable=False),
    Column("seen", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("waits_for", Text),  # entity, then the id on the same side, separated by a blank
    Column("detail", Text),  # conflict: the values; ambiguous: the candidates; waiting: for what else. JSON
    Column("dismissed_by", Text),
    Column("dismissed_why", Text),
    UniqueConstraint("mapping", "side", "source_id"),
    CheckConstraint("reason IN ('invalid', 'waiting', 'refused', 'ambiguous', 'conflict', 'in_doubt', 'held')"),
    _side(),
)
Index("state_worklist_waits", worklist.c.waits_for)

note = Table(  # what a CRM record should say of its way through, and what it says
    "state_note",
    metadata,
    Column("mapping", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("status", Text, nullable=False),
    Column("message", Text),
    Column("shown", Boolean, nullable=False),
)

run = Table(
    "state_run",
    metadata,
    Column("id", Key, primary_key=True),
    Column("mapping", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("kind", Text, nullable=False),  # full or incremental
    Column("mapping_hash", Text, nullable=False),
    Column("program", Text, nullable=False),
    Column("token", Key, nullable=False),
    Column("started_at", Text, nullable=False),
    Column("ended_at", Text),
    Column("status", Text, nullable=False),  # running, done, stopped
    Column("report", Text),
    Column("error", Text),
)

page = Table(  # one unit of work; one link of the mapping's chain
    "state_page",
    metadata,
    Column("id", Key, primary_key=True),
    Column("run_id", Key, ForeignKey("state_run.id"), nullable=False),
    Column("mapping", Text, nullable=False),
    Column("side", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("read", Integer, nullable=False),
    Column("outcomes", Text, nullable=False),  # outcome → ids of the records that only need counting
    Column("answered", Text, nullable=False),  # the target's own answers, counted
    Column("complete_to", Text),
    Column("committed_at", Text, nullable=False),
    Column("previous", Text, nullable=False),
    Column("link", Text, nullable=False),
    UniqueConstraint("mapping", "number"),
    _side(),
)

audit = Table(
    "state_audit",
    metadata,
    Column("id", Key, primary_key=True),
    Column("page_id", Key, ForeignKey("state_page.id"), nullable=False),
    Column("entity", Text, nullable=False),
    Column("side", Text, nullable=False),
    Column("source_id", Text, nullable=False),
    Column("target_id", Text),
    Column("outcome", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False),  # of salt and payload: stays when the payload is erased
    Column("salt", LargeBinary),
    Column("payload", Text),  # what was there before, what was written, the faults. JSON
)
Index("state_audit_source", audit.c.entity, audit.c.source_id)
Index("state_audit_page", audit.c.page_id)

lease = Table(
    "state_lease",
    metadata,
    Column("name", Text, primary_key=True),
    Column("holder", Text),
    Column("token", Key, nullable=False),
    Column("expires_at", Text, nullable=False),
)
