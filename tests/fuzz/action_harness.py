"""Runs an action plugin that sends nothing to any host, with hosts' variables as they come."""

from __future__ import annotations

import contextlib
import importlib
import io
from collections.abc import Mapping
from typing import Any

from ansible.parsing.dataloader import DataLoader
from ansible.playbook.play_context import PlayContext
from ansible.playbook.task import Task
from ansible.plugins.connection.local import Connection
from ansible.template import Templar


def run_action(name: str, arguments: Mapping[str, Any], hostvars: Mapping[str, Any]) -> dict[str, Any]:
    """Return an action's result. Raises what the action raises."""
    plugin = importlib.import_module(f"ansible_collections.gpt_oss.fleet.plugins.action.{name}")
    loader = DataLoader()
    task = Task()
    task.args, task.action = dict(arguments), f"gpt_oss.fleet.{name}"
    told = {"hostvars": hostvars, "ansible_play_hosts_all": list(hostvars), "inventory_hostname": "one"}
    context = PlayContext()
    action = plugin.ActionModule(
        task=task,
        connection=Connection(context),
        play_context=context,
        loader=loader,
        templar=Templar(loader=loader, variables=told),
        shared_loader_obj=None,
    )
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        return dict(action.run(None, told))
