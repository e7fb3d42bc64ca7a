# Sourced by every script here: how the set-up talks to a person. It says what it does before it does it,
# shows that long work is alive, and ends every failure with one sentence. It must never change anything itself.

say() { printf '%s\n' "pgrs: $*"; }

fail() {
  printf '%s\n' "pgrs: $*" >&2
  exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

is_root() { [ "$(id -u)" -eq 0 ]; }

# slowly SENTENCE COMMAND...: runs the command with its output kept aside, and a sign of life every five seconds.
# The output is shown only when the command fails, since then its last lines say why.
slowly() {
  slowly_what=$1
  shift
  slowly_log=$(mktemp) || fail "cannot write to ${TMPDIR:-/tmp}: is the disk full?"
  say "$slowly_what ..."
  "$@" >"$slowly_log" 2>&1 &
  slowly_pid=$!
  slowly_seconds=0
  while kill -0 "$slowly_pid" 2>/dev/null; do
    sleep 1
    slowly_seconds=$((slowly_seconds + 1))
    if [ $((slowly_seconds % 5)) -eq 0 ]; then say "$slowly_what: ${slowly_seconds} s"; fi
  done
  slowly_code=0
  wait "$slowly_pid" || slowly_code=$?
  if [ "$slowly_code" -ne 0 ]; then tail -n 15 "$slowly_log" | sed 's/^/    /' >&2; fi
  rm -f "$slowly_log"
  return "$slowly_code"
}
