# Everything a change needs, by name. `make` alone shows this list.

GO ?= go

# Built and tested as it is shipped: without cgo.
export CGO_ENABLED ?= 0

# How long `make fuzz` gives each target, and which packages `make test`,
# `make bench` and `make fuzz` look at.
FUZZTIME ?= 20s
PKG      ?= ./...

# How many logins `make load` and `make soak` send.
LOGINS ?= 5000
SOAK   ?= 100000

.DEFAULT_GOAL := help
.PHONY: help run check test race interop-keycloak bench bench-login bench-ldap bench-lists bench-mellon load soak fuzz pictures build fmt clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: build ## start the demo: an identity provider, a cast of people, nothing to install
	@bin/idms demo

check: ## what CI looks at before the tests: format, vet, staticcheck, modules, the house
	@test/check

test: ## run every test; installs what they need from Debian packages when it may
	@test/run $(PKG)

race: ## run the tests under the race detector (needs a C compiler)
	@CGO_ENABLED=1 test/run -race $(PKG)

interop-keycloak: ## log people in through Keycloak, which Maven brings
	@test/keycloak

bench: ## run the benchmarks
	$(GO) test -run '^$$' -bench . -benchmem $(PKG)

bench-login: ## measure a whole login beside one written the usual way
	@test/run -run '^$$' -bench '^BenchmarkLogin$$' -benchtime 1000x ./test/load

bench-mellon: ## measure a login beside Apache with mod_auth_mellon, where that is installed
	@test/run -run '^$$' -bench '^BenchmarkMellon$$' -benchtime 2000x ./test/load

bench-ldap: ## read and sync 100,000 people and 500,000 memberships beside ldapsearch, COPY and SQLite's shell
	@test/run -run '^$$' -bench '^BenchmarkRead$$' -benchtime 5x -v ./internal/ldapsync
	@test/run -run '^$$' -bench '^BenchmarkSync$$' -benchtime 1x -timeout 1h -v ./internal/directory

bench-lists: ## ask every administrators' page of 10,000 people, 1,000 groups, 200 records and 100,000 logins
	@test/run -run '^$$' -bench '^BenchmarkLists$$' -benchtime 100x -timeout 1h -v ./internal/web

load: ## log LOGINS people (5000) in at running servers, and replay every response
	@test/run -run '^$$' -bench '^BenchmarkLoad$$' -benchtime $(LOGINS)x -timeout 1h ./test/load

soak: ## log SOAK people (100000) in at a steady rate: half an hour, memory and growth
	@test/run -run '^$$' -bench '^BenchmarkSoak$$' -benchtime $(SOAK)x -timeout 3h -v ./test/load

fuzz: ## give every fuzz target FUZZTIME (20s)
	@test/fuzz $(FUZZTIME) $(PKG)

pictures: ## take the documentation's pictures again, by the journeys through the demo
	@folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && \
	IDMS_TEST_SCREENSHOTS=$$folder test/run -count=1 -run 'Visitor|SetUpThrough|HeldSync' ./test/journey && \
	for picture in docs/images/*.png; do cp "$$folder/$${picture##*/}" docs/images/ || exit; done

build: ## build ./bin/idms, one static file
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/idms ./cmd/idms

fmt: ## format the code
	gofmt -w .

clean: ## remove what was built
	rm -rf bin
