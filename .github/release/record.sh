#!/usr/bin/env bash
# record.sh TAG DIST: writes the checksums of the archives in DIST, and that of
# the source they were built from, into action/checksums. Those of other versions
# stay, for the input `version`.
set -euo pipefail
unset CDPATH

tag=$1
dist=$(cd "$2" && pwd)
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck disable=SC1091 # checked by itself
. action/lib.sh

{
  while IFS= read -r line; do
    name=${line##* }
    if [[ $name != "weirkeeper-$tag-source" && ! ($name == "weirkeeper-$tag-"* && -e $dist/$name) ]]; then
      printf '%s\n' "$line"
    fi
  done <action/checksums
  (cd "$dist" && sums weirkeeper-"$tag"-*.tar.gz)
  printf '%s  %s\n' "$(source_digest)" "weirkeeper-$tag-source"
} >action/checksums.new
mv action/checksums.new action/checksums
