#!/bin/sh
# npm start: from a clone to a replicating PostgreSQL cluster. This half puts in place what the other half
# (scripts/start.ts, which needs Node 24) runs on. Each step looks first and does only what is missing.
set -eu
cd "$(dirname "$0")/.."
. scripts/say.sh
. scripts/node.sh
. scripts/kubectl.sh

sh scripts/ensure-node.sh
sh scripts/ensure-docker.sh
sh scripts/ensure-kubectl.sh
PGRS_KUBECTL=$(find_kubectl)
export PGRS_KUBECTL
exec "$(find_node "$PWD")" scripts/start.ts "$@"
