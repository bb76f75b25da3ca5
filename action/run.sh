#!/usr/bin/env bash
# Runs Weirkeeper once. Outputs, annotations and the summary are its own work.
set -euo pipefail
unset CDPATH
# shellcheck disable=SC1091 # checked by itself
. "$GITHUB_ACTION_PATH/action/lib.sh"

if [[ ! $ACTION_COMMAND =~ ^[a-z]+(-[a-z]+)*$ ]]; then
  fail "The input 'command' is '$ACTION_COMMAND': it has to be one command, such as step; further words belong into 'extra-args'."
fi

# An input that was given is the value of the variable of its option; any other
# leaves what the workflow's own `env:` says.
for name in REPO BRANCH ONLY SHARD TOKEN PROMETHEUS DRY_RUN NO_PUSH WAIT COMMIT_VIA LABEL \
  AUTO_MERGE DEPLOYMENTS FOR REDISPATCH COMMENT_KEY FAIL_ON; do
  given=ACTION_$name
  if [[ -n ${!given:-} ]]; then export "WEIRKEEPER_$name=${!given}"; fi
  unset "$given"
done

# Git has the credentials of the checkout, the API of GitHub has nothing else.
if [[ -z ${GITHUB_TOKEN:-} && -n ${ACTION_GITHUB_TOKEN:-} ]]; then
  export GITHUB_TOKEN=$ACTION_GITHUB_TOKEN
fi
unset ACTION_GITHUB_TOKEN

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

binary=$ACTION_MADE
if [[ -n $ACTION_BINARY ]]; then
  binary=$(command -v -- "$ACTION_BINARY") ||
    fail "The input 'binary' names no executable: $ACTION_BINARY"
fi

# Bash 3.2 on macOS takes an empty array for an unset variable.
exec "$binary" "$ACTION_COMMAND" ${extra[@]+"${extra[@]}"}
