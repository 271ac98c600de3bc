# Everything a developer does, each as one command. The first run of a target sets up what it
# needs: .venv for the package and its tools, .venv-service for an AppConfig service that pins
# another botocore.

PYTHON ?= python3
HTTP_PORT ?= 2772
PIP_INSTALL = pip install --quiet --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help run test lint bench clean

help:
	@echo "make run     run fastext against a local AppConfig service, on port $(HTTP_PORT)"
	@echo "make test    run all tests"
	@echo "make lint    ruff, cython-lint, mypy, stubtest"
	@echo "make bench   run the microbenchmarks"
	@echo "make clean   remove everything that these commands have made"

run: .venv/ready .venv-service/ready
	@.venv/bin/python -m dev.run --port $(HTTP_PORT)

test: .venv/ready .venv-service/ready
	@sh dev/system-packages.sh
	@test -x .cache/aws-lambda-rie || sh dev/emulator.sh
	@echo "running the tests"
	@.venv/bin/python -m pytest $(ARGS)

lint: .venv/ready
	@echo "ruff";         .venv/bin/ruff check . && .venv/bin/ruff format --check --quiet .
	@echo "cython-lint";  .venv/bin/cython-lint src
	@echo "mypy";         .venv/bin/mypy --no-error-summary
	@echo "stubtest";     .venv/bin/python -m mypy.stubtest --concise fastext._parse \
		--allowlist dev/stubtest-allowlist.txt | grep -v "^Success" || true; \
		.venv/bin/python -m mypy.stubtest fastext._parse \
		--allowlist dev/stubtest-allowlist.txt > /dev/null
	@if command -v shellcheck > /dev/null; then echo "shellcheck"; shellcheck dev/*.sh .ci/run; \
		else echo "SKIPPED shellcheck: it is not installed"; fi

bench: .venv/ready
	@.venv/bin/python -m benches $(ARGS)

clean:
	rm -rf .venv .venv-service .cache build src/fastext.egg-info src/fastext/*.so src/fastext/*.c

.venv/ready: pyproject.toml src/fastext/_parse.pyx src/fastext/__init__.py | prerequisites
	@echo "setting up .venv: the package, built in place, with its test and lint tools"
	@test -x .venv/bin/python || $(PYTHON) -m venv .venv
	@.venv/bin/$(PIP_INSTALL) --editable ".[test,lint,bench]"
	@touch $@

.venv-service/ready: Makefile | prerequisites
	@echo "setting up .venv-service: ministack, an independent AppConfig service"
	@test -x .venv-service/bin/python || $(PYTHON) -m venv .venv-service
	@.venv-service/bin/$(PIP_INSTALL) "ministack>=1.5"
	@touch $@

.PHONY: prerequisites
prerequisites:
	@PYTHON="$(PYTHON)" sh dev/check-prerequisites.sh
