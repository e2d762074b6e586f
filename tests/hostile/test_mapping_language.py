"""A mapping file becomes Python source that is executed: can anything written in it become more than a value?"""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from decimal import Decimal
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from isthmus.kernel.errors import Fault, Misconfigured, Refused
from isthmus.kernel.records import Record
from isthmus.mapping.compile import compile_mapping
from isthmus.mapping.entities import schemas_folder
from isthmus.mapping.formula import LENGTH_MAX, BadFormula, parse_formula
from isthmus.mapping.functions import Unfit
from isthmus.mapping.load import read_mapping
from isthmus.mapping.spec import MappingSpec

ESCAPES = [
    "__import__('os').system('id')", "{__import__('os')}", "{n.__class__}", "{faults}", "{0.__class__.__mro__}", "%s%n",
    "'] + open('/etc/passwd').read() + ['", "'); import os; os.system('id'); ('", "\"); import os #", "'''", '"""',
    "\\", "\\'", "\\N{QUOTATION MARK}", "\\x27", "\\u0027", "\\\n", "'\nimport os\n'", "x'\n    import os", "# comment",
    "lambda: 0", "f'{1}'", "eval", "exec", "globals()", "A", "wrong", "inner", "c0", "form", "v", "get", "self", "None",
    "True", "__builtins__", "__class__", "__dict__", "__getattr__", "__init_subclass__", "__reduce__", "__subclasses__",
    "a.__class__.__bases__", "().__class__", "[].append", "{}.update", "name.format", "{name!r}", "{name:>{n}}", "${x}",
    "{{ x }}", "{% x %}", "<% x %>", "`id`", "$(id)", "; ls", "| ls", "../../etc/passwd", "file:///etc/passwd",
    "ａ", "Name\u200b", "Na\u0301me", "\u202eemaN", "ｆoo", "ﬁeld", "K", "ſ", "İ", "\u2028", "\x00",
    "\x1b[2J", "\ud800",
    "9" * 400, "1e999", "-0", "0x10", "١٢", "name ", " name", "na me", "na-me", "1name", "", "yield", "class", "def",
    "import", "await", "match", "print", "walrus := 1", "*", "**", "@", "->", "...",
]  # fmt: skip
#: What a mapping must never cause, as Python's own audit tells it.
FORBIDDEN = ("import", "open", "os.", "subprocess.", "socket.", "ctypes.", "pickle.", "shutil.", "marshal.", "code.",
             "pty.", "urllib.", "webbrowser.")  # fmt: skip
SCHEMAS = str(schemas_folder())
_heard: list[str] | None = None


def _listen(event: str, arguments: tuple[Any, ...]) -> None:
    if _heard is None or not event.startswith(FORBIDDEN):
        return
    if not str(arguments[0] if arguments else "").startswith(SCHEMAS):  # which the loader reads
        _heard.append(f"{event} {arguments[:1]}")


sys.addaudithook(_listen)  # cannot be taken away again; it hears only inside `audited`


@contextmanager
def audited() -> Iterator[list[str]]:
    """Everything forbidden that happens meanwhile."""
    global _heard  # noqa: PLW0603 - a hook is for the whole process
    heard: list[str] = []
    _heard = heard
    try:
        yield heard
    finally:
        _heard = None


