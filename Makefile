# Aeolian. `make help` lists what there is; `make demo` and `make test` are all that a new machine needs.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
UV := $(BIN)/uv
IMAGES := $(basename $(notdir $(wildcard dockerfiles/*.Dockerfile)))
# What building them all from nothing takes, twice over.
ROOM_GB := 8
VERSION = $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
# As this machine's Docker has it: with BuildKit or without, with a bridge network or without.
DOCKER_BUILD ?= $(shell docker buildx version > /dev/null 2>&1 || echo DOCKER_BUILDKIT=0) docker build \
	$(shell docker network inspect bridge > /dev/null 2>&1 || echo --network=host)

.DEFAULT_GOAL := help
# Whatever context this person works in: the demo, tests and benchmarks are of this machine.
export AEOLIAN_CONTEXT := local

.PHONY: help setup demo test lint bench cluster-test images images-possible images-test test-legacy-client sbom stubs lock samples clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/ready ## .venv with the pinned packages (the others call it)

.venv/ready: requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11) and "error: Aeolian is pinned to Python 3.11; this is " + sys.version.split()[0] + ". Run: make setup PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "$$(grep '^uv==' requirements/dev.txt)"
	$(UV) pip install --quiet --python $(BIN)/python --no-deps -r requirements/dev.txt \
		|| $(BIN)/python -m pip install --quiet --no-deps -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: setup ## recordings -> model -> new music, on this machine, in a few minutes
	@$(BIN)/python scripts/demo.py

test: setup ## every test; those that need what is not here say so and are skipped
	$(BIN)/python -m pytest -n 2 --dist loadgroup

cluster-test: setup ## tests/platform on a real pachd, which ../shared/bin/cluster-up raises; `make test` has it on the local engine
	@scripts/cluster_test.sh

lint: setup ## style, types and layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: setup ## speed, as ratios to limits and peers measured in the same run
	@for script in benchmarks/*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

images: ## the container image of every file in dockerfiles/
	@for image in $(IMAGES); do \
		echo "== aeolian/$$image:$(VERSION)"; \
		$(DOCKER_BUILD) -f dockerfiles/$$image.Dockerfile -t aeolian/$$image:$(VERSION) -t aeolian/$$image . || exit 1; \
	done

images-possible: ## whether any image can be built here: room on the disk, the base image, packages
	@room=$$(df --output=avail -BG "$$(docker info -f '{{.DockerRootDir}}')" 2> /dev/null | tail -1 | tr -dc 0-9); \
		test "$${room:-$(ROOM_GB)}" -ge $(ROOM_GB) || { echo "error: images need $(ROOM_GB) GB; Docker has $$room GB" >&2; exit 1; }
	@printf 'FROM python:3.11-slim-bookworm\nRUN pip download --quiet --no-deps --dest /tmp %s\n' "$$(grep ^click== requirements/dev.txt)" \
		| $(DOCKER_BUILD) --no-cache --force-rm --quiet - | xargs -r docker rmi | grep -q . \
		|| { echo "error: an image cannot be built here: see what Docker says above" >&2; exit 1; }

images-test: setup ## every stage in its image, compared byte for byte with the same stage outside
	$(BIN)/python -m pytest tests/pipeline/test_images.py tests/pipeline/test_images_by_hand.py

test-legacy-client: setup ## the specs, read by python-pachyderm 7.6.0 in an environment of its own (build/legacy-client)
	@test -x build/legacy-client/bin/python || $(UV) venv --quiet --python $(BIN)/python build/legacy-client
	@$(UV) pip install --quiet --python build/legacy-client/bin/python --no-deps -r requirements/peers/python-pachyderm.txt
	@build/legacy-client/bin/python scripts/check_legacy_client.py pipelines

sbom: setup ## build/sbom/: every package of every image with its licence, as CycloneDX; and as a table
	@$(BIN)/python scripts/sbom.py

stubs: setup ## the descriptor of the gRPC service, from its .proto
	cd src/aeolian/serving/grpc && $(CURDIR)/$(BIN)/python -m grpc_tools.protoc -I. \
		--descriptor_set_out=open_inference.binpb open_inference.proto

lock: setup ## requirements/*.txt from requirements/*.in: plain pins, one version of each package everywhere
	$(UV) pip compile --quiet --upgrade --python-version 3.11 --no-header --no-annotate \
		--override requirements/overrides.txt requirements/dev.in -o requirements/dev.txt
	for image in $(IMAGES); do \
		extra=requirements/$$image.overrides.txt; \
		$(UV) pip compile --quiet --upgrade --python-version 3.11 --no-header --no-annotate -c requirements/dev.txt \
			--override requirements/overrides.txt $$(test -f $$extra && echo --override $$extra) \
			requirements/$$image.in -o requirements/$$image.txt || exit 1; \
	done
	$(UV) pip compile --quiet --upgrade --python-version 3.11 --python-platform x86_64-unknown-linux-gnu --no-header \
		--no-annotate -c requirements/dev.txt --override requirements/cuda/musictransformer.overrides.txt \
		requirements/cuda/musictransformer.in -o requirements/cuda/musictransformer.txt
	for peer in requirements/peers/*.in; do \
		$(UV) pip compile --quiet --upgrade --python-version 3.11 --no-header --no-annotate \
			$$peer -o $${peer%.in}.txt || exit 1; \
	done

samples: setup ## composes samples/ anew (the same bytes each time)
	$(BIN)/python scripts/compose_samples.py

clean: ## removes the environment, the demo's output and the engine's state
	rm -rf .venv .aeolian demo-output
