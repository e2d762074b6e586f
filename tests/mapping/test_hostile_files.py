"""What do hostile, broken and half-written mapping files say, word for word?"""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from isthmus.kernel.errors import Fault, Misconfigured
from isthmus.mapping.document import read_document
from isthmus.mapping.entities import load_entity, schemas_folder
from isthmus.mapping.load import load_mapping, read_mapping
from isthmus.mapping.spec import MappingSpec

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
    return [
        str(fault) for fault in _read(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))[1]
    ]


def test_the_small_file_is_right() -> None:
    assert faults_of(SMALL) == []


HERE = "check indentation, quotes and brackets here and just before"
TAG = "remove it; a number is a text, quotes keep a text a text"
UNREADABLE = [
    ("", "m.yaml:1:1: the file is empty; write a mapping or remove the file"),
    ("# only a comment\n", "m.yaml:1:1: the file is empty; write a mapping or remove the file"),
    ("mapping: &a x\n", "m.yaml:1:10: &a names a value for use elsewhere; remove it"),
    ("mapping: *a\n", "m.yaml:1:10: *a refers to another place; write the value here"),
    (
        "mapping: !!python/object:os.system x\n",
        f"m.yaml:1:10: tag:yaml.org,2002:python/object:os.system is a tag; {TAG}",
    ),
    ("mapping: !x y\n", "m.yaml:1:10: !x is a tag; " + TAG),
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
    ("a: [b\n", f"m.yaml:2:1: not readable as YAML: did not find expected ',' or ']'; {HERE}"),
    ('a: "b\n', f"m.yaml:2:1: not readable as YAML: found unexpected end of stream; {HERE}"),
    ("a: b: c\n", f"m.yaml:1:5: not readable as YAML: mapping values are not allowed in this context; {HERE}"),
    ("a: `b`\n", f"m.yaml:1:4: not readable as YAML: found character that cannot start any token; {HERE}"),
    ("- a\n- b\n", "m.yaml:1:1: the mapping is not a table; write {mapping: …}"),
    ("just words\n", "m.yaml:1:1: the mapping is not a table; write {mapping: …}"),
]


@pytest.mark.parametrize(("text", "fault"), UNREADABLE, ids=range(len(UNREADABLE)))
def test_a_file_that_is_no_mapping_says_where_and_why(text: str | bytes, fault: str) -> None:
    assert faults_of(text) == [fault]


@pytest.mark.parametrize("text", [text for text, _ in UNREADABLE], ids=range(len(UNREADABLE)))
def test_a_hostile_file_costs_next_to_nothing(text: str | bytes) -> None:
    start = time.process_time()
    faults_of(text)
    assert time.process_time() - start < 0.5


def _wrong_files() -> list[tuple[str, str, list[str]]]:
    text = (Path(__file__).parent / "wrong_files.txt").read_text("utf-8")
    blocks = [block.splitlines() for block in text.split("\n\n") if not block.startswith("#")]
    cases = []
    for first, *faults in blocks:
        old, _, new = first.partition(" => ")
        cases.append((old.replace("\\n", "\n"), new.replace("\\n", "\n"), [fault.strip() for fault in faults]))
    return cases


@pytest.mark.parametrize(("old", "new", "faults"), _wrong_files())
def test_a_wrong_file_says_where_what_and_what_to_do(old: str, new: str, faults: list[str]) -> None:
    assert old in SMALL
    assert faults_of(SMALL.replace(old, new)) == faults


def test_all_faults_of_a_file_are_told_at_once() -> None:
    text = SMALL.replace("owner: crm", "owner: crm\nabuot: x").replace("crm: Name", "crm: {field: Name, via: [trimm]}")
    assert [fault.partition(": ")[0] for fault in faults_of(text)] == ["m.yaml:4:1", "m.yaml:8:35"]


def test_words_that_other_loaders_turn_into_something_else_stay_what_was_typed() -> None:
    """NO → false, 0012 → 10 and 12:30 → 750 are what YAML 1.1 makes of them."""
    words = (
        "NO no yes on off 0012 0701 12:30 12:30:45 0x1F 1e3 .inf .nan 1_000 2026-11-22 True TRUE None NULL 0b11 +1 1.0"
    )
    for word in words.split():
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


@pytest.mark.parametrize(("name", "step"), [("product", 1), ("customer", 11), ("order", 11)])
def test_every_truncation_of_a_valid_file_gives_a_clear_fault(name: str, step: int) -> None:
    """A half-saved file never loads by luck with rows missing, and never ends in a traceback."""
    path = Path(__file__).parents[2] / "mappings" / "salesforce_erp" / f"{name}.yaml"
    content = path.read_bytes()
    whole = read_mapping(content, "m.yaml")
    needed = set(load_entity(whole.entity, schemas_folder()).schema["required"])
    for end in range(0, len(content), step):
        spec, faults = _read(content[:end])
        if spec is None:
            assert faults
            assert all(str(fault).startswith("m.yaml:") and fault.what and fault.remedy for fault in faults)
        else:  # what was cut off is a test, or a row that a mapping may lack
            assert needed <= {row.path for row in spec.rows} | ({"lines"} if spec.lines else set())
            assert (spec.crm, spec.erp) == (whole.crm, whole.erp)


def _read(content: bytes) -> tuple[MappingSpec | None, tuple[Fault, ...]]:
    try:
        return read_mapping(content, "m.yaml"), ()
    except Misconfigured as error:
        return None, error.faults


def test_a_file_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="cannot be read: No such file or directory; name a file that exists"):
        load_mapping(tmp_path / "x.yaml")
