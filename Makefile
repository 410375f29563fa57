# The Xen host runbook. `make help` lists what there is.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
# The Debian of the virtual PC: trixie or bookworm, as in `make testbed-test RELEASE=bookworm`.
RELEASE ?= trixie
# How many recorded hosts `make bench` and `make bench-fleet` run; 200 take most of an hour, 8 some minutes.
HOSTS ?= 200
# How many virtual PCs `make testbed-fleet` boots: 2 or 3.
MACHINES ?= 2
# What `make testbed-rehearse` rehearses.
CAPTURE ?= tests/captures/kvm
# How many minutes `make testbed-zoo-one` may take.
WITHIN ?= 15

# Kernels of programs that do not ask for it themselves are forked too (docs/decisions/0024).
FORKED := JUPYTER_DEFAULT_PROVISIONER_NAME=runbook-fork

# What `make bench` measures, as in `make bench BENCH="one_host growth"`; those not named keep their last results.
BENCH ?= one_host far growth evidence fleet backup peers
BENCH_fleet := --hosts $(HOSTS) --write

# Nothing is installed but what stands in lock/ with its checksum; the project itself is built with what is there.
INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check
LOCKED  := $(INSTALL) --require-hashes --requirement
COMPILE := .cache/lock/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --custom-compile-command "make lock"

.PHONY: help env lock run sample parameters decisions test test-faults test-sudo test-wheel browser-deps test-browser jupyter notebooks site screens schema coverage errors testbed-deps testbed-test testbed-backups testbed-returns testbed-upgrade testbed-install testbed-live testbed-build testbed-fleet testbed-zoo testbed-zoo-one testbed-rehearse testbed-up testbed-down record bench bench-deps bench-backup bench-evidence bench-fleet bench-peers clean
# Where a shell forbids it, each of the many processes would compile all modules anew.
unexport PYTHONDONTWRITEBYTECODE
.DEFAULT_GOAL := help

