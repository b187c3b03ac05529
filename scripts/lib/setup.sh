# shellcheck shell=bash
# Sourced by scripts/test and scripts/demo: makes a fresh machine ready, says each thing it does in one line.
# Needs root or sudo only where a system package is missing. Leaves no database service running.

readonly VENV=$PWD/.venv
readonly POLICY=/usr/sbin/policy-rc.d
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1

say() { printf '== %s\n' "$*"; }
fail() { printf 'error: %s\n' "$*" >&2; exit 2; }
has() { command -v "$1" >/dev/null 2>&1; }

# --- system packages -------------------------------------------------------------------------------------------

install_package() { # APT_NAME DNF_NAME WHAT_FOR
  local command
  if has apt-get; then command="apt-get install $1"
  elif has dnf; then command="dnf install $2"
  else fail "$3 is missing, and neither apt-get nor dnf is here. Install it by hand and run this again."
  fi
  [ "$(id -u)" = 0 ] || has sudo || fail "$3 is missing, and there is no sudo. Type as root: $command"
  say "$command ($3)"
  if has apt-get; then without_services apt_install "$1"
  else quietly as_root dnf install -y "$2"
  fi
}

apt_install() { # NAME - never at the price of another package, such as somebody's mysql-server
  quietly as_root apt-get update
  quietly as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends --no-remove "$1"
}

as_root() { # COMMAND ...
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

quietly() { # COMMAND ... - its output only when it fails
  local output
  output=$("$@" 2>&1 </dev/null) && return
  printf '%s\n' "$output" >&2
  fail "this did not work: $*"
}

# Debian starts a service as soon as it is installed. The tests bring their own server, so none shall start.
without_services() { # COMMAND ...
  [ ! -e "$POLICY" ] || { "$@"; return; }
  trap allow_services EXIT
  printf '#!/bin/sh\nexit 101\n' | as_root tee "$POLICY" >/dev/null
  as_root chmod 755 "$POLICY"
  "$@"
  allow_services
}

allow_services() {
  as_root rm -f "$POLICY"
  trap - EXIT
}

find_server() {
  PATH=$PATH:/usr/sbin:/usr/local/sbin:/usr/libexec command -v mariadbd || PATH=$PATH:/usr/sbin command -v mysqld
}

ensure_server() {
  [ -z "${APELSCHEMA_TEST_URL:-}" ] || return 0
  find_server >/dev/null && return
  install_package mariadb-server mariadb-server "the database server that demo and tests run privately"
  if [ -d /run/systemd/system ]; then as_root systemctl disable -q --now mariadb; fi
  find_server >/dev/null || fail "mariadbd is still not here after installing mariadb-server"
}

find_browser() {
  local name
  for name in chromium chromium-browser google-chrome google-chrome-stable; do command -v "$name" && return; done
  return 1
}

has_library() { # NAME.so.N
  PATH=$PATH:/usr/sbin:/sbin ldconfig -p 2>/dev/null | grep -q "$1"
}

ensure_browser() {
  has_library libatomic.so.1 || install_package libatomic1 libatomic "what the driver of the browser is linked with"
  find_browser >/dev/null && return
  install_package chromium chromium "the browser in which the tests open the HTML report"
  find_browser >/dev/null || fail "chromium is still not here after installing it"
}

find_galera() {
  local place
  for place in /usr/lib/galera /usr/lib64/galera-4 /usr/lib64/galera; do
    [ -e "$place/libgalera_smm.so" ] && return
  done
  return 1
}

ensure_cluster() {
  find_galera || install_package galera-4 mariadb-server-galera "what joins the servers of the tests to a cluster"
  has rsync || install_package rsync rsync "what copies data to a node of a cluster"
  has lsof || install_package lsof lsof "what a node of a cluster looks at its ports with"
  PATH=$PATH:/usr/sbin:/sbin has ss || install_package iproute2 iproute "what a node of a cluster looks at its ports with"
  find_galera || fail "the Galera library is still not here after installing it"
}

# --- Python ----------------------------------------------------------------------------------------------------

find_python() { # the first that is new enough and can make a virtual environment
  local name
  for name in python3 /usr/bin/python3 python3.13 python3.12 python3.11; do
    "$name" -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue
    command -v "$name"
    return
  done
  return 1
}

ensure_python() {
  find_python >/dev/null && return
  install_package python3-venv python3.11 "Python 3.11 or newer with venv"
  find_python >/dev/null || fail "no Python >= 3.11 that can make virtual environments was found"
}

wanted_state() { # what the virtual environment depends on
  { printf '%s\n' "$VENV"; cat requirements-dev.lock pyproject.toml; } | sha256sum
}

ensure_venv() {
  local stamp=$VENV/.set-up-for
  [ -x "$VENV/bin/python" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$(wanted_state)" ] && return
  ensure_python
  if ! "$VENV/bin/python" -m pip --version >/dev/null 2>&1; then
    say "making a virtual environment in .venv with $(find_python)"
    "$(find_python)" -m venv --clear "$VENV"
  fi
  say "installing the packages of requirements-dev.lock into .venv"
  quietly "$VENV/bin/python" -m pip install -r requirements-dev.lock
  quietly "$VENV/bin/python" -m pip install --no-deps --no-build-isolation --editable .
  wanted_state >"$stamp"
}

set_up() {
  ensure_server
  ensure_venv
  export PATH=$VENV/bin:$PATH
}
