# shellcheck shell=bash
# Sourced by the other scripts: finds the repository, checks Swift, installs Debian packages when they are missing.
# Installing needs root or sudo; without either it says exactly what to run and stops.

# shellcheck disable=SC2034  # used by the scripts that source this
repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
swift_wanted=6.2

say() { printf '%s\n' "$*" >&2; }
die() { say "$(basename "$0"): $*"; exit 1; }

need_swift() {
  if ! command -v swift >/dev/null; then
    die "Swift $swift_wanted or later is needed and 'swift' is not on PATH. Install it from https://swift.org/install and try again."
  fi
  local version
  version=$(swift --version 2>/dev/null | sed -nE 's/.*Swift version ([0-9]+\.[0-9]+).*/\1/p' | head -n 1)
  [ -n "$version" ] || die "'swift --version' does not say which Swift this is; $swift_wanted or later is needed."
  if [ "$(printf '%s\n%s\n' "$swift_wanted" "$version" | sort -V | head -n 1)" != "$swift_wanted" ]; then
    die "Swift $version is too old; $swift_wanted or later is needed. Install it from https://swift.org/install and try again."
  fi
}

# need_packages PACKAGE...: Debian packages, installed if missing.
need_packages() {
  local missing=() package
  for package in "$@"; do
    dpkg-query -W -f '${Status}\n' "$package" 2>/dev/null | grep -q '^install ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  local root=()
  if [ "$(id -u)" != 0 ]; then
    if command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
      root=(sudo)
    elif command -v sudo >/dev/null && [ -t 0 ]; then
      say "Installing ${missing[*]} needs root:"
      root=(sudo)
    else
      die "missing: ${missing[*]}. As root, run: apt-get update && apt-get install -y ${missing[*]}"
    fi
  fi
  say "Installing ${missing[*]}"
  local log
  log=$(mktemp)
  if ! { "${root[@]}" apt-get update -qq && "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${missing[@]}"; } >"$log" 2>&1; then
    cat "$log" >&2
    rm -f "$log"
    die "could not install ${missing[*]}. As root, run: apt-get update && apt-get install -y ${missing[*]}"
  fi
  rm -f "$log"
}
