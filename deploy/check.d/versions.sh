#!/usr/bin/env bash
# Two versions in one federation, and a member that goes from the old one to the new: row 31 of the
# fault table in deploy/README.md. Run it inside tools/lab:
#
#   $COUNTERFOIL_SHARED/tools/lab deploy/check.d/versions.sh NEW OLD
#
# Two members run NEW and one runs OLD. All publish, sync both ways and report the same figures; the
# old one is upgraded on its directory, with everything in it; then all publish and agree again.
set -euo pipefail

new=$(realpath "$1")
old=$(realpath "$2")
shared=${COUNTERFOIL_SHARED:-$(dirname "$0")/../../../shared}
# shellcheck source=/dev/null
source "$shared/tools/netfed.sh"
fail() { echo "versions: $*" >&2; exit 1; }

members=(a b c)
declare -A address=([a]=198.51.100.11 [b]=198.51.100.12 [c]=198.51.100.13) program=([a]=$new [b]=$old [c]=$new)
# at NAME COMMAND…: a command on a member's node, by the version it runs, as whoever runs it.
at() {
  nf_in "$1" setpriv --reuid 65532 --regid 65532 --clear-groups env "XDG_RUNTIME_DIR=$NF_DATA/$1/run" \
    "COUNTERFOIL_PASSPHRASE_FILE=$NF_DATA/$1/pass" "${program[$1]}" "${@:2}" --dir "$NF_DATA/$1/node"
}

serve() {
  rm -f "$NF_DATA/$1/ready"
  nf_run "$1" env "XDG_RUNTIME_DIR=$NF_DATA/$1/run" "COUNTERFOIL_PASSPHRASE_FILE=$NF_DATA/$1/pass" \
    "${program[$1]}" serve --dir "$NF_DATA/$1/node" --ready-file "$NF_DATA/$1/ready"
  within 30 "$1 serves" test -s "$NF_DATA/$1/ready"
}

# within SECONDS WHAT COMMAND…
within() {
  local end=$((SECONDS + $1))
  until "${@:3}"; do
    ((SECONDS < end)) || { tail -n 3 "$NF_DATA"/*.log >&2; fail "not within $1 s: $2"; }
    sleep 0.2
  done
}

begin() {
  nf_net
  local name cards=()
  for name in "${members[@]}"; do
    nf_host "$name" "${address[$name]}"
    install -d -o 65532 -g 65532 -m 700 "$NF_DATA/$name/run"
    install -o 65532 -g 65532 -m 600 /dev/stdin "$NF_DATA/$name/pass" <<<'six plain words nobody else picks'
    at "$name" init --member "$name" --name "$name" --size small --listen "${address[$name]}:7443" \
      --advertise "https://${address[$name]}:7443" --recovery-out "$NF_DATA/$name/recovery" >/dev/null
    at "$name" charter card >"$NF_DATA/$name.card"
    cards+=("$NF_DATA/$name.card")
  done
  # By the old version: what only the new one can write has no place in a charter both follow.
  "$old" charter new --consortium versions --threshold 2 --since 2018 --card "${cards[@]}" >"$NF_DATA/charter"
  chmod 666 "$NF_DATA/charter"
  chmod 777 "$NF_DATA"
  for name in "${members[@]}"; do at "$name" charter sign "$NF_DATA/charter" >/dev/null; done
  for name in "${members[@]}"; do
    at "$name" charter apply "$NF_DATA/charter" >/dev/null
    serve "$name"
  done
}

# publish NAME PERIOD: one more leaf in a member's log.
publish() {
  local digest
  at "$1" record add --kind training --set title=T "start=${2%Q*}-02-03" country=TH topics=accounting attended=20 >/dev/null
  digest=$(at "$1" release preview "$2" --kind training --json | jq -re .digest)
  at "$1" release publish "$digest" >/dev/null
}

# What a node holds of every log and reckons from it.
seen() {
  at "$1" report training --measure activities --from 2018Q1 --to 2020Q1 --allow-partial --json |
    jq -cS '{rows, heads: [.as_of.checkpoints[] | {member, tree_size, root_hash}] | sort_by(.member)}'
}
# level LEAVES: every log has so many, and all reckon the same from them.
level() {
  local name first="" found
  for name in "${members[@]}"; do
    found=$(seen "$name" 2>/dev/null) || return 1
    first=${first:-$found}
    [[ $found == "$first" ]] || return 1
  done
  jq -e --argjson leaves "$1" '[.heads[] | select(.tree_size == $leaves)] | length == 3' <<<"$first" >/dev/null
}
# Somebody of each version asks, so that each dials the other.
sync() { at a peer sync >/dev/null 2>&1 && at b peer sync >/dev/null 2>&1 && at c peer sync >/dev/null 2>&1; }
level_again() { sync && level "$1"; }
well() { at "$1" health --json | jq -e '.ready and ([.problems[].code] | all(. != "equivocation"))' >/dev/null; }

begin
for name in "${members[@]}"; do publish "$name" 2018Q1; done
within 60 "two versions are level" level_again 1
for name in "${members[@]}"; do well "$name" || fail "$name is not well: $(at "$name" health --json)"; done
echo "versions: $("$new" --version) and an older one: level, the same report on all"

kill -TERM "$(jq -r .pid "$NF_DATA/b/ready")"
# shellcheck disable=SC2154  # nf_run sets it
wait "$NF_PID_b" || fail "the old one did not end in order"
before=$(at b record list --json | jq -cS '.records | length')
publish a 2019Q1
program[b]=$new
serve b
[[ $(at b record list --json | jq -cS '.records | length') == "$before" ]] || fail "records are missing after the upgrade"
for name in b c; do publish "$name" 2019Q1; done
within 60 "all are level after the upgrade" level_again 2
at b doctor --deep >/dev/null || fail "doctor found something: $(at b doctor --deep)"
for name in "${members[@]}"; do well "$name" || fail "$name is not well: $(at "$name" health --json)"; done
echo "versions: upgraded with $before records in it: level, the same report on all"
