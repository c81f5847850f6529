"""Data set files: values as the reference harness shows them, and errors that name what is wrong."""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _dataset


def column(folder: Path, *cells: str, other: str = "text") -> list[Any]:
    """Read a column of the given cells, beside one of text."""
    path = folder / "data.csv"
    path.write_bytes(("other,wanted\r\n" + "".join(f"{other},{cell}\r\n" for cell in cells)).encode())
    return [row["wanted"] for row in _dataset.read_csv(str(path), ["wanted"])]


@pytest.mark.parametrize(
    ("cells", "shown"),
    [
        # "Not available" words in text
        (["x", "NA", "None", "null", "", "nan", "N/A", "NaN", "n/a", "<NA>"], ["x"] + ["nan"] * 9),
        (["x", " NA", "na", "NONE", "none", '"NA"'], ["x", " NA", "na", "NONE", "none", "nan"]),
        # a column of nothing but numbers
        (["07", "+5", " 12 ", "-0"], ["7", "5", "12", "0"]),
        (["1e3", "07"], ["1000.0", "7.0"]),
        (["07", "NA"], ["7.0", "nan"]),
        (["-0", "NA"], ["0.0", "nan"]),
        (["-0", "1.5"], ["-0.0", "1.5"]),
        ([".5", "2.", "1e16", "1e400", "-inf", "Infinity"], ["0.5", "2.0", "1e+16", "inf", "-inf", "inf"]),
        (["9007199254740993", ""], ["9007199254740992.0", "nan"]),
        (["9223372036854775808", "1"], ["9223372036854775808", "1"]),
        (["9223372036854775808", "-01"], ["9223372036854775808", "-01"]),
        (["9223372036854775808", "+1", "NA"], ["9223372036854775808", "+1", "NA"]),
        (["99999999999999999999", "+1", "NA"], ["99999999999999999999", "1", "nan"]),
        (["1" * 4301, "+1", "NA"], ["1" * 4301, "+1", "NA"]),
        # one word of text, and all is text
        (["07", "1e3", "x"], ["07", "1e3", "x"]),
        (["1", "1_0"], ["1", "1_0"]),
        (["1", "٣"], ["1", "٣"]),
        (["1", '"1,000"'], ["1", "1,000"]),
        (["1", "0x1f"], ["1", "0x1f"]),
        # truth values
        (["TRUE", "false", "True"], ["True", "False", "True"]),
        (["TRUE", "NA"], ["True", "nan"]),
        (["TRUE", "1"], ["TRUE", "1"]),
        # nothing but "not available"
        (["", "NA"], ["nan", "nan"]),
        # quotation marks, line ends and blanks inside cells
        (['"a ""b"" c"', 'a "b"', '"a"b', '" a"'], ['a "b" c', 'a "b"', "ab", " a"]),
        (['"a\nb"', '"a\r\nb"', '"a\r\n\r\nb"'], ["a\nb", "a\r\nb", "a\r\n\r\nb"]),
        (["{braces}", "é 😀 \u2028"], ["{braces}", "é 😀 \u2028"]),
        (["x" * 200_000, "y"], ["x" * 200_000, "y"]),
    ],
)
def test_csv_values(tmp_path: Path, cells: list[str], shown: list[str]) -> None:
    assert [f"{value}" for value in column(tmp_path, *cells)] == shown


def test_a_row_of_numbers_has_one_type(tmp_path: Path) -> None:
    assert column(tmp_path, "1", "2", other="3") == [1, 2]
    assert [str(value) for value in column(tmp_path, "1", "2", other="3.0")] == ["1.0", "2.0"]
    assert [str(value) for value in column(tmp_path, "1", "2", other="True")] == ["1", "2"]


def test_missing_text_equals_itself_and_missing_numbers_do_not(tmp_path: Path) -> None:
    """The reference finds the right answer by list.index, which holds an object equal to itself."""
    first, second = column(tmp_path, "NA", "NA", "x")[:2]
    assert [first].index(second) == 0
    first, second = column(tmp_path, "NA", "NA", "x", other="5")[:2]
    assert [first].index(second) == 0
    # Missing numbers in a row that is otherwise text count as missing text.
    first, second = column(tmp_path, "NA", "NA")
    assert [first].index(second) == 0
    first, second = column(tmp_path, "NA", "NA", "1", other="5")[:2]
    with pytest.raises(ValueError):
        [first].index(second)


@pytest.mark.parametrize(
    "text",
    [
        "a,b\n1,x\n2,y\n",
        "a,b\r\n1,x\r\n2,y",
        "a,b\r1,x\r2,y\r",
        "\ufeffa,b\n1,x\n2,y\n",
        '\ufeff"a",b\n1,x\n2,y\n',
        "\n \na,b\n\n1,x\n \t\n\n2,y\n\n",
        "b,a,c\nx,1,z\ny,2,z\n",
    ],
)
def test_csv_layouts(tmp_path: Path, text: str) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(text.encode())
    assert _dataset.read_csv(str(path), ["a", "b"]) == [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]


def test_csv_text_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(b'b,a\n"two\nlines",07\n\nNone,1e3\n')
    assert _dataset.read_csv_text(str(path), ["a", "b"]) == [
        (2, {"a": "07", "b": "two\nlines"}),
        (5, {"a": "1e3", "b": "None"}),
    ]


