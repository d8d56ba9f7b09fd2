"""The kinds of value that a field of ``Config`` takes: check, description and parsing of each."""

from __future__ import annotations

import dataclasses
import difflib
import itertools
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from musc2 import checks
from musc2.errors import InputError

T = TypeVar("T")
INPUT, ENCODERS, GROUPS = "Input", "Encoders", "Point groups (IPG)"
AGGREGATION, MUTUAL = "Aggregation (SNAMD)", "Mutual scoring (MSM)"
ENHANCEMENT, MAPS, RESCORING = "Enhancement (CAE)", "Maps", "Re-scoring (RsCon)"
VERDICT, RESOURCES = "Verdict", "Resources"


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of value: ``accepts`` checks it, ``text`` completes "must be ..."."""

    text: str
    accepts: Callable[[Any], bool]
    optional: bool = False

    def check(self, name: str, value: Any) -> Any:
        """Return ``value``, lists as tuples, or raise an InputError that names the field."""
        if value is None and self.optional:
            return None
        if isinstance(value, list):
            value = tuple(value)
        if not self.accepts(value):
            checks.refuse("Config", name, f"must be {self.description}", checks.shortened(value))
        return value

    @property
    def description(self) -> str:
        """The text, with None where it is allowed."""
        if not self.optional:
            return self.text
        return f"None, {self.text}" if self.text == "True or False" else f"None or {self.text}"


def whole(low: int, high: int = checks.MAX_WHOLE, *, optional: bool = False) -> Kind:
    """Return the kind of whole numbers in [low, high]."""

    def accepts(value: object) -> bool:
        return checks.is_whole(value, low, high)

    limits = "" if high == checks.MAX_WHOLE else f" and at most {high}"
    text = f"a whole number of at least {low}{limits}"
    return Kind(text=text, accepts=accepts, optional=optional)


def whole_or(word: str, low: int) -> Kind:
    """Return the kind of None, whole numbers of at least ``low``, and one word."""

    def accepts(value: object) -> bool:
        return checks.is_whole(value, low) or (isinstance(value, str) and value == word)

    text = f"a whole number of at least {low} or {word}"
    return Kind(text=text, accepts=accepts, optional=True)


def number(
    low: float = -math.inf,
    high: float = checks.MAX_NUMBER,
    *,
    above: bool = False,
    optional: bool = False,
) -> Kind:
    """Return the kind of finite numbers of at least ``low``, or above it, up to ``high``."""

    def accepts(value: Any) -> bool:
        if not checks.is_number(value) or value > high:
            return False
        return bool(value > low if above else value >= low)

    limit = f"above {low:g}" if above else f"of at least {low:g}"
    text = "a finite number" if low == -math.inf else f"a finite number {limit}"
    if high != checks.MAX_NUMBER:
        text += f" and at most {high:g}"
    return Kind(text=text, accepts=accepts, optional=optional)


def switch(*, optional: bool = False) -> Kind:
    """Return the kind of True and False."""
    return Kind(
        text="True or False", accepts=lambda value: isinstance(value, bool), optional=optional
    )


def choice(*choices: str, optional: bool = False) -> Kind:
    """Return the kind of strings among ``choices``."""

    def accepts(value: object) -> bool:
        return isinstance(value, str) and value in choices

    return Kind(text=f"one of {', '.join(choices)}", accepts=accepts, optional=optional)


def wholes(
    low: int,
    text: str,
    *,
    high: int = checks.MAX_WHOLE,
    odd: bool = False,
    rising: bool = False,
    optional: bool = False,
) -> Kind:
    """Return the kind of non-empty tuples of whole numbers in [low, high]."""

    def accepts(values: object) -> bool:
        if not isinstance(values, tuple) or not values:
            return False
        for value in values:
            if not checks.is_whole(value, low, high) or (odd and value % 2 == 0):
                return False
        return not rising or all(a < b for a, b in itertools.pairwise(values))

    return Kind(text=text, accepts=accepts, optional=optional)


def interval() -> Kind:
    """Return the kind of two rising bounds."""
    text = "two rising bounds, fractions or whole counts"
    return Kind(text=text, accepts=checks.is_interval)


def text() -> Kind:
    """Return the kind of strings."""
    return Kind(text="a string", accepts=lambda value: isinstance(value, str))


def setting(default: T, stage: str, kind: Kind, doc: str) -> T:
    """Return a dataclass field of ``Config`` that carries its stage, kind and documentation."""
    metadata = {"stage": stage, "kind": kind, "doc": doc}
    field: T = dataclasses.field(default=default, metadata=metadata)
    return field


def check_names(config: type[Any], values: Mapping[str, Any]) -> None:
    """Raise unless all of ``values`` are settings."""
    names = [field.name for field in dataclasses.fields(config)]
    for name in values:
        if name not in names:
            raise unknown(name, names)


def unknown(name: object, names: list[str]) -> InputError:
    """Return the error about a setting that does not exist."""
    close = difflib.get_close_matches(str(name), names, n=1)
    hint = f" (did you mean {close[0]!r}?)" if close else ""
    return InputError(f"Config: {name!r} is not a setting{hint}; `musc2 config` lists them")


def with_none(config: type[Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values of a file, in which "none" stands for None where that is allowed."""
    own = dict(values)
    for field in dataclasses.fields(config):
        if field.metadata["kind"].optional and own.get(field.name) == "none":
            own[field.name] = None
    return own


def document(config: type[Any]) -> None:
    """Add a line per field to the docstring of ``Config``, so that help(Config) shows the table."""
    lines = [config.__doc__ or "", "    Fields:", ""]
    for field in dataclasses.fields(config):
        lines.append(f"    {field.name} = {field.default!r}")
        lines.append(f"        {field.metadata['doc']}")
    config.__doc__ = "\n".join(lines) + "\n"


def check_partners(
    subset_count: int, references_per_part: int | None, similar_parts: int | None
) -> None:
    """Raise if more than one setting chooses the parts that a part is compared with."""
    values = {"references_per_part": references_per_part, "similar_parts": similar_parts}
    if subset_count > 1:
        values["subset_count"] = subset_count
    names = [name for name, value in values.items() if value is not None]
    if len(names) > 1:
        requirement = f"must be left out with {names[1]}"
        checks.refuse("Config", names[0], requirement, values[names[0]])


def parse(value: str) -> Any:
    """Return what ``value`` on a command line stands for: none, true, 4, 0.5, 1,3,5 or a word."""
    plain = value.strip()
    words = {"none": None, "null": None, "true": True, "false": False}
    if plain.lower() in words:
        return words[plain.lower()]
    if "," in plain:
        inner = plain.strip("()[]")
        return tuple(parse(item) for item in inner.split(",") if item.strip())
    try:
        parsed = json.loads(plain)
    except ValueError:
        return plain
    return tuple(parsed) if isinstance(parsed, list) else parsed
