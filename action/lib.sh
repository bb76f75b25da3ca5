#!/usr/bin/env bash
# What the scripts of the action share. Everything here also runs in bash 3.2,
# which is what macOS has.

# Writes $2 as an annotation of the kind $1.
annotate() {
  local message=$2
  message=${message//'%'/%25}
  message=${message//$'\r'/%0D}
  message=${message//$'\n'/%0A}
  printf '::%s title=Weirkeeper::%s\n' "$1" "$message"
}

# Ends the step with an annotation.
fail() {
  annotate error "$1"
  exit 2
}

# The sha256 of files, or of standard input, as sha256sum writes them.
sums() {
  if command -v sha256sum >/dev/null; then sha256sum "$@"; else shasum -a 256 "$@"; fi
}

# The sha256 of standard input alone.
digest() {
  local line
  line=$(sums)
  printf '%s\n' "${line%% *}"
}

# The sha256 of everything that the program is built from.
source_digest() {
  local file files=()
  while IFS= read -r file; do
    files+=("$file")
  done < <(find Cargo.toml Cargo.lock src templates -type f | LC_ALL=C sort)
  sums "${files[@]}" | digest
}

# A value of Cargo.toml that stands on a line of its own, such as `version`.
manifest() {
  sed -n "s/^$1 = \"\(.*\)\"\$/\1/p" Cargo.toml | sed -n 1p
}
