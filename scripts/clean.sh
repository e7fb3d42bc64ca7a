#!/bin/sh
# npm run clean: removes what the project made on this machine, after showing the list. See scripts/clean.ts.
set -eu
cd "$(dirname "$0")/.."
. scripts/say.sh
. scripts/node.sh
node_24=$(find_node "$PWD") || fail "Node 24 is missing, which this needs: run sh scripts/ensure-node.sh first"
exec "$node_24" scripts/clean.ts "$@"
