from __future__ import annotations

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.gpt_oss.fleet.plugins.doc_fragments.docker import ModuleDocFragment
from ansible_collections.gpt_oss.fleet.plugins.filter import (
    containerd_config,
    docker_packages,
    docker_plan,
    docker_restart,
    docker_unmet,
)
from ansible_collections.gpt_oss.fleet.tests.unit.plugins.plugin_utils.docker_hosts import bare, official, wishes


def test_filters_are_found_by_name() -> None:
    for module in (containerd_config, docker_packages, docker_plan, docker_restart, docker_unmet):
        assert list(module.FilterModule().filters()) == [module.__name__.rpartition(".")[2]]


def test_the_fragment_documents_the_options() -> None:
    assert yaml.safe_load(ModuleDocFragment.DOCUMENTATION)["options"].keys() == wishes().keys()


def test_the_filters_do_what_they_are_called() -> None:
    options = wishes()
    del options["occupied"]
    assert docker_plan.docker_plan(bare(), **options)["source"] == "official"
    assert "found none" in docker_unmet.docker_unmet(bare(), **options)[0]
    assert docker_restart.docker_restart(official(), ["log-opts"])["restart"]
    assert docker_packages.docker_packages(["docker-ce"], "", {}, "debian") == ["docker-ce"]
    assert containerd_config.containerd_config("", "/c").endswith('root = "/c"\n')


def test_an_unknown_version_fails() -> None:
    with pytest.raises(AnsibleFilterError, match="set docker_version to one of these"):
        docker_packages.docker_packages(["docker-ce"], "1.2", {}, "debian")
