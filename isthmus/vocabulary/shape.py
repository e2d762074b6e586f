"""What a vocabulary looks like: how one system says the entities, apart from every other system."""

from __future__ import annotations

from isthmus.kernel.units import SIDES
from isthmus.mapping.grammar import (
    NAME,
    PATH,
    Anything,
    Block,
    Choice,
    Either,
    Flag,
    Key,
    ListOf,
    MapOf,
    Never,
    Plain,
    Text,
)
from isthmus.mapping.shape import CRON, LINES_AT, MOVED_BY, SIDE, SIDE_BLOCK, WHERE

_RECORD = MapOf(Anything("A value."), "A record, or a part of one, as the system spells it.")
_FIELD_NAME = Text("An entity's field, as bill_to.country.", PATH, "a field of the entity")
_REASONS = MapOf(Text("Why, in words that people read."), "What the system does not have, and why.", PATH)
_EXAMPLE = Either(
    (Plain("The field."), Never("one value, or {field: value}"), _RECORD),
    SIDE.choose,
    "How the entity's example may be spelled in this system, where it is not simply the same.",
)
_VARIANT = Block(
    "a variant",
    (
        *SIDE_BLOCK.keys,
        Key("note", Text("Why, as a comment in the mapping.")),
        Key("example", _RECORD),
        Key("means", Plain("What the example is then, in the entity.")),
    ),
    "How the field is said to a partner that lacks another one.",
)
WORD = Either(
    (
        Text("The field's name in the system.", PATH, "a field name, with dots for the way to it"),
        Never("{field: [first, second]}"),
        Block(
            "a field",
            (
                *SIDE_BLOCK.keys,
                Key("given", Flag("Only this system fills it; nobody else can write it.")),
                Key("note", Text("A comment in the mapping.")),
                Key("example", _EXAMPLE),
                Key("without", MapOf(_VARIANT, "What is said instead when the partner lacks this field.", PATH)),
            ),
            "As one side of a mapping's row, and what only the system knows about it.",
        ),
    ),
    SIDE.choose,
)
_WORDS = MapOf(WORD, "The entity's fields, by path, as this system says them.", PATH, "a field of the entity")
NAMING = Block(
    "an entity",
    (
        Key("stream", Text("The stream.", PATH, "a stream"), required=True),
        Key("record", Text("One of them, in words: 'a party of Tryton'."), required=True),
        Key("note", Text("What to know about it: the head of the mapping file.")),
        Key(
            "notes",
            Block("'notes'", tuple(Key(name, Text("A comment.")) for name in ("stream", "where", "moved_by", "lines"))),
        ),
        Key("where", WHERE),
        Key("moved_by", ListOf(MOVED_BY, "Other streams whose changes move our record.")),
        Key("withdraws", Choice(("cancel", "deactivate"), "What becomes of a record that the other side withdraws.")),
        Key("given", Flag("Only this system makes these records and fills their fields.")),
        Key("fields", _WORDS, required=True),
        Key(
            "lines",
            Block("'lines'", (Key("at", LINES_AT), Key("fields", _WORDS, required=True), Key("lacks", _REASONS))),
        ),
        Key("lacks", _REASONS),
        Key(
            "tests",
            ListOf(
                Block(
                    "a test",
                    (
                        Key("name", Text("What it shows."), required=True),
                        Key("record", _RECORD, required=True),
                        Key("means", MapOf(Anything("A value."), "What arrives, by the entity's fields.", PATH)),
                        Key("refuses", Text("The exact text of the fault.")),
                        Key("filtered", Text("The field of the term that the record fails.")),
                    ),
                ),
                "What this system's records show with any partner.",
            ),
        ),
    ),
    "How the system says one entity.",
)
VOCABULARY = Block(
    "a vocabulary",
    (
        Key("system", Text("Its name, as people say it."), required=True),
        Key("sides", ListOf(Choice(SIDES), "What it can be.", 1), required=True),
        Key("called", ListOf(Text("Another word for it.", NAME, "a name"), "Other words for it on the command line.")),
        Key("folder", Text("Its word in names of folders; else its type.", NAME, "a name")),
        Key("connection", MapOf(Anything("A part."), "What its connection says, as an example; without one, nothing.")),
        Key("entities", MapOf(NAMING, "How it says each entity.", NAME, "an entity"), required=True),
        Key("lacks", _REASONS),
    ),
    "How one system says what Isthmus carries. `isthmus init` joins two of them into mapping files.",
)

RULE = Block(
    "a rule",
    (
        Key("owner", Choice(("both",), "Both sides may change it.")),
        Key("required", Flag("An empty value stops the record.")),
        Key("pull", Flag("Fetch what is referred to, whatever its filter.")),
        Key("volatile", Flag("Never a reason to write.")),
        Key("compared", Flag("Read even where only one side has it.")),
        Key("note", Text("A comment in the mapping.")),
    ),
)
_RULES = MapOf(RULE, "What holds for a field between any two systems.", PATH, "a field of the entity")
_VALUES = MapOf(Anything("A value."), "Values by the entity's fields.", PATH)
OUTLINE = Block(
    "an outline",
    (
        Key("born", Choice(SIDES, "Where such records are made."), required=True),
        Key("maintainer", Text("Who answers for it."), required=True),
        Key("schedule", Text("When it runs.", CRON, "five fields of cron"), required=True),
        Key("same_as", Text("The entity whose pairs it shares.", NAME, "an entity")),
        Key("match", ListOf(ListOf(_FIELD_NAME, least=1), "Rules, strongest first.")),
        Key("note", Text("What holds between any two systems: the head of the mapping file.")),
        Key("fields", _RULES),
        Key("lines", _RULES),
        Key(
            "lines_sum_to",
            Block("a sum", (Key("field", _FIELD_NAME, required=True), Key("of", _FIELD_NAME, required=True))),
        ),
        Key("example", _VALUES, required=True),
        Key("example_line", _VALUES),
        Key(
            "also",
            ListOf(
                Block(
                    "an example",
                    (Key("name", Text(), required=True), Key("of", _VALUES, required=True), Key("line", _VALUES)),
                )
            ),
        ),
        Key("edits", _VALUES),
    ),
    "What an entity is between any two systems.",
)
OUTLINES = MapOf(OUTLINE, "Outlines by entity.", NAME, "an entity")
