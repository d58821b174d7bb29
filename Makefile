# Two commands for newcomers: `make demo`, `make test`. On Debian they install what is missing and say what.

VENV ?= .venv
PYTHON := $(VENV)/bin/python
PIP := $(PYTHON) -m pip install --quiet --disable-pip-version-check --constraint requirements.lock

# How many tests of the public OpenFlow suites must pass, by version: 1.0 has 192, 1.3 has 991, 1.4 has 1003.
CONFORMANCE := 10:192 13:991 14:1003

VENV_NEEDS := python3=python3 python3:ensurepip=python3-venv
LAB_NEEDS := ip=iproute2 nsenter=util-linux sysctl=procps
DEMO_NEEDS := $(LAB_NEEDS) ping=iputils-ping iperf3=iperf3 curl=curl
TEST_NEEDS := $(DEMO_NEEDS) ovs-vswitchd=openvswitch-switch ethtool=ethtool tcpdump=tcpdump openssl=openssl nft=nftables \
	chromium=chromium /usr/share/javascript/d3/d3.min.js=libjs-d3
BENCH_NEEDS := $(TEST_NEEDS)

.PHONY: help demo test conformance check bench lock clean

help: ## what this Makefile can do
	@grep -E '^[a-z]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 16

demo: $(VENV)/.installed ## build a lab, send real traffic through it, show what happened
	@tools/need $(DEMO_NEEDS)
	@$(PYTHON) -m triplane.lab.demo

test: $(VENV)/.installed-tests ## all tests
	@tools/need $(TEST_NEEDS)
	@tools/test $(PYTHON) $(CONFORMANCE)

conformance: $(VENV)/.installed-tests ## the public OpenFlow switch suites
	@tools/need $(TEST_NEEDS)
	@tools/conformance $(PYTHON) $(CONFORMANCE)

check: $(VENV)/.installed-tests ## lint, format, types, import rules
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

bench: $(VENV)/.installed-tests ## measure, side by side with other forwarders where they are installed
	@tools/need $(BENCH_NEEDS)
	@$(PYTHON) -m tests.bench

lock: ## write requirements.lock anew: the newest versions that pyproject.toml allows
	tools/lock

clean: ## remove the virtual environment, caches and build products
	rm -rf $(VENV) build dist src/*.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .coverage*
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(PYTHON):
	@tools/need $(VENV_NEEDS)
	@echo "making a virtual environment in $(VENV)"
	@python3 -m venv $(VENV)

$(VENV)/.installed: pyproject.toml requirements.lock | $(PYTHON)
	@echo "installing Triplane and the libraries it runs on (requirements.lock)"
	@$(PIP) --editable '.[controller]'
	@touch $@

$(VENV)/.installed-tests: pyproject.toml requirements.lock | $(PYTHON)
	@echo "installing Triplane and what its tests need (requirements.lock)"
	@$(PIP) --editable '.[controller,test]'
	@touch $@ $(VENV)/.installed
