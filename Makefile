# Millrace: everything a person or a CI does is a target here. `make help` lists them.

BINARY := .build/release/millrace
VICTIM := .build/release/log-victim
VENV := .venv
# Debian's C libraries that the package links; `make deps` installs what is missing.
PACKAGES := libcurl4-openssl-dev liblz4-dev libmicrohttpd-dev librdkafka-dev libssl-dev libyaml-dev zlib1g-dev
MISSING = $(shell for p in $(PACKAGES); do dpkg -s $$p >/dev/null 2>&1 || echo $$p; done)
# What injects faults into system calls and disks; where it cannot be installed its tests skip, and say so.
FAULT_PACKAGES := strace xfsprogs
FAULT_MISSING = $(shell for p in $(FAULT_PACKAGES); do dpkg -s $$p >/dev/null 2>&1 || echo $$p; done)
# Where `make install` puts the program, below DESTDIR.
PREFIX := /usr/local
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)

.DEFAULT_GOAL := help
.PHONY: help deps libraries build static install run victim simulate test test-kafka test-docker test-browser faults faults-kafka sim fuzz sanitize bench bench-kafka show lint format clean

help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

deps: libraries $(VENV)/.ready ## install the libraries and the Python peers of the tests, where missing

libraries: # what the program itself needs: running it takes no Python
	@command -v swift >/dev/null || { echo "millrace needs Swift 6.3 or later: https://www.swift.org/install/linux" >&2; exit 1; }
	@if [ -n "$(strip $(MISSING))" ]; then $(SUDO) apt-get update -qq && \
	  DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install -y -qq --no-install-recommends $(MISSING); fi

$(VENV)/.ready: Tests/requirements.txt
	@dpkg -s python3-venv >/dev/null 2>&1 || { $(SUDO) apt-get update -qq && \
	  DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install -y -qq --no-install-recommends python3-venv; }
	@python3 -m venv $(VENV) && $(VENV)/bin/pip install --quiet --disable-pip-version-check -r Tests/requirements.txt
	@touch $@

build: libraries ## the release binary, .build/release/millrace
	swift build -c release --product millrace

static: libraries ## the release binary with the Swift runtime in it, .build/static/release/millrace
	swift build -c release --static-swift-stdlib --scratch-path .build/static --product millrace

install: ## what an image or a package holds: BINARY=..., below DESTDIR and PREFIX=/usr/local
	install -D --strip $(BINARY) $(DESTDIR)$(PREFIX)/bin/millrace
	install -D docker/probe $(DESTDIR)$(PREFIX)/bin/millrace-probe
	install -D --mode=644 topology.yaml $(DESTDIR)$(PREFIX)/share/millrace/topology.yaml

run: build ## synthetic market, embedded log in ./data, page at http://127.0.0.1:8080
	$(BINARY) run --topology topology.yaml --data data

victim: deps # what the fault campaigns kill, starve and damage
	@if [ -n "$(strip $(FAULT_MISSING))" ]; then $(SUDO) apt-get update -qq && \
	  DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install -y -qq --no-install-recommends $(FAULT_MISSING) || \
	  echo "SKIP: without $(FAULT_MISSING) some fault campaigns do not run" >&2; fi
	swift build -c release --product log-victim

simulate: libraries # runs of the simulator, without the bugs that a debug build can plant
	swift build -c release --product simulate

test: deps build victim simulate ## every suite, then the system tests and the smoke of the fault campaigns
	Tests/with-deadline 25 swift test --parallel
	$(VENV)/bin/python3 -m pytest -q Tests/System
	$(VENV)/bin/python3 -m pytest -q -rs Tests/Faults
	$(VENV)/bin/python3 -m pytest -q -rs Tests/Docker

# A client that knows nothing of Avro.
KAFKA_PACKAGES := kcat
KAFKA_MISSING = $(shell for p in $(KAFKA_PACKAGES); do dpkg -s $$p >/dev/null 2>&1 || echo $$p; done)

test-kafka: deps build ## what runs on Apache Kafka, against BOOTSTRAP=host:port or a broker of ../shared/kafka; skipped loudly without
	@$(VENV)/bin/pip install --quiet --disable-pip-version-check -r Tests/Kafka/requirements.txt
	@if [ -n "$(strip $(KAFKA_MISSING))" ]; then $(SUDO) apt-get update -qq && \
	  DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install -y -qq --no-install-recommends $(KAFKA_MISSING) || \
	  echo "SKIP: without $(KAFKA_MISSING) no other client reads the topics in text" >&2; fi
	@Tests/LogKafka/with-broker Tests/with-deadline 15 swift test --filter LogKafkaTests
	@CURRENT=yes Tests/LogKafka/with-broker Tests/with-deadline 15 swift test --skip-build --filter LogKafkaTests
	@Tests/LogKafka/with-broker $(VENV)/bin/python3 -m pytest -q -rs Tests/Kafka
	$(VENV)/bin/python3 -m pytest -q -rs Tests/KafkaFaults

