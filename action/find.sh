#!/usr/bin/env bash
# Decides which Weirkeeper runs, and under which key it is kept:
#
#   given    the one that the input `binary` names
#   release  an archive whose checksum is recorded in action/checksums
#   source   neither: what this source is built to
set -euo pipefail
unset CDPATH
# shellcheck disable=SC1091 # checked by itself
. "$GITHUB_ACTION_PATH/action/lib.sh"
# What cargo and rustup read from the folder they start in is the caller's
# repository's business, not ours.
cd "$GITHUB_ACTION_PATH"

say() { printf '%s=%s\n' "$1" "$2" >>"$GITHUB_OUTPUT"; }

# How the archives name this machine; nothing when there is none for it.
platform() {
  case $(uname -s)-$(uname -m) in
    Linux-x86_64) printf x86_64-unknown-linux-musl ;;
    Linux-aarch64 | Linux-arm64) printf aarch64-unknown-linux-musl ;;
    Darwin-x86_64) printf x86_64-apple-darwin ;;
    Darwin-arm64) printf aarch64-apple-darwin ;;
  esac
}

# The recorded checksum of $1; nothing when there is none.
recorded() {
  local sum name
  while read -r sum name; do
    if [[ $name == "$1" ]]; then printf '%s' "$sum"; fi
  done <action/checksums
}

# The versions that have a recorded archive for $1.
versions() {
  sed -n "s/^[0-9a-f]*  weirkeeper-v\(.*\)-$1\.tar\.gz\$/\1/p" action/checksums | paste -s -d ' ' -
}

if [[ -n $ACTION_BINARY ]]; then
  if [[ -n $ACTION_VERSION ]]; then
    fail "The inputs 'binary' and 'version' exclude each other: give one of them."
  fi
  say kind given
  exit
fi
case $(uname -s) in
  Linux | Darwin) ;;
  *) fail "Weirkeeper runs on Linux and macOS, not on $(uname -s): choose another 'runs-on'." ;;
esac

own=$(manifest version)
wanted=${ACTION_VERSION#v}
if [[ -n $wanted && ! $wanted =~ ^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$ ]]; then
  fail "The input 'version' is '$ACTION_VERSION': it has to be a version such as $own."
fi
target=$(platform)
release=weirkeeper-v${wanted:-$own}-$target
sum=
if [[ -n $target ]]; then sum=$(recorded "$release.tar.gz"); fi
# A commit after a release has the release's version, and another source.
if [[ -z $wanted && $(recorded "weirkeeper-v$own-source") != "$(source_digest)" ]]; then sum=; fi

if [[ -n $sum ]]; then
  key=$release-$sum
  say kind release
  say tag "v${wanted:-$own}"
  say release "$release"
  say sum "$sum"
elif [[ -n $wanted && $wanted != "$own" ]]; then
  known=$(versions "${target:-none}")
  fail "No checksum is recorded here for Weirkeeper $wanted on ${target:-$(uname -s) $(uname -m)}; \
recorded are: ${known:-none}. Use the action at v$wanted itself, or a later one; or give the input 'binary'."
elif ! command -v cargo >/dev/null || ! command -v rustc >/dev/null; then
  fail "This commit of the action has no release for ${target:-$(uname -s) $(uname -m)}, so it is built \
from source, and that needs Rust $(manifest rust-version) and a C compiler. Install them in an earlier step, \
use a released version of the action, or give the input 'binary'."
else
  key=source-$({ source_digest && rustc --version --verbose; } | digest)
  say kind source
fi
say key "$key"
say folder "${RUNNER_TOOL_CACHE:-$RUNNER_TEMP}/weirkeeper/$key"
