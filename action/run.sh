#!/usr/bin/env bash
# Runs Weirkeeper once. Outputs, annotations and the summary are its own work.
set -euo pipefail
unset CDPATH

fail() {
  printf '::error title=Weirkeeper::%s\n' "$1"
  exit 2
}

case $ACTION_COMMAND in
  step | plan | validate | status) ;;
  *) fail "The input 'command' has to be step, plan, validate or status." ;;
esac

# xargs takes quotes and backslashes as a shell does, and expands nothing. The
# dot keeps an empty word at the end.
extra=()
if [[ -n ${ACTION_EXTRA_ARGS//[[:space:]]/} ]]; then
  words=$(xargs printf '%s\n' <<<"$ACTION_EXTRA_ARGS" && printf .) ||
    fail "The input 'extra-args' has a quote that does not end on its line."
  while IFS= read -r word; do
    extra+=("$word")
  done < <(printf '%s' "${words%.}")
fi

build() {
  # Here, because cargo and rustup obey files of the folder they start in: the
  # repository that is released has no say in how its keeper is built.
  cd "$GITHUB_ACTION_PATH"
  unset CARGO_BUILD_TARGET
  cargo build --release --locked --bin weirkeeper --target-dir "$RUNNER_TEMP/weirkeeper-target"
  mkdir -p "$ACTION_BUILT"
  cp "$RUNNER_TEMP/weirkeeper-target/release/weirkeeper" "$ACTION_BUILT/weirkeeper"
}

if [[ -n $ACTION_BINARY ]]; then
  binary=$(command -v -- "$ACTION_BINARY") ||
    fail "The input 'binary' names no executable."
else
  binary=$ACTION_BUILT/weirkeeper
  if [[ ! -x $binary ]]; then
    printf '::group::Building Weirkeeper\n'
    (build)
    printf '::endgroup::\n'
  fi
fi

# Bash 3.2 on macOS takes an empty array for an unset variable.
exec "$binary" "$ACTION_COMMAND" ${extra[@]+"${extra[@]}"}
