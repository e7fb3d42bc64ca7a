#!/bin/sh
# Makes a Docker Engine answer. Uses the one that is there; else starts the installed one; else, as root on Debian
# or Ubuntu, installs docker.io. It must never stop, reconfigure or upgrade an Engine that runs.
set -eu
cd "$(dirname "$0")/.."
. scripts/say.sh

pid_file=/var/run/docker.pid
log_file=/var/log/dockerd.log

# Prints the Engine's answer: "ok 20.10.24", "denied" (the socket is there, this user may not use it) or "none".
ask_engine() {
  node -e '
    const host = process.env.DOCKER_HOST || "unix:///var/run/docker.sock";
    const url = new URL(host.replace(/^tcp:/, process.env.DOCKER_TLS_VERIFY ? "https:" : "http:"));
    if (url.protocol === "ssh:" || url.protocol === "https:") { console.log("elsewhere"); process.exit(); }
    const where = url.protocol === "unix:" ? { socketPath: url.pathname } : { host: url.hostname, port: url.port || 2375 };
    const request = require("http").get({ ...where, path: "/version", timeout: 3000 }, (response) => {
      let body = "";
      response.on("data", (part) => { body += part; });
      response.on("end", () => { try { console.log("ok " + JSON.parse(body).Version); } catch { console.log("none"); } });
    });
    request.on("timeout", () => request.destroy(new Error("timeout")));
    request.on("error", (error) => console.log(error.code === "EACCES" ? "denied" : "none"));
  '
}

# An Engine behind TLS or ssh is asked with the docker program, which knows the certificates.
engine_version() {
  answer=$(ask_engine)
  if [ "$answer" = elsewhere ]; then
    version=$(docker version --format '{{.Server.Version}}' 2>/dev/null) && answer="ok $version" || answer=none
  fi
  printf '%s\n' "$answer"
}

# is_program PID NAME: the process lives and is that program, so a pid reused after a reboot does not fool us.
is_program() { [ -n "$1" ] && [ -r "/proc/$1/comm" ] && [ "$(cat "/proc/$1/comm")" = "$2" ]; }

pid_in() { head -n 1 "$1" 2>/dev/null | tr -cd '0-9'; }

# dockerd refuses to start over a pid file whose pid is alive, whoever it is now, and waits for ever on a containerd
# socket that nobody listens on. Only what provably belongs to no living program is removed.
clear_stale() {
  if [ -e "$pid_file" ] && ! is_program "$(pid_in $pid_file)" dockerd; then
    say "removing the stale $pid_file"
    rm -f "$pid_file" /var/run/docker.sock
  fi
  own=/var/run/docker/containerd/containerd.pid
  if [ -e "$own" ] && ! is_program "$(pid_in $own)" containerd; then
    rm -f "$own" /var/run/docker/containerd/containerd.sock /var/run/docker/containerd/containerd.sock.ttrpc
  fi
  if [ -S /run/containerd/containerd.sock ] && ! any_containerd; then
    say "removing the stale /run/containerd/containerd.sock"
    rm -f /run/containerd/containerd.sock /run/containerd/containerd.sock.ttrpc
  fi
}

any_containerd() {
  for comm in /proc/[0-9]*/comm; do
    if [ "$(cat "$comm" 2>/dev/null)" = containerd ]; then return 0; fi
  done
  return 1
}

install_engine() {
  is_root || fail "no Docker Engine here, and installing one needs root: run as root, or install Docker and join the docker group"
  have apt-get || fail "no Docker Engine here, and this is neither Debian nor Ubuntu: install Docker Engine 20.10 or newer, then run this again"
  slowly "reading the package lists" apt-get update -q ||
    say "the package lists could not be refreshed; going on with those at hand"
  # Recommended packages would bring a git client and an AppArmor tool that nothing here uses.
  slowly "installing Docker Engine (docker.io)" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -q --no-install-recommends -o DPkg::Lock::Timeout=120 docker.io ||
    fail "docker.io could not be installed: see above; is the Debian mirror reachable and the disk not full?"
}

start_engine() {
  is_root || fail "the Docker Engine does not answer, and starting it needs root: start it (systemctl start docker), then run this again"
  if [ -d /run/systemd/system ]; then
    slowly "starting Docker Engine (systemctl start docker)" systemctl start docker ||
      fail "systemctl start docker failed: journalctl -u docker says why"
    return
  fi
  if is_program "$(pid_in $pid_file)" dockerd; then
    say "dockerd runs (pid $(pid_in $pid_file)) but does not answer yet"
    return
  fi
  clear_stale
  say "starting dockerd (no service manager here), log in $log_file"
  # A session of its own, so that it outlives this terminal; no open descriptors of ours, so that a pipe reading us ends.
  setsid dockerd >>"$log_file" 2>&1 </dev/null &
}

wait_for_engine() {
  waited=0
  while [ "$waited" -lt 60 ]; do
    case $(engine_version) in ok*) return 0 ;; esac
    sleep 1
    waited=$((waited + 1))
    if [ $((waited % 5)) -eq 0 ]; then say "waiting for the Engine: $waited s"; fi
  done
  if [ -r "$log_file" ]; then tail -n 8 "$log_file" | sed 's/^/    /' >&2; fi
  fail "the Docker Engine did not answer within 60 s: see $log_file"
}

answer=$(engine_version)
case $answer in
  ok*) ;;
  denied) fail "the Docker socket refuses this user: join the docker group (usermod -aG docker $(id -un), then log in again) or run as root" ;;
  *)
    if [ -n "${DOCKER_HOST:-}" ]; then fail "no Docker Engine answers at DOCKER_HOST=$DOCKER_HOST: start it there, or unset DOCKER_HOST"; fi
    have dockerd || install_engine
    start_engine
    wait_for_engine
    answer=$(engine_version)
    ;;
esac
say "Docker Engine ${answer#ok } answers"
