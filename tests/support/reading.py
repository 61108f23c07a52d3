"""Values of a template as a person reads them."""

from typing import Any


def text(value: Any) -> str:
    """A value in words: joined, with ${Name} for what launch fills in."""
    match value:
        case {"Fn::Join": [str(separator), [*parts]]}:
            return separator.join(text(part) for part in parts)
        case {"Ref": name}:
            return f"${{{name}}}"
        case {"Fn::GetAtt": [logical_id, attribute]}:
            return f"${{{logical_id}.{attribute}}}"
    return str(value)
