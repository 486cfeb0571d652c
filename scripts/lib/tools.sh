# Sourced by the scripts: looks for the tools they need and says exactly what to install.

missing=()

# at_least 1.89 1.95.0: whether the second version is the first or newer.
at_least() {
  [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]
}

need_node() {
  local version
  version=$(node --version 2>/dev/null | tr -d v) || true
  if [ -z "$version" ] || ! at_least 20.17.0 "$version"; then
    missing+=("Node.js 20.17 or newer with npm (found: ${version:-none}); see nodejs.org")
  elif ! command -v npm >/dev/null; then
    missing+=("npm, which comes with Node.js; on Debian: apt-get install npm")
  fi
}

need_cargo() {
  local version
  version=$(cargo --version 2>/dev/null | awk '{ print $2 }') || true
  if [ -z "$version" ] || ! at_least 1.89.0 "$version"; then
    missing+=("Rust 1.89 or newer with cargo (found: ${version:-none}); see rustup.rs")
  fi
  if ! command -v cc >/dev/null; then
    missing+=("a C compiler and linker named cc; on Debian: apt-get install build-essential")
  fi
}

# need_command <command> <Debian package>...: installs what is missing when run as root on Debian.
need_command() {
  local command=$1
  shift
  command -v "$command" >/dev/null && return
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing $* (no $command here)." >&2
    export DEBIAN_FRONTEND=noninteractive
    if apt-get update -qq >&2 && apt-get install -y -qq --no-install-recommends "$@" >&2 \
      && command -v "$command" >/dev/null; then
      return
    fi
  fi
  missing+=("$command; on Debian and Ubuntu: apt-get install $*; on macOS: brew install ${1%-server}")
}

# Debian keeps the server's programs out of the path.
postgres_is_here() {
  command -v initdb >/dev/null || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null
}

# need_postgres: PostgreSQL's own programs, not a running server.
need_postgres() {
  postgres_is_here && return
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo 'Installing postgresql (no initdb here).' >&2
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq >&2 && apt-get install -y -qq --no-install-recommends postgresql >&2 && postgres_is_here && return
  fi
  missing+=("PostgreSQL; on Debian and Ubuntu: apt-get install postgresql; on macOS: brew install postgresql")
}

stop_if_missing() {
  [ ${#missing[@]} = 0 ] && return
  echo "Please install first:" >&2
  printf '  - %s\n' "${missing[@]}" >&2
  exit 1
}

# npm ci, unless node_modules is already what the lock file says.
install_packages() {
  if [ ! -f node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
    npm ci --no-audit --no-fund
  fi
}
