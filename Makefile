# make check [ARGS="--target wheel:24.05"]   the checks of the release, on a real server
# make test                                  the tests of this project itself; with a Docker engine, where one can be had
# make report [ARGS=DIR]                       the page of the last run, and Allure's report of it where Node.js is
# make flips                                 where promises of earlier releases begin, on all embedded servers
# make bench [ARGS="alike slower leak no-leak"] figures of this project itself, on real servers
# make image [ARGS=YY.MM]                    a small server image, for the Docker engine here (needs root, once)
# make lint  make clean
# PYTHON=/path/to/python3 chooses the Python that .venv is made with.

.DEFAULT_GOAL := check
.PHONY: check test lint report flips bench image clean set-up set-up-anywhere

ARGS ?=
export PYTHON

check: set-up
	@.venv/bin/python -m pytest suites -p no:randomly $(ARGS)

test: set-up
	@.venv/bin/python scripts/with-dockerd .venv/bin/python -m pytest tests -n 2 $(ARGS)

lint: set-up-anywhere
	@.venv/bin/ruff check
	@.venv/bin/ruff format --check
	@.venv/bin/mypy
	@.venv/bin/lint-imports

report: set-up-anywhere
	@sh scripts/report $(ARGS)

flips: set-up
	@.venv/bin/python scripts/flips $(ARGS)

bench: set-up
	@.venv/bin/python benchmarks/run.py $(ARGS)

image: set-up-anywhere
	@.venv/bin/python scripts/make-image $(ARGS)

# says at once what can't work here; makes .venv where it is missing or out of date
set-up:
	@sh scripts/set-up $(ARGS)

set-up-anywhere:
	@SKIP_HOST_CHECK=1 sh scripts/set-up

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
