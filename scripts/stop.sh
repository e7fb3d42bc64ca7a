#!/bin/sh
# npm stop: ends the control plane and the operator, and leaves every database running.
set -eu
cd "$(dirname "$0")/.."
. scripts/say.sh
. scripts/node.sh
node_24=$(find_node "$PWD") || fail "Node 24 is missing, so nothing of this project can be running from here: npm start puts it in place"
exec "$node_24" scripts/stop.ts "$@"
