# Sourced: which kubectl is used, and where the project keeps its state.

state_folder() { printf '%s\n' "${PGRS_HOME:-$PWD/.pgrs}"; }

# kubectl_version PATH: its version, such as 1.32.3. Releases of distributors add words after it.
kubectl_version() { "$1" version --client 2>/dev/null | sed -n 's/^Client Version: v\([0-9.]*\).*/\1/p'; }

# find_kubectl: prints the path of the first kubectl that is 1.30 or newer; older ones validate by another protocol.
find_kubectl() {
  for find_kubectl_path in "$(state_folder)/bin/kubectl" "$(command -v kubectl)"; do
    [ -x "$find_kubectl_path" ] || continue
    find_kubectl_minor=$(kubectl_version "$find_kubectl_path" | cut -d. -f2)
    if [ "${find_kubectl_minor:-0}" -ge 30 ]; then
      printf '%s\n' "$find_kubectl_path"
      return 0
    fi
  done
  return 1
}
