"""What all fuzzers share: how long they run, bad values and damaged documents, and what a message must be like."""

from __future__ import annotations

import copy
import functools
import json
import os
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

SECONDS = float(os.environ.get("FUZZ_SECONDS") or 0)
_UNHURRIED: dict[str, Any] = {"deadline": None, "suppress_health_check": list(HealthCheck), "database": None}
BRIEF = settings(derandomize=True, max_examples=12, **_UNHURRIED)
LONG = settings(max_examples=300, phases=(Phase.explicit, Phase.generate, Phase.shrink), **_UNHURRIED)
Decorator = Callable[[Callable[..., None]], Callable[..., None]]
COUNTED: Counter[str] = Counter()  # examples by test file

# What Python says of its own accord, and never a person.
_RAW = re.compile(
    r"'NoneType'|has no attribute|is not (?:iterable|subscriptable|callable)|object is not|unhashable|Traceback"
    r"|(?:Key|Type|Value|Attribute|Index|Unicode\w*|Recursion|Overflow|ZeroDivision|Assertion)Error\b|invalid literal"
    r"|index out of range|indices must be|not supported between|unexpected keyword|positional argument|<class '"
    r"|could not convert|unsupported operand|must be str|must be a string or|not enough values|too many values"
    r"|codec can't|maximum recursion|recursion depth|cannot convert|can only concatenate|first argument must"
    r"|dictionary update sequence|integer string conversion|<\w+ object at|embedded null|NoneType"
)


def fuzz(*, brief: int = 12, slow: bool = False, **strategies: st.SearchStrategy[Any]) -> Decorator:
    """Make a test of made-up arguments, `brief` of them if not for long; they are counted under its file's name.

    What was found is made as short as can be, unless each example of the test is `slow`.
    """

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(test)
        def counted(*args: Any, **named: Any) -> None:
            COUNTED[test.__module__] += 1
            test(*args, **named)

        how = LONG if SECONDS else settings(BRIEF, max_examples=brief)
        if slow:
            how = settings(how, phases=(Phase.explicit, Phase.generate), max_examples=min(how.max_examples, 20))
        return how(given(**strategies)(counted))

    return decorate


def check_message(text: object) -> None:
    """Fail for what is no sentence that tells a person what was found."""
    assert isinstance(text, str), f"the message is no text: {text!r}"
    assert len(text.split()) >= 3, f"the message is no sentence: {text!r}"
    found = _RAW.search(text)
    assert found is None, f"the message says {found and found[0]!r}, which is the program's own trouble: {text[:600]!r}"


ODD_TEXTS = st.sampled_from(
    ["", "\ud800", " ", "\n", "\0", "{{ x }}", "{% raw %}", "é\u2028", "\ud83d\ude00", "../../x", "/", "-1", "0", "1"]
    + ["null", "true", "no", "a" * 5000, "%s%n", "$(x)", "'\"", "\x1b[31m", "0x10", "1_000", "٣", "²", "-", ",", ":"]
    + ["1e309", "nan", "=", "[]", "http://[::1", "http://x:99999/v1", "2026-13-45", "{", '{"a": 1}', "\u202e"]
    + ["sha256:", "a/b/c", "--flag", "x y"]
)  # fmt: skip
TEXTS = st.one_of(ODD_TEXTS, st.text(max_size=12))
NUMBERS = st.one_of(
    st.integers(-3, 9),
    st.sampled_from([2**31, -(2**31), 2**63, -(2**63) - 1, 10**30, 10**400, 0.0, -0.0, 0.5, -1.5, 1e308, 1e-320]),
    st.sampled_from([float("nan"), float("inf"), float("-inf"), 0.1, 99999, 65536]),
)
SCALARS = st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=6,
)

Path = tuple[Any, ...]


def paths_of(document: Any, most: int = 4000) -> list[Path]:
    """Return where in a document something stands, the whole first."""
    found: list[Path] = [()]
    for path in found:
        value = _at(document, path)
        if isinstance(value, Mapping):
            found += [(*path, key) for key in value]
        elif isinstance(value, (list, tuple)):
            # Of many that are alike some will do.
            found += [(*path, index) for index in range(min(len(value), 6))]
        if len(found) > most:
            break
    return found


def _at(document: Any, path: Path) -> Any:
    for step in path:
        document = document[step]
    return document


