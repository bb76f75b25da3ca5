#!/usr/bin/env bash
# commit.sh BRANCH PARENT MESSAGE FILE: commits FILE as it is here onto PARENT, as
# the only commit of BRANCH, through GitHub, which signs it. What an earlier
# attempt left on the branch is dropped.
set -euo pipefail
unset CDPATH

branch=$1 parent=$2 message=$3 file=$4
refs=repos/$GITHUB_REPOSITORY/git/refs

gh api --silent --method DELETE "$refs/heads/$branch" 2>/dev/null || true
gh api --silent "$refs" --raw-field "ref=refs/heads/$branch" --raw-field "sha=$parent"
contents=$(mktemp)
base64 <"$file" | tr -d '\n' >"$contents"
# shellcheck disable=SC2016 # the variables are GraphQL's
commit=$(gh api graphql \
  --raw-field "repository=$GITHUB_REPOSITORY" --raw-field "branch=$branch" \
  --raw-field "parent=$parent" --raw-field "message=$message" \
  --raw-field "path=$file" --field "contents=@$contents" \
  --jq .data.createCommitOnBranch.commit.oid \
  --raw-field 'query=
    mutation ($repository: String!, $branch: String!, $parent: GitObjectID!,
              $message: String!, $path: String!, $contents: Base64String!) {
      createCommitOnBranch(input: {
        branch: { repositoryNameWithOwner: $repository, branchName: $branch }
        expectedHeadOid: $parent
        message: { headline: $message }
        fileChanges: { additions: [{ path: $path, contents: $contents }] }
      }) { commit { oid } }
    }')
rm "$contents"
printf 'commit=%s\n' "$commit" >>"$GITHUB_OUTPUT"
