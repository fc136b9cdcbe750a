# duebell. `make` alone says what there is.

GO ?= go
TESTFLAGS ?=
PACKAGES ?= ./...
# What make test leaves to make long, besides what goes by -short itself.
LATER := TestTheBranchesInABrowser|TestTheRestOfThePhone|TestPayingByBankInABrowser|TestPeopleInABrowser|TestTheLineCallsBackInABrowser
SHORT := -short -skip '^($(LATER))$$'

# Tools, pinned; built from source into bin/tools, so that a version bump rebuilds them.
LINT_VERSION := v2.15.0
SQLC_VERSION := v1.31.1
LINT := bin/tools/golangci-lint-$(LINT_VERSION)/golangci-lint
SQLC := bin/tools/sqlc-$(SQLC_VERSION)/sqlc

# A checkout that belongs to somebody else makes git refuse, and go build with it.
BUILD := $(GO) build -buildvcs=false

# The scripts' test writes here what the scripts cover; make test shows it.
export DUEBELL_SCRIPT_COVERAGE := $(CURDIR)/bin/script-coverage.txt

.DEFAULT_GOAL := help
.PHONY: help run build test long race check lint generate generated-fresh tools bench clean go building

help: ## say what there is
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: building build ## the whole product on this machine, with a phone to dial in the browser
	./bin/duebell-lab dev

build: go ## the product, bin/duebell, and the lab to try it in, bin/duebell-lab
	@mkdir -p bin
	$(BUILD) -o bin/ ./cmd/duebell ./cmd/duebell-lab

building: go
	@[ -x bin/duebell-lab ] || echo "building: the first time this takes some minutes and fetches Go modules"

test: go ## all tests, with a PostgreSQL and a Redis of their own; TESTFLAGS and PACKAGES narrow it; `make long` goes further
	@mkdir -p bin
	@rm -f "$$DUEBELL_SCRIPT_COVERAGE"
	@$(BUILD) -o bin/with-services ./lab/testenv/cmd/with-services
	@echo "running the tests; the first time everything is built before, which takes minutes"
	@bin/with-services $(GO) test -json -count=1 -vet=off -parallel=4 -timeout=15m $(SHORT) $(TESTFLAGS) $(PACKAGES)
	@if [ -f "$$DUEBELL_SCRIPT_COVERAGE" ]; then cat "$$DUEBELL_SCRIPT_COVERAGE"; fi

# What make test leaves out because it takes minutes more: each story once more in Spanish, ten of them with two
# replicas of each role, five times as many random cases, and most of the walks through the phone page.
long: ## every story in every language and with two replicas, many more random cases, all pages; CI runs it
	$(MAKE) --no-print-directory test SHORT= PACKAGES="./billing ./lab/dev ./lab/script ./payments ./store"

race: ## all tests under the race detector
	$(MAKE) test TESTFLAGS="-race $(TESTFLAGS)"

check: go ## gofmt, vet, linters, and that generated code is fresh
	@unformatted=$$(gofmt -l .); \
		if [ -n "$$unformatted" ]; then echo "not gofmt'd:"; echo "$$unformatted"; exit 1; fi
	$(GO) vet ./...
	@$(MAKE) --no-print-directory lint generated-fresh

lint: $(LINT)
	$(LINT) run ./...

# sqlc takes minutes to build, so that it is asked only where it is: `make tools` brings it, and CI does.
generated-fresh:
	@if [ -x $(SQLC) ]; then echo $(SQLC) diff; $(SQLC) diff; \
		else echo "store/db is not checked against store/queries: make tools brings sqlc"; fi

generate: $(SQLC) ## what is generated: queries, and whatever says go:generate
	$(SQLC) generate
	$(GO) generate ./...

tools: $(LINT) $(SQLC) ## the linters and sqlc, into bin/tools

$(LINT):
	GOBIN=$(CURDIR)/$(dir $@) $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION)

$(SQLC):
	GOBIN=$(CURDIR)/$(dir $@) $(GO) install github.com/sqlc-dev/sqlc/cmd/sqlc@$(SQLC_VERSION)

bench: build ## simulated callers pay bills; one line of JSON
	./bin/duebell-lab bench calls

clean: ## remove what was built
	rm -rf bin
	@if [ -d .duebell ]; then echo "dev's data stays in .duebell: duebell-lab dev --fresh empties it"; fi

go:
	@command -v $(GO) >/dev/null || { echo "Go 1.26 or newer is needed: https://go.dev/dl"; exit 1; }
