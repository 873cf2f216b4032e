# Everything that is done with this tree. `make help` lists it.
#
# Tools and test servers are built from pinned versions into a cache outside the tree, once; each says beforehand how
# long that takes. Nothing else is downloaded but Go modules, and for the Python SDK its packages.

SHELL       := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := build
MAKEFLAGS   += --no-print-directory

GO          ?= go
MRCTL_TOOLS ?= $(if $(XDG_CACHE_HOME),$(XDG_CACHE_HOME),$(HOME)/.cache)/mrctl-tools
export MRCTL_TOOLS
# A Go workspace around this tree would change what the nested modules resolve to.
export GOWORK := off

VERSION     ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
LDFLAGS     := -s -w -X main.version=$(VERSION)

# Versions of what is built from tools/ are those of its go.mod files; internal/lint holds the two together.
GOLANGCI    := $(MRCTL_TOOLS)/golangci-v2.15.0/golangci-lint
BUF         := $(MRCTL_TOOLS)/buf-v1.75.0/buf
GEN_GO      := $(MRCTL_TOOLS)/protoc-gen-go-v1.36.12/protoc-gen-go
GEN_GRPC    := $(MRCTL_TOOLS)/protoc-gen-go-grpc-v1.6.2/protoc-gen-go-grpc
GOTESTSUM   := $(MRCTL_TOOLS)/gotestsum-v1.13.0/gotestsum
VERSITYGW   := $(MRCTL_TOOLS)/versitygw-v1.8.0/versitygw
MINIO       := $(MRCTL_TOOLS)/minio/minio
PYENV       := $(MRCTL_TOOLS)/python

VERSITYGW_PKG := github.com/versity/versitygw/cmd/versitygw@v1.8.0
MINIO_PKG     := github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c

# gotestsum repeats the failures at the end; without it go test says the same, once.
TEST = $(if $(wildcard $(GOTESTSUM)),$(GOTESTSUM) --format standard-quiet --,$(GO) test)

.PHONY: build test lint fmt proto proto-check demo cluster-demo test-minio sim sweep chaos torture metamorphic bounds stragglers bench bench-check bench-baseline bench-memory bench-duckdb tools clean help python-venv python-test python-proto

build: ## bin/mrctl, static
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/mrctl ./cmd/mrctl

test: $(VERSITYGW) ## unit tests with the race detector, then the integration tests without it
	$(TEST) -race -timeout 12m $$($(GO) list ./... | grep -v /integration)
	$(TEST) -count=1 -timeout 12m ./integration/... # built within the tests: the cache would not see a change

test-minio: $(MINIO) $(VERSITYGW) ## the storage tests against a real MinIO as well
	MRCTL_TEST_MINIO=1 $(TEST) -count=1 -timeout 12m ./storage/...

sim: RUNS ?= 10000
sim: ## RUNS=10000 seeded runs of the lease and records simulator
	MRCTL_SIM_RUNS=$(RUNS) $(TEST) -count=1 -timeout 4h -v ./coordinator/simtest

sweep: ## leaders that stop at every pair of their writes
	MRCTL_SWEEP=1 $(TEST) -count=1 -timeout 1h -v -run AtEveryWrite ./coordinator

chaos: RUNS ?= 100
chaos: build $(VERSITYGW) $(MINIO) ## RUNS=100 clusters in which things break, from a seed (CHAOS='--seed 1 --at-once 4 --faults packets --net namespaces')
	bin/mrctl chaos --runs $(RUNS) $(CHAOS)

bounds: ## what the death of a worker or of the leader costs a job, against what it may (on a machine that does nothing else)
	$(GO) run ./integration/bounds $(BOUNDS)

stragglers: ## one worker of eight ten times as slow: the job's time without backups, with them and undisturbed
	$(GO) test -count=1 -run TestSlowWorker -v ./integration -stragglers 2s

torture: ## inputs and failures that systems of this kind get wrong, the large ones too (15 minutes, 10 GB of disk; ONLY='gzip|1 GiB')
	MRCTL_TORTURE=1 MRCTL_TORTURE_ONLY='$(ONLY)' $(GO) test -count=1 -timeout 1h -v ./integration/torture

metamorphic: RUNS ?= 3000
metamorphic: ## RUNS=3000 random jobs in random clusters against a naive reference (META='-rapid.seed=1' to repeat)
	MRCTL_META_RUNS=$(RUNS) $(GO) test -count=1 -timeout 24h -v ./integration/meta $(if $(META),-args $(META))

lint: $(GOLANGCI) proto-check ## golangci-lint, the rules of internal/lint, buf lint, generated code up to date
	$(GOLANGCI) run ./...
	$(GOLANGCI) fmt --diff ./...
	$(GO) test -count=1 ./internal/lint

fmt: $(GOLANGCI) $(BUF) ## formats Go and protobuf sources
	$(GOLANGCI) fmt ./...
	$(BUF) format -w

proto: $(BUF) $(GEN_GO) $(GEN_GRPC) ## generates api/**/*.pb.go
	PATH="$(dir $(GEN_GO)):$(dir $(GEN_GRPC)):$$PATH" $(BUF) generate

