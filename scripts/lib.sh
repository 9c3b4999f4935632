# What the scripts share; to be sourced. Sets ROOT, CARGO_TARGET_DIR and INTERLOCK.
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# RocksDB takes minutes to build: one target directory outside the checkout serves every clone.
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/interlock/target}
INTERLOCK=$CARGO_TARGET_DIR/release/interlock

say() { printf '%s\n' "$*" >&2; }
die() { say "$(basename "$0"): $*"; exit 1; }

# Makes sure that everything is there that a build needs: installs it where it can, else says what
# is missing.
need_tools() {
    command -v cargo >/dev/null || die "cargo is missing: install Rust 1.88 or newer (https://rustup.rs)"
    local missing=()
    command -v c++ >/dev/null || missing+=(g++)
    command -v make >/dev/null || missing+=(make)
    # RocksDB's bindings are generated with libclang.
    compgen -G '/usr/lib/llvm-*/lib/libclang*.so*' >/dev/null && compgen -G '/usr/lib/llvm-*/lib/libclang[.-]*so*' | grep -qv cpp \
        || missing+=(libclang-dev)
    [ ${#missing[@]} -eq 0 ] && return
    if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
        say "installing ${missing[*]}"
        apt-get update -qq >&2 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${missing[@]}" >&2 \
            || die "cannot install ${missing[*]}: install them by hand"
    else
        die "missing: ${missing[*]}. On Debian: sudo apt-get install ${missing[*]}"
    fi
}

# Installs cargo-deny beside what is built, where it is missing: about two minutes on two cores, once.
need_deny() {
    local tools=$CARGO_TARGET_DIR/tools version=0.20.2
    export PATH=$PATH:$tools/bin
    cargo deny --version >/dev/null 2>&1 && return
    say "installing cargo-deny $version"
    CARGO_TARGET_DIR=$tools/build cargo install cargo-deny --locked --quiet --version "$version" \
        --root "$tools" >&2 || return
    rm -rf "$tools/build"
}

# Makes what was built here before this checkout's own. Cargo takes packages at the same place below
# two checkouts for the same ones, but remembers by full paths what tests outside their package are
# made of: it would run the tests of the other checkout.
own_target() {
    local marker=$CARGO_TARGET_DIR/checkout
    if [ -d "$CARGO_TARGET_DIR/release" ] && [ "$(cat "$marker" 2>/dev/null)" != "$ROOT" ]; then
        say "built last for another checkout: what is ours is built again"
        local ours=()
        for manifest in "$ROOT"/crates/*/Cargo.toml; do
            ours+=(-p "$(sed -n 's/^name = "\(.*\)"/\1/p' "$manifest" | head -1)")
        done
        (cd "$ROOT" && cargo clean --release --locked "${ours[@]}") >&2
    fi
    mkdir -p "$CARGO_TARGET_DIR"
    printf '%s\n' "$ROOT" >"$marker"
}

# Builds everything. Always the whole workspace: another selection of packages would have other
# features, and RocksDB would be compiled again.
build() {
    need_tools
    own_target
    say "building (the first time takes about fifteen minutes: RocksDB is C++)"
    (cd "$ROOT" && cargo build --release --workspace --locked) >&2 || die "the build failed"
}
