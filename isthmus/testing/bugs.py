"""The bugs that are planted to test the tester: each a few words of a production function, and what finds it.

Everything quoted in here is wrong on purpose: these are the words that a test puts into a function for a while, never
code that Isthmus runs.

``kinds`` are the troubles of the seeds that look for it. ``harmless`` says in words why a bug that nothing finds does
no harm; such a bug is planted all the same, and a test holds that it stays harmless.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from isthmus.testing.mutation import Edit
from isthmus.testing.world.world import ErpKind

_RUN, _LEG, _PLAN, _COMMIT = "isthmus.sync.run", "isthmus.sync.leg", "isthmus.sync.plan", "isthmus.sync.commit"
_LEASES, _CONCLUDE, _MERGE = "isthmus.state.leases", "isthmus.sync.conclude", "isthmus.merge.merge"
_CREDIT = "isthmus.erp.credit"
_PREFLIGHT, _MARKS = "isthmus.sync.preflight", "isthmus.sync.marks"
_SHELF, _CRM = "isthmus.testing.world.shelf:Shelf", "isthmus.testing.world.crm:Crm"


@dataclass(frozen=True, slots=True)
class Bug:
    """One mistake that somebody could make."""

    name: str
    edits: tuple[Edit, ...]
    kinds: tuple[str, ...]
    erp: ErpKind = "own"
    harmless: str = ""
    scenario: str = ""  # the directed story that finds it sooner than seeds do
    seed: int = 0  # the seed that is looked at first: it found the bug before
    place: int = 1  # the chance to stand still that is looked at first, in a story that has such
    database: str = "sqlite"


def _bug(name: str, kinds: str, *edits: Edit, erp: ErpKind = "own", **more: Any) -> Bug:
    return Bug(name, edits, tuple(kinds.split()), erp, **more)


_FIRST = (
    "with writing(leg.ports.engine) as early:\n"
    "            progress.store_watermark(\n"
    "                early, direction.lane, progress.Watermark(page.complete_to, None, leg.ports.now()))\n"
    "        leg.pass_page(page, reads, mark=mark)"
)

_AHEAD = (
    "if _lead(Watermark(page.complete_to, None, began)) is None:\n"
    "            return Watermark(page.complete_to, None, moved_at)\n"
    "        return Watermark(format_stamp(parse_stamp(began) + timedelta(hours=1)), None, moved_at)"
)

#: Reading: what is lost where a watermark, a page or a deletion is taken too lightly.
READING = (
    _bug(
        "watermark before rows", "crash down",
        Edit(f"{_RUN}:_read", "leg.pass_page(page, reads, mark=mark)", _FIRST),
        seed=2,
    ),
    _bug(
        "no overlap", "late_commit",
        Edit(f"{_RUN}:_read", "timedelta(minutes=leg.ports.limits.overlap_minutes)", "timedelta(0)"),
    ),
    _bug(
        "> instead of >=, without an overlap", "equal_stamps late_commit",
        Edit(f"{_RUN}:_read", "timedelta(minutes=leg.ports.limits.overlap_minutes)", "timedelta(0)"),
        Edit(f"{_CRM}._between", "low <= one.version < high", "low < one.version < high"),
    ),
    _bug(
        "> instead of >=", "equal_stamps small_pages",
        Edit(f"{_CRM}._between", "low <= one.version < high", "low < one.version < high"),
        harmless="every read looks back by the overlap of ten minutes, so the one second that `>` leaves out was read"
        " before; without the overlap the same bug is found (see above)",
    ),
    _bug(
        "watermark from a clock that is an hour ahead", "equal_stamps",
        Edit(f"{_MARKS}:next_mark", "return Watermark(page.complete_to, None, moved_at)", _AHEAD),
    ),
    _bug(
        "watermark from a clock that is an hour ahead, and nobody looks whether it fell back", "equal_stamps",
        Edit(f"{_MARKS}:next_mark", "return Watermark(page.complete_to, None, moved_at)", _AHEAD),
        Edit(f"{_MARKS}:fell_back", "return earlier is not None and", "return False and"),
    ),
    _bug(
        "watermark from the last record of an unordered page, without an overlap", "small_pages cut down crash",
        Edit(f"{_RUN}:_read", "timedelta(minutes=leg.ports.limits.overlap_minutes)", "timedelta(0)"),
        Edit(f"{_CRM}._between", "key=lambda one: (one.version, one.id)", "key=lambda one: one.id, reverse=True"),
        seed=38,
    ),
    _bug(
        "birth filter pushed into later reads", "equal_stamps",
        Edit(f"{_SHELF}.read", "if since is None and selection.where:", "if selection.where:"),
    ),
    _bug("ignored deletion", "delete", Edit(f"{_PLAN}:_plan_gone", 'if policy == "keep":', "if True:")),
    _bug(
        "ignored merge", "merge",
        Edit(f"{_PLAN}:plan_page",
             "merged = [read for read in reads if read.record.merged_into and not _is_erased(sights, read)]",
             "merged = []"),
        Edit(f"{_PLAN}:_plan_safely", "return _plan_one(case)",
             "return Decision(case.read, 'filtered') if case.read.record.merged_into else _plan_one(case)"),
    ),
    _bug(
        "deletions older than the recycle bin are never looked for", "delete outage",
        Edit("isthmus.sync.preflight:_too_old", "> window * 9 / 10", "> window * 900"),
        scenario="a customer is deleted, and nobody works for weeks"),
    _bug(
        "what a full read misses is not looked at", "delete outage",
        Edit(f"{_RUN}:_miss", "progress.add_due(connection, leg.direction.lane, dues)", "pass"),
        scenario="a customer is deleted, and nobody works for weeks"),
    _bug(
        "equal stamp taken for no change", "equal_stamps",
        Edit(f"{_PLAN}:_plan_pair", "seen.hash == read.hash and", "seen.version == read.record.version and"),
        Edit("isthmus.sync.look:_is_news", "binding.seen(direction.source).hash != read.hash", "True"),
    ),
)  # fmt: skip

#: Writing to a system far away: what nobody answered, what is under way, what comes twice.
WRITING = (
    _bug(
        "batch taken for success", "undone partly",
        Edit(f"{_LEG}:Leg._ask", "    queue = iter(answers)",
             "    from isthmus.testing.bugs import hope\n    queue = iter(hope(answers))"),
        erp="far",
    ),
    _bug("no intent before a call", "", Edit(f"{_LEG}:Leg._declare", "if not entries:", "if True:"), erp="far"),
    _bug("open intents are not settled", "lost down late",
         Edit(f"{_RUN}:_travel", "    settle(leg)\n", "    pass\n"), erp="far"),
    _bug("doubt is forgotten", "doubted undone partly",
         Edit(f"{_LEG}:Leg._settle", 'if answer.result == "in_doubt"}', "if False}"), erp="far"),
    _bug("a fresh key for each attempt", "lost doubted",
         Edit("isthmus.sync.decision:Direction.key", "return self._stem + record_id",
              "count = self.__dict__['n'] = self.__dict__.get('n', 0) + 1\n"
              "    return f'{self._stem}{id(self)}-{count}/{record_id}'"), erp="far"),
    _bug("nobody looks before creating", "lost doubted",
         Edit("isthmus.sync.doubts:settle", "if keys else {}", "if False else {}"),
         Edit("isthmus.testing.world.weak_erp:WeakErp._create", "{} if self.is_hasty else", "{} if True else"),
         erp="weak"),
    _bug("arrived creates are not bound", "lost delete",
         Edit("isthmus.sync.doubts:_bind_arrived", "bindings.insert(connection, pairs)", "pass"), erp="far",
         scenario="a customer is won and lost"),
    _bug("a create in doubt is forgotten the next day", "late delete",
         Edit("isthmus.sync.doubts:_is_over", "> LANDS_WITHIN", "> timedelta(0)"), erp="weak", seed=22),
    _bug("an unheard write passes for an edit", "doubted crash usurp erp_edits",
         Edit("isthmus.sync.unheard:acknowledge", "if not any(", "if True or not any("), seed=5),
    _bug("expected version left out", "busy erp_edits",
         Edit(f"{_PLAN}:_expected", "version or None if units & case.direction.shared else None", "None"),
         scenario="a customer calls, and the clerk meanwhile"),
    _bug("what moved twice is not planned again", "busy erp_edits",
         Edit(f"{_CONCLUDE}:_not_through", "again = \"its target moved while it was planned\" if", "again = \"\" if"),
         harmless="the notice on the CRM record moves it, so that the next read brings it again; what shows no notices"
         " is covered by tests/scenarios/test_far_erp.py"),
    _bug("stale overwrite", "busy pause late",
         Edit(f"{_PLAN}:_plan_pair", "read.record.version < seen.version and not read.record.deleted", "False"),
         harmless="records are read as they are now, and a run that stood still is fenced before it stores what it read"
         " long ago; tests/sync/test_plan_laws.py finds it by handing in an old look"),
)  # fmt: skip

#: Two at once: leases and fencing.
WORKERS = (
    _bug("fencing not compared", "usurp",
         Edit(f"{_LEASES}:confirm", "raise Moved(", "return\n        raise Moved(")),
    _bug("token does not grow", "usurp crash",
         Edit(f"{_LEASES}:take", '"token": row.token + 1,', '"token": row.token,'),
         Edit(f"{_LEASES}:take", "return Lease(name, row.token + 1)", "return Lease(name, row.token)")),
    _bug("lease not looked at before a remote call", "usurp",
         Edit(f"{_LEG}:Leg._hold_on", "leases.confirm(connection, self.held)", "pass"), erp="far", seed=4),
    _bug("lease taken though it is held", "usurp",
         Edit(f"{_LEASES}:take", "if row.holder is not None and", "if False and"),
         harmless="the token grows with each holder, so the one before is fenced at its next commit: two runs cost each"
         " other work, and no record"),
)  # fmt: skip

#: Planning: references, merges of values, what waits.
PLANNING = (
    _bug("sticky worklist", "equal_stamps",
         Edit(f"{_COMMIT}:_store_worklist",
              "worklist.remove(stage.connection, lane, [key for key in known if key not in stays])", "pass"), seed=5),
    _bug("who waits is never woken", "shared_tax delete",
         Edit(f"{_COMMIT}:wake_waiting", "worklist.waiting_for(connection, bound)", "[]"),
         Edit("isthmus.sync.run:_recall", "worklist.waiting(connection, lane)", "[]"),
         scenario="an order waits for its customer"),
    _bug("what the other side said goes with the question", "contradictions second_thoughts",
         Edit(f"{_COMMIT}:_store_worklist",
              "_hear_out(stage, [one for one in conclusions if _is_question(known.get(one.read.id))], now)", "pass")),
    _bug("a question stays though the other side took it back", "contradictions second_thoughts",
         Edit(f"{_COMMIT}:_join_questions",
              "if direction.shared and", "if (one.bind or _is_question(one.item)) and")),
    _bug("who takes over a pair is told nothing", "merge",
         Edit(f"{_PLAN}:_owed_back", "direction.kept.isdisjoint(before)", "False")),
    _bug("nothing is pulled", "", Edit("isthmus.sync.crossing:_cross_one", "if row.pull and", "if False and")),
    _bug("an optional reference is forgotten", "",
         Edit("isthmus.sync.crossing:follow_later", "decision.unresolved = crossing.unresolved", "pass"),
         Edit("isthmus.sync.crossing:follow_later", "if crossing.soft:", "if False:"), seed=20),
    _bug("foreign edits are not undone", "erp_edits",
         Edit(f"{_COMMIT}:_store_dues",
              "progress.add_due(connection, Lane(direction.mapping.name, direction.target), undone)", "pass")),
    _bug("an echo taken for an edit", "",
         Edit("isthmus.sync.decision:Case.is_edit", "and not is_echo", ""),
         Edit(f"{_CONCLUDE}:_see_target", "after.update({name: decision.target_form[name] for name in decision.units"
              " if name in decision.target_form})", "pass"), scenario="an order is taken"),
    _bug("the CRM wins where a person should decide", "erp_edits",
         Edit(f"{_MERGE}:_settle", 'elif unit.if_both_changed == "ask":', "elif False:"),
         Edit(f"{_MERGE}:_settle", "loser = other_side(unit.if_both_changed)", "loser = other_side('crm')"),
         scenario="both sides call"),
    _bug("what comes back is not reopened", "delete",
         Edit(f"{_PLAN}:_write", 'verb: Verb = "reopen" if binding.left(direction.source) else "update"',
              'verb: Verb = "update"'), scenario="a customer is undeleted"),
    _bug("lines are left out of the form", "",
         Edit("isthmus.sync.decision:spell", "if direction.volatile:",
              "form = {name: value for name, value in form.items() if name != 'lines'}\n    if direction.volatile:"),
         seed=6),
    _bug("vanished copies are not restored", "books delete",
         Edit(f"{_PLAN}:_plan_lost", 'if direction.spec.gone[direction.target] != "restore":', "if True:"),
         scenario="an invoice's copy is deleted"),
    _bug("a match that is taken is taken again", "shared_tax",
         Edit(f"{_PLAN}:_plan_unbound", "found[2][0].taken_by is not None", "False"),
         scenario="two customers of one tax number"),
)  # fmt: skip

#: WRONG ON PURPOSE, and text only: money through a float. The test of "float money" plants it, for as long as it looks.
_PLANTED_FLOAT = "return round(exact / 10 ** (20 - exponent(currency)))"

#: Money and books.
MONEY = (
    _bug("float money", "",
         Edit("isthmus.kernel.money:line_amount_minor", "return divide_half_up(exact, 10 ** (20 - exponent(currency)))",
              _PLANTED_FLOAT)),
    _bug("check, then push: the hold of an earlier moment counts", "holds",
         Edit("isthmus.erp.release:_ask", "reason = standing.refusal(worth and worth[1], row[\"currency\"])",
              "standing = _ask.__dict__.setdefault(row['customer_id'], standing)\n"
              "    reason = standing.refusal(worth and worth[1], row[\"currency\"])"), seed=47),
    _bug("a held customer's orders pass", "holds",
         Edit("isthmus.erp.release:_ask", 'if reason else ("confirmed", None)', 'if False else ("confirmed", None)'),
         seed=5),
)  # fmt: skip

#: What is remembered.
MEMORY = (
    _bug("an outcome is not stored", "delete",
         Edit(f"{_COMMIT}:_store_audit", "if one.entry is None:",
              'if one.entry is None and one.outcome != "filtered":')),
    _bug("a link that does not follow", "",
         Edit("isthmus.state.runs:add_page", "if last else (1, FIRST_LINK)",
              "if False else ((last[0] if last else 0) + 1, FIRST_LINK)")),
)  # fmt: skip

#: What only the operators' and administrators' troubles find.
OPERATING = (
    _bug("a paused mapping runs", "paused", Edit(f"{_PREFLIGHT}:preflight", "if known.paused_at:", "if False:")),
    _bug("another organisation is taken for ours", "wrong_org",
         Edit(f"{_PREFLIGHT}:_same_organisations", "if before is not None and before != now:", "if False:"), seed=11),
    _bug("nobody looks whether a mapped field is still to be seen", "hidden_field",
         Edit(f"{_PREFLIGHT}:_check_fields", "if faults:", "if False:"), seed=1),
    _bug("an accepted change of a mapping is asked about again", "mapping_edited",
         Edit(f"{_PREFLIGHT}:_changed", "if known.accepted_hash == mapping.hash:", "if False:"), seed=4),
    _bug("a run that does not add up is done", "short_page",
         Edit(f"{_RUN}:_read", "if page.read != len(page.records):", "if False:"),
         Edit(f"{_RUN}:_finish", "if not report.adds_up:", "if False:"), seed=40),
    _bug("nobody looks whether the clock was set back", "clock_back",
         Edit(f"{_MARKS}:fell_back", "return earlier is not None and", "return False and")),
    _bug("an older stamp is taken for an older look", "restored",
         Edit(f"{_COMMIT}:_is_stale", "return (seen.hash", "return False and (seen.hash"), seed=17),
    _bug("answers are taken in the order in which they come", "mixed_answers",
         Edit(f"{_LEG}:Leg._ask", "if [answer.key for answer in answers] != [change.key for change in changes]:",
              "answers += [Answer(one.key, 'in_doubt', one.id) for one in changes[len(answers):]]\n    if False:"),
         erp="far"),
    _bug("pages by number of records, without an overlap", "moving_pages delete",
         Edit(f"{_RUN}:_read", "timedelta(minutes=leg.ports.limits.overlap_minutes)", "timedelta(0)"),
         Edit(f"{_CRM}.read", 'passed = ("", "")', "passed = 0"),
         Edit(f"{_CRM}.read", "if (one.version, one.id) > passed]", "][passed:]"),
         Edit(f"{_CRM}.read", "passed = (part[-1].version, part[-1].id)", "passed += len(part)"), seed=8),
    _bug("what is dismissed leaves the list", "dismissals",
         Edit("isthmus.state.worklist:dismiss",
              "worklist.update().where(worklist.c.id == number).values(dismissed_by=who, dismissed_why=why)",
              "delete(worklist).where(worklist.c.id == number)"), seed=40),
    _bug("an order beyond its customer's limit passes", "limits",
         Edit(f"{_CREDIT}:Standing.refusal",
              "self.limit_minor is not None and self.exposure_minor + (worth_minor or 0) > self.limit_minor", "False")),
    _bug("a quote that an order accepts is not told", "quotes",
         Edit("isthmus.erp.intake.orders:_create", 'move_quotes(desk, quotes, before="open", after="accepted")',
              "page.desk.connection.exec_driver_sql(\"UPDATE erp_quote SET status = 'accepted' WHERE status = 'open'"
              " AND id IN (SELECT quote_id FROM erp_order)\")")),
)  # fmt: skip

#: What only two transactions at once can show.
SHARING = (
    _bug("ERP records are not locked while they are compared", "",
         Edit("isthmus.erp.records:rows_by_id", 'if lock and connection.dialect.name == "postgresql":', "if False:"),
         scenario="a customer calls, and the clerk meanwhile", place=22, database="postgresql"),
    _bug("a customer's credit is not locked while it is counted", "",
         Edit(f"{_CREDIT}:lock_customers", 'if connection.dialect.name != "postgresql" or not ids:', "if True:"),
         scenario="an order is taken, and its customer is held meanwhile", place=74, database="postgresql"),
    _bug("a reader passes a transaction that is still open", "",
         Edit("isthmus.erp.changes:horizon", "pg_snapshot_xmin", "pg_snapshot_xmax"),
         scenario="a clerk saves late", database="postgresql"),
)  # fmt: skip

BUGS: tuple[Bug, ...] = (*READING, *WRITING, *WORKERS, *PLANNING, *MONEY, *MEMORY, *OPERATING, *SHARING)


def hope(answers: list[object]) -> list[object]:
    """What a connector answers if nobody looks at the single answers: all went well."""
    for answer in answers:
        if answer.result in ("in_doubt", "refused", "moved"):  # type: ignore[attr-defined]
            answer.result = "created" if answer.id is None else "updated"  # type: ignore[attr-defined]
            answer.id = answer.id or "1"  # type: ignore[attr-defined]
    return answers
