from __future__ import annotations

import pytest
from doc_pages import Block, anchors, blocks, commands, headings, links, prose, spans, without_comment
from doc_rules import Rule, extra_variables, rule_of

PAGE = """\
# A page: `code`, and more

Text with `make test` and [a link](other.md#part) and `ansible-playbook x.y.z
-i inventory`.

    make demo    # a comment
    make test

```console
$ docker ps
NAMES
$ docker run \\
    image
```

- an item

  ```sh
  echo "a
  b" # and more
  # a comment alone

  ls 'x # y'
  ```

1. one

       cat file

   goes on

    not code, as it belongs to the item

## Part

```yaml
a: 1
```

## Part
"""


def test_blocks_are_found_with_their_languages_and_lines() -> None:
    assert blocks(PAGE) == [
        Block("", "make demo    # a comment\nmake test", 6, fenced=False),
        Block("console", "$ docker ps\nNAMES\n$ docker run \\\n    image", 10),
        Block("sh", "echo \"a\nb\" # and more\n# a comment alone\n\nls 'x # y'", 19),
        Block("", "cat file", 28, fenced=False),
        Block("yaml", "a: 1", 37),
    ]


@pytest.mark.parametrize(
    ("programs", "inline", "expected"),
    [
        ((), (), ["docker ps", "docker run image", 'echo "a b"', "ls 'x # y'"]),
        (("make",), (), ["make demo", "make test", "docker ps", "docker run image", 'echo "a b"', "ls 'x # y'"]),
        (
            ("cat",),
            ("ansible-playbook",),
            [
                "docker ps",
                "docker run image",
                'echo "a b"',
                "ls 'x # y'",
                "cat file",
                "ansible-playbook x.y.z -i inventory",
            ],
        ),
    ],
)
def test_commands(programs: tuple[str, ...], inline: tuple[str, ...], expected: list[str]) -> None:
    assert [command.text for command in commands(PAGE, "page.md", programs, inline)] == expected


def test_a_command_knows_its_line() -> None:
    found = {command.text: command.line for command in commands(PAGE, "page.md", ["make"])}
    assert (found["make test"], found["docker run image"], found["ls 'x # y'"]) == (7, 12, 23)


def test_prose_has_no_code_and_the_same_lines() -> None:
    assert "docker" not in prose(PAGE) and "not code" in prose(PAGE)
    assert prose(PAGE).count("\n") == PAGE.count("\n")


def test_spans_links_headings_and_anchors() -> None:
    assert spans(PAGE) == [(1, "code"), (3, "make test"), (3, "ansible-playbook x.y.z\n-i inventory")]
    assert links(PAGE) == [(3, "other.md#part")]
    assert headings(PAGE) == [(1, "A page: `code`, and more"), (2, "Part"), (2, "Part")]
    assert anchors(PAGE) == {"a-page-code-and-more", "part", "part-1"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [("make x  # why", "make x"), ("grep '#' file", "grep '#' file"), ("grep ' #' file # why", "grep ' #' file")],
)
def test_comments_go(text: str, expected: str) -> None:
    assert without_comment(text) == expected


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["x", "-e", "a=1", "-e", '{"b": 1, "c": [2]}'], ["a", "b", "c"]),
        (["x", "--extra-vars", "a=1 b='2 3'"], ["a", "b"]),
        (["x", "-e", "@file.yml", "-i", "e=1"], []),
    ],
)
def test_variables_of_a_command(words: list[str], expected: list[str]) -> None:
    assert extra_variables(words) == expected


def test_the_first_rule_that_fits_whole_counts() -> None:
    first, second = Rule("make x", "make"), Rule("make .*", "shell")
    assert rule_of("make x", (first, second)) == first
    assert rule_of("make xy", (first, second)) == second
    assert rule_of("remake x", (first, second)) is None
