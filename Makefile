# Isthmus needs Python 3.11 or newer and make. Everything else is installed into .venv from requirements.lock.
SHELL := /bin/sh
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
bin := .venv/bin
part = @printf '\n== %s\n' '$(1)'

.PHONY: help
help:  ## this list of targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' Makefile

.venv/ready: requirements.lock pyproject.toml setup.py .ci/bootstrap
	@sh .ci/bootstrap

.PHONY: install
install: .venv/ready  ## make .venv, once

.PHONY: test lint types contracts tests
test: lint types contracts tests  ## all checks: what CI runs
	$(call part,all checks passed)

lint: .venv/ready  ## style and house rules (ruff)
	$(call part,lint)
	@$(bin)/ruff check --quiet .
	@$(bin)/ruff format --check --quiet .

types: .venv/ready  ## types (mypy, strict)
	$(call part,types)
	@$(bin)/mypy

contracts: .venv/ready  ## who may import whom (import-linter)
	$(call part,contracts)
	@$(bin)/lint-imports --no-logo

tests: .venv/ready  ## the tests (pytest, three at a time: many wait for a server)
	$(call part,tests)
	@$(bin)/python -m pytest -q -n 3 --dist loadscope

.PHONY: run
run: .venv/ready  ## everything on this machine, one full cycle, then stay up (ONCE=1: end after it; PORT=8800; ERP=tryton)
	@exec $(bin)/python -m isthmus.cli.launch $(if $(ONCE),--once) $(if $(PORT),--port $(PORT)) $(if $(ERP),--erp $(ERP))

.PHONY: bench
bench: .venv/ready  ## measure against a script by hand (QUICK=1: a tenth of the records, once)
	@$(bin)/python -m bench $(if $(QUICK),--quick)

.PHONY: soak
soak: .venv/ready  ## the long campaigns of the simulated world (SEEDS=100000)
	@$(bin)/python -m bench.soak --seeds $(or $(SEEDS),100000) --crashes --pairs --interruptions --bugs
	@$(bin)/python -m bench.soak --database postgresql --seeds 2000 --interruptions

.PHONY: lock
lock: .venv/ready  ## pin newest versions in requirements.lock
	@$(bin)/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --upgrade \
		--python-version 3.11 --group dev --output-file requirements.lock pyproject.toml

.PHONY: sbom licences advisories
sbom: .venv/ready  ## write the bill of materials of what is locked (CycloneDX) to var/sbom.json
	@mkdir -p var
	@$(bin)/python .ci/supply.py sbom > var/sbom.json

licences: .venv/ready  ## write the list of licences in LICENSES
	@$(bin)/python .ci/supply.py licences

advisories: .venv/ready  ## what is known against a locked package (FROM=all.zip: an export of OSV's advisories)
	@$(bin)/python .ci/supply.py advisories $(FROM)

.PHONY: clean reset
clean:  ## remove .venv and caches; the data in var stays
	@rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

reset:  ## forget everything that `make run` has kept in var: CRM, ERP, books, Airflow
	@rm -rf var
