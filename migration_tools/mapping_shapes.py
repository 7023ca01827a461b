"""What each key of a mapping file must look like, whatever it then means."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Shape = tuple[Callable[[Any], bool], str]


def _is_text(told: Any) -> bool:
    return isinstance(told, str) and told != ""


def _is_letter(told: Any) -> bool:
    return isinstance(told, str) and len(told) == 1 and told not in "\r\n"


def _are_texts(told: Any) -> bool:
    return isinstance(told, list) and all(_is_text(one) for one in told)


def _is_table(told: Any) -> bool:
    return isinstance(told, Mapping)


def _is_table_of_texts(told: Any) -> bool:
    return isinstance(told, Mapping) and all(_is_text(one) for one in told.values())


def _is_table_of_values(told: Any) -> bool:
    return isinstance(told, Mapping) and all(isinstance(one, str | int | bool) for one in told.values())


TEXT: Shape = (_is_text, "text")
LETTER: Shape = (_is_letter, "one character")
TABLE: Shape = (_is_table, "a table of keys")
NAMES: Shape = (_is_table_of_texts, "a table of names")
NAMES_OR_LIST: Shape = (
    lambda told: _are_texts(told) or _is_table_of_texts(told),
    "a list or a table of names",
)
SHAPES: Mapping[str, Shape] = {
    **dict.fromkeys(("table", "query", "where", "watermark", "zone", "missing_email", "deleted"), TEXT),
    **dict.fromkeys(("tables", "columns"), NAMES),
    **dict.fromkeys(("role_names", "group_names", "providers"), NAMES_OR_LIST),
    "metadata": (lambda told: _are_texts(told) or _is_table(told), "a list of columns or a table of rules"),
    "csv": TABLE,
    "hash": TABLE,
    "parameters": (_is_table_of_values, "a table of texts, numbers, true and false"),
}
INNER_SHAPES: Mapping[str, Mapping[str, Shape]] = {
    "csv": {
        "delimiter": LETTER,
        "escape": LETTER,
        "skip_lines": (lambda told: type(told) is int and told >= 0, "a number of lines"),
        "pad": (lambda told: isinstance(told, bool), "true or false"),
        "header": (_are_texts, "a list of names"),
    },
    "hash": {"params": TABLE},
}


def wrong_shape(content: Mapping[str, Any]) -> str | None:
    """The first key whose value is of another kind than it must be, in words for the operator."""
    for name, shape in SHAPES.items():
        if name in content and not shape[0](content[name]):
            return f"{name}: wants {shape[1]}"
    for table, shapes in INNER_SHAPES.items():
        for name, shape in shapes.items():
            inner = content.get(table, {})
            if name in inner and not shape[0](inner[name]):
                return f"{table}.{name}: wants {shape[1]}"
    return None
