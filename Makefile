# make demo   two real sites on this machine: replicate, drill, lose one, fail over
# make test   everything that CI runs
# Both install what is missing first, and say so before they do. A second run installs nothing.

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test lint types imports tests bench faults install-demo install-test lock clean

# restic (from .tools) and rclone (from PyPI) stand beside albus-dr in the environment. Debian's ordinary users have no
# sbin in PATH, and HAProxy is there.
export PATH := $(CURDIR)/.venv/bin:$(PATH):/usr/sbin
ARGS ?=

help: ## say what can be made
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile | expand -t 22

demo: install-demo ## the whole story on this machine; ARGS="--scenario switchover" for another
	@albus-dr demo $(ARGS)

test: lint types tests ## everything that CI runs; the last line is pytest's

lint: install-test ## ruff: style and format
	@ruff check .
	@ruff format --check .

types: install-test ## mypy, strict
	@mypy

imports: install-test ## which part may import which (pytest asks the same)
	@lint-imports

tests: install-test ## pytest, a file for each core at a time; ARGS="-k restic" for some
	@pytest -n auto --dist loadfile $(ARGS)

bench: install-test ## measure beside doing without it, write docs/benchmarks.md; ARGS="--only help,drill" for some rows
	@python -m benchmarks $(ARGS)

faults: install-test ## try what goes wrong, write docs/faults.md; ARGS="--only failover,line-cut --times 3" for some
	@python -m faults $(ARGS)

install-demo: ## only install what the demo needs
	@sh albus_dr/bench/install.sh demo

install-test:
	@sh albus_dr/bench/install.sh test

lock: ## bring the lock files up to date with pyproject.toml (needs uv)
	uv pip compile -q --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--custom-compile-command 'make lock' --extra demo --group build -o requirements.lock pyproject.toml
	uv pip compile -q --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--custom-compile-command 'make lock' --extra demo --extra notify --extra otel --group build --group dev -c requirements.lock \
		-o requirements-dev.lock pyproject.toml

clean: ## remove what was installed and built in this checkout; system packages stay
	rm -rf .venv .tools .mypy_cache .ruff_cache .pytest_cache .import_linter_cache build dist
