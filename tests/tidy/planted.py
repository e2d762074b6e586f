"""Breaches, planted on purpose: what each rule must refuse. No rule about words reads this file."""

from __future__ import annotations

_LONG_FUNCTION = "def settle() -> None:\n" + "    pass\n" * 40
_LONG_DOCSTRING = 'def settle() -> None:\n    """Why.\n' + "\n    And why." * 40 + '\n    """\n    return None\n'

#: rule → a file that breaks it, and one beside it that does not.
PLANTED: dict[str, tuple[tuple[str, str], tuple[str, str]]] = {
    "long_functions": (("isthmus/a.py", _LONG_FUNCTION), ("isthmus/a.py", _LONG_DOCSTRING)),
    "long_files": (("isthmus/a.py", "\n" * 401), ("isthmus/a.py", "\n" * 400)),
    "deep_folders": (("isthmus/a/b/c/d/e.py", ""), ("isthmus/a/b/c/e.py", "")),
    "empty_names": (("isthmus/sync/db_utils.py", ""), ("isthmus/sync/basement.py", "")),
    "second_roundings": (("isthmus/a.py", "x = round(2.5)"), ("isthmus/a.py", "x = around(2.5)")),
    "unfinished_work": (("isthmus/a.py", "# TODO later\n"), ("isthmus/a.py", "# all todos are done\n")),
    "machine_paths": (("docs/a.md", "see /" + "root/notes"), ("docs/a.md", "see var/tmp/notes and tests/work/a")),
    "registry_addresses": (("docs/a.md", "from pypi.org"), ("docs/a.md", "from the index")),
    "real_mailboxes": (("docs/a.md", "jo@firm.com"), ("docs/a.md", "jo@example.com, ap@quarry.example")),
}

#: code of ruff → a snippet that it must refuse
_NESTED = "\n".join(f"{'    ' * depth}for x{depth} in range(3):" for depth in range(1, 5))
LIMITS = {
    "PLR0913": "def f(a: int, b: int, *, c: int, d: int, e: int, g: int, h: int) -> None: ...",
    "PLR0917": "def f(a: int, b: int, c: int, d: int) -> None: ...",
    "C901": "def f(a: int) -> None:\n" + "".join(f"    if a == {n}:\n        print(a)\n" for n in range(9)),
    "PLR1702": f"def f() -> None:\n{_NESTED}\n{'    ' * 5}print(x4)",
    "PLR0915": "def f() -> None:\n" + "    print(1)\n" * 33,
    "E501": "x = '" + "a" * 120 + "'",
    "T201": "print(1)",
    "S101": "assert 1 == 1",
    "BLE001": "try:\n    x = 1\nexcept Exception:\n    x = 2",
    "FIX002": "# TODO later",
    "TID252": "from . import x",
    "DTZ001": "import datetime\nx = datetime.datetime(2026, 1, 1)",
}
