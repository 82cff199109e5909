"""Reads pickles of one plain dict, {text: (bytes, whole number)}, without unpickling them.

Python's own unpickler crashes on, or takes gigabytes for, files of a few bytes, and it calls what a file names. Here each
opcode that such a dict needs is done by hand and any other is refused: nothing is called, and memory stays a small multiple of
the file's size.
"""

from __future__ import annotations

import io
import pickletools
from typing import Any

VALUES = {"SHORT_BINUNICODE", "BINUNICODE", "SHORT_BINBYTES", "BINBYTES", "BININT1", "BININT2", "BININT"}
PUTS = {"BINPUT", "LONG_BINPUT"}
GETS = {"BINGET", "LONG_BINGET"}
IDLE = {"PROTO", "FRAME", "STOP"}


def read(content: bytes) -> dict[str, Any]:
    """The dict in a pickle as protocols 3 to 5 write it; an exception of any kind for other content.

    Keys are texts; a value is text, bytes, a whole number or a pair of such, which is left to the caller to check.
    """
    stream, found = io.BytesIO(content), None
    stack: list[Any] = []
    seen: list[Any] = []  # what the file may refer to again
    mark = 0
    for opcode, argument, _ in pickletools.genops(stream):
        name = opcode.name
        if name in VALUES:
            stack.append(argument)
        elif name == "MEMOIZE" or (name in PUTS and argument == len(seen)):
            seen.append(stack[-1])
        elif name == "TUPLE2":
            stack[-2:] = [(stack[-2], stack[-1])]
        elif name in GETS:
            stack.append(seen[argument])
        elif name == "EMPTY_DICT" and found is None:
            found = {}
            stack.append(found)
        elif name == "MARK":
            mark = len(stack)
        elif name in ("SETITEM", "SETITEMS"):
            _put(stack, mark if name == "SETITEMS" else len(stack) - 2, found)
        elif name not in IDLE:
            raise ValueError(f"{name} is nothing that it needs")
    if found is None or len(stack) != 1 or stack[0] is not found or stream.read(1):
        raise ValueError("one dict expected")
    return found


def _put(stack: list[Any], start: int, found: dict[str, Any] | None) -> None:
    """Move keys and values that lie on the stack from `start` on into the dict below them."""
    items = stack[start:]
    if start < 1 or stack[start - 1] is not found or len(items) % 2:
        raise ValueError("entries without a dict")
    # Of other keys a hash can take forever: pairs of pairs of pairs.
    if not all(type(key) is str for key in items[::2]):
        raise ValueError("a key is no text")
    found.update(zip(items[::2], items[1::2], strict=True))
    del stack[start:]
