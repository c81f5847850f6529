# Everything here works from a fresh clone; `make help` lists it.
SHELL := /bin/bash
.DEFAULT_GOAL := help
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export ANSIBLE_CONFIG := $(CURDIR)/ansible.cfg
export ANSIBLE_COLLECTIONS_PATH := $(CURDIR)/.ansible/collections
export MOLECULE_GLOB := molecule/*/molecule.yml
export DOCKER_BUILDKIT := 0
# The longest first.
SCENARIOS := fleet nvidia_driver vllm nvidia_container_toolkit preflight docker prepare
SCENARIOS_DEBIAN13 := prepare nvidia_driver docker nvidia_container_toolkit preflight
# They have the hosts of others, so each release waits for the one before.
SCENARIOS_STATES := nvidia_driver_states docker_states

help:  ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 20

demo:  ## Deploy, evaluate and judge five simulated hosts on this machine
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

test-all: test report-browser sources matrix coverage mutation docs importer integration-more molecule-all acceptance-vllm  ## Beyond that: other releases, and real vLLM
	@echo "make test-all: everything passed"

lint: setup  ## ruff, mypy, changelog fragments, ansible-lint (production profile)
	ruff check .
	ruff format --check .
	mypy plugins tests/unit tests/fuzz tools roles/vllm_simulator/files
	antsibull-changelog lint
	ansible-lint --offline

sanity: setup  ## ansible-test sanity, with no ignore entries
	@mkdir -p .cache
	@tools/sanity.sh > .cache/sanity.log 2>&1 || { tail -n 80 .cache/sanity.log; exit 1; }
	@echo "ansible-test sanity: $$(grep -c '^Running sanity test' .cache/sanity.log) tests passed (log: .cache/sanity.log)"

unit: setup  ## Unit tests: pure functions, no network, no engine
	@tests/tools/pytest.sh unit tests/unit tests/docs tests/fuzz

fuzz: setup  ## Bad input of every kind, each fuzzer for SECONDS (600), two at a time (docs/fuzzing.md)
	@python tests/tools/fuzz.py $(or $(SECONDS),600) $(FUZZERS)

report-browser: setup  ## The report's page in headless Chromium, which is installed where it is missing; SCREENSHOTS=folder keeps pictures
	@tests/tools/browser.sh
	pytest tests/browser

sources: setup  ## The recipes' data against the sources of published vLLM wheels (650 MB, kept in .cache)
	pytest tests/sources

matrix: setup engine  ## Unit, sanity and integration tests with each supported ansible-core and CPython that this machine has
	@tests/tools/matrix.sh

coverage: setup engine  ## Lines of plugins/ that unit and integration tests run; fails below 90 %
	@tests/tools/coverage.sh

mutation: setup  ## Small changes to statistics and readiness logic, which the unit tests are to notice
	@tests/tools/mutation.sh

docs: setup  ## The docs site, in .cache/docs/html; warnings are errors
	@tools/docs.sh

importer: setup  ## Galaxy's importer on the built tarball, which is to have nothing to say
	@tests/tools/importer.sh

differential: setup  ## Our grading, prompts and order against the installed reference harness (Python >= 3.12)
	@python=$$(tools/reference.sh); case $$? in \
	  0) $$python -m pytest tests/differential ;; \
	  3) echo "differential: skipped, the reference harness needs Python >= 3.12 (its golden results are tested by 'make unit')" ;; \
	  *) exit 1 ;; esac

integration: setup engine  ## Modules and playbooks against a real Docker Engine
	@tests/tools/pytest.sh integration -n 3 --dist loadfile -m "not slow" tests/integration

integration-more: setup engine  ## Those that take minutes: images between several engines
	@tests/tools/fault_programs.sh
	@tests/tools/pytest.sh integration-more -n 3 --dist loadfile -m slow tests/integration

docs-commands: setup engine  ## The documentation's commands: all are known and right, and its way is gone on simulated hosts
	@pytest tests/docs tests/integration/test_docs_commands.py

faults: setup engine  ## All faults injected, with a table of what was expected and seen (docs/faults.md)
	@tests/tools/fault_programs.sh
	@PYTHONPATH=tests/tools tests/tools/pytest.sh faults -p faults -m fault -n 2 --dist loadfile tests/integration

molecule: setup engine  ## Roles and playbooks on real systemd hosts in containers: Debian 12
	@tests/tools/molecule.sh $(SCENARIOS)

molecule-more: setup engine  ## Beyond these: Debian 13, more broken states, images from host to host, dnf on what passes for RHEL
	@tests/tools/molecule.sh $(SCENARIOS_DEBIAN13:=@debian13) rhel images environment environment@debian13 bundle
	@tests/tools/molecule.sh $(SCENARIOS_STATES)
	@tests/tools/molecule.sh $(SCENARIOS_STATES:=@debian13)

molecule-all: molecule molecule-more  ## Both

acceptance-vllm: setup engine  ## Real vLLM on CPU with a tiny trained model: the main way, an eval with everything killed, liveness, fingerprints, failures, security
	@tests/acceptance/vllm/run.sh test_acceptance test_eval_resume test_liveness test_fingerprint test_failures test_security

acceptance-vllm-main: setup engine  ## Of these the main way alone: deploy, smoke, eval, roll out and back, kill, tear down
	@tests/acceptance/vllm/run.sh test_acceptance

bench: bench-eval setup engine  ## Speed and memory as ratios within one run
	@python tests/bench/bench_ready.py

bench-eval: setup  ## The eval client against gpt_oss.evals and lm-eval; fails where a limit is exceeded (8 minutes)
	@export REFERENCE_PYTHON=$$(tools/reference.sh || true) RIVALS_PYTHON=$$(tools/rivals.sh || true); \
	  python tests/bench/evals/run.py

bench-client: setup engine  ## The eval client beside vllm bench serve, on real vLLM (CPU); fails where it is slower (10 minutes)
	@tests/bench/client/run.sh

bench-load: setup  ## The eval client with 2,000 requests at once for ten minutes; fails where a sample is lost or memory grows
	@python tests/bench/load/soak.py

bench-power: setup  ## What the fleet's verdicts find, and how often they are wrong, by simulation; fails where a limit is exceeded (4 minutes)
	@python=$$(tools/reference.sh) && PYTHONPATH=.ansible/collections $$python tests/bench/power/run.py

bench-fleet: setup  ## What a fleet's size costs the controller; fails where a limit is exceeded (10 minutes)
	@python tests/bench/fleet/aggregate.py && python tests/bench/fleet/playbooks.py

bench-prepare: setup engine  ## A prepared host looked at again: ours against well-known roles
	@python tests/bench/bench_prepare.py

bench-models: setup engine  ## Models: verification, a run with nothing to do, ways to eight hosts with shaped links
	@python tests/bench/bench_model_verify.py && python tests/bench/bench_distribution.py && python tests/bench/bench_models.py

build:  ## Build the collection's tarball
	ansible-galaxy collection build --force

ee: setup engine  ## An execution environment with this collection (docs/scale.md): BASE_IMAGE=..., and EE_IMAGE=name, EE_OPTIONS=...
	@tools/execution_environment.sh "$(BASE_IMAGE)" "$(or $(EE_IMAGE),gpt-oss-fleet/ee:latest)" $(EE_OPTIONS)

# No target is a file.
.PHONY: $(shell sed -nE 's/^([a-z-]+):.*/\1/p' Makefile)
