"""Hosts for the unit tests of gpu_info: a tree of files as /proc and /sys have them, and the commands of a host."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Optional, Union

from ansible_collections.gpt_oss.fleet.plugins.module_utils._command import Answer

FIXTURES = Path(__file__).parent / "fixtures" / "gpu"


def fixture(name: str) -> str:
    return (FIXTURES / name).read_text(encoding="utf-8")


class FakeCommands:
    """Answers by the start of a command line; a command that no line starts with does not exist."""

    def __init__(self, answers: Mapping[str, Union[str, Answer]]) -> None:
        self._answers = answers

    def has(self, name: str) -> bool:
        return any(line.split()[0] == name for line in self._answers)

    def run(self, *command: str) -> Optional[Answer]:
        said = " ".join(command)
        for line, answer in self._answers.items():
            if said.startswith(line):
                return answer if isinstance(answer, Answer) else Answer(0, answer)
        return None


def write(root: Path, files: Mapping[str, str]) -> Path:
    """Write files below root; a text that starts with `->` makes a link."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if text.startswith("->"):
            path.symlink_to(text[2:])
        else:
            path.write_text(text, encoding="utf-8")
    return root


def pci(address: str, device: str, kind: str = "0x030200", vendor: str = "0x10de", driver: str = "") -> dict[str, str]:
    """Return the files of one device in sysfs."""
    folder = f"sys/bus/pci/devices/{address}"
    files = {f"{folder}/vendor": f"{vendor}\n", f"{folder}/device": f"{device}\n", f"{folder}/class": f"{kind}\n"}
    return {**files, f"{folder}/driver": f"->../../../bus/pci/drivers/{driver}"} if driver else files
