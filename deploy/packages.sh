# What deploy/run and tests/run share: Debian packages, the sample API and the build. Sourced by
# bash, never run. It changes the machine in one place only (install_packages), and does nothing
# there when everything is installed already. The caller sets `root`, the folder of the repository.
# shellcheck shell=bash
: "${root:?is set by the script that sources this}"

# Compiler, tools and libraries of the proxy itself. libboost1.81-dev brings headers only.
# shellcheck disable=SC2034
build_packages=(
  g++ cmake ninja-build ccache mold pkg-config git ca-certificates curl
  libboost1.81-dev libyaml-cpp-dev libcli11-dev libspdlog-dev libssl-dev libsodium-dev
  libsystemd-dev prometheus-cpp-dev
)

# Debian's nginx has its WebDAV methods compiled in; apache2-bin is Apache without a service;
# prometheus brings promtool, systemd its judge of unit files.
# shellcheck disable=SC2034
test_packages=(
  libgtest-dev libgmock-dev nginx apache2-bin caddy openssl python3 spin prometheus
  python3-jsonschema python3-yaml zsh fish
  python3-websockets slowhttptest systemd
)

# The proxies that the benchmark compares, and what loads them and draws.
# shellcheck disable=SC2034
bench_packages=(
  nginx libnginx-mod-http-lua lua-resty-core lua-nginx-string haproxy caddy
  wrk nghttp2-client gnuplot-nox python3
)

# libFuzzer comes with clang.
# shellcheck disable=SC2034
fuzz_packages=(clang-14 libclang-rt-14-dev)

# A bare system may have no locale and no HOME; npm and ccache want a place for their caches.
export LC_ALL=C.UTF-8
if [[ -z ${HOME:-} ]]; then
  HOME=$(getent passwd "$(id -u)" | cut -d: -f6)
  export HOME=${HOME:-/}
fi

say() { printf '%s\n' "$*"; }

die() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

# show_tail FILE prints the end of a log to standard error, indented.
show_tail() {
  [[ -s $1 ]] || return 0
  printf '  the end of %s:\n' "${1##*/}" >&2
  tail -n 30 "$1" | while IFS= read -r line; do printf '  | %s\n' "$line"; done >&2
}

as_root() {
  if [[ $(id -u) == 0 ]]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    die "installing packages needs root, and there is no sudo: become root and start again"
  fi
}

# missing_packages NAME... prints those that dpkg does not have fully installed, one a line.
missing_packages() {
  local name status
  for name in "$@"; do
    status=$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null) || status=
    [[ $status == installed ]] || printf '%s\n' "$name"
  done
}

# Keeps every service that apt installs from being started, until allow_services is called. A policy
# of the machine's own is set aside and comes back.
readonly policy=/usr/sbin/policy-rc.d
forbid_services() {
  if [[ -e $policy && ! -e $policy.before-ifmatch ]]; then
    as_root mv "$policy" "$policy.before-ifmatch"
  fi
  printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
  as_root chmod 755 "$policy"
}

allow_services() {
  as_root rm -f "$policy"
  if [[ -e $policy.before-ifmatch ]]; then
    as_root mv "$policy.before-ifmatch" "$policy"
  fi
}

apt() {
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
    -o DPkg::Lock::Timeout=300 -o Acquire::Retries=5 "$@"
}

# install_packages NAME... installs what is missing of them. The body is a subshell, so that its
# trap puts the service policy back however it ends.
install_packages() (
  mapfile -t missing <<<"$(missing_packages "$@")"
  [[ -n ${missing[0]} ]] || exit 0
  command -v apt-get >/dev/null || die "this needs Debian's apt-get, to install: ${missing[*]}"

  say "Installing ${#missing[@]} packages: ${missing[*]}"
  log=$(mktemp)
  trap 'rm -f "$log"' EXIT
  apt update >"$log" 2>&1 || { show_tail "$log"; die "apt-get update failed"; }
  replaced=$(apt -s --no-install-recommends install "${missing[@]}" 2>/dev/null |
    sed -n 's/^Remv \([^ ]*\).*/\1/p' | paste -sd' ')
  [[ -z $replaced ]] || say "Debian replaces these packages, which conflict: $replaced"

  trap 'allow_services; rm -f "$log"' EXIT
  forbid_services
  apt --no-install-recommends install "${missing[@]}" >"$log" 2>&1 ||
    { show_tail "$log"; die "apt-get could not install: ${missing[*]}"; }
)

# Debian's npm conflicts with a Node.js from elsewhere, so it is installed only where none is.
install_npm() {
  command -v npm >/dev/null || install_packages nodejs npm
}

# install_json_server FOLDER puts the pinned json-server there, unless this very lock file was
# installed there before. The lock names no registry: npm asks the one that it is set up for.
install_json_server() {
  local folder=$1 sample=$root/deploy/sample log
  cmp -s "$sample/package-lock.json" "$folder/installed.lock" && return 0
  install_npm
  say "Installing json-server into ${folder#"$root"/}"
  mkdir -p "$folder"
  cp "$sample/package.json" "$sample/package-lock.json" "$folder/"
  log=$folder/npm.log
  (cd "$folder" && npm ci --no-audit --no-fund --no-update-notifier) >"$log" 2>&1 ||
    { show_tail "$log"; die "npm could not install json-server"; }
  cp "$sample/package-lock.json" "$folder/installed.lock"
}

# The number of compilers that fit: one a core, and 1.5 GiB of free memory for each.
build_jobs() {
  local jobs kib
  jobs=$(nproc)
  kib=$(sed -n 's/^MemAvailable: *\([0-9]*\) kB/\1/p' /proc/meminfo)
  if ((kib / 1572864 < jobs)); then jobs=$((kib / 1572864)); fi
  ((jobs > 0)) || jobs=1
  printf '%s\n' "$jobs"
}

# build PRESET [OPTION...] configures and builds build/PRESET; the options are for configuring.
build() {
  local preset=$1 log=$root/build/$1.configure.log
  shift
  mkdir -p "$root/build"
  (cd "$root" && cmake --preset "$preset" "$@") >"$log" 2>&1 ||
    { show_tail "$log"; die "CMake could not configure the preset $preset"; }
  say "Building build/$preset (the first time takes some minutes)"
  (cd "$root" && cmake --build --preset "$preset" --parallel "$(build_jobs)") ||
    die "the build of the preset $preset failed"
}
