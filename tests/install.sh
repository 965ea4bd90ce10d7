#!/usr/bin/env bash
# Installs Debian packages that tests or benches drive: `tests/install.sh wrk redis-server …`.
# What is there already is left alone, so a second call does nothing. Without root it changes nothing
# and names the one line that would do it.
set -euo pipefail

if [[ $# -eq 0 ]]; then
    echo "install: nothing needed beyond the Rust toolchain"
    exit 0
fi

missing=()
for package in "$@"; do
    state=$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null || true)
    # A program of the package's name does as well, however it came here.
    if [[ $state != installed ]] && ! command -v "$package" >/dev/null; then
        missing+=("$package")
    fi
done

if [[ ${#missing[@]} -eq 0 ]]; then
    echo "install: already there: $*"
    exit 0
fi

if ! command -v apt-get >/dev/null; then
    echo "install: no apt-get here; install these by hand: ${missing[*]}" >&2
    exit 1
fi

line="apt-get update && apt-get install --yes --no-install-recommends ${missing[*]}"
if [[ $(id -u) -ne 0 ]]; then
    echo "install: needs root; this one line does it:" >&2
    echo "    sudo sh -c '$line'" >&2
    exit 1
fi

echo "install: $line"
# Packages must not start services of their own: a test starts what it drives, on a port of its own.
policy=/usr/sbin/policy-rc.d
if [[ ! -e $policy ]]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
    trap 'rm -f "$policy"' EXIT
fi
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -qq --yes --no-install-recommends "${missing[@]}"
