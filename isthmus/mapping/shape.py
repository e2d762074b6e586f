"""What a mapping file looks like: the blocks and keys of the grammar, with the prose that editors show."""

from __future__ import annotations

from isthmus.kernel.units import SIDES
from isthmus.mapping.document import Listing, Node, Scalar, Table
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
    Whole,
)

TYPES = ("text", "date", "datetime", "money", "price", "decimal", "boolean", "integer")
OPERATORS = ("in", "not_in", "equals", "before", "after", "is_empty")
CRON = r"@(hourly|daily|weekly|monthly|yearly)|([0-9*/,A-Za-z#-]+ ){4}[0-9*/,A-Za-z#-]+"


def _by_form(node: Node) -> int:
    """0 for a scalar, 1 for a list, 2 for a table."""
    return 0 if isinstance(node, Scalar) else 1 if isinstance(node, Listing) else 2


def is_group(node: Node) -> bool:
    """A group has neither ``crm`` nor ``erp``, and its values are rows."""
    if not isinstance(node, Table) or not node.entries:
        return False
    names = {key.value for key, _ in node.entries}
    return not names & set(SIDES) and any(isinstance(child, Table) for _, child in node.entries)


def _name(about: str) -> Text:
    return Text(about, NAME, "a name of small letters, digits and _")


def _path(about: str) -> Text:
    return Text(about, PATH, "a field name, with dots for the way to it")


