"""What do hostile, broken and half-written mapping files say, word for word?"""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from isthmus.kernel.errors import Misconfigured
from isthmus.mapping.document import read_document
from isthmus.mapping.entities import load_entity, schemas_folder
from isthmus.mapping.load import load_mapping, read_mapping

SMALL = """\
mapping: customer
entity: customer
owner: crm
crm: {stream: Account}
erp: {stream: customer}
fields:
  name: {crm: Name, erp: name}
  currency: {crm: CurrencyIsoCode, erp: currency}
"""


def faults_of(text: str | bytes) -> list[str]:
    content = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    try:
        read_mapping(content, "m.yaml")
    except Misconfigured as error:
        return [str(fault) for fault in error.faults]
    return []


def test_the_small_file_is_right() -> None:
    assert faults_of(SMALL) == []


UNREADABLE = [
    ("", "m.yaml:1:1: the file is empty; write a mapping or remove the file"),
    ("# only a comment\n", "m.yaml:1:1: the file is empty; write a mapping or remove the file"),
    ("mapping: &a x\n", "m.yaml:1:10: &a names a value for use elsewhere; remove it"),
    ("mapping: *a\n", "m.yaml:1:10: *a refers to another place; write the value here"),
    (
        "mapping: !!python/object:os.system x\n",
        "m.yaml:1:10: tag:yaml.org,2002:python/object:os.system is a tag; "
        "remove it; a number is a text, quotes keep a text a text",
    ),
    ("mapping: !x y\n", "m.yaml:1:10: !x is a tag; remove it; a number is a text, quotes keep a text a text"),
    ("<<: {a: b}\n", "m.yaml:1:1: << merges another table into this one; write the keys here"),
    ("? [a, b]\n: c\n", "m.yaml:1:3: a list or table stands where a name is needed; write 'name: value'"),
    ("%YAML 1.1\n---\na: b\n", "m.yaml:1:1: directives have no meaning here; remove the line that begins with %"),
    ("a: b\n---\nc: d\n", "m.yaml:2:1: a second document begins; keep one mapping per file, without ---"),
    ("a:\n\t- b\n", "m.yaml:2:1: a tab stands where blanks are needed; indent with blanks"),
    ("a: b\x00c\n", "m.yaml:1:5: the character U+0000 cannot be in a mapping; remove it"),
    ("a: b\x1b[2J\n", "m.yaml:1:5: the character U+001B cannot be in a mapping; remove it"),
    ("a: b\n\u2028c: d\n", "m.yaml:2:1: the character U+2028 cannot be in a mapping; remove it"),
    ("a: \ud800\n", "m.yaml:1:4: not UTF-8 text; save the file as UTF-8"),
    (b"a: \xff\xfe\n", "m.yaml:1:4: not UTF-8 text; save the file as UTF-8"),
    (b"\xff\xfea\x00", "m.yaml:1:1: not UTF-8 text; save the file as UTF-8"),
    ("a: " + "[" * 40, "m.yaml:1:35: more than 32 levels deep; a mapping needs six"),
    ("a: " + "{b: " * 100_000, "m.yaml:1:125: more than 32 levels deep; a mapping needs six"),
    ("a: [" + "1, " * 30_000 + "]", "m.yaml:1:59996: more than 20000 values; split the mapping"),
    ("a" * 1_000_000, "m.yaml:1:1: the file has 1000000 bytes; keep it below 1 MB"),
    (
        "a: [b\n",
        "m.yaml:2:1: not readable as YAML: did not find expected ',' or ']'; "
        "check indentation, quotes and brackets here and just before",
    ),
    (
        'a: "b\n',
        "m.yaml:2:1: not readable as YAML: found unexpected end of stream; "
        "check indentation, quotes and brackets here and just before",
    ),
    (
        "a: b: c\n",
        "m.yaml:1:5: not readable as YAML: mapping values are not allowed in this context; "
        "check indentation, quotes and brackets here and just before",
    ),
    (
        "a: `b`\n",
        "m.yaml:1:4: not readable as YAML: found character that cannot start any token; "
        "check indentation, quotes and brackets here and just before",
    ),
    ("- a\n- b\n", "m.yaml:1:1: the mapping is not a table; write {mapping: …}"),
    ("just words\n", "m.yaml:1:1: the mapping is not a table; write {mapping: …}"),
]


