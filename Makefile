# make run: set everything up and run the main job.   make test: set everything up and run the tests.
SHELL := /bin/bash
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
# What is installed: what a run needs, or with the tools of development, too.
READY := $(VENV)/.run
DEV := $(VENV)/.dev
UV := $(BIN)/uv
# Where Python may not write bytecode, as in many containers, each start would compile all packages anew.
BYTECODE := $(if $(PYTHONDONTWRITEBYTECODE),--compile-bytecode)
SYNC := $(UV) pip sync --quiet $(BYTECODE) --python $(BIN)/python --require-hashes
COMPILE := $(UV) pip compile --quiet --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate
# An environment of its own: NengoLoihi's tests need an older pytest.
PEERS := .venv-peers
# Another: other emulators; SANA-FE is GPL, so it is in no other environment.
COMPARE := .venv-compare
# Another: bioimageio.core needs older versions of bioimageio.spec and pydantic.
BIOIMAGEIO := .venv-bioimageio
# Atheris, and for all else the packages of .venv.
FUZZ := .venv-fuzz
# Another: napari and Qt, beside the core.
NAPARI := .venv-napari
# The core without Nengo, TensorFlow, Prefect and MLflow: Python 3.11 to 3.13, made anew for another PYTHON.
CORE := .venv-core
CORE_READY := $(CORE)/.ready-$(notdir $(PYTHON))
# Programs of Debian that end-to-end tests use; tests whose programs are missing are skipped, and say so.
DEBIAN := chromium postgresql redis-server

# Telemetry of the packages stays off; TensorFlow's legacy Keras is what NengoDL needs.
export DO_NOT_TRACK = 1
export PREFECT_SERVER_ANALYTICS_ENABLED = false
export MLFLOW_DISABLE_TELEMETRY = true
export TF_USE_LEGACY_KERAS = 1

.PHONY: help run test coverage setup dev lint docs format e2e pages chaos fuzz load peers compare bioimageio napari core outside up lock secrets clean

help: ## Show this list
	@grep -E '^[a-z0-9]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

run: $(READY) ## Set everything up and run the pipeline with the quick preset
	$(BIN)/spikeseg run --preset quick --dataset auto

test: $(DEV) ## Set everything up and run the default tests
	$(BIN)/python -m pytest -q --numprocesses 2 --dist loadfile

coverage: $(DEV) ## The default tests, and how many lines of the core and the tasks they run (at least 90 %)
	$(BIN)/python -m pytest -q --numprocesses 2 --dist loadfile --cov --cov-report=term:skip-covered

setup: $(READY) ## Make .venv with what a run needs, from the hashed lock file

dev: $(DEV) ## Make .venv with the tools of development and the servers' packages, too