BASE: dict[str, Any] = {
    "mapping": "order", "entity": "order", "owner": "crm",
    "crm": {"stream": "Order", "where": {"Status": {"in": ["Activated"]}},
            "lines": {"stream": "OrderItem", "parent": "OrderId", "key": "Id", "sort": "LineNumber"}},
    "erp": {"stream": "order"},
    "fields": {
        "customer": {"crm": "AccountId", "erp": "customer_id", "refers_to": "customer"},
        "order_date": {"crm": "EffectiveDate", "erp": "order_date", "as": "date"},
        "currency": {"crm": "CurrencyIsoCode", "erp": "currency"},
        "po_number": {"crm": {"field": "PoNumber", "via": ["trim", {"add_prefix": "S-"}]}, "erp": "customer_reference"},
        "status": {"owner": "erp", "erp": "status", "crm": {"field": "ERP_Status__c", "values": {"Draft": "draft"}}},
        "custom": {
            "note": {"crm": {"field": ["Note__c", "Description"]}, "erp": "custom.note"},
            "worth": {"crm": {"formula": "Quantity * 2"}, "erp": "custom.worth", "as": "decimal"},
            "seen": {"crm": {"field": "Seen__c", "when": {"Type": {"equals": "New"}}}, "erp": "custom.seen"},
        },
    },
    "lines": {
        "product": {"crm": "Product2Id", "erp": "product_id", "refers_to": "product"},
        "quantity": {"crm": "Quantity", "erp": "quantity", "as": "decimal"},
        "unit_price": {"crm": "UnitPrice", "erp": "unit_price", "as": "price"},
    },
}  # fmt: skip
RECORD: dict[str, Any] = {
    "AccountId": "001", "EffectiveDate": "2026-11-22", "CurrencyIsoCode": "EUR", "PoNumber": "7",
    "ERP_Status__c": "Draft", "Note__c": "x", "Description": "y", "Quantity": 3,
    "Seen__c": "z", "Type": "New", "Status": "Activated",
}  # fmt: skip
LINES = [{"Id": "802", "Product2Id": "01t", "Quantity": Decimal(2), "UnitPrice": Decimal("1.5")}]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], bool]]:
    """Every text of a file, and (True) every name in it."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield (*path, name), True
            yield from places(inner, (*path, name))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from places(inner, (*path, number))
    elif isinstance(value, str):
        yield path, False


PLACES = sorted(places(BASE), key=repr)


def planted(path: tuple[Any, ...], text: str, *, is_name: bool) -> bytes:
    """The file with a text in one place, spelled so that YAML gives exactly this text."""
    document = copy.deepcopy(BASE)
    holder = document
    for name in path[:-1]:
        holder = holder[name]
    if is_name:
        holder[text] = holder.pop(path[-1])
    else:
        holder[path[-1]] = text
    return yaml.safe_dump(document, allow_unicode=True, sort_keys=False).encode("utf-8", "surrogatepass")


def loaded(content: bytes) -> tuple[MappingSpec | None, tuple[Fault, ...]]:
    try:
        return read_mapping(content, "m.yaml"), ()
    except Misconfigured as error:
        return None, error.faults


def use(content: bytes) -> None:
    """Loads, compiles and runs a file both ways; whatever is wrong with it is told as faults."""
    spec, faults = loaded(content)
    assert all(one.where.startswith("m.yaml:") and one.what and one.remedy for one in faults)
    if spec is None:
        return
    mapping = compile_mapping(spec, crm_numbers="decimal", erp_numbers="scaled", time_zone="UTC")
    translated = mapping.to_entity("crm", Record("801", "1", dict(RECORD), [dict(line) for line in LINES]))
    assert all(one.where and one.what for one in translated.faults)
    try:
        fields, lines = mapping.to_fields("erp", translated.form)
    except Refused:
        return
    assert isinstance(fields, dict)
    assert lines is None or all(isinstance(line, dict) for line in lines)


def test_the_file_is_right_before_anything_is_planted() -> None:
    spec = read_mapping(yaml.safe_dump(BASE, sort_keys=False).encode(), "m.yaml")
    mapping = compile_mapping(spec, crm_numbers="decimal", erp_numbers="scaled", time_zone="UTC")
    translated = mapping.to_entity("crm", Record("801", "1", dict(RECORD), LINES))
    assert translated.faults == []
    assert translated.form["custom"] == {"note": "x", "worth": 6_000_000, "seen": "z"}
    assert len(PLACES) > 60
    assert len(ESCAPES) >= 90


def test_nothing_written_in_a_file_becomes_code() -> None:
    """Each place with some of the escapes, each escape in many places, with Python's own audit listening.

    All in all of them is what `python -m bench.fuzz` does.
    """
    use(yaml.safe_dump(BASE, sort_keys=False).encode())  # imports happen before, not while we listen
    use(planted(PLACES[0][0], ESCAPES[0], is_name=PLACES[0][1]))
    with audited() as heard:
        for number, (path, is_name) in enumerate(PLACES):
            for text in ESCAPES[number % 12 :: 12]:
                use(planted(path, text, is_name=is_name))
    assert heard == []


def test_the_audit_hears(tmp_path: Any) -> None:
    with audited() as heard:
        (tmp_path / "x").write_text("x")
    assert any("open" in one for one in heard)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(PLACES), st.text(max_size=30))
def test_no_text_becomes_code(place: tuple[tuple[Any, ...], bool], text: str) -> None:
    use(planted(place[0], text, is_name=place[1]))


@pytest.mark.parametrize("text", ESCAPES, ids=range(len(ESCAPES)))
def test_a_formula_has_no_way_out(text: str) -> None:
    """Every escape alone, as a part, and behind a field: no call, no attribute, no import."""
    with audited() as heard:
        for formula in (text, f"1 + {text}", f"Name + {text}", f"if {text} then 1 else 2", f"'{text}'"):
            try:
                parse_formula(formula).evaluate({"Name": "x", "A": 1, "n": 2})
            except (BadFormula, Unfit):
                continue
    assert heard == []


class Counting(dict[str, Any]):
    """Counts how often it is asked for a field."""

    asked = 0

    def get(self, *name: Any) -> Any:
        self.asked += 1
        return super().get(*name)


SHAPES: dict[str, Callable[[int], str]] = {
    "sums": lambda size: "a" + " + a" * size,
    "products": lambda size: "a" + " * a" * size,
    "conditions": lambda size: "a = 1" + " or a = 1" * size,
    "choices in brackets": lambda size: "(" * size + "a" + ")" * size,
    "choices": lambda size: "if a = 2 then a else " * size + "a",
    "signs": lambda size: "-" * size + "a",
    "negations": lambda size: "not " * size + "a = 1",
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_formula_costs_no_more_than_its_length(shape: str) -> None:
    """Counted, not timed: a field is asked for at most as often as it stands there."""
    for size in (1, 10, 30, 400, 100_000):
        text = SHAPES[shape](size)
        try:
            formula = parse_formula(text)
        except BadFormula:
            assert len(text) > LENGTH_MAX or size >= 30
            continue
        record = Counting(a=1)
        with suppress(Unfit):
            formula.evaluate(record)
        assert record.asked <= 2 * text.count("a") + 2, "once to see whether it is there, once for its value"


@given(st.integers(0, 10**30), st.integers(0, 10**30))
def test_no_number_grows_without_end(one: int, two: int) -> None:
    """Sixty digits are enough for any amount; more is a fault of the record, never a number that fills the memory."""
    try:
        value = parse_formula(" * ".join(["a", "b"] * 20)).evaluate({"a": one, "b": two})
    except Unfit:
        return
    assert len(str(value)) <= 130
