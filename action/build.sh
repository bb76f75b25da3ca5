#!/usr/bin/env bash
# Makes the program from the source of this action, unless it is kept.
set -euo pipefail
unset CDPATH
# Here, because cargo and rustup obey files of the folder they start in: the
# repository that is released has no say in how its keeper is built.
cd "$GITHUB_ACTION_PATH"
unset CARGO_BUILD_TARGET

if [[ ! -x $ACTION_FOLDER/weirkeeper ]]; then
  cargo build --release --locked --bin weirkeeper --target-dir "$RUNNER_TEMP/weirkeeper-target"
  mkdir -p "$ACTION_FOLDER"
  partial=$(mktemp "$ACTION_FOLDER/partial.XXXXXX")
  trap 'rm -f "$partial"' EXIT
  cp "$RUNNER_TEMP/weirkeeper-target/release/weirkeeper" "$partial"
  chmod 755 "$partial"
  mv -f "$partial" "$ACTION_FOLDER/weirkeeper"
fi
printf 'binary=%s\n' "$ACTION_FOLDER/weirkeeper" >>"$GITHUB_OUTPUT"
