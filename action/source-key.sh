#!/usr/bin/env bash
# Says where the binary built from this source is kept, and under which key it
# is cached: the same source and the same compiler give the same key.
set -euo pipefail

# What cargo and rustup read from the folder they start in is the caller's
# repository's business, not ours.
cd "$GITHUB_ACTION_PATH"

digest() {
  if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi
}

key=$({
  rustc --version --verbose
  find Cargo.toml Cargo.lock src templates -type f | LC_ALL=C sort |
    while IFS= read -r file; do
      printf '%s %s\n' "$file" "$(digest <"$file")"
    done
} | digest | cut -c 1-32)

printf 'key=%s\nfolder=%s\n' \
  "$key" "${RUNNER_TOOL_CACHE:-$RUNNER_TEMP}/weirkeeper/$key" >>"$GITHUB_OUTPUT"