proto-check: $(BUF) $(GEN_GO) $(GEN_GRPC) ## protobuf sources are in order, and what is generated from them is up to date
	$(BUF) lint
	PATH="$(dir $(GEN_GO)):$(dir $(GEN_GRPC)):$$PATH" ./tools/proto-check $(BUF)

demo: build ## word count over this README on this machine
	bin/mrctl run ./examples/wordcount -o - README.md

cluster-demo: build $(MINIO) ## three coordinators and three workers over MinIO; the leader and a worker are killed
	$(GO) run ./integration/demo

BENCH ?=
BOUNDS ?=
bench: $(VERSITYGW) ## ratios to other programs on 1 GB (20 minutes; BENCH='-size 1e8 -cases wc-words', -h for more)
	$(GO) run ./integration/bench -json bench.json $(BENCH)

bench-check: $(VERSITYGW) ## the same, and fails where a ratio is worse than in the committed baseline
	$(GO) run ./integration/bench -json bench.json -check integration/bench/baseline.json $(BENCH)

bench-baseline: $(VERSITYGW) ## takes the baseline anew; on a machine that does nothing else
	$(GO) run ./integration/bench -json integration/bench/baseline.json $(BENCH)

bench-memory: ## what mrctl and a plugin hold at most, against what --memory promises (BENCH='-memory 1GiB')
	$(GO) run ./integration/bench -memory 128MiB -cases memory-input,memory-keys,memory-group,memory-rows $(BENCH)

DUCKDB_NPM := 1.5.6-r.1
bench-duckdb: ## installs DuckDB through npm, as one more rival for make bench
	npm install --no-fund --no-audit --prefix $(MRCTL_TOOLS)/duckdb-$(DUCKDB_NPM) @duckdb/node-api@$(DUCKDB_NPM)

tools: $(GOLANGCI) $(BUF) $(GEN_GO) $(GEN_GRPC) $(GOTESTSUM) $(VERSITYGW) $(MINIO) ## builds all tools and test servers

$(PYENV)/made: python/requirements.txt
	@echo 'making a virtual environment for the Python SDK: half a minute, 240 MB'
	python3 -m venv $(PYENV)
	$(PYENV)/bin/python -m pip install -q -r $<
	touch $@

python-venv: $(PYENV)/made ## a virtual environment with what the Python SDK needs (Python 3.11)

PYPROTO = cd api/plugin/v1 && $(PYENV)/bin/python -m grpc_tools.protoc -I . --python_out=$(1) --pyi_out=$(1) plugin.proto

python-proto: $(PYENV)/made ## generates the Python SDK's messages
	$(call PYPROTO,$(CURDIR)/python/mrctl/_wire)

python-test: build $(PYENV)/made ## the Python SDK's tests, through mrctl run, a cluster and mrctl plugin check
	@tmp=$$(mktemp -d) && trap 'rm -r '$$tmp EXIT && ($(call PYPROTO,$$tmp)) && for f in plugin_pb2.py plugin_pb2.pyi; do \
		diff -q $$tmp/$$f python/mrctl/_wire/$$f || { echo 'the Python messages are not up to date: make python-proto'; exit 1; }; done
	cd python && MRCTL=$(CURDIR)/bin/mrctl PYTHONDONTWRITEBYTECODE=1 $(PYENV)/bin/python -m pytest -q -p no:cacheprovider

clean: ## removes what was built here; the tools stay
	rm -rf bin

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# build-tool DIR,PACKAGE,SAYS: builds a tool of the nested module in DIR.
define build-tool
	@echo "building $(notdir $@) ($(3) on 2 cores the first time)"
	@mkdir -p $(dir $@)
	CGO_ENABLED=0 $(GO) -C $(1) build -trimpath -o $@.new $(2)
	@mv $@.new $@
endef

# install-server PACKAGE@VERSION,SAYS: builds a server as its authors pinned it.
define install-server
	@echo "building $(notdir $@) ($(2) on 2 cores the first time)"
	@mkdir -p $(dir $@).new
	CGO_ENABLED=0 GOBIN=$(dir $@).new $(GO) install $(1)
	@mv $(dir $@).new/$(notdir $@) $@ && rmdir $(dir $@).new
endef

$(GOLANGCI):
	$(call build-tool,tools/lint,github.com/golangci/golangci-lint/v2/cmd/golangci-lint,about 5 minutes)
$(BUF):
	$(call build-tool,tools/buf,github.com/bufbuild/buf/cmd/buf,about 5 minutes)
$(GEN_GO):
	$(call build-tool,tools,google.golang.org/protobuf/cmd/protoc-gen-go,some seconds)
$(GEN_GRPC):
	$(call build-tool,tools,google.golang.org/grpc/cmd/protoc-gen-go-grpc,some seconds)
$(GOTESTSUM):
	$(call build-tool,tools,gotest.tools/gotestsum,20 seconds)
$(VERSITYGW):
	$(call install-server,$(VERSITYGW_PKG),about 4 minutes)
$(MINIO):
	$(call install-server,$(MINIO_PKG),about 8 minutes)
