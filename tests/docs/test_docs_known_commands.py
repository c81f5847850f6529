"""Every command of the documentation is known, and what can be told of it without running it is right."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from ansible.cli.playbook import PlaybookCLI
from doc_names import playbooks, role_variables
from doc_pages import ROOT, Command
from doc_rules import WAYS, all_commands, extra_variables, rule_of, rules, to_run

BIN = Path(sys.executable).parent
_PROJECT_FILE = re.compile(r"(?:docs|inventories|molecule|playbooks|plugins|roles|tests|tools)/[\w./-]+")


def of(*ways: str) -> list[Command]:
    return [command for command in all_commands() if (rule := rule_of(command.text)) and rule.how in ways]


def ids(commands: list[Command]) -> list[str]:
    return [f"{command.page}:{command.line}" for command in commands]


def run(*words: str, **options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False, **options)


PLAYBOOKS = [command for command in all_commands() if command.text.startswith("ansible-playbook ")]


def test_each_command_is_known() -> None:
    unknown = [
        f"{command.page}:{command.line}: {command.text}" for command in all_commands() if not rule_of(command.text)
    ]
    assert unknown == [], "tests/docs/commands.yml says nothing of these"


def test_each_rule_is_needed_and_says_why() -> None:
    used = {rule_of(command.text) for command in all_commands()}
    assert [rule.match for rule in rules() if rule not in used] == []
    for rule in rules():
        assert rule.how in WAYS, rule
        assert bool(rule.reason) == (rule.how not in ("run", "doc", "make")), f"{rule.match}: a reason, or none"
        assert not rule.test or (ROOT / rule.test).is_file(), rule.test


def test_the_way_of_the_guide_is_run() -> None:
    texts = " ".join(command.text for _rule, command in to_run())
    wanted = ("images", "models", "deploy", "status", "smoke", "fingerprint", "collect_env", "evaluate", "rollout")
    assert all(f"gpt_oss.fleet.{name} -i inventory" in texts for name in wanted)


@pytest.mark.parametrize("command", PLAYBOOKS, ids=ids(PLAYBOOKS))
def test_a_playbooks_options_and_variables_are_right(command: Command) -> None:
    words = shlex.split(command.text.replace("$PWD", "/folder"), comments=True)
    cli = PlaybookCLI(words)
    cli.parser = None
    cli.init_parser()
    options = cli.parser.parse_args(words[1:])
    assert [name for name in options.args if name.removeprefix("gpt_oss.fleet.") not in playbooks()] == []
    assert [name for name in extra_variables(words) if name not in role_variables()] == []


def test_all_playbooks_have_no_fault_of_syntax() -> None:
    named = sorted(
        {word for command in PLAYBOOKS for word in command.text.split() if word.startswith("gpt_oss.fleet.")}
    )
    checked = run(str(BIN / "ansible-playbook"), "--syntax-check", "-i", "inventories/b200", *named)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert checked.stdout.count("playbook: ") == len(named)


@pytest.mark.parametrize("command", of("doc"), ids=ids(of("doc")))
def test_ansible_doc_finds_it(command: Command) -> None:
    words = shlex.split(command.text)
    shown = run(str(BIN / words[0]), *words[1:])
    assert shown.returncode == 0 and words[-1].upper() in shown.stdout.upper(), shown.stderr


def test_make_could_make_it() -> None:
    targets = {word for command in of("make") for word in shlex.split(command.text)[1:] if not word.startswith("-")}
    names = sorted(word for word in targets if "=" not in word)
    made = run("make", "-n", "--no-print-directory", *names, *sorted(targets - set(names)))
    assert made.returncode == 0, made.stderr


def options_of(modules: list[str]) -> dict[str, set[str]]:
    shown = run(str(BIN / "ansible-doc"), "-j", *modules)
    assert shown.returncode == 0, shown.stderr
    return {name: set(about["doc"]["options"]) for name, about in json.loads(shown.stdout).items()}


def test_the_modules_know_the_options() -> None:
    asked = []
    for command in of("module"):
        words = shlex.split(command.text)
        module, arguments = words[words.index("-m") + 1], words[words.index("-a") + 1]
        asked.append((command, module, {word.partition("=")[0] for word in shlex.split(arguments)}))
    known = options_of(sorted({module for _command, module, _options in asked}))
    for command, module, options in asked:
        assert options <= known[module], command


@pytest.mark.parametrize("command", of("shell", "run"), ids=ids(of("shell", "run")))
def test_bash_can_read_it_and_its_files_are_there(command: Command) -> None:
    read = run("bash", "-n", input=command.text)
    assert read.returncode == 0, read.stderr
    assert [name for name in _PROJECT_FILE.findall(command.text) if not (ROOT / name).exists()] == []
