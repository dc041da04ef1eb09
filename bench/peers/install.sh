#!/usr/bin/env bash
# Puts the libraries that hdscan is measured beside into .peers, from the package registries: for `make bench-peers`.
set -euo pipefail
cd "$(dirname "$0")/../.."
locks=bench/peers/locks
mark=$(cat $locks/python.txt $locks/package-lock.json "bench/peers/install.sh" | sha256sum)
[ "$mark" != "$(cat .peers/installed 2>/dev/null)" ] || exit 0
echo "installing peers into .peers" >&2
rm -rf .peers
mkdir .peers
.venv/bin/python -m venv --without-pip .peers/venv
.venv/bin/python -m pip --disable-pip-version-check --python .peers/venv/bin/python install -qq --require-hashes -r $locks/python.txt
cp $locks/package.json $locks/package-lock.json .peers
npm ci --prefix .peers --no-audit --no-fund --ignore-scripts --silent
echo "$mark" >.peers/installed
