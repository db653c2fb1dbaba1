.PHONY: help check lock messages
PY := .venv/bin/python
help: ## show this
	@grep -E '^[a-z-]+:.*##' Makefile | sed 's/:.*##/ —/'
lock: ## write the lock files from pyproject.toml (names, versions, hashes; no addresses)
	uv pip compile -q --generate-hashes --no-emit-index-url --no-header --python-version 3.11 pyproject.toml -o requirements.lock
	uv pip compile -q --generate-hashes --no-emit-index-url --no-header --python-version 3.11 pyproject.toml --group dev -o requirements-dev.lock
