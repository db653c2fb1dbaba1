.PHONY: help check format test lock sbom messages openapi reference
PY := .venv/bin/python
BIN := .venv/bin
help: ## show this
	@grep -E '^[a-z-]+:.*##' Makefile | sed 's/:.*##/ —/'
check: ## formatting, rules, types, rooms and their arrows, templates, translations, migrations
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	PYTHONPATH=src $(BIN)/lint-imports
	$(BIN)/djlint --lint --quiet src
	$(PY) tools/messages.py --check
	PYTHONPATH=src GUANXI_SECRET_KEY=check $(PY) -m django makemigrations --check --dry-run --settings guanxi.config.settings
	PYTHONPATH=src GUANXI_SECRET_KEY=check $(BIN)/mypy
format: ## put the source into form
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
test: ## run the tests
	./guanxi test
messages: ## compile the translations from locale/*/parts
	$(PY) tools/messages.py
lock: ## write the lock files from pyproject.toml (names, versions, hashes; no addresses)
	uv pip compile -q --generate-hashes --no-emit-index-url --no-header --python-version 3.11 pyproject.toml -o requirements.lock
	uv pip compile -q --generate-hashes --no-emit-index-url --no-header --python-version 3.11 pyproject.toml --group dev -o requirements-dev.lock
	$(PY) tools/sbom.py
sbom: ## write the bill of materials from the lock file
	$(PY) tools/sbom.py
openapi: ## write the API's description to docs/reference/openapi.json
	$(PY) tools/openapi.py
reference: ## write the pages of entities and settings from the code
	$(PY) tools/reference.py