help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(READY): pyproject.toml lock/test.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; name it with: make PYTHON=/path/to/python3"; exit 1; }
	@echo "Creating the environment in $(VENV) (once; a minute or two) …"
	@$(PYTHON) -m venv $(VENV)
	@$(LOCKED) lock/test.txt
	@rm -rf *.egg-info # of an older layout: its entry points would be taken for the present ones
	@$(INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

env: $(READY) ## create the environment in .venv, from lock/test.txt

lock: ## write lock/ anew from pyproject.toml: the newest versions of its ranges, with checksums
	@$(PYTHON) -m venv .cache/lock
	@.cache/lock/bin/pip install --quiet --disable-pip-version-check --require-hashes --requirement lock/uv.txt
	@$(COMPILE) --group build --extra test pyproject.toml --output-file lock/test.txt
	@$(COMPILE) --group build --constraint lock/test.txt pyproject.toml --output-file lock/run.txt
	@$(COMPILE) --group build --extra test --extra browser --constraint lock/test.txt pyproject.toml --output-file lock/browser.txt
	@$(COMPILE) --group pyproject.toml:lock --output-file lock/uv.txt

run: $(READY) ## play the whole runbook on the recorded host and archive the report
	@$(BIN)/runbook run params/example.yml

test: $(READY) ## lint, types, unit tests, and nbval over every notebook
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(FORKED) $(BIN)/pytest -n 2 --dist loadfile -q

test-faults: $(READY) ## provoke every fault of docs/faults.md during a run, and compare the report with the truth; 10,000 mutated answers; 5,000 machines; 100,000 guests before the real xl
	@$(BIN)/pytest -n 2 -q -m fault tests/faults
	@$(BIN)/python -m tests.fuzz_answers --cases 10000 2>/dev/null
	@$(BIN)/pytest -q -m many tests/survey/test_generated_machines.py tests/guests

test-sudo: $(READY) ## root by sudo over the real sshd and sudo, in a Debian that mmdebstrap makes (root; ten minutes)
	@$(BIN)/pytest -q -m sudo tests/hosts

test-wheel: $(READY) ## build the wheel, install it into an empty folder, and go a newcomer's way there (PYTHONS="python3.12 …": those too; SUITES="trixie forky": the Pythons of these Debians, as root)
	@RUNBOOK_PYTHONS="$(PYTHONS)" RUNBOOK_SUITES="$(SUITES)" $(BIN)/pytest -q -m wheel tests/wheel

browser-deps: ## install Chromium and what reads PDFs, from Debian's packages (root)
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core fonts-liberation poppler-utils

test-browser: $(READY) ## look at the site, a report and notebooks in JupyterLab, in Chromium (make browser-deps)
	@$(LOCKED) lock/browser.txt
	@$(BIN)/pytest -q -m browser tests/browser

jupyter: $(READY) ## open JupyterLab: your hosts, their parameters, and own copies of the notebooks
	@$(BIN)/runbook jupyter

notebooks: $(READY) ## re-execute the committed notebooks on the recorded host (review the diff)
	@$(BIN)/runbook notebooks

sample: $(READY) ## make reports/sample anew on recorded hosts, and the notebook that shows it
	@$(BIN)/python docs/sample.py

site: $(READY) ## make the guide and the documents a site in site/, read from its files
	@$(BIN)/runbook site --out site

screens: $(READY) ## make the pictures of docs/screens.md anew, in Chromium (make browser-deps)
	@$(LOCKED) lock/browser.txt
	@PYTHONPATH=. $(BIN)/python docs/screens.py
	@$(BIN)/python -m tests.browser.screens

schema: $(READY) ## write params/schema.json from the parameter models
	@$(BIN)/runbook schema > params/schema.json

parameters: $(READY) ## write docs/parameters.md, every parameter, from the parameter models
	@$(BIN)/python -m runbook.documents.parameters

decisions: $(READY) ## write docs/decisions/README.md, the list of decisions
	@$(BIN)/python -m runbook.documents.decisions

coverage: $(READY) ## write docs/coverage.md, the map from the guide to the steps
	@$(BIN)/python -m runbook.documents.coverage

errors: $(READY) ## write docs/errors.md, what errors mean, from runbook/help
	@$(BIN)/python -m runbook.documents.errors

testbed-deps: ## install what the testbed needs, from Debian's packages (root)
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$(cat runbook/testbed/packages.txt)
	@getsubids root >/dev/null 2>&1 || usermod --add-subuids 1000000000-1000065535 --add-subgids 1000000000-1000065535 root

testbed-test: $(READY) ## build, boot and install the virtual PC, twice; archive both reports (RELEASE=bookworm: Debian 12)
	@$(BIN)/runbook testbed test --release $(RELEASE)

testbed-backups: $(READY) ## the same from its last checkpoint, and a guest's disk backed up, destroyed, restored and compared
	@$(BIN)/runbook testbed test --backups --resume --release $(RELEASE)

testbed-returns: $(READY) ## the same from its last checkpoint, and every way back: Xen that cannot boot, network and power cut, all undone
	@$(BIN)/runbook testbed test --returns --resume --release $(RELEASE)

testbed-upgrade: $(READY) ## from its last checkpoint: newer hypervisors and kernels that hang, panic, lose the power, or are good
	@$(BIN)/runbook testbed upgrade --release $(RELEASE)

testbed-install: $(READY) ## install Debian on an empty virtual disk by the unattended installer
	@$(BIN)/runbook testbed install

testbed-live: $(READY) ## install Debian on an empty virtual disk from a live system, over ssh
	@$(BIN)/runbook testbed live

testbed-build: $(READY) ## build a kernel and Xen, install and boot both on the virtual PC
	@$(BIN)/runbook testbed build

testbed-fleet: $(READY) ## several virtual PCs at once, one of which loses its power (MACHINES=3)
	@$(BIN)/runbook testbed fleet --machines $(MACHINES)

testbed-zoo: $(READY) ## machines that people live in, each to proved Xen and back again (MACHINE=name: one)
	@$(BIN)/runbook testbed zoo $(MACHINE)

testbed-zoo-one: $(READY) ## one of those machines, another each day, built, looked at and planned (WITHIN=15 minutes; status 75: not reached)
	@$(BIN)/runbook testbed zoo --one --plan --within $(WITHIN)

testbed-rehearse: $(READY) ## a captured host on a virtual PC like it, everything, and back again (CAPTURE=folder)
	@$(BIN)/runbook rehearse --capture $(CAPTURE)

testbed-up: $(READY) ## boot the virtual PC and leave it running
	@$(BIN)/runbook testbed up --release $(RELEASE)

testbed-down: $(READY) ## power it off
	@$(BIN)/runbook testbed down --release $(RELEASE)

record: $(READY) ## make the recording behind params/example.yml from a fresh testbed run, or of one step (STEP=name)
	@$(BIN)/runbook testbed $(if $(STEP),record $(STEP),test --record recordings/testbed)
	@$(BIN)/runbook notebooks

bench-deps: ## install what `make bench` measures with, from Debian's packages (root)
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends openssh-server openssh-client mmdebstrap util-linux iproute2 zstd partclone e2fsprogs openssl pigz

bench: $(READY) ## measure all beside peers and aims; writes benchmarks/RESULTS.md (root, make bench-deps)
	@failed=; \
	  $(foreach name,$(BENCH),$(BIN)/python -m benchmarks.$(name) $(BENCH_$(name)) || failed="$$failed $(name)";) \
	  $(BIN)/python -m benchmarks.results && \
	  if [ -n "$$failed" ]; then echo "Not measured this time:$$failed"; exit 1; fi

bench-backup: ## backup rates against the guide's dd | gzip -9; writes benchmarks/backup.md
	@$(MAKE) --no-print-directory bench BENCH=backup

bench-evidence: ## what evidence costs over plain nbclient; writes benchmarks/evidence.md
	@$(MAKE) --no-print-directory bench BENCH=evidence

bench-fleet: ## many recorded hosts at once, against the ideal; writes benchmarks/fleet.md (HOSTS=200)
	@$(MAKE) --no-print-directory bench BENCH=fleet

bench-peers: ## one host over ssh, against ansible-core and pyinfra; writes benchmarks/peers.md (root, make bench-deps)
	@$(MAKE) --no-print-directory bench BENCH=peers

clean: ## remove the environment, the testbed and what was fetched for tests
	rm -rf $(VENV) .testbed .testbed-* .cache
