#!/usr/bin/env bash
# pack.sh TAG BINARIES DIST: packs BINARIES/<target>/weirkeeper of each target
# into DIST/weirkeeper-<tag>-<target>.tar.gz. The same files give the same
# archives, wherever and whenever: GNU tar, and the time of the commit.
set -euo pipefail
unset CDPATH

tag=$1
mkdir -p "$3"
binaries=$(cd "$2" && pwd)
dist=$(cd "$3" && pwd)
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
time=${SOURCE_DATE_EPOCH:-$(git show --no-patch --format=%ct HEAD)}

for folder in "$binaries"/*/; do
  target=$(basename "$folder")
  name=weirkeeper-$tag-$target
  staging=$(mktemp -d)
  install -D --mode=755 "$folder/weirkeeper" "$staging/$name/weirkeeper"
  install --mode=644 README.md LICENSE CHANGELOG.md "$staging/$name"
  tar --create --directory "$staging" --sort=name --format=ustar --mode=go-w \
    --owner=0 --group=0 --numeric-owner --mtime="@$time" "$name" |
    gzip --no-name --best >"$dist/$name.tar.gz"
  rm -rf "$staging"
done
