# Every target is one line: the work is in scripts/, so it can be run and read without make.

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
TOOL    := go tool -modfile=tools/go.mod
N        ?= 5
PAYMENTS ?= 200
ENGINE   ?= sqlite

.DEFAULT_GOAL := help
.PHONY: help test build generate bench crash soak vuln

help: ## list these targets
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST)
	@printf '\n  scripts/with-services COMMAND\trun COMMAND with PostgreSQL and Chromium, as in make test\n'

test: ## format, vet, staticcheck, generated files and all tests on both engines (SEED=n repeats an order)
	scripts/with-services scripts/check

build: ## the static binary, bin/paylink
	CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags '-s -w -X paylink/internal/config.Version=$(VERSION)' -o bin/paylink ./cmd/paylink

generate: ## write *_templ.go from *.templ
	$(TOOL) templ generate

bench: ## measure, side by side, what the product promises as ratios
	scripts/with-services go run ./internal/bench

crash: ## kill the server N times (default 5) within PAYMENTS (200) of a failing processor, on ENGINE (sqlite or postgres), and check what it kept
	scripts/with-services go run ./internal/crash -engine $(ENGINE) -kills $(N) -payments $(PAYMENTS)

soak: ## the full volumes; takes long
	scripts/with-services scripts/soak

vuln: ## known vulnerabilities in what we link; needs the network
	$(TOOL) govulncheck ./...
