#!/bin/sh
# Puts node_modules in place, and with it the Node 24 that runs the project. Touches nothing outside node_modules.
set -eu
cd "$(dirname "$0")/.."
. scripts/say.sh
. scripts/node.sh

have node && have npm || fail "Node 18 or newer with npm is needed to begin with: install both (apt-get install nodejs npm), then run this again"

# npm ci empties node_modules first, so it only runs when what is installed is not what the lock file says.
marker=node_modules/.installed-from
if ! cmp -s package-lock.json "$marker"; then
  slowly "installing the packages of package-lock.json (npm ci)" npm ci ||
    fail "npm ci failed: see above; is the npm registry reachable and the disk not full?"
  cp package-lock.json "$marker"
fi

node_24=$(find_node "$PWD") ||
  fail "no Node 24 for $(uname -s) on $(uname -m) among the packages: install Node 24 or newer, then run this again"
case $node_24 in
  # npm 9 and 10 drop the link while they leave out the package for the other processor.
  "$PWD"/node_modules/node-linux-*) ln -sf "$node_24" node_modules/.bin/node ;;
esac
say "Node $("$node_24" -p process.versions.node) is in place"
