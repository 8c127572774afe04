PYTHON ?= python3

.PHONY: demo test lint setup

demo: ## Everything, on a synthetic person: scans to safe release
	@$(PYTHON) dev demo

test: ## Style, types, import directions and all tests
	@$(PYTHON) dev test

lint: ## Style, types and import directions only
	@$(PYTHON) dev lint

setup: ## .venv with everything a developer needs
	@$(PYTHON) dev setup
