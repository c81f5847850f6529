# Everything here works from a fresh clone; `make help` lists it.
SHELL := /bin/bash
.DEFAULT_GOAL := help
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export ANSIBLE_CONFIG := $(CURDIR)/ansible.cfg
export ANSIBLE_COLLECTIONS_PATH := $(CURDIR)/.ansible/collections
export MOLECULE_GLOB := molecule/*/molecule.yml
export DOCKER_BUILDKIT := 0
SCENARIOS := prepare nvidia_driver docker nvidia_container_toolkit preflight vllm fleet
SCENARIOS_DEBIAN13 := prepare nvidia_driver docker nvidia_container_toolkit preflight
# They have the hosts of others, so each release waits for the one before.
SCENARIOS_STATES := nvidia_driver_states docker_states

help:  ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 20

demo:  ## Deploy, evaluate and judge three simulated hosts on this machine
	@tools/demo.sh up

clean-demo:  ## Take the demo away again
	@tools/demo.sh down

setup:  ## Set up .venv with all that the tests need
	@tools/setup.sh test

engine:
	@tools/engine.sh

test: setup  ## All tests that CI runs, but for real vLLM
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target lint sanity unit differential
	@$(MAKE) --no-print-directory integration
	@$(MAKE) --no-print-directory molecule
	@echo "make test: everything passed"

test-all: test unit-more molecule-all acceptance-vllm  ## Beyond that: other releases, and real vLLM
	@echo "make test-all: everything passed"

lint: setup  ## ruff, mypy, ansible-lint (production profile)
	ruff check .
	ruff format --check .
	mypy plugins tests/unit tools roles/vllm_simulator/files
	ansible-lint --offline

sanity: setup  ## ansible-test sanity, with no ignore entries
	@mkdir -p .cache
	@tools/sanity.sh > .cache/sanity.log 2>&1 || { tail -n 80 .cache/sanity.log; exit 1; }
	@echo "ansible-test sanity: $$(grep -c '^Running sanity test' .cache/sanity.log) tests passed (log: .cache/sanity.log)"

unit: setup  ## Unit tests: pure functions, no network, no engine
	pytest tests/unit

unit-more: setup  ## The same with older CPythons and ansible-cores, as far as this machine has them
	@tests/tools/versions.sh

differential: setup  ## Our grading, prompts and order against the installed reference harness (Python >= 3.12)
	@python=$$(tools/reference.sh); case $$? in \
	  0) $$python -m pytest tests/differential ;; \
	  3) echo "differential: skipped, the reference harness needs Python >= 3.12 (its golden results are tested by 'make unit')" ;; \
	  *) exit 1 ;; esac

integration: setup engine  ## Modules and playbooks against a real Docker Engine
	pytest -n 2 --dist loadfile tests/integration

molecule: setup engine  ## Roles and playbooks on real systemd hosts in containers: Debian 12
	@tests/tools/molecule.sh $(SCENARIOS)

molecule-more: setup engine  ## Beyond these: Debian 13, more broken states, and dnf on what passes for RHEL
	@tests/tools/molecule.sh $(SCENARIOS_DEBIAN13:=@debian13) rhel
	@tests/tools/molecule.sh $(SCENARIOS_STATES)
	@tests/tools/molecule.sh $(SCENARIOS_STATES:=@debian13)

molecule-all: molecule molecule-more  ## Both

acceptance-vllm: setup engine  ## Deploy, smoke and eval against real vLLM on CPU, with a tiny trained model
	@tests/acceptance/vllm/run.sh

bench: setup engine  ## Speed and memory as ratios within one run
	@export REFERENCE_PYTHON=$$(tools/reference.sh || true); \
	  python tests/bench/bench_eval.py && python tests/bench/bench_ready.py

bench-prepare: setup engine  ## A prepared host looked at again: ours against well-known roles
	@python tests/bench/bench_prepare.py

build:  ## Build the collection's tarball
	ansible-galaxy collection build --force

.PHONY: help demo clean-demo setup engine test test-all lint sanity unit unit-more differential integration molecule molecule-more molecule-all \
  acceptance-vllm bench bench-prepare build