def test_csv_leaves_the_csv_module_as_it_was(tmp_path: Path) -> None:
    limit = csv.field_size_limit(1_234)
    column(tmp_path, "x")
    assert csv.field_size_limit(limit) == 1_234


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"wanted a header line and at least one row, found an empty file.*Fetch the file again"),
        (b"\n\n", r"found an empty file"),
        (b"a,b\n", r"found only the header line"),
        (b"a,c\n1,2\n", r"header: wanted the columns 'a', 'b', found 'a', 'c'; missing: 'b'.*rename"),
        (b"a,b\n1,2\n\n3\n", r"line 4: wanted 2 cells as in the header, found 1"),
        (b'a,b\n"1\n1",2\n3,4,5\n', r"line 4: wanted 2 cells as in the header, found 3"),
        (b'a,b\n1,2\n3,"4\n5,6\n', r"line 3: wanted a closing quotation mark, found the end of the file"),
        (b"a,b\n1,\xff\n", r"line 2: wanted UTF-8 text, found the byte 0xff.*convert it"),
        (b"a,b\n1,2\n\0,3\n", r"line 3: wanted text, found a NUL character"),
        (b"<html>\n<p>Not found</p>\n</html>\n", r"header: wanted the columns 'a', 'b', found '<html>'"),
    ],
)
def test_csv_errors(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(content)
    with pytest.raises(_dataset.DatasetError, match=message) as caught:
        _dataset.read_csv(str(path), ["a", "b"])
    assert str(caught.value).startswith(str(path))


@pytest.mark.parametrize(
    ("answers", "values"),
    [
        (["70", "588"], ["70", "588"]),
        (['"70"', '"588"'], ["70", "588"]),
        (['"070"', "588"], ["70", "588"]),
        (["70.0", "588"], ["70", "588"]),
        (["70.5", "588"], ["70.5", "588.0"]),
        (['"70.0"', '"588"'], ["70.0", "588.0"]),
        (['"336^"', '"070"', "5"], ["336^", "070", "5"]),
    ],
)
def test_json_values(tmp_path: Path, answers: list[str], values: list[str]) -> None:
    path = tmp_path / "data.jsonl"
    path.write_text("".join(f'{{"question": "q", "answer": {answer}}}\n' for answer in answers), encoding="utf-8")
    rows = [row for _line, row in _dataset.read_json_lines(str(path), ["question", "answer"])]
    assert [str(row["answer"]) for row in rows] == values
    assert [row["question"] for row in rows] == ["q"] * len(answers)


@pytest.mark.parametrize(
    "text",
    [
        '{"a": "x"}\n{"a": "y\u2028\u0085"}\n',
        '\ufeff{"a": "x"}\r\n\r\n {"a": "y\\u2028\u0085"} \r\n',
        '\u3000{"a": "x"}\n{"a": "y\u2028\u0085"}\u00a0\n',
        '{"a": "x", "b": null}\n{"c": [{}], "a": "y\u2028\u0085"}',
    ],
)
def test_json_layouts(tmp_path: Path, text: str) -> None:
    path = tmp_path / "data.jsonl"
    path.write_bytes(text.encode())
    rows = _dataset.read_json_lines(str(path), ["a"])
    assert [row for _line, row in rows] == [{"a": "x"}, {"a": "y\u2028\u0085"}]
    assert [line for line, _row in rows] == [1, 3 if "\r\n\r\n" in text else 2]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"wanted one JSON object a line, found an empty file"),
        (b"\n \n", r"found an empty file"),
        (b'{"a": "x"}\nnothing\n', r"line 2: wanted one JSON object, but .*Fetch the file again"),
        (b'{"a": "x"}\n{"a": "y"', r"line 2: wanted one JSON object, but "),
        (b"version https://git-lfs.github.com/spec/v1\n", r"line 1: wanted one JSON object, but "),
        (b'["a"]\n', r"line 1: wanted a JSON object, found '\[\"a\"\]'"),
        (b'{"a": "x"}\n{"b": "y"}\n', r"line 2: wanted the keys 'a', found 'b'.*own data set"),
        (b'{"a": null}\n', r"line 1: wanted text or a number for 'a', found null"),
        (b'{"a": {"b": 1}}\n', r"line 1: wanted text or a number for 'a', found {\"b\": 1}"),
    ],
)
def test_json_errors(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "data.jsonl"
    path.write_bytes(content)
    with pytest.raises(_dataset.DatasetError, match=message) as caught:
        _dataset.read_json_lines(str(path), ["a"])
    assert str(caught.value).startswith(str(path))


@pytest.mark.parametrize("place", ["missing.csv", "."])
def test_a_file_that_cannot_be_read(tmp_path: Path, place: str) -> None:
    with pytest.raises(_dataset.DatasetError, match=r"cannot be read: (No such file|Is a directory).*on the host"):
        _dataset.read_csv(str(tmp_path / place), ["a"])


def test_data_sha256(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_bytes(b"1")
    two.write_bytes(b"2")
    digests = [hashlib.sha256(content).hexdigest() for content in (b"1", b"2")]
    assert _dataset.data_sha256([str(one)]) == digests[0]
    assert _dataset.data_sha256([str(one), str(two)]) == hashlib.sha256("".join(digests).encode()).hexdigest()
    assert _dataset.data_sha256([str(two), str(one)]) != _dataset.data_sha256([str(one), str(two)])