@pytest.mark.parametrize(("text", "fault"), UNREADABLE, ids=range(len(UNREADABLE)))
def test_a_file_that_is_no_mapping_says_where_and_why(text: str | bytes, fault: str) -> None:
    assert faults_of(text) == [fault]


@pytest.mark.parametrize("text", [text for text, _ in UNREADABLE], ids=range(len(UNREADABLE)))
def test_a_hostile_file_costs_next_to_nothing(text: str | bytes) -> None:
    start = time.perf_counter()
    faults_of(text)
    assert time.perf_counter() - start < 0.5


WRONG = [
    ("owner: crm", "ownr: crm", ["m.yaml:1:1: the mapping has no 'owner'; add 'owner: …'",
                                 "m.yaml:3:1: the mapping knows no key 'ownr'; did you mean 'owner'?"]),
    ("owner: crm", "owner: CRM", ["m.yaml:3:8: 'owner' of the mapping is 'CRM'; did you mean 'crm'?"]),
    ("owner: crm", "owner: NO", ["m.yaml:3:8: 'owner' of the mapping is 'NO'; use one of crm, erp, both"]),
    ("owner: crm", "owner: true", ["m.yaml:3:8: 'owner' of the mapping is true; use one of crm, erp, both"]),
    ("owner: crm", "owner:", ["m.yaml:3:7: 'owner' of the mapping is empty; use one of crm, erp, both"]),
    ("owner: crm", "owner: crm\nowner: erp", ["m.yaml:4:1: 'owner' is written twice, first in line 3; keep one of them"]),
    ("owner: crm", "owner: [crm]", ["m.yaml:3:8: 'owner' of the mapping is a list; write one of crm, erp, both"]),
    ("mapping: customer", "mapping: Customer!", [
        "m.yaml:1:10: 'mapping' of the mapping is 'Customer!'; write a name of small letters, digits and _"]),
    ("mapping: customer", "mapping: 12:30", [
        "m.yaml:1:10: 'mapping' of the mapping is '12:30'; write a name of small letters, digits and _"]),
    ("entity: customer", "entity: custommer", [
        "m.yaml:1:10: there is no entity 'custommer'; did you mean 'customer'?"]),
    ("name: {crm: Name, erp: name}", "nam: {crm: Name, erp: name}", [
        "m.yaml:1:10: customer needs 'name', and no row in 'fields' gives it; add 'name'",
        "m.yaml:7:3: customer has no 'nam'; did you mean 'name'?"]),
    ("name: {crm: Name, erp: name}", "name: {cmr: Name, erp: name}", [
        "m.yaml:7:10: 'name' in 'fields' of the mapping knows no key 'cmr'; did you mean 'crm'?"]),
    ("name: {crm: Name, erp: name}", "name: Name", [
        "m.yaml:7:9: 'name' in 'fields' of the mapping is not a table; write {crm: …}"]),
    ("name: {crm: Name, erp: name}", "name: {crm: 'Na me', erp: name}", [
        "m.yaml:7:15: 'crm' of 'name' in 'fields' of the mapping is 'Na me'; "
        "write a field name, with dots for the way to it"]),
    ("name: {crm: Name, erp: name}", "name: {crm: [A, B], erp: name}", [
        "m.yaml:7:15: 'crm' of 'name' in 'fields' of the mapping is a list; write {field: [first, second]}"]),
    ("name: {crm: Name, erp: name}", "name: {crm: {field: Name, via: [trimm]}, erp: name}", [
        "m.yaml:7:35: there is no function 'trimm'; did you mean 'trim'?"]),
    ("name: {crm: Name, erp: name}", "name: {crm: {field: Name, via: [truncate]}, erp: name}", [
        "m.yaml:7:35: 'truncate' needs its length; write {truncate: …} with a whole number"]),
    ("name: {crm: Name, erp: name}", "name: {crm: {field: Name, via: [{truncate: '40'}]}, erp: name}", [
        "m.yaml:7:35: 'truncate' needs its length; write {truncate: …} with a whole number"]),
    ("name: {crm: Name, erp: name}", "name: {crm: {field: Name, via: [{trim: 3}]}, erp: name}", [
        "m.yaml:7:35: 'trim' takes no 'argument'; remove it"]),
    ("name: {crm: Name, erp: name}", "name: {crm: {via: [trim]}, erp: name}", [
        "m.yaml:7:15: 'name' names no field on this side; add 'field: …' or 'formula: …'"]),
    ("name: {crm: Name, erp: name}", "name: {crm: {formula: '__import__(1)'}, erp: name}", [
        "m.yaml:7:15: '__import__(' calls something (character 1); formulas have no calls; use 'via' for functions"]),
    ("name: {crm: Name, erp: name}", "name: {crm: {formula: 'A +'}, erp: name}", [
        "m.yaml:7:15: the formula has the end where a field, a number or a text is expected (character 4); "
        "complete the formula"]),
    ("name: {crm: Name, erp: name}", "name: {crm: Name, erp: name, owner: erp, as: money}", [
        "m.yaml:7:3: 'name' of customer is text, not money; take 'as' out"]),
    ("name: {crm: Name, erp: name}", "name: {crm: {field: [Name, Site]}, erp: name, owner: erp}", [
        "m.yaml:7:15: 'name' must be written to the CRM (its owner is erp) but is the first filled of a list; "
        "name one field, or make crm its only owner"]),
    ("name: {crm: Name, erp: name}", "name: {crm: {field: Name, via: [{truncate: 9}]}, erp: name, owner: both}", [
        "m.yaml:7:15: 'name' must be written to the CRM (its owner is both) but goes through 'truncate', "
        "which has no way back; take it out, or make crm its only owner"]),
    ("name: {crm: Name, erp: name}", "name: {crm: Name, erp: name, if_both_changed: erp}", [
        "m.yaml:7:3: 'name' has 'if_both_changed', but its owner is crm; say 'owner: both'"]),
    ("currency: {crm: CurrencyIsoCode, erp: currency}", "currency: {crm: C, erp: currency}\n  number: {crm: N, erp: number}", [
        "m.yaml:9:3: 'number' is given by the ERP; say 'owner: erp'"]),
    ("currency: {crm: CurrencyIsoCode, erp: currency}", "currency: {crm: C, erp: currency}\n  parent: {crm: P, erp: p}", [
        "m.yaml:9:3: 'parent' of customer refers to a customer; say 'refers_to: customer'"]),
    ("currency: {crm: CurrencyIsoCode, erp: currency}", "currency: {crm: C, erp: currency}\n  billing: {crm: B, erp: b}", [
        "m.yaml:9:3: 'billing' of customer is a group; write its rows below it: billing: {…: {crm: …}}"]),
    ("currency: {crm: CurrencyIsoCode, erp: currency}",
     "currency: {crm: C, erp: currency}\n  billing:\n    city: {crm: B, erp: b}\n    street: {crm: S, erp: s, owner: erp}", [
        "m.yaml:11:5: 'billing.street' and 'billing.city' are won as one value but differ in owner or volatile; "
        "say the same in all rows of billing"]),
    ("currency: {crm: CurrencyIsoCode, erp: currency}",
     "currency: {crm: C, erp: currency}\n  terms: {crm: {field: T, values: {a: NET14, b: NET30D}}, erp: t}", [
        "m.yaml:9:16: 'values' of 'terms' gives 'NET30D', which the entity does not have; did you mean 'NET30'?"]),
    ("currency: {crm: CurrencyIsoCode, erp: currency}",
     "currency: {crm: C, erp: currency}\n"
     "  terms: {crm: {field: T, values: {a: NET14, b: NET14}}, erp: t, owner: erp}", [
        "m.yaml:9:16: 'terms' must be written to the CRM (its owner is erp) but maps 'a' and 'b' both to 'NET14'; "
        "map one system value to each, or make crm its only owner"]),
    ("crm: {stream: Account}", "crm: {stream: Account, where: {Type: {is_emtpy: true}}}", [
        "m.yaml:4:39: 'Type' in 'where' of 'crm' of the mapping knows no key 'is_emtpy'; did you mean 'is_empty'?"]),
    ("crm: {stream: Account}", "crm: {stream: Account, where: {Type: {in: []}}}", [
        "m.yaml:4:43: 'in' of 'Type' in 'where' of 'crm' of the mapping is empty; name at least one"]),
    ("crm: {stream: Account}", "crm: {stream: Account, where: {Type: {before: true}}}", [
        "m.yaml:4:6: 'Type' is compared with true; compare with a date or a number"]),
    ("owner: crm", "owner: crm\nmatch: [[tax_no]]", [
        "m.yaml:1:10: 'match' names 'tax_no', which is no text row with both sides; use one of name, currency"]),
    ("owner: crm", "owner: crm\nlines_sum_to: {field: total}", [
        "m.yaml:4:15: 'lines_sum_to' needs 'total', a money row in 'fields'; remove it",
        "m.yaml:4:15: 'lines_sum_to' needs 'amount', a money row in 'lines'; remove it"]),
    ("owner: crm", "owner: crm\ncreates: [warehouse]", [
        "m.yaml:4:11: an item of 'creates' of the mapping is 'warehouse'; use one of crm, erp"]),
    ("owner: crm", "owner: crm\ngone: {crm: delete}", [
        "m.yaml:4:13: 'crm' of 'gone' of the mapping is 'delete'; use one of cancel, deactivate, ask, keep"]),
    ("owner: crm", "owner: crm\nlines: {product: {crm: P, erp: p}}", [
        "m.yaml:4:9: customer has no lines; take 'lines' out"]),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "faults"), WRONG, ids=[f"{n}:{one[1][:40]}" for n, one in enumerate(WRONG)])