faults-kafka: deps build ## processors, edges and brokers killed and frozen at full length, on three brokers of ../shared/kafka
	@$(VENV)/bin/pip install --quiet --disable-pip-version-check -r Tests/Kafka/requirements.txt
	swift build --product millrace # which can be told to have a bug
	$(VENV)/bin/python3 -m pytest -q -s -rs Tests/KafkaFaults --full $(if $(ONLY),-k $(ONLY))

# Debian's Caddy and Prometheus, which check our files for them: unpacked here, not installed.
LINTERS := .build/linters
$(LINTERS)/.ready:
	@$(SUDO) apt-get update -qq && mkdir -p $(LINTERS) && cd $(LINTERS) && apt-get download -qq caddy prometheus && \
	  for package in *.deb; do dpkg-deb --extract $$package .; done && rm *.deb && touch .ready

test-docker: deps build static $(LINTERS)/.ready ## the steps of docker/Dockerfile without Docker, and all files of docker/ by their readers
	MILLRACE_LINTERS=$(LINTERS)/usr/bin $(VENV)/bin/python3 -m pytest -q -rs Tests/Docker --full

faults: victim ## the fault campaigns at full length; one of them with ONLY=kill
	MILLRACE_VICTIM=$(VICTIM) $(VENV)/bin/python3 -m pytest -q -s -rs Tests/Faults --full $(if $(ONLY),-k $(ONLY))

sim: simulate ## the simulator: SEEDS=10000 runs of 1,000 operations, from FIRST=1 on
	.build/release/simulate $(or $(SEEDS),10000) $(or $(FIRST),1)

FUZZ_TARGETS := batch records segment index manifest checkpoint
SECONDS := 60
fuzz: libraries ## libFuzzer over every parser of stored bytes, SECONDS=60 each; what it finds is left in .build/fuzz
	swift build -c release --scratch-path .build/fuzz --product log-fuzz -Xswiftc -sanitize=fuzzer \
	  -Xswiftc -DFUZZING -Xswiftc -use-ld=lld
	.build/fuzz/release/log-fuzz seeds .build/fuzz/seeds
	@for target in $(FUZZ_TARGETS); do mkdir -p .build/fuzz/corpus/$$target && echo "fuzzing: $$target" && \
	  SWIFT_BACKTRACE=enable=no .build/fuzz/release/log-fuzz $$target -max_total_time=$(SECONDS) -max_len=32768 \
	  -verbosity=0 -print_final_stats=1 -artifact_prefix=.build/fuzz/$$target- .build/fuzz/corpus/$$target \
	  Tests/Fuzz/Corpus/$$target .build/fuzz/seeds/$$target || exit 1; done

SANITIZED := LogTests|ProcessorsTests|CodecsTests|FuzzTests
# Nothing of these suites is left out. XCTest itself leaks 144 bytes, which would end the run before the suites begin.
# That the thread sanitizer sees Swift's mutex at all is the work of Tests/Sanitizers.
sanitize: deps ## the log's suites under the address and the thread sanitizer
	ASAN_OPTIONS=detect_leaks=0 swift test --scratch-path .build/asan --sanitize address --filter '$(SANITIZED)'
	swift test --scratch-path .build/tsan --sanitize thread --filter '$(SANITIZED)'

test-browser: deps build ## the page in a headless Chromium; skipped loudly where there is none
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -r Tests/Browser/requirements.txt
	MILLRACE_BINARY=$(BINARY) $(VENV)/bin/python3 -m pytest -q -s Tests/Browser

show: deps build ## what the README claims, at full length: hand-overs, crashes, recordings
	MILLRACE_RUNS=200 swift test --filter HandOverTests
	$(VENV)/bin/python3 -m pytest -q -s Tests/System --full

# The twins of the log's benchmarks, as Debian packages them; bench.py says what it misses.
PEERS := libnats-dev nats-server postgresql redis-server
MISSING_PEERS = $(shell for p in $(PEERS); do dpkg -s $$p >/dev/null 2>&1 || echo $$p; done)

bench: deps build ## every figure beside its twin, medians of several runs
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -r Tests/Perf/requirements.txt
	@if [ -n "$(strip $(MISSING_PEERS))" ]; then $(SUDO) apt-get update -qq && \
	  DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install -y -qq --no-install-recommends $(MISSING_PEERS) || \
	  echo "bench: not all of $(MISSING_PEERS) could be installed" >&2; fi
	$(VENV)/bin/python3 Tests/Perf/bench.py --binary $(BINARY)

bench-kafka: deps build ## the figures on Apache Kafka beside librdkafka in C and Kafka Streams; OPTIONS=--quick for three minutes
	@$(VENV)/bin/pip install --quiet --disable-pip-version-check -r Tests/Kafka/requirements.txt
	@Tests/LogKafka/with-broker $(VENV)/bin/python3 Tests/Perf/kafka_bench.py --binary $(BINARY) $(OPTIONS)

lint: ## format check, and the house rules
	swift format lint --strict --recursive --parallel Sources Tests Package.swift
	swift test --filter TidyTests

format: ## rewrite the sources in the house format
	swift format --in-place --recursive --parallel Sources Tests Package.swift

clean: ## remove what was built
	rm -rf .build $(VENV)
