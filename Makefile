# Every verb does its own set-up on a fresh Debian or Ubuntu; `.ci/run` calls the same ones.
# `make test ARGS="-p menshen-store"` hands ARGS to cargo.

.DEFAULT_GOAL := help
.PHONY: help run demo app test lint format browser guides interop doors sdk lanes crash bench fuzz deny docs

help: ## print this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: toolchain ## start a server on ./menshen-data, no configuration needed
	cargo run --release -- serve $(ARGS)

demo: toolchain ## watch a session being opened, used, refreshed and ended
	cargo run --release -- demo $(ARGS)

app: toolchain ## start the example app with everything that it needs, and say how to sign in
	scripts/app $(ARGS)

test: toolchain ## run every test; starts a PostgreSQL and a Redis of its own and stops them again
	scripts/with-postgres scripts/with-redis cargo test $(or $(ARGS),--workspace)

lint: toolchain ## formatting and lints, warnings denied
	cargo fmt --all --check
	cargo clippy --workspace --all-targets $(ARGS) -- -D warnings

format: toolchain ## format the code
	cargo fmt --all

browser: toolchain ## look at every page in Chromium, and walk through them; pictures go to target/browser
	scripts/browser $(ARGS)

guides: toolchain ## follow every guide as it is written, with a server and a browser
	scripts/guides $(ARGS)

interop: toolchain ## clients that others wrote sign in and out, from four languages
	scripts/interop $(ARGS)

doors: toolchain ## nginx, Caddy, Envoy and our own proxy in front of a service, one table of promises for all
	scripts/doors $(ARGS)

sdk: toolchain ## build and check the TypeScript packages
	scripts/sdk $(ARGS)

lanes: toolchain ## React's and React Native's packages, with each set of versions in sdk/lanes
	scripts/lanes $(ARGS)

crash: toolchain ## kill the server a hundred times under load, and look for what it forgot
	MENSHEN_KILLS=100 scripts/with-postgres scripts/with-redis cargo test -p menshen-checks --test stories crashes

bench: toolchain ## measure, side by side in one run
	scripts/with-postgres scripts/bench $(ARGS)

fuzz: toolchain ## throw bytes at the token and frame parsers, a minute each
	scripts/fuzz $(ARGS)

deny: toolchain ## licenses, banned crates, duplicate versions
	scripts/deny $(ARGS)

docs: toolchain ## the API documentation, in target/doc
	cargo doc --workspace --no-deps

.PHONY: toolchain
toolchain:
	@scripts/toolchain
