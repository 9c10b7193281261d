# Two commands are all one needs: `make run` and `make test`. `make help` lists the others.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
# Each tester needs about 1.5 GB.
TESTERS := --numprocesses auto --maxprocesses 4 --dist worksteal

# Messages of the set-up go to standard error: what `make run` prints is the answers.
$(READY): requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "FunGPT needs Python 3.11 or later, $(PYTHON) is $$($(PYTHON) -V): name another with make PYTHON=python3.12" >&2; exit 1; }
	@echo "Setting up .venv (once, about two minutes and 2 GB) ..." >&2
	@$(PYTHON) -m venv .venv >&2
	@$(BIN)/python -m pip install --quiet "$$(grep '^pip==' requirements.lock)" >&2
	@$(BIN)/python -m pip install --quiet --requirement requirements.lock >&2
	@touch $@

.PHONY: help run test check format adapter report-screenshot bench bench-gate bench-gpu soak peers clients seed-table lock clean

help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

run: $(READY) ## chat: on Discord when DISCORD_TOKEN is set, in the terminal otherwise
	@$(BIN)/python -m bot

test: $(READY) ## run the whole test suite
	@$(BIN)/python -m pytest $(TESTERS) $(ARGS)

check: $(READY) ## what CI and pre-commit run: format, lint, types, tests with coverage
	@$(BIN)/ruff format --check
	@$(BIN)/ruff check
	@$(BIN)/basedpyright
	@$(BIN)/basedpyright -p tests
	@$(BIN)/python -m pytest $(TESTERS) --cov --cov-report=term:skip-covered

format: $(READY) ## format the code and mend what the linter can
	@$(BIN)/ruff format
	@$(BIN)/ruff check --fix

bench: $(READY) ## measure speed and memory, as ratios in one run
	@GOMP_SPINCOUNT=5000 $(BIN)/python -m tests.bench $(ARGS)

bench-gate: $(READY) ## simulate the gate over people's votes and draw docs/pictures/gate.png
	@$(BIN)/python -m tests.bench.gate

bench-gpu: $(READY) ## measure decoding on a GPU beside the card's limit: make bench-gpu ARGS="--folder DIR"
	@$(BIN)/python -m tests.bench.gpu $(ARGS)

soak: $(READY) ## load the Discord bot on this machine alone: 500 people for 5 minutes
	@$(BIN)/python -m tests.soak $(ARGS)

peers: $(READY) ## try other servers (llama.cpp, vLLM) behind the bot, where they are found
	@$(BIN)/python -m pytest -q -rs -p no:cacheprovider tests/peers/live.py

clients: $(READY) ## try other people's clients (openai, litellm, LangChain, llm) against the worker
	@$(BIN)/python -m tests.clients $(ARGS)

adapter: $(READY) ## train the demo adapter again, measure it and write docs/demo-adapter.md
	@$(BIN)/python -m training demo

report-screenshot: $(READY) ## picture of the newest report, or of ARGS=FOLDER, if Chromium is here
	@$(BIN)/python -m tests.training.evaluate.report.browser $(ARGS)

seed-table: $(READY) ## the seed's recipe and ours on its own rows: make seed-table CSV=FILE
	@$(BIN)/python -m training seed-table $(CSV) $(ARGS)

lock: ## pin the newest allowed versions of everything into requirements.lock (on a CPU machine)
	@tools/lock.sh $(PYTHON)

clean: ## remove the virtual environment (what is stored under var/ stays)
	@rm -rf .venv
