"""A value from a client's JSON → how its column stores it, refused exactly where Salesforce refuses it."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from isthmus.kernel.money import divide_half_up, parse_decimal
from isthmus.playground.ids import whole_id
from isthmus.playground.refusals import Refusal
from isthmus.playground.schema import NUMBERS, SalesforceField

_EMAIL = re.compile(r"[^@\s,;<>\"]+@[^@\s,;<>\"]+\.[^@\s,;<>\".]+")


def read_json(body: bytes) -> Any:
    """A request's JSON with exact numbers. Raises Refusal JSON_PARSER_ERROR."""
    try:
        text = body.decode("utf-8")
        value = json.loads(text, parse_float=Decimal, parse_constant=_refuse_constant)
        json.dumps(value, ensure_ascii=False, default=str).encode("utf-8")  # a lone surrogate is no text
    except (ValueError, RecursionError) as error:
        raise Refusal(
            "JSON_PARSER_ERROR", f"The HTTP entity body is required and must be valid JSON ({error})"
        ) from None
    return value


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def read_object(body: bytes) -> dict[str, Any]:
    """A request's JSON that must be an object."""
    value = read_json(body)
    if not isinstance(value, dict):
        raise Refusal("JSON_PARSER_ERROR", "Unexpected content: a JSON object was expected")
    return value


def to_stored(one: SalesforceField, value: Any) -> Any:
    """The stored form of a client's value; None for null and for empty text. Raises Refusal."""
    if value is None or value == "":
        if one.type == "boolean":
            raise _wrong_type(one, value)
        return None
    if one.type in NUMBERS:
        return _number(one, value)
    if one.type == "boolean":
        return _boolean(one, value)
    if one.type in ("date", "datetime"):
        return _day(one, value) if one.type == "date" else _moment(one, value)
    if isinstance(value, bool | dict | list) or (one.type == "reference" and not isinstance(value, str)):
        raise _wrong_type(one, value)
    return _reference(one, value) if one.type == "reference" else _text(one, str(value))


def _wrong_type(one: SalesforceField, value: Any) -> Refusal:
    kind = {
        str: "VALUE_STRING",
        bool: "VALUE_TRUE",
        dict: "START_OBJECT",
        list: "START_ARRAY",
        int: "VALUE_NUMBER_INT",
        Decimal: "VALUE_NUMBER_FLOAT",
    }.get(type(value), "VALUE_NULL")
    return Refusal(
        "JSON_PARSER_ERROR",
        f"Cannot deserialize instance of {one.type} from {kind} value {value} or"
        f" request may be missing a required field at [line:1, column:1] (field {one.name})",
    )


def _number(one: SalesforceField, value: Any) -> int:
    try:
        amount = parse_decimal(value.strip() if isinstance(value, str) else value)
    except ValueError:
        raise _wrong_type(one, value) from None
    # Salesforce rounds what has more decimals than the field, halves up, and says nothing.
    numerator, denominator = amount.scaleb(one.scale).as_integer_ratio() if amount.adjusted() < 40 else (10**40, 1)
    scaled = divide_half_up(numerator, denominator)
    if one.type == "int" and denominator != 1:
        raise _wrong_type(one, value)
    if abs(scaled) >= 10**one.precision:
        raise Refusal(
            "NUMBER_OUTSIDE_VALID_RANGE",
            f"{one.name}: value outside of valid range on numeric field: {value}",
            fields=(one.name,),
        )
    return scaled


def _boolean(one: SalesforceField, value: Any) -> int:
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return int(value.lower() == "true")
    if not isinstance(value, bool):
        raise _wrong_type(one, value)
    return int(value)


def _day(one: SalesforceField, value: Any) -> str:
    try:
        return date.fromisoformat(value[:10] if re.match(r"\d{4}-\d\d-\d\d(T|$)", value) else "").isoformat()
    except (ValueError, TypeError):
        raise _wrong_type(one, value) from None


def _moment(one: SalesforceField, value: Any) -> str:
    try:
        moment = datetime.fromisoformat(re.sub(r"([+-]\d\d)(\d\d)$", r"\1:\2", value))
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    except (ValueError, TypeError, OverflowError):
        raise _wrong_type(one, value) from None


def _reference(one: SalesforceField, value: str) -> str:
    whole = whole_id(value)
    if whole is None:
        raise Refusal("MALFORMED_ID", f"{one.name}: id value of incorrect type: {value}", fields=(one.name,))
    return whole


def _text(one: SalesforceField, value: str) -> str | None:
    if "\0" in value:
        raise _wrong_type(one, value)
    value = value.strip(" \t\r\n\f\v")
    if not value:
        return None
    if len(value.encode("utf-16-le")) // 2 > one.length:  # Java counts UTF-16 units
        raise Refusal(
            "STRING_TOO_LONG",
            f"{one.name}: data value too large: {value} (max length={one.length})",
            fields=(one.name,),
        )
    if one.type == "email" and not _EMAIL.fullmatch(value):
        raise Refusal("INVALID_EMAIL_ADDRESS", f"{one.name}: invalid email address: {value}", fields=(one.name,))
    if one.type == "picklist":
        return _picked(one, value)
    return value


def _picked(one: SalesforceField, value: str) -> str:
    same = {each.casefold(): each for each in one.values}.get(value.casefold())
    if same is not None:
        return same
    if not one.restricted:
        return value
    if one.name.endswith("CountryCode"):
        raise Refusal(
            "FIELD_INTEGRITY_EXCEPTION",
            "There's a problem with this country, even though it may appear"
            " correct. Please select a country/territory from the list of valid countries.: "
            + one.name.removesuffix("Code"),
            fields=(one.name.removesuffix("Code"),),
        )
    raise Refusal(
        "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
        f"{one.name}: bad value for restricted picklist field: {value}",
        fields=(one.name,),
    )