$(UV): requirements/uv.txt
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 is needed ($(PYTHON) was not found); name yours: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { echo "Python 3.11 is needed, $(PYTHON) is $$($(PYTHON) --version); name yours: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@# pip fetches uv, which is not on a fresh machine, and nothing else: it takes four times as long.
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement $<
	@touch $@

# Each removes what is not in its lock file, so that the smaller undoes the larger.
$(READY): $(UV) requirements/run.txt pyproject.toml
	$(SYNC) requirements/run.txt
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@rm -f $(DEV) && touch $@

$(DEV): $(UV) requirements/dev.txt pyproject.toml
	$(SYNC) requirements/dev.txt
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $(READY) $@

lint: $(DEV) ## Style, types, the direction of imports, spelling and schemas
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/hadolint docker/Dockerfile
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.compose-spec docker/compose.yaml
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.citation-file-format --default-filetype yaml CITATION.cff
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-issue-forms .github/ISSUE_TEMPLATE/bug.yml .github/ISSUE_TEMPLATE/idea.yml
	$(BIN)/codespell --dictionary=- --dictionary=docs/words-to-avoid.txt

docs: $(DEV) ## The site, in build/docs: pages made from the code, links checked, warnings are errors
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet docs build/docs

format: $(DEV) ## Format and mend what can be mended
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

e2e: $(DEV) ## The whole pipeline, small, the servers, and their pages in a browser, for real
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		have=$$(dpkg-query --show --showformat='$${db:Status-Status}\n' $(DEBIAN) 2>/dev/null | grep -c '^installed'); \
		[ "$$have" = $(words $(DEBIAN)) ] || { apt-get update --quiet=2 && apt-get install --quiet=2 --yes --no-install-recommends $(DEBIAN); } || echo "make e2e: the tests that need a browser or databases are skipped: $(DEBIAN) cannot be installed here"; \
	fi
	$(BIN)/python -m pytest -q -rs -m e2e

pages: $(DEV) ## Every command and snippet of README, tutorials and how-to guides, with small settings, and the notebook
	$(BIN)/python -m pytest -q -rs -m pages tests/docs

chaos: $(DEV) ## Faults in the real pipeline, on a tiny network (ARGS=--every: all of them; ARGS=--self-test: inject nothing)
	SPIKESEG_VERBOSITY=quiet $(BIN)/python -m tests.chaos.run $(ARGS)

load: $(DEV) ## Many runs, points, MLflow runs and queued flow runs: nothing lost, memory flat, disk bounded (ARGS="--queued 10")
	SPIKESEG_VERBOSITY=quiet $(BIN)/python -m tests.load.run $(ARGS)

fuzz: $(DEV) $(FUZZ)/.ready ## Every reader and parser under Atheris, 30 minutes in all (ARGS="--minutes 5 --only image")
	$(FUZZ)/bin/python -m tests.fuzz.run $(ARGS)

$(FUZZ)/.ready: $(UV) requirements/fuzz.txt
	$(PYTHON) -m venv --without-pip $(FUZZ)
	$(UV) pip sync --quiet --python $(FUZZ)/bin/python --require-hashes requirements/fuzz.txt
	@$(BIN)/python -c 'import site; print(site.getsitepackages()[0])' > $$(echo $(FUZZ)/lib/python3*/site-packages)/project.pth
	@touch $@

peers: $(PEERS)/.ready ## NengoLoihi's own tests, as they are and with this emulator (ARGS=--quick: a part of them)
	$(PEERS)/bin/python tests/peers/run.py $(ARGS)

$(PEERS)/.ready: $(UV) requirements/peers.txt
	$(PYTHON) -m venv --without-pip $(PEERS)
	$(UV) pip sync --quiet --python $(PEERS)/bin/python --require-hashes requirements/peers.txt
	@touch $@

compare: $(COMPARE)/.ready ## NengoLoihi, brian2-loihi, SANA-FE and this emulator: spikes, speed, and both energy models (ARGS="--side 48": a larger one)
	$(COMPARE)/bin/python -m tests.compare.run $(ARGS)

$(COMPARE)/.ready: $(UV) requirements/compare.txt
	$(PYTHON) -m venv --without-pip $(COMPARE)
	$(UV) pip sync --quiet --python $(COMPARE)/bin/python --require-hashes requirements/compare.txt
	@touch $@

bioimageio: $(DEV) $(BIOIMAGEIO)/.ready ## What spikeseg export writes for bioimage.io, run by bioimageio.core
	$(BIN)/python -m tests.bioimageio.make build/bioimageio
	$(BIOIMAGEIO)/bin/python tests/bioimageio/run.py build/bioimageio

$(BIOIMAGEIO)/.ready: $(UV) requirements/bioimageio.txt
	$(PYTHON) -m venv --without-pip $(BIOIMAGEIO)
	$(UV) pip sync --quiet --python $(BIOIMAGEIO)/bin/python --require-hashes requirements/bioimageio.txt
	@touch $@

napari: $(DEV) $(NAPARI)/.ready ## The plugin in a napari without a screen
	$(BIN)/python -m tests.napari.make build/napari
	PYTHONPATH=. QT_QPA_PLATFORM=offscreen $(NAPARI)/bin/python tests/napari/run.py build/napari

$(NAPARI)/.ready: $(UV) requirements/napari.txt requirements/napari/pyproject.toml
	$(PYTHON) -m venv --without-pip $(NAPARI)
	$(UV) pip sync --quiet --python $(NAPARI)/bin/python --require-hashes requirements/napari.txt
	$(UV) pip install --quiet --python $(NAPARI)/bin/python --no-deps --no-build-isolation --editable requirements/napari
	@touch $@

core: $(CORE_READY) ## The core's tests without Nengo and TensorFlow (PYTHON=python3.13: another Python from 3.11 to 3.13)
	$(CORE)/bin/python -m pytest -q -rs -p tests.core.plugin --confcutdir=tests/spikeseg_core tests/spikeseg_core $(ARGS)

$(CORE_READY): requirements/core.txt
	$(PYTHON) -m venv --clear $(CORE)
	$(CORE)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement $<
	@touch $@

outside: $(CORE_READY) ## Networks that others trained, fetched from PyPI and npm, mapped and emulated (ARGS="--only reversi")
	$(CORE)/bin/python -m tests.outside.run $(ARGS)

secrets: docker/.env ## Write docker/.env, with passwords of your own, for docker/compose.yaml

docker/.env: docker/.env.example
	@test ! -e $@ || { echo "$@ is there already: see what is new in $<, then touch $@"; exit 1; }
	@umask 077; while IFS= read -r line; do \
		case "$$line" in [A-Z]*=) line="$$line$$(openssl rand -hex 24)";; esac; printf '%s\n' "$$line"; \
	done < $< > $@.new
	@mv $@.new $@ && echo "$@ is written"

up: $(READY) ## Local Prefect server, MLflow server and worker, deployments registered
	$(BIN)/spikeseg up

lock: $(UV) ## Resolve pyproject.toml anew into the hashed lock files: a run, a server, development, peers, other emulators, bioimageio, the core, napari, fuzzing, uv
	$(COMPILE) --all-extras pyproject.toml --output-file requirements/dev.txt
	$(COMPILE) --extra server --constraint requirements/dev.txt pyproject.toml --output-file requirements/server.txt
	$(COMPILE) --constraint requirements/dev.txt pyproject.toml --output-file requirements/run.txt
	$(COMPILE) --constraint requirements/run.txt tests/peers/requirements.in --output-file requirements/peers.txt
	$(COMPILE) --constraint requirements/peers.txt tests/compare/requirements.in --output-file requirements/compare.txt
	$(COMPILE) tests/bioimageio/requirements.in --output-file requirements/bioimageio.txt
	$(COMPILE) --universal --all-extras requirements/core/pyproject.toml --output-file requirements/core.txt
	$(COMPILE) --extra all --constraint requirements/core.txt requirements/core/pyproject.toml tests/napari/requirements.in --output-file requirements/napari.txt
	echo atheris | $(COMPILE) - --output-file requirements/fuzz.txt
	echo uv | $(COMPILE) - --output-file requirements/uv.txt

clean: ## Remove .venv and caches (not .spikeseg, which holds your runs)
	rm -rf $(VENV) $(FUZZ) $(PEERS) $(COMPARE) $(BIOIMAGEIO) $(NAPARI) $(CORE) .pytest_cache .mypy_cache .ruff_cache .hypothesis build *.egg-info