@st.composite
def damaged(draw: Any, document: Any, values: st.SearchStrategy[Any] = ANYTHING, least: int = 1) -> Any:
    """A document with one to three of its parts replaced, gone, doubled, renamed or wrapped."""
    document = copy.deepcopy(document)
    for _unused in range(draw(st.integers(least, 3))):
        paths = paths_of(document)
        # The depths alike: else nearly all that is hit are leaves.
        depth = draw(st.sampled_from(sorted({len(path) for path in paths})))
        path = draw(st.sampled_from([path for path in paths if len(path) == depth]))
        document = _replaced(draw, document, path, values)
    return document


def _replaced(draw: Any, document: Any, path: Path, values: st.SearchStrategy[Any]) -> Any:
    if not path:
        return draw(values) if draw(st.integers(0, 5)) == 0 else document
    parent, key = _at(document, path[:-1]), path[-1]
    if not isinstance(parent, (dict, list)):
        return document
    action = draw(st.sampled_from(["replace", "replace", "replace", "delete", "double", "wrap", "text"]))
    if action == "replace":
        parent[key] = draw(values)
    elif action == "delete":
        del parent[key]
    elif action == "wrap":
        parent[key] = [parent[key]]
    elif action == "text":
        parent[key] = str(parent[key])
    elif isinstance(parent, list):
        parent.append(copy.deepcopy(parent[key]))
    else:
        parent[draw(TEXTS)] = parent.pop(key)
    return document


DEEP = b"[" * 100_000
_BITS = st.sampled_from(
    [b"", b"\0", b"\xff\xfe", b"\r", b"\n", b"\n\n", b"\xef\xbb\xbf", b"{", b"}", b"]", b'"', b",", b"null"]
    + [b"\xed\xa0\x80", b"NaN", b"-Infinity", b"1e999", DEEP, b'{"a":' * 50_000, b"<", b">", b"&x;", b":", b" "]
    + [b"\\u12", b"1" * 5000]
)  # fmt: skip


@st.composite
def mangled(draw: Any, content: bytes, most: int = 3) -> bytes:
    """Bytes with some cut off, taken out, doubled, put in, or lines in another order."""
    for _unused in range(draw(st.integers(1, most))):
        here, there = sorted(draw(st.tuples(*[st.integers(0, len(content))] * 2)))
        action = draw(st.sampled_from(["cut", "behead", "take out", "double", "put in", "replace", "lines"]))
        if action == "cut":
            content = content[:there]
        elif action == "behead":
            content = content[here:]
        elif action == "take out":
            content = content[:here] + content[there:]
        elif action == "double":
            content = content[:there] + content[here:]
        elif action == "put in":
            content = content[:here] + draw(_BITS) + content[here:]
        elif action == "replace":
            content = content[:here] + draw(_BITS) + content[here + 1 :]
        else:
            lines = content.splitlines(keepends=True)[:200]
            content = b"".join(draw(st.permutations(lines)))
    return content


@st.composite
def damaged_json(draw: Any, document: Any) -> bytes:
    """The text of a document that was damaged as such, or its bytes, or both; or nothing like it."""
    kind = draw(st.sampled_from(["document", "document", "bytes", "both", "noise"]))
    if kind == "noise":
        return bytes(draw(st.one_of(st.binary(max_size=60), ANYTHING.map(as_json), _BITS)))
    content = as_json(draw(damaged(document)) if kind != "bytes" else document)
    return bytes(draw(mangled(content)) if kind != "document" else content)


@st.composite
def damaged_lines(draw: Any, rows: Sequence[Any]) -> bytes:
    """JSON lines whose rows were damaged, and perhaps their bytes too."""
    kept = [draw(damaged(row, least=0)) if draw(st.booleans()) else row for row in rows]
    order = draw(st.permutations(range(len(kept)))) if draw(st.integers(0, 3)) == 0 else range(len(kept))
    content = b"".join(as_json(kept[index]) + b"\n" for index in order)
    return bytes(draw(mangled(content)) if draw(st.booleans()) else content)


def as_json(document: Any) -> bytes:
    """Return a document's text; a number that is none becomes NaN, as Python writes it."""
    return json.dumps(document, default=str, skipkeys=True).encode("utf-8", "surrogatepass")
