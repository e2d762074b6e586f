"""A strict reader of ``isthmus.yaml``: known keys only, each once, every fault with its line and column."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

import yaml

from isthmus.kernel.errors import Fault
from isthmus.kernel.money import CURRENCIES, to_minor


@dataclass(slots=True)
class Reading:
    """The file being read: where we are, and everything that is wrong so far."""

    path: Path
    faults: list[Fault] = field(default_factory=list)

    def fault(self, node: yaml.Node, what: str, remedy: str) -> None:
        mark = node.start_mark
        self.faults.append(Fault(f"{self.path.name}:{mark.line + 1}:{mark.column + 1}", what, remedy))

    def mapping(self, node: yaml.Node, keys: Sequence[str], what: str) -> dict[str, yaml.Node]:
        """The entries of a mapping whose keys are known; faults for the others and for doubled ones."""
        if not isinstance(node, yaml.MappingNode):
            self.fault(node, f"{what} is not a list of 'key: value' lines", f"known keys: {', '.join(keys)}")
            return {}
        found = self.entries(node, what)
        return {str(key.value): value for key, value in found if self.is_one_of(key, keys, "key")}

    def entries(self, node: yaml.Node, what: str) -> Iterator[tuple[yaml.Node, yaml.Node]]:
        """The keys and values of a mapping whose keys are free; a fault for a doubled one."""
        if not isinstance(node, yaml.MappingNode):
            self.fault(node, f"{what} is not a list of 'key: value' lines", "write one")
            return
        seen = set()
        for key, value in node.value:
            name = str(key.value)
            if name in seen:
                self.fault(key, f"{name!r} is said twice", "keep one of the two")
            else:
                seen.add(name)
                yield key, value

    def texts(self, node: yaml.Node, what: str) -> list[tuple[yaml.Node, str]]:
        """The texts of a list, each with its place; a single text is a list of one."""
        items = node.value if isinstance(node, yaml.SequenceNode) else [node]
        return [(item, text) for item in items if (text := self.text(item, what)) is not None]

    def amounts(self, node: yaml.Node, what: str) -> dict[str, int]:
        """Currency → minor units, from ``{EUR: 10000, JPY: 1500000}``."""
        found = {}
        for key, value in self.entries(node, what):
            text = self.text(value, str(key.value))
            if text is None or not self.is_one_of(key, sorted(CURRENCIES), "currency"):
                continue
            try:
                amount_minor = to_minor(text, key.value)
            except ValueError as error:
                self.fault(value, f"{key.value}: {error}", "write an amount such as 10000 or 99.50")
                continue
            if amount_minor < 0:
                self.fault(value, f"{key.value}: {text} is less than nothing", "write zero or more")
            else:
                found[str(key.value)] = amount_minor
        return found

    def is_one_of(self, node: yaml.Node, known: Sequence[str], what: str) -> bool:
        """Whether a name in the file is known; else a fault with the nearest one."""
        name = str(node.value)
        if name in known:
            return True
        near = get_close_matches(name, known, n=1)
        plural = "currencies" if what == "currency" else f"{what}s"
        few = f"known {plural}: {', '.join(known)}" if len(known) <= 20 else f"use a {what} of ISO 4217"
        self.fault(node, f"unknown {what} {name!r}", f"did you mean {near[0]!r}?" if near else few)
        return False

    def number(self, node: yaml.Node, name: str, greatest: int) -> int | None:
        """A whole number from 0 to ``greatest``; None and a fault for anything else."""
        text = self.text(node, name)
        if text is None:
            return None
        if text.isascii() and text.isdigit() and int(text) <= greatest:
            return int(text)
        self.fault(node, f"{name}: {text!r} is not a whole number from 0 to {greatest}", "correct it")
        return None

    def text(self, node: yaml.Node, key: str) -> str | None:
        """The text of a scalar exactly as it is written (no `NO` → false); None and a fault when it has none."""
        if isinstance(node, yaml.ScalarNode) and node.value.strip() and node.value not in ("~", "null"):
            return str(node.value)
        self.fault(node, f"{key} has no value", "write one, or leave the line out")
        return None
