from __future__ import annotations

import failure_classes
import failure_pages
import make_failures_doc as tool
import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _failures as tables
from ansible_collections.gpt_oss.fleet.plugins.module_utils._failure_page import classes
from failure_classes import load, sections

NAMES = {row.name for section in sections() for row in section.rows}


def test_the_pages_are_what_the_tables_say() -> None:
    assert tool.stale() == [], "run tools/make_failures_doc.py"


def test_a_page_that_was_changed_or_is_left_over_is_stale(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = tool.pages()
    changed, gone = tool.DOCS / "failures" / "gpu_busy.md", tool.DOCS / "failures" / "killed.md"
    kept = {path: text for path, text in wanted.items() if path != gone}
    monkeypatch.setattr(tool, "pages", lambda: {**kept, changed: "another text"})
    assert tool.stale() == ["docs/failures/gpu_busy.md", "docs/failures/killed.md"]


def test_each_class_that_a_result_can_have_is_on_the_page_and_has_one_of_its_own() -> None:
    page = tool.page()
    assert classes() == NAMES
    assert all(f"| [`{name}`](failures/{name}.md) |" in page for name in NAMES)
    assert "{" not in page.replace("{nofile: 1048576}", "")


def test_what_is_said_beside_the_tables_fits_them() -> None:
    data = load()
    assert set(data["classes"]) == NAMES
    assert set(data["tables"]) == {section.title for section in sections()}
    for name, own in data["classes"].items():
        assert set(own) <= {"means", "look", "related", "words"} and own["words"], name
        assert set(own["related"]) <= NAMES - {name} and own["related"], name
        assert set(own.get("look", [])) <= set(data["commands"]), name
    used = {name for own in (*data["classes"].values(), *data["tables"].values()) for name in own.get("look", [])}
    assert used == set(data["commands"])


def test_a_class_that_nothing_is_said_of_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    new = sections()[0]._replace(rows=(tables.Failure("new_class", "", "", "", ""),))
    monkeypatch.setattr(failure_classes, "sections", lambda: (new,))
    with pytest.raises(SystemExit, match="expected new_class, found nothing of them; give each its `related`"):
        load()


def test_a_page() -> None:
    page = tool.pages()[tool.DOCS / "failures" / "free_memory.md"]
    assert page.startswith("# `free_memory`\n\nAnother process holds GPU memory: … is less than")
    assert "- `Free memory on device …GiB) on startup is less than desired" in page
    assert "nvidia-smi --query-compute-apps=pid,process_name,used_memory --format=csv\n" in page
    assert "[`gpu_busy`](gpu_busy.md)" in page and "Known by: vLLM 0.32.0, source." in page


def test_the_exit_codes_are_told() -> None:
    assert all(f"The exit code is {row.pattern}." in failure_pages.class_page(row.name, load()) for row in tables.EXITS)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a disk is full: {line}", "a disk is full"),
        ("no program {what}{other}", "no program …"),
        ("set ulimits: {{nofile: 1}}", "set ulimits: {nofile: 1}"),
        ("a | b", r"a \| b"),
    ],
)
def test_texts(text: str, expected: str) -> None:
    assert failure_pages.told(text) == expected
