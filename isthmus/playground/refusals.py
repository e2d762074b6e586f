"""How the playground says no: Salesforce's error codes, HTTP statuses and bodies."""

from __future__ import annotations

from typing import Any


class Refusal(Exception):
    """An answer that is not the one asked for: ``[{"message", "errorCode", "fields"}]`` with an HTTP status."""

    def __init__(self, code: str, message: str, *, status: int = 400, fields: tuple[str, ...] = ()) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.status = status
        self.fields = fields

    def body(self) -> list[dict[str, Any]]:
        """The REST form: an array of one error; ``fields`` only when some are named."""
        error: dict[str, Any] = {"message": self.message, "errorCode": self.code}
        return [error | {"fields": list(self.fields)} if self.fields else error]

    def row(self) -> dict[str, Any]:
        """The form inside a collection's answer."""
        return {"statusCode": self.code, "message": self.message, "fields": list(self.fields)}


def unknown_object(name: str) -> Refusal:
    """What a query or a job on an object that is not there is told."""
    return Refusal(
        "INVALID_TYPE",
        f"sObject type '{name}' is not supported. If you are attempting to use a custom"
        " object, be sure to append the '__c' after the entity name. Please reference your WSDL or the"
        " describe call for the appropriate names.",
    )


def unknown_column(name: str, entity: str) -> Refusal:
    """What a query that names an unknown or hidden field is told: both look the same from outside."""
    return Refusal(
        "INVALID_FIELD",
        f"No such column '{name}' on entity '{entity}'. If you are attempting to use a"
        " custom field, be sure to append the '__c' after the custom field name. Please reference your"
        " WSDL or the describe call for the appropriate names.",
    )


def not_there() -> Refusal:
    """The answer to an address or a record that does not exist."""
    return Refusal("NOT_FOUND", "The requested resource does not exist", status=404)


def record_deleted() -> Refusal:
    """The answer to a record that is in the recycle bin."""
    return Refusal("ENTITY_IS_DELETED", "entity is deleted", status=404)
