#!/usr/bin/env bash
# Makes the program of a release: fetches the archive unless it is kept, and
# unpacks it. Nothing reads it before its checksum is the recorded one.
set -euo pipefail
unset CDPATH
# shellcheck disable=SC1091 # checked by itself
. "$GITHUB_ACTION_PATH/action/lib.sh"

name=$ACTION_RELEASE.tar.gz
kept=$ACTION_FOLDER/$name
repository=$(cd "$GITHUB_ACTION_PATH" && manifest repository)
otherwise="The input 'binary' takes a Weirkeeper from elsewhere."

# Networks fail: three attempts, unless an attempt ends with 3, which says that
# another one is of no use.
patiently() {
  local attempt code
  for attempt in 1 2 3; do
    code=0
    "$@" || code=$?
    if [[ $code == 0 || $code == 3 ]]; then return "$code"; fi
    if [[ $attempt != 3 ]]; then sleep $((attempt * 5)); fi
  done
  return 1
}

# No redirect leaves the protocol of the address, and proxies are those of the
# environment.
fetch() {
  local status scheme=${repository%%:*}
  status=$(curl --fail --silent --show-error --location --max-redirs 5 \
    --proto "=$scheme" --proto-redir "=$scheme" \
    --connect-timeout 20 --max-time 300 --max-filesize 104857600 \
    --write-out '%{http_code}' --output "$2" --url "$1") && return
  case $status in
    408 | 429) return 1 ;;
    4*) return 3 ;;
    *) return 1 ;;
  esac
}

# Asks gh for the attestation of an archive. Ends with 3 when gh says that there is
# none, or that it is another one's, and with 1 when it could not find out: it exits
# with 1 for all of them, also when Sigstore or the network is away.
ask() {
  local said code=0
  said=$(GH_TOKEN=$ACTION_GITHUB_TOKEN gh attestation verify "$@" 2>&1) || code=$?
  printf '%s\n' "$said"
  if [[ $code == 0 ]]; then return; fi
  case $said in
    *'verifying with issuer'* | *'issuer is not recognized'*) return 3 ;;
    *'Policy verification failed'*) return 3 ;;
    *'o attestations found'* | *'HTTP 404'*) return 3 ;;
    *) return 1 ;;
  esac
}

# Proves that the release workflow of the action's own repository made $1. Says
# so, or why it could not be asked: the checksum stands in this source anyway, and
# no rollout waits for somebody else's service.
attest() {
  local server=${repository%/*/*} code=0
  local path=${repository#"$server"/}
  if [[ -z $ACTION_GITHUB_TOKEN || $server != "${GITHUB_SERVER_URL:-}" ]]; then
    printf 'attestation not asked for: there is no token for %s\n' "$server"
  elif ! gh attestation verify --help >/dev/null 2>&1; then
    printf 'attestation not asked for: there is no gh that can\n'
  else
    patiently ask "$1" --hostname "${server#*://}" --repo "$path" \
      --signer-workflow "${server#*://}/$path/.github/workflows/release.yml" \
      --deny-self-hosted-runners || code=$?
    case $code in
      0) printf 'attestation verified\n' ;;
      3) fail "No attestation says that the release workflow of $path made $name; what gh said stands above. Nothing of it was used. Find out who made it before you go on. $otherwise" ;;
      *) annotate warning "The attestation of $name could not be asked for; what gh said stands above. Its sha256 is the recorded one, so it is used." ;;
    esac
  fi
}

if [[ ! -f $kept || $(digest <"$kept") != "$ACTION_SUM" ]]; then
  mkdir -p "$ACTION_FOLDER"
  partial=$(mktemp "$ACTION_FOLDER/partial.XXXXXX")
  trap 'rm -f "$partial"' EXIT
  address=$repository/releases/download/$ACTION_TAG/$name
  printf 'fetching %s\n' "$address"
  patiently fetch "$address" "$partial" ||
    fail "Cannot fetch $address; what curl said stands above. Run the job again, or let the runner reach ${repository%/*/*}. $otherwise"
  found=$(digest <"$partial")
  if [[ $found != "$ACTION_SUM" ]]; then
    fail "What $address sends is not what was released: its sha256 is $found, recorded is $ACTION_SUM. Nothing of it was used. Find out who changed it before you go on."
  fi
  attest "$partial"
  mv -f "$partial" "$kept"
fi
printf 'sha256 %s verified\n' "$ACTION_SUM"

# Not beside the archive: what is kept there is verified each time, and a
# program could not be.
folder=$(mktemp -d "$RUNNER_TEMP/weirkeeper.XXXXXX")
tar -xzf "$kept" -C "$folder" "$ACTION_RELEASE/weirkeeper"
printf 'binary=%s\n' "$folder/$ACTION_RELEASE/weirkeeper" >>"$GITHUB_OUTPUT"
