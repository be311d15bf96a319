# Sourced by the scripts beside it: finds what a build needs, installs what Debian has, says what is missing.
# Afterwards the working directory is the project and CARGO_TARGET_DIR is set, one for all clones of this user.

cd "$(dirname "${BASH_SOURCE[0]}")/.."
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/stationd/target}"
# Which clone's page the binary takes in: Cargo would not notice that another clone is asking.
export STATIOND_PAGE="$PWD/web/dist/page"

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

# SQLite and the D-Bus library are compiled from their own source, which takes a C compiler and nothing else.
if ! command -v cc >/dev/null; then
    if ! command -v apt-get >/dev/null; then
        echo "No C compiler here. Install one (gcc or clang) and run this again." >&2
        exit 1
    fi
    echo "Installing a C compiler ..."
    as_root apt-get update -q
    as_root apt-get install -q -y --no-install-recommends gcc libc6-dev
fi

if ! command -v cargo >/dev/null && [ -f "$HOME/.cargo/env" ]; then
    . "$HOME/.cargo/env"
fi
wanted="$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)"
found="$(cargo --version 2>/dev/null | cut -d' ' -f2 || true)"
if [ "$(printf '%s\n' "$wanted" "${found:-0}" | sort -V | head -n1)" != "$wanted" ]; then
    echo "stationd needs Rust $wanted or newer; here is ${found:-none}." >&2
    echo "Debian's own package is too old: install Rust as https://rustup.rs says, then run this again." >&2
    exit 1
fi

# The page is built by Node.js, as old as Debian 13 has it. Only scripts that build or test the page ask for it.
needs_node() {
    if ! command -v npm >/dev/null && command -v apt-get >/dev/null; then
        echo "Installing Node.js ..."
        as_root apt-get update -q
        as_root apt-get install -q -y --no-install-recommends nodejs npm
    fi
    local wanted=20.19 found
    found="$(node --version 2>/dev/null | tr -d v || true)"
    if [ "$(printf '%s\n' "$wanted" "${found:-0}" | sort -V | head -n1)" != "$wanted" ]; then
        echo "The page needs Node.js $wanted or newer; here is ${found:-none}." >&2
        exit 1
    fi
}

# The page is tested in a real browser.
needs_chromium() {
    if [ -z "${CHROMIUM:-}" ] && ! command -v chromium >/dev/null && command -v apt-get >/dev/null; then
        echo "Installing Chromium ..."
        as_root apt-get update -q
        as_root apt-get install -q -y --no-install-recommends chromium
    fi
}
