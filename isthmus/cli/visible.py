"""Text of strangers made harmless: what a CRM user typed must not steer a terminal or forge a line of ours."""

from __future__ import annotations

from unicodedata import category


def visible(text: str) -> str:
    """The text on one line, with every control, format and bidirectional character spelled out (``\\n``, ``\\u202e``).

    Blanks of all widths and all letters stay as they are.
    """
    if text.isprintable():
        return text
    return "".join(one if _is_harmless(one) else _spell(one) for one in text)


def visible_json(text: str) -> str:
    """The same for JSON that is spelled already: only line feeds of its layout stay; strings keep their meaning."""
    if text.replace("\n", "").isprintable():
        return text
    return "".join(one if one == "\n" or _is_harmless(one) else _json_escape(one) for one in text)


def _is_harmless(one: str) -> bool:
    return one.isprintable() or category(one) == "Zs"


def _spell(one: str) -> str:
    known = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(one)
    if known:
        return known
    number = ord(one)
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def _json_escape(one: str) -> str:
    """RFC 8259 section 7: beyond the basic plane as a surrogate pair."""
    units = one.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[start]:02x}{units[start + 1]:02x}" for start in range(0, len(units), 2))