def test_a_wrong_file_says_where_what_and_what_to_do(old: str, new: str, faults: list[str]) -> None:
    assert old in SMALL
    assert faults_of(SMALL.replace(old, new)) == faults


def test_all_faults_of_a_file_are_told_at_once() -> None:
    text = SMALL.replace("owner: crm", "owner: crm\nabuot: x").replace("crm: Name", "crm: {field: Name, via: [trimm]}")
    assert [fault.partition(": ")[0] for fault in faults_of(text)] == ["m.yaml:4:1", "m.yaml:8:35"]


def test_words_that_other_loaders_turn_into_something_else_stay_what_was_typed() -> None:
    """NO → false, 0012 → 10 and 12:30 → 750 are what YAML 1.1 makes of them."""
    words = ["NO", "no", "yes", "on", "off", "0012", "0701", "12:30", "12:30:45", "0x1F", "1e3", ".inf", ".nan", "1_000",
             "2026-11-22", "True", "TRUE", "None", "NULL", "0b11", "+1", "1.0", "="]  # fmt: skip
    for word in words:
        node, faults = read_document(f"a: {word}\n".encode(), "m")
        assert not faults
        assert node.entries[0][1].value == word  # type: ignore[union-attr]


def test_only_true_false_and_null_are_more_than_text() -> None:
    for word, value in {"true": True, "false": False, "null": None, "~": None, "": None}.items():
        node, _ = read_document(f"a: {word}\n".encode(), "m")
        assert node.entries[0][1].value is value  # type: ignore[union-attr]
        if word:
            node, _ = read_document(f"a: '{word}'\n".encode(), "m")
            assert node.entries[0][1].value == word  # type: ignore[union-attr]


