#!/bin/sh
# Installs the npm packages, Node 24 among them. Needs npm; as root on Debian it installs npm first.
set -eu

fail() {
  printf 'error: %s\n  what to do: %s\n' "$1" "$2" >&2
  exit 1
}

if ! command -v npm >/dev/null 2>&1; then
  if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    fail "npm is not installed" "install Node.js with npm (any version from 18 on), then run make again"
  fi
  echo "  … Debian packages nodejs npm"
  { apt-get update -qq && apt-get install -y -qq --no-install-recommends nodejs npm; } >/dev/null 2>&1 ||
    fail "Debian's packages nodejs and npm could not be installed" "run 'apt-get update' and read what it says"
fi

npm ping --fetch-retries=0 --fetch-timeout=8000 >/dev/null 2>&1 ||
  fail "the npm registry does not answer" "check the network and 'npm config get registry', then run make again"

echo "  … npm packages (about a minute)"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
npm ci --loglevel=error >"$log" 2>&1 || {
  cat "$log" >&2
  rm -rf node_modules
  fail "npm ci failed" "read the lines above; with a clean network 'make' can be run again at any time"
}
