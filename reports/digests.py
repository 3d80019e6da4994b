"""What identifies content: equal digests mean equal pages, so that none is drawn twice."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from functools import cache, singledispatch
from hashlib import sha256
from importlib.metadata import version
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

import numpy as np
import polars as pl

from engine.code_version import engine_version, gauntlet_version
from resources.result_store.frame_schemas import STORED_SCHEMA, TRADES_SCHEMA

_LIBRARIES = ("jinja2", "markupsafe", "numpy", "polars")
_DRAWN_BY = ("reports", "research")
_DIGITS = 32


def digest(*content: Any) -> str:
    """Return the first half of the SHA-256 of content, in hexadecimal digits.

    Content is text, bytes, None, numbers, days, arrays, frames, and lists, tuples, mappings and
    dataclasses of them; of a dataclass without fields whose name begins with an underscore.
    """
    found = sha256()
    for part in _list_parts(content):
        found.update(len(part).to_bytes(8, "little"))
        found.update(part)
    return found.hexdigest()[:_DIGITS]


@cache
def drawing_version() -> str:
    """Return what identifies the code that draws pages from what is stored.

    The source of reports and of research, templates and libraries among them, the engine, and the
    columns of the store; as they were when this process first asked.
    """
    sources = [part for package in _DRAWN_BY for part in _read_sources(files(package))]
    libraries = [version(name) for name in _LIBRARIES]
    columns = [*STORED_SCHEMA, *TRADES_SCHEMA]
    return digest(engine_version(), gauntlet_version(), libraries, columns, sources)


def _read_sources(folder: Traversable) -> Iterator[str | bytes]:
    """Yield names and content of all files of a package, compiled ones left out."""
    for one in sorted(folder.iterdir(), key=lambda one: one.name):
        if one.is_dir() and one.name != "__pycache__":
            yield from _read_sources(one)
        elif one.is_file():
            yield one.name
            yield one.read_bytes()


@singledispatch
def _list_parts(content: Any) -> Iterator[bytes]:
    """Yield bytes that differ where content does."""
    if is_dataclass(content):
        yield type(content).__qualname__.encode()
        for one in fields(content):
            if not one.name.startswith("_"):
                yield from _list_parts(getattr(content, one.name))
    else:
        yield repr(content).encode()


@_list_parts.register
def _list_text(content: str | bytes) -> Iterator[bytes]:
    yield content.encode() if isinstance(content, str) else content


@_list_parts.register
def _list_array(content: np.ndarray) -> Iterator[bytes]:
    yield f"{content.dtype.str} {content.shape}".encode()
    yield np.ascontiguousarray(content).tobytes()


@_list_parts.register
def _list_frame(content: pl.DataFrame) -> Iterator[bytes]:
    yield repr(content.schema).encode()
    yield content.write_ndjson().encode()


@_list_parts.register
def _list_values(content: list | tuple) -> Iterator[bytes]:
    try:
        yield json.dumps(content).encode()
    except TypeError:  # more than what JSON has
        yield f"{len(content)} of {type(content).__name__}".encode()
        for value in content:
            yield from _list_parts(value)


@_list_parts.register
def _list_items(content: Mapping) -> Iterator[bytes]:
    yield from _list_values([*content])
    yield from _list_values([*content.values()])
