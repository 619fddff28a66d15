# Shared by the scripts beside it; they source it after `cd` to the repository.
# shellcheck shell=bash

PATH=$PATH:/usr/sbin:/sbin # dockerd and debootstrap, for people whose PATH ends with bin
cache=${XDG_CACHE_HOME:-$HOME/.cache}/mooring-ci
image_schemas=/usr/share/gocode/src/github.com/opencontainers/image-spec/schema

say() { printf 'ci: %s\n' "$*" >&2; }

fail() {
  say "$*"
  [ -z "${log:-}" ] || grep -v "level=info" "$log" | tail -n 30 >&2 || true
  exit 3
}

have() { command -v "$1" >/dev/null 2>&1; }

as_root() { if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi; }

# wait_until SECONDS COMMAND...: whether the command succeeded within that time.
wait_until() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    [ "$SECONDS" -lt "$deadline" ] || return 1
    sleep 0.5
  done
}

# Clients before 23.0 hold BuildKit themselves; later ones need the buildx plugin for it.
can_buildkit() {
  have "$1" || return 1
  "$1" buildx version >/dev/null 2>&1 && return 0
  local major
  major=$({ "$1" --version || true; } 2>/dev/null | sed -n 's/^Docker version \([0-9]*\)\..*/\1/p')
  [ -n "$major" ] && [ "$major" -lt 23 ]
}

# Prints the first docker command that can build with BuildKit.
choose_docker() {
  local candidate
  for candidate in "${MOORING_DOCKER:-}" "$(command -v docker || true)" /usr/bin/docker; do
    if [ -n "$candidate" ] && can_buildkit "$candidate"; then
      echo "$candidate"
      return 0
    fi
  done
  return 1
}

engine_answers() {
  timeout 20 "${MOORING_DOCKER:-docker}" version --format '{{.Server.Version}}' >/dev/null 2>&1
}

install_missing() {
  local missing=()
  if ! choose_docker >/dev/null || ! { engine_answers || have dockerd; }; then
    missing+=(docker.io docker-cli docker-buildx)
  fi
  have docker-registry || missing+=(docker-registry)
  have debootstrap || missing+=(debootstrap debian-archive-keyring)
  have skopeo || missing+=(skopeo)
  have umoci || missing+=(umoci)
  have qemu-aarch64-static || missing+=(qemu-user-static)
  [ -d "$image_schemas" ] || missing+=(golang-github-opencontainers-image-spec-dev)
  have podman || missing+=(podman)
  if ! have sshd || ! have ssh; then missing+=(openssh-server openssh-client); fi
  have git || missing+=(git)
  have make || missing+=(make)
  [ -n "${PYTHON:-}" ] || python3 -c 'import ensurepip' 2>/dev/null || missing+=(python3-venv)
  [ "${#missing[@]}" -eq 0 ] || install_packages "${missing[@]}"
}

# sshd started by root locks its unprivileged part up in this folder, which no package keeps.
make_sshd_folder() {
  [ "$(id -u)" -ne 0 ] || mkdir -p -m 0755 /run/sshd
}

install_packages() {
  have apt-get || fail "missing and not installable without apt-get: $*"
  say "installing: $*"
  as_root apt-get -q update >>"$log" 2>&1 || say "apt-get update failed; trying with what it knows"
  local package known=()
  for package in "$@"; do # docker-cli and docker-buildx are packages of newer releases only
    if apt-cache show "$package" >/dev/null 2>&1; then known+=("$package"); fi
  done
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -q install --yes --no-install-recommends \
    -o DPkg::Lock::Timeout=120 -o Acquire::Retries=3 "${known[@]}" >>"$log" 2>&1 ||
    fail "apt-get could not install: ${known[*]}"
}
