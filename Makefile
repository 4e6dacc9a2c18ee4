# Needs Go, make and git, nothing else: every other program is built from source, at the versions that hack/ pins.
# `make` alone lists what there is.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

BIN          := $(CURDIR)/bin
TOOLS        := $(BIN)/tools
CONTROLPLANE := $(BIN)/controlplane
LINT         := $(TOOLS)/golangci-lint-kube-api-linter

# The control plane for the tests and for `make run`; an exported KUBEBUILDER_ASSETS is used as it is.
ifndef KUBEBUILDER_ASSETS
export KUBEBUILDER_ASSETS := $(CONTROLPLANE)
ASSETS := controlplane
endif

# Property tests draw the same each time, so that a change is blamed for what it broke and for nothing else; `make explore`
# draws anew.
export RAPID_SEED ?= 1

# The race detector needs a C compiler. Without one the tests run all the same.
RACE := $(if $(filter 1,$(shell go env CGO_ENABLED)),-race)

##@ Use it

.PHONY: help
help: ## List what there is to make.
	@awk 'BEGIN {FS = ":.*## "} \
		/^##@/ {printf "\n%s\n", substr($$0, 5)} \
		/^[a-z0-9-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# ARGS goes to hack/run: make run ARGS="--fresh", or ARGS="-- --settle=5s" for the operator's own flags.
.PHONY: run
run: build perennial $(ASSETS) ## Start a Kubernetes API here, with samples and the operator. Ctrl-C stops it all; the data stays.
	@exec $(BIN)/run $(ARGS)

.PHONY: perennial
perennial: $(BIN)/perennial ## Build the command line, also as kubectl's plugin: bin/perennial and bin/kubectl-perennial.
	@ln -sf perennial $(BIN)/kubectl-perennial
	@install -m 0755 cmd/perennial/kubectl_complete-perennial $(BIN)/

# Where `go install` puts programs; INSTALL names another folder.
INSTALL ?= $(or $(shell go env GOBIN),$(shell go env GOPATH)/bin)
.PHONY: install
install: perennial ## Install the command line, also as kubectl's plugin, where `go install` puts programs.
	@mkdir -p $(INSTALL)
	install -m 0755 $(BIN)/perennial $(BIN)/kubectl_complete-perennial $(INSTALL)/
	ln -sf perennial $(INSTALL)/kubectl-perennial

.PHONY: clean-run
clean-run: $(BIN)/run ## Delete what `make run` keeps between runs.
	@exec $(BIN)/run --clean

##@ Work on it

.PHONY: build
build: $(BIN)/manager $(BIN)/run ## Build the operator.

.PHONY: test
test: $(ASSETS) ## Run every test but the end-to-end one, on a real Kubernetes API, databases and Prometheus.
	go -C hack/controlplane test -trimpath -vet=off ./...
	go test $(RACE) -timeout=40m ./...

CHECKS ?= 2000
.PHONY: explore
explore: ## Draw new cases for the property tests of the pure packages, CHECKS=<number> for each of them.
	RAPID_SEED=0 RAPID_CHECKS=$(CHECKS) go test -count=1 -timeout=2h \
		./internal/accountset ./internal/expr ./internal/observe ./internal/playbook ./internal/score ./internal/value

.PHONY: e2e
e2e: build perennial $(ASSETS) ## Run the end-to-end test: a fresh control plane, the samples, the operator, and what users do.
	go run ./hack/e2e

# A minute or two and 2 GB, on a machine that does nothing else. BENCH picks some: make bench BENCH=PostgreSQL.
BENCH ?= .
.PHONY: bench
bench: ## Measure what a score costs, against a loop by hand and PostgreSQL, and a plan over 10,000 accounts. BENCH=<regexp> picks.
	go test -run='^$$' -bench='$(BENCH)' -timeout=40m ./internal/score ./internal/testing/scorebench ./internal/preview ./internal/snapshot ./internal/testing/planbench

# hack/controlplane is a module of its own, and to load it whole takes gigabytes: only its form is checked.
.PHONY: lint
lint: $(TOOLS)/.built ## Check form, mistakes, API conventions and who imports whom.
	$(LINT) run
	$(LINT) fmt --diff hack/controlplane

.PHONY: format
format: $(TOOLS)/.built ## Format the code.
	$(LINT) fmt

.PHONY: generate
generate: $(TOOLS)/.built ## Generate the deep copies of the API types.
	$(TOOLS)/controller-gen object paths=./api/...

.PHONY: manifests
manifests: $(TOOLS)/.built ## Generate the custom resource definitions, the operator's role, JSON schemas and Argo CD's settings.
	$(TOOLS)/controller-gen crd paths=./api/... output:crd:artifacts:config=config/crd/bases
	$(TOOLS)/controller-gen rbac:roleName=perennial-manager paths=./controllers/... output:rbac:artifacts:config=config/rbac
	go run ./hack/gitops

.PHONY: vuln
vuln: $(TOOLS)/.built ## Look for known vulnerabilities in what the programs call. Asks the Go vulnerability database.
	$(TOOLS)/govulncheck ./...

.PHONY: controlplane
controlplane: $(CONTROLPLANE)/.built ## Build etcd, kube-apiserver, kube-controller-manager and kubectl: some minutes, once.

.PHONY: tools
tools: $(TOOLS)/.built ## Build the linter, the generator and the vulnerability checker.

# What is built.

# The go command knows what is up to date.
.PHONY: $(BIN)/manager $(BIN)/perennial $(BIN)/run
$(BIN)/manager:
	go build -o $@ ./cmd/manager

$(BIN)/perennial:
	go build -o $@ ./cmd/perennial

$(BIN)/run:
	go build -o $@ ./hack/run

# One program that answers as all four by the name it is called by. The version is what `kubectl version` says, and
# what the API server says that it serves.
KUBERNETES := $(shell awk '$$1 == "k8s.io/kubernetes" {print $$2; exit}' hack/controlplane/go.mod)
VERSION_IS  = -X k8s.io/$(1)/version.$(2)=$(3)
VERSION    := $(foreach package,component-base client-go/pkg,\
	$(call VERSION_IS,$(package),gitVersion,$(KUBERNETES)) \
	$(call VERSION_IS,$(package),gitMajor,$(patsubst v%,%,$(word 1,$(subst ., ,$(KUBERNETES))))) \
	$(call VERSION_IS,$(package),gitMinor,$(word 2,$(subst ., ,$(KUBERNETES)))) \
	$(call VERSION_IS,$(package),gitCommit,) \
	$(call VERSION_IS,$(package),gitTreeState,clean))

$(CONTROLPLANE)/.built: $(wildcard hack/controlplane/*.go) hack/controlplane/go.mod hack/controlplane/go.sum
	@echo "Building the local control plane from source. Once this takes some minutes."
	mkdir -p $(@D)
	go -C hack/controlplane build -trimpath -ldflags='-s -w $(strip $(VERSION))' -o $(@D)/controlplane .
	for program in etcd kube-apiserver kube-controller-manager kubectl; do ln -sf controlplane $(@D)/$$program; done
	touch $@

$(TOOLS)/.built: hack/tools/go.mod hack/tools/go.sum
	@echo "Building the tools from source. Once this takes some minutes."
	mkdir -p $(@D)
	go -C hack/tools build -trimpath -o $(@D)/ tool
	touch $@
