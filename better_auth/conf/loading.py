"""From ``settings.BETTER_AUTH`` and the environment to typed settings, or to one clear list of mistakes."""

from __future__ import annotations

import dataclasses
import difflib
import types
import typing
from collections.abc import Collection, Iterator, Mapping
from typing import Any, get_args, get_origin, get_type_hints

from better_auth.conf.schema import BetterAuthSettings

Problem = str
Part = typing.TypeVar("Part")
TRUE_WORDS = {"1", "true", "yes", "on"}
FALSE_WORDS = {"0", "false", "no", "off"}


class InvalidSettings(ValueError):
    """``problems``: one sentence for each mistake, with the key's full name."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclasses.dataclass(frozen=True, slots=True)
class Setting:
    """One leaf of the schema, as documented."""

    path: tuple[str, ...]
    annotation: Any
    default: Any
    doc: str
    env: str | None
    at_least: int | None

    @property
    def key(self) -> str:
        """``SESSION.EXPIRES_IN``: how the key is written in ``settings.BETTER_AUTH``."""
        return ".".join(self.path)


def walk(schema: type[Any] = BetterAuthSettings, path: tuple[str, ...] = ()) -> Iterator[Setting]:
    """All settings, in the order of the schema."""
    hints = get_type_hints(schema)
    for one in dataclasses.fields(schema):
        here = (*path, one.name.upper())
        if dataclasses.is_dataclass(hints[one.name]):
            yield from walk(hints[one.name], here)
        else:
            yield Setting(
                path=here,
                annotation=hints[one.name],
                default={} if one.default is dataclasses.MISSING else one.default,
                doc=one.metadata["doc"],
                env=one.metadata["env"],
                at_least=one.metadata["at_least"],
            )


def load(declared: Mapping[str, Any]) -> BetterAuthSettings:
    """Typed settings from the nested mapping of ``settings.BETTER_AUTH``.

    Raises ``InvalidSettings`` with every unknown key and every bad value at once.
    """
    problems: list[Problem] = []
    loaded = _build(BetterAuthSettings, declared, (), problems)
    if problems:
        raise InvalidSettings(problems)
    return typing.cast(BetterAuthSettings, loaded)


def load_part(
    schema: type[Part], declared: Any, path: tuple[str, ...], *, refused: Collection[str] = ()
) -> Part:
    """One group of settings that stands below ``path``, without the keys that are ``refused`` there.

    Raises ``InvalidSettings``.
    """
    problems: list[Problem] = []
    loaded = _build(schema, declared, path, problems)
    given = declared if isinstance(declared, Mapping) else {}
    problems += [f"{_name((*path, key))}: not to be set here" for key in given if key in refused]
    if problems:
        raise InvalidSettings(problems)
    return typing.cast(Part, loaded)


def from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    """The part of ``settings.BETTER_AUTH`` that environment variables give; an empty one counts as unset.

    Raises ``InvalidSettings`` naming the variable whose text can't be read.
    """
    declared: dict[str, Any] = {}
    problems: list[Problem] = []
    for one in walk():
        text = environ.get(one.env, "") if one.env else ""
        if text == "":
            continue
        try:
            value = _from_text(text, one.annotation)
        except ValueError:
            problems.append(
                f"{one.env}: expected {describe_type(one.annotation)}, got {_shown(one.env, text)}"
            )
            continue
        target = declared
        for part in one.path[:-1]:
            target = target.setdefault(part, {})
        target[one.path[-1]] = value
    if problems:
        raise InvalidSettings(problems)
    return declared


def merge(*parts: Mapping[str, Any]) -> dict[str, Any]:
    """Nested mappings joined into one; the later part wins."""
    joined: dict[str, Any] = {}
    for part in parts:
        for key, value in part.items():
            if isinstance(value, Mapping) and isinstance(joined.get(key), Mapping):
                joined[key] = merge(joined[key], value)
            else:
                joined[key] = value
    return joined


def nearest(name: str, known: list[str]) -> str:
    """``; did you mean X?`` or an empty string."""
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f"; did you mean {close[0]}?" if close else ""


def describe_type(annotation: Any) -> str:
    """The type of a setting in words, for messages and the documentation."""
    if get_origin(annotation) is typing.Literal:
        return " or ".join(repr(choice) for choice in get_args(annotation))
    if get_origin(annotation) is tuple:
        return "a list of strings" if get_args(annotation)[0] is str else "a list of dictionaries"
    if get_origin(annotation) is Mapping:
        return "a dictionary"
    if isinstance(annotation, types.UnionType):
        inner = [one for one in get_args(annotation) if one is not type(None)]
        return f"{describe_type(inner[0])} or None"
    return {int: "an integer", bool: "True or False", str: "a string"}[annotation]


def _build(schema: type[Any], declared: Any, path: tuple[str, ...], problems: list[Problem]) -> Any:
    if not isinstance(declared, Mapping):
        problems.append(f"{_name(path)}: expected a dictionary, got {type(declared).__name__}")
        return schema()
    hints = get_type_hints(schema)
    fields = {one.name.upper(): one for one in dataclasses.fields(schema)}
    values: dict[str, Any] = {}
    for key, value in declared.items():
        if key not in fields:
            problems.append(
                f"{_name((*path, str(key)))}: unknown key{nearest(str(key).upper(), list(fields))}"
            )
            continue
        one = fields[key]
        if dataclasses.is_dataclass(hints[one.name]):
            values[one.name] = _build(typing.cast(type[Any], hints[one.name]), value, (*path, key), problems)
            continue
        try:
            values[one.name] = _checked(value, hints[one.name], one.metadata.get("at_least"))
        except ValueError as mistake:
            problems.append(f"{_name((*path, key))}: {mistake}")
    return schema(**values)


def _checked(value: Any, annotation: Any, at_least: int | None) -> Any:
    if isinstance(annotation, types.UnionType):
        if value is None:
            return None
        annotation = next(one for one in get_args(annotation) if one is not type(None))
    if get_origin(annotation) is typing.Literal:
        right = value in get_args(annotation)
    elif get_origin(annotation) is tuple:
        member = str if get_args(annotation)[0] is str else Mapping
        right = isinstance(value, list | tuple) and all(isinstance(one, member) for one in value)
        value = tuple(value) if right else value
    elif get_origin(annotation) is Mapping:
        right = isinstance(value, Mapping)
    else:
        right = type(value) is annotation
    if not right:
        is_misspelt = get_origin(annotation) is typing.Literal and isinstance(value, str)
        got = repr(value[:60]) if is_misspelt else type(value).__name__
        raise ValueError(f"expected {describe_type(annotation)}, got {got}")
    if at_least is not None and value < at_least:
        raise ValueError(f"must be at least {at_least}, got {value}")
    return value


def _from_text(text: str, annotation: Any) -> Any:
    if isinstance(annotation, types.UnionType):
        annotation = next(one for one in get_args(annotation) if one is not type(None))
    if annotation is bool:
        word = text.strip().lower()
        if word not in TRUE_WORDS | FALSE_WORDS:
            raise ValueError(text)
        return word in TRUE_WORDS
    if annotation is int:
        return int(text)
    if get_origin(annotation) is tuple:
        return tuple(part.strip() for part in text.split(",") if part.strip())
    if get_origin(annotation) is typing.Literal and text not in get_args(annotation):
        raise ValueError(text)
    return text


def _name(path: tuple[str, ...]) -> str:
    return "BETTER_AUTH" + "".join(f"[{part!r}]" for part in path)


def _shown(name: str | None, text: str) -> str:
    return "a value that is not shown" if name and "SECRET" in name else repr(text[:60])
