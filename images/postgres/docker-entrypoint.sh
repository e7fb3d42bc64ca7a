#!/bin/bash
# Becomes the program it is given, as the user postgres. It makes no database: the operator does that in a job of its
# own, so that a server can never start on a directory that nobody decided about.
set -euo pipefail
if [ "$(id -u)" = 0 ]; then
  exec setpriv --reuid=postgres --regid=postgres --init-groups -- "$@"
fi
exec "$@"
