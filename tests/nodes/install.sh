#!/usr/bin/env bash
# Puts nodes that others wrote into .nodes, from the package registries and nowhere else: for `make test-nodes`.
# Each part is quick where it stands already. What cannot be had on this machine is said in a line, and is an error.
set -euo pipefail
cd "$(dirname "$0")/../.."
locks=tests/nodes/locks
nodes=$PWD/.nodes
pip=(.venv/bin/python -m pip --disable-pip-version-check)
failed=0
mkdir -p "$nodes"

# A part is installed anew where its lock, or the way it is installed, has changed.
part() { # NAME FILE...
    local name=$1 mark stamp=$nodes/$1.installed
    mark=$(cat "${@:2}" <(declare -f "$name") | sha256sum)
    [ "$mark" != "$(cat "$stamp" 2>/dev/null)" ] || return 0
    echo "installing $name" >&2
    rm -rf "$stamp" "${nodes:?}/$name"
    set +e # under `if`, bash would go on after an error
    (set -e; "$name") >"$nodes/$name.log" 2>&1
    local code=$?
    set -e
    if [ $code -eq 0 ]; then
        echo "$mark" >"$stamp"
    else
        tail -n 3 "$nodes/$name.log" | cut -c -300 >&2
        echo "$name cannot be installed here; all that was said is in .nodes/$name.log" >&2
        failed=1
    fi
}

npm() { # anvil, surfpool, and contracts as OpenZeppelin compiled them
    mkdir "$nodes/npm"
    cp $locks/package.json $locks/package-lock.json "$nodes/npm"
    command npm ci --prefix "$nodes/npm" --no-audit --no-fund --ignore-scripts
    "$nodes/npm/node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil" --version
}

lists() { # published lists of tokens and chains, beside which the catalogue is held
    mkdir "$nodes/lists"
    cp $locks/lists/package.json $locks/lists/package-lock.json "$nodes/lists"
    cd "$nodes/lists" # not --prefix, which fails where a package has workspaces
    command npm ci --no-audit --no-fund --ignore-scripts
}

libraries() { # BDK's Esplora client, and Multicall3's bytecode
    "${pip[@]}" install --require-hashes --no-deps --only-binary :all: --target "$nodes/libraries" -r $locks/libraries.txt
}

electrumx() { # VERSION; built without isolation, so that what builds it is locked too
    local home=$nodes/electrumx-$1
    .venv/bin/python -m venv --without-pip "$home"
    "${pip[@]}" --python "$home/bin/python" install --require-hashes --only-binary :all: -r $locks/build.txt
    "${pip[@]}" --python "$home/bin/python" install --require-hashes --no-build-isolation -r "$locks/electrumx-$1.txt"
}

electrumx-1.16.0() { electrumx 1.16.0; }
electrumx-1.20.0() { electrumx 1.20.0; }

# bitcoind is in a newer Debian than most machines': it is fetched through an apt of its own, which reads the system's settings
# and touches nothing of the system's, and runs with the loader and libraries that were fetched with it.
bitcoin() {
    local home=$nodes/bitcoin mirror
    mkdir -p "$home"/{root,state/lists/partial,cache/archives/partial}
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -m 1 -E '/debian/?$')
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror sid main" >"$home/sources.list"
    : >"$home/state/status"
    cat >"$home/apt.conf" <<CONF
Dir::State "$home/state";
Dir::State::status "$home/state/status";
Dir::Cache "$home/cache";
Dir::Log "$home";
Dir::Etc::sourcelist "$home/sources.list";
Dir::Etc::sourceparts "-";
Dir::Etc::preferencesparts "-";
Acquire::Languages "none";
Acquire::Retries "3";
APT::Sandbox::User "";
APT::Install-Recommends "false";
Debug::NoLocking "true";
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Post-Invoke;
CONF
    apt-get -c "$home/apt.conf" update
    apt-get -c "$home/apt.conf" install --yes --download-only bitcoin-knots
    for package in "$home"/cache/archives/{bitcoin-knots,lib,zlib}*.deb; do dpkg -x "$package" "$home/root"; done
    rm -rf "$home/cache" "$home/state"
    "$home/root/usr/lib64/ld-linux-x86-64.so.2" --library-path "$home/root/usr/lib/x86_64-linux-gnu" \
        "$home/root/usr/bin/bitcoind" --version
}

part npm $locks/package-lock.json
part lists $locks/lists/package-lock.json
part libraries $locks/libraries.txt
part electrumx-1.16.0 $locks/electrumx-1.16.0.txt
part electrumx-1.20.0 $locks/electrumx-1.20.0.txt
part bitcoin
exit $failed
