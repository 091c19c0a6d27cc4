#!/usr/bin/env bash
# Lines that lose everything one way, between nodes with a network each: rows 11 and 12 of the fault
# table in deploy/README.md. Run it inside tools/lab:
#
#   $COUNTERFOIL_SHARED/tools/lab deploy/check.d/lines.sh PROGRAM
#
# Three members sync. Then one hears nothing of another any more, who still hears it: a sync between
# them ends by its deadline and says so, the third goes on with both, and once the line is whole
# again all have the same within a minute.
set -euo pipefail

program=$(realpath "$1")
shared=${COUNTERFOIL_SHARED:-$(dirname "$0")/../../../shared}
# shellcheck source=/dev/null
source "$shared/tools/netfed.sh"
fail() { echo "lines: $*" >&2; exit 1; }

members=(a b c)
address() { case $1 in a) echo 198.51.100.11 ;; b) echo 198.51.100.12 ;; c) echo 198.51.100.13 ;; esac; }
# at NAME COMMAND…: a command on a member's node, as whoever runs it.
at() {
  nf_in "$1" setpriv --reuid 65532 --regid 65532 --clear-groups env "XDG_RUNTIME_DIR=$NF_DATA/$1/run" \
    "COUNTERFOIL_PASSPHRASE_FILE=$NF_DATA/$1/pass" "$program" "${@:2}" --dir "$NF_DATA/$1/node"
}

begin() {
  nf_net
  local name cards=()
  for name in "${members[@]}"; do
    nf_host "$name" "$(address "$name")"
    install -d -o 65532 -g 65532 -m 700 "$NF_DATA/$name/run"
    install -o 65532 -g 65532 -m 600 /dev/stdin "$NF_DATA/$name/pass" <<<'six plain words nobody else picks'
    at "$name" init --member "$name" --name "$name" --size small --listen "$(address "$name"):7443" \
      --advertise "https://$(address "$name"):7443" --recovery-out "$NF_DATA/$name/recovery" >/dev/null
    at "$name" charter card >"$NF_DATA/$name.card"
    cards+=("$NF_DATA/$name.card")
  done
  "$program" charter new --consortium lines --threshold 2 --since 2018 --card "${cards[@]}" >"$NF_DATA/charter"
  chmod 666 "$NF_DATA/charter"
  chmod 777 "$NF_DATA"
  for name in "${members[@]}"; do at "$name" charter sign "$NF_DATA/charter" >/dev/null; done
  for name in "${members[@]}"; do
    at "$name" charter apply "$NF_DATA/charter" >/dev/null
    nf_run "$name" env "XDG_RUNTIME_DIR=$NF_DATA/$name/run" "COUNTERFOIL_PASSPHRASE_FILE=$NF_DATA/$name/pass" \
      "$program" serve --dir "$NF_DATA/$name/node" --ready-file "$NF_DATA/$name/ready"
  done
  for name in "${members[@]}"; do
    for _ in {1..200}; do [[ -s $NF_DATA/$name/ready ]] && break; sleep 0.1; done
    [[ -s $NF_DATA/$name/ready ]] || fail "$name does not start: $(tail -n 3 "$NF_DATA/$name.log")"
  done
}

# publish NAME PERIOD: one more leaf in a member's log.
publish() {
  local digest
  at "$1" record add --kind training --set title=T "start=${2%Q*}-02-03" country=TH topics=accounting attended=20 >/dev/null
  digest=$(at "$1" release preview "$2" --kind training --json | grep -o '"digest":"[0-9a-f]*"' | cut -d '"' -f 4)
  at "$1" release publish "$digest" >/dev/null
}

holds() { at "$1" prove "$2" "$3" >/dev/null 2>&1; }

# within SECONDS WHAT COMMAND…
within() {
  local end=$((SECONDS + $1))
  until "${@:3}"; do
    ((SECONDS < end)) || fail "not within $1 s: $2"
    sleep 0.5
  done
}

begin
publish a 2018Q1
for name in b c; do within 30 "$name has a's first leaf" holds "$name" a 0; done
echo "lines: three members, level"

nf_drop b "$(address a)"
publish a 2019Q1
within 30 "the third goes on" holds c a 1
before=$SECONDS
if at b peer sync --peer a >"$NF_DATA/said" 2>&1; then fail "a sync over a dead line is said to be done"; fi
took=$((SECONDS - before))
((took <= 60)) || fail "a sync over a dead line took $took s to end"
echo "lines: one way lost: a sync ends after $took s: $(tail -n 1 "$NF_DATA/said")"
at b record list >/dev/null
nf_flush b
within 60 "level again" holds b a 1
echo "lines: level again after $((SECONDS - before - took)) s"
