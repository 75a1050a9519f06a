# The commands of this repository. Each recipe is a script in scripts/, which can be run by itself too.
#   PHP_CONFIG=/path/php-config   another PHP than the one in PATH
#   ARGS="phpt fpm"               arguments of test (suites) and bench (see bench/run --help)
#   RUSTDB_SKIP_PACKAGES=1        leave the installing of packages to you
.DEFAULT_GOAL := build
packages = $(if $(RUSTDB_SKIP_PACKAGES),true,scripts/install-packages)

build: ## build the extension, target/release/librustdb.so
	@$(packages) build
	@scripts/cargo build --release

run: build ## build, and start the demo on http://127.0.0.1:8080 (PORT=8081 for another port)
	@scripts/run

test: ## build, and run every test suite
	@$(packages) build test
	@scripts/test $(ARGS)

test-docker: ## build the container image without a Docker engine, and try it
	@$(packages) build docker
	@docker/build-without-engine

test-zts: ## build a thread-safe PHP, and run the tests of sessions and web servers on it
	@$(packages) build test zts
	@scripts/test-zts

bench: build ## measure rustdb beside other session handlers
	@$(packages) bench
	@bench/run $(ARGS)

install: ## copy the extension into PHP, with a rustdb.ini (DESTDIR is honoured)
	@scripts/install

uninstall: ## take both away again; sessions stay where they are
	@scripts/uninstall

clean: ## remove what was built
	@scripts/cargo clean

help: ## list these commands
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 14

.PHONY: build run test test-docker test-zts bench install uninstall clean help