TERM = Block(
    "a term",
    (
        Key("in", ListOf(Plain("A value."), "The field is one of these.", 1)),
        Key("not_in", ListOf(Plain("A value."), "The field is none of these; an empty field is none of them.", 1)),
        Key("equals", Plain("The field is this.")),
        Key("before", Plain("The field is earlier, or less, than this.")),
        Key("after", Plain("The field is later, or more, than this.")),
        Key("is_empty", Flag("true: the field is empty. false: it is filled.")),
    ),
    "How a field is compared; several operators must all hold.",
)
WHERE = MapOf(TERM, "Conditions by field name; all must hold.", PATH, "a field name")
_A_CALL = "a function: trim, or {truncate: 40}"
CALL = Either(
    (
        _name("A function without arguments."),
        Never(_A_CALL),
        MapOf(
            Either(
                (Plain("The argument."), Never("one argument"), MapOf(Plain("An argument."), "Arguments by name.")),
                _by_form,
            ),
            "A function with its argument.",
            NAME,
            "the name of a function",
        ),
    ),
    _by_form,
    "A function of the closed set, as 'trim' or '{truncate: 40}'.",
)
FIELD = Either(
    (
        _path("The field's name in the system."),
        ListOf(_path("A field."), "The first that is filled counts.", 2),
        Never("a field name, or a list of which the first filled counts"),
    ),
    _by_form,
    "A field, or a list of which the first filled one counts (such a list cannot be written back).",
)
SIDE_BLOCK = Block(
    "a side",
    (
        Key("field", FIELD),
        Key("formula", Text("Arithmetic, comparison and choice over this system's fields, instead of 'field'.")),
        Key("via", ListOf(CALL, "Functions, in the direction system → entity.", 1)),
        Key("values", MapOf(Plain("The entity's value."), "The system's value: the entity's value.", flags=True)),
        Key("when", WHERE),
    ),
    "Where and how the value stands in this system; everything reads system → entity.",
)
SIDE = Either(
    (_path("The field's name in the system."), Never("{field: [first, second]}"), SIDE_BLOCK),
    _by_form,
    "A field name, or a block that says more.",
)
ROW = Block(
    "a row",
    (
        Key("crm", SIDE),
        Key("erp", SIDE),
        Key(
            "as",
            Choice(TYPES, "The type of the value; text when not said. 'money' has minor units, 'price' six decimals."),
        ),
        Key(
            "owner", Choice((*SIDES, "both"), "Whose value wins; 'both' is merged against what each side showed last.")
        ),
        Key("if_both_changed", Choice(("ask", *SIDES), "For 'owner: both': what happens when both sides changed it.")),
        Key("refers_to", _name("The entity whose id this is.")),
        Key("pull", Flag("Fetch what is referred to, whatever its filter.")),
        Key("required", Flag("An empty value stops the record. References are required unless this says false.")),
        Key("volatile", Flag("Written along with other changes, never a reason to write.")),
    ),
    "One field on both sides, or on one side only: then it is read and compared, never written.",
)
GROUP = MapOf(ROW, "A group: its rows are merged as one value.", NAME, "a name of small letters, digits and _")
FIELDS = MapOf(
    Either((ROW, GROUP), lambda node: int(is_group(node))),
    "The rows, by the names of the entity.",
    NAME,
    "a name of small letters, digits and _",
)
MOVED_BY = Block(
    "an entry of 'moved_by'",
    (
        Key("stream", _path("The stream whose changes move our record."), required=True),
        Key("parent", _path("Its field that holds our record's id."), required=True),
    ),
)
LINES_AT = Block(
    "'lines' of a side",
    (
        Key("stream", _path("The stream of the lines."), required=True),
        Key("parent", _path("The field of a line that holds the header's id."), required=True),
        Key("key", _path("The field that names a line for ever."), required=True),
        Key("sort", _path("The field that gives the lines their order.")),
    ),
    "Where the lines of a document are.",
)
SYSTEM = Block(
    "a system",
    (
        Key("stream", _path("The stream in this system."), required=True),
        Key("where", WHERE),
        Key("lines", LINES_AT),
        Key("moved_by", ListOf(MOVED_BY, "Other streams whose changes move our record.")),
    ),
)
SUM = Block(
    "'lines_sum_to'",
    (
        Key("field", _name("The header's row that the lines must add up to."), required=True),
        Key("of", _name("The row of the lines that is added up; 'amount' when not said.")),
        Key("tolerance_minor", Whole("Allowed difference in minor units.")),
    ),
    "A document whose lines do not add up is not sent.",
)
_VANISHED = Choice(
    ("cancel", "deactivate", "ask", "keep", "restore"),
    "What becomes of the other side's record; 'restore' creates the vanished one again.",
)
_RECORD = MapOf(Anything("A value."), "The fields of a record, as the system spells them; 'lines' holds its lines.")
_BOTH = Block("both records", (Key("crm", _RECORD), Key("erp", _RECORD)))
_NAMES = ListOf(Text("The name of a row or group."))
EXPECTED = Block(
    "'expects'",
    (
        Key("crm", _RECORD),
        Key("erp", _RECORD),
        Key("conflicts", _NAMES),
        Key("overruled", _NAMES),
        Key("agreed", _NAMES),
    ),
    "What is written to each side; after a merge also what is in conflict, overruled or agreed.",
)
TEST = Block(
    "a test",
    (
        Key("name", Text("What it shows, as a sentence."), required=True),
        Key("crm", _RECORD),
        Key("erp", _RECORD),
        Key("before", _BOTH),
        Key("after", _BOTH),
        Key("expects", EXPECTED),
        Key("refuses", Text("The exact text of the fault.")),
        Key("filtered", Text("The field of the first term of 'where' that the record fails.")),
    ),
    "One record and what is written to the other side, or both sides before and after and what the merge does.",
)
MAPPING = Block(
    "a mapping",
    (
        Key("mapping", _name("The name of the mapping, as commands and DAGs say it."), required=True),
        Key("about", Text("What it does, in a sentence.")),
        Key("entity", _name("The entity: a file in schemas/."), required=True),
        Key("maintainer", Text("Who answers for it.")),
        Key(
            "schedule", Text("When it runs: five fields of cron, or @hourly and the like.", CRON, "five fields of cron")
        ),
        Key(
            "same_as",
            _name("The entity whose records these are too: bound as those are, never created."),
        ),
        Key("owner", Choice((*SIDES, "both"), "The owner of every row that does not say otherwise."), required=True),
        Key("creates", ListOf(Choice(SIDES), "Where this mapping may create records.")),
        Key("gone", Block("'gone'", (Key("crm", _VANISHED), Key("erp", _VANISHED)), "A record vanished on that side.")),
        Key("crm", SYSTEM, required=True),
        Key("erp", SYSTEM, required=True),
        Key(
            "match",
            ListOf(ListOf(Text("The name of a row."), "All must be filled and equal.", 1), "Rules, strongest first."),
        ),
        Key("fields", FIELDS, required=True),
        Key("lines", MapOf(ROW, "The rows of a line.", NAME, "a name of small letters, digits and _")),
        Key("lines_sum_to", SUM),
        Key("tests", ListOf(TEST, "The mapping's own tests: 'isthmus test' runs them.")),
    ),
    "One entity between one CRM and one ERP, both directions.",
)
