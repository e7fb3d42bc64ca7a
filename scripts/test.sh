#!/bin/sh
# npm test: puts in place what the tests need, then runs them all (scripts/test.ts). Arguments name suites; none is all.
set -eu
cd "$(dirname "$0")/.."
. scripts/say.sh
. scripts/node.sh
. scripts/kubectl.sh

# ensure_program PROGRAM PACKAGE: for the programs that only tests use.
ensure_program() {
  if have "$1"; then return; fi
  is_root && have apt-get || fail "the tests need $1: install it (Debian's package $2), then run this again"
  slowly "installing $2" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -q --no-install-recommends -o DPkg::Lock::Timeout=120 "$2" ||
    { slowly "reading the package lists" apt-get update -q &&
      slowly "installing $2" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$2"; } ||
    fail "$2 could not be installed: see above"
}

sh scripts/ensure-node.sh
sh scripts/ensure-docker.sh
sh scripts/ensure-kubectl.sh
ensure_program ip iproute2
ensure_program psql postgresql-client
node_24=$(find_node "$PWD")
"$node_24" scripts/build-images.ts tools 11 15 17

# Tests call node and kubectl by name, and must meet these.
PGRS_KUBECTL=$(find_kubectl)
PATH=$(dirname "$node_24"):$PWD/node_modules/.bin:$(dirname "$PGRS_KUBECTL"):$PATH
export PGRS_KUBECTL PATH
exec "$node_24" scripts/test.ts "$@"
