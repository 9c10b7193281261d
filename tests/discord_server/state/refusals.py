"""What Discord answers to what it does not accept, with its codes."""

from typing import Any


class Refused(Exception):
    """An error answer: the HTTP status and Discord's own code."""

    def __init__(
        self, status: int, code: int, message: str, errors: dict[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.body: dict[str, Any] = {"message": message, "code": code}
        if errors is not None:
            self.body["errors"] = errors


def unknown(thing: str, code: int) -> Refused:
    """404 for a thing that is not there."""
    return Refused(404, code, f"Unknown {thing}")


def unknown_channel() -> Refused:
    return unknown("Channel", 10003)


def unknown_message() -> Refused:
    return unknown("Message", 10008)


def unknown_interaction() -> Refused:
    return unknown("interaction", 10062)


def missing_access() -> Refused:
    return Refused(403, 50001, "Missing Access")


def missing_permissions() -> Refused:
    return Refused(403, 50013, "Missing Permissions")


def no_history() -> Refused:
    return Refused(403, 160002, "Cannot reply without permission to read message history")


def kept_back() -> Refused:
    return Refused(400, 200000, "Message was blocked by automatic moderation")


def archived() -> Refused:
    return Refused(400, 50083, "Thread is archived")


def bad_form(field: str, code: str, message: str) -> Refused:
    """400 that names the field."""
    details: dict[str, Any] = {"_errors": [{"code": code, "message": message}]}
    for part in reversed(field.split(".")):
        details = {part: details}
    return Refused(400, 50035, "Invalid Form Body", details)
