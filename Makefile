# Everything here works from a fresh clone; `make help` lists it.
SHELL := /bin/bash
.DEFAULT_GOAL := help
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export ANSIBLE_CONFIG := $(CURDIR)/ansible.cfg
export ANSIBLE_COLLECTIONS_PATH := $(CURDIR)/.ansible/collections
export MOLECULE_GLOB := molecule/*/molecule.yml
export DOCKER_BUILDKIT := 0
SCENARIOS := vllm fleet

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

test: lint sanity unit differential integration molecule  ## All tests that CI runs, but for real vLLM
	@echo "make test: everything passed"

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

differential: setup  ## Our grading, prompts and order against the installed reference harness (Python >= 3.12)
	@python=$$(tools/reference.sh); case $$? in \
	  0) $$python -m pytest tests/differential ;; \
	  3) echo "differential: skipped, the reference harness needs Python >= 3.12 (its golden results are tested by 'make unit')" ;; \
	  *) exit 1 ;; esac

integration: setup engine  ## Modules and playbooks against a real Docker Engine
	pytest -n 2 --dist loadfile tests/integration

molecule: setup engine  ## Roles on real systemd hosts in containers
	@tests/tools/host_image.sh
	@for scenario in $(SCENARIOS); do molecule test -s $$scenario || exit 1; done

acceptance-vllm: setup engine  ## Deploy, smoke and eval against real vLLM on CPU, with a tiny trained model
	@tests/acceptance/vllm/run.sh

bench: setup engine  ## Speed and memory as ratios within one run
	@export REFERENCE_PYTHON=$$(tools/reference.sh || true); \
	  python tests/bench/bench_eval.py && python tests/bench/bench_ready.py

build:  ## Build the collection's tarball
	ansible-galaxy collection build --force

.PHONY: help demo clean-demo setup engine test lint sanity unit differential integration molecule acceptance-vllm bench build
