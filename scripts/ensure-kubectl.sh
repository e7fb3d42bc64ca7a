#!/bin/sh
# Finds a kubectl of 1.30 or newer, or puts one from Debian into the project's state folder; no system file changes.
# Prints nothing but progress; its path is .pgrs/bin/kubectl or the one on PATH (see find_kubectl).
set -eu
cd "$(dirname "$0")/.."
. scripts/say.sh
. scripts/node.sh
. scripts/kubectl.sh

if ! find_kubectl >/dev/null; then
  node_24=$(find_node "$PWD") || fail "Node 24 is missing: run scripts/ensure-node.sh first"
  "$node_24" scripts/fetch-kubectl.ts "$(state_folder)/bin" ||
    fail "kubectl 1.30 or newer is missing and could not be had from Debian: install it (https://kubernetes.io/docs/tasks/tools/), then run this again"
fi
kubectl=$(find_kubectl) || fail "the kubectl in $(state_folder)/bin does not run: remove it and run this again"
say "kubectl $(kubectl_version "$kubectl") at $kubectl"