def test_a_byte_order_mark_of_a_windows_editor_is_no_fault() -> None:
    assert faults_of(b"\xef\xbb\xbf" + SMALL.encode()) == []


@pytest.mark.parametrize("name", ["customer", "order"])
def test_every_truncation_of_a_valid_file_gives_a_clear_fault(name: str) -> None:
    """A half-saved file never loads by luck with rows missing, and never ends in a traceback."""
    path = Path(__file__).parents[2] / "mappings" / "salesforce_erp" / f"{name}.yaml"
    content = path.read_bytes()
    whole = read_mapping(content, "m.yaml")
    needed = set(load_entity(whole.entity, schemas_folder()).schema["required"])
    step = 1 if name == "customer" else 7
    for end in range(0, len(content), step):
        try:
            spec = read_mapping(content[:end], "m.yaml")
        except Misconfigured as error:
            assert error.faults
            assert all(str(fault).startswith("m.yaml:") and fault.what and fault.remedy for fault in error.faults)
        else:  # what was cut off is a test, or a row that a mapping may lack
            assert needed <= {row.path for row in spec.rows} | ({"lines"} if spec.lines else set())
            assert (spec.crm, spec.erp) == (whole.crm, whole.erp)


def test_a_file_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="cannot be read: No such file or directory; name a file that exists"):
        load_mapping(tmp_path / "x.yaml")
