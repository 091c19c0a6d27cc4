#!/usr/bin/env bash
# Pulls the plug in the middle of work, ROUNDS times (50) each: while records are imported, while
# summaries are published, while a peer's are taken in, and while backups are written.
#
#   deploy/check.d/power.sh PROGRAM [ROUNDS] [WORK…]    import publish sync backup; all unless said
#
# The node's directory is on a file system of its own, which is shut down without writing out what
# was not synced (FS_IOC_SHUTDOWN, as xfstests does), so that only that is left. The work stands
# still then, and no sync is under way: ext4 can call one that races with the shutdown done. What
# was acknowledged must be there afterwards, whole; nothing else may be half there; and no log may
# have two histories, for which a peer on another disk is asked. Needs root, loop devices, xfsprogs.
set -euo pipefail

# Where nobody else sees these disks: another's view of one would keep what was shut down alive.
[[ -n ${POWER_ALONE:-} ]] || POWER_ALONE=1 exec unshare --mount "$0" "$@"

program=$(realpath "$1")
rounds=${2:-50}
shift $(($# < 2 ? $# : 2))
(($#)) || set -- import publish sync backup

base=$(mktemp -d /var/tmp/power.XXXXXX)
disk=$base/disk
export XDG_RUNTIME_DIR=$base/run COUNTERFOIL_PASSPHRASE_FILE=$base/pass
mkdir "$disk" "$XDG_RUNTIME_DIR"
chmod 700 "$XDG_RUNTIME_DIR"
helper=""
trap 'stop_helper; umount -q "$disk" 2>/dev/null || true; rm -rf "$base"' EXIT

cf() { "$program" --json "$@"; }
fail() { echo "power: $*" >&2; exit 1; }
digest() { grep -o '"digest":"[0-9a-f]*"' | cut -d '"' -f 4; }

# What every round begins with: two members, one charter, records of 24 years.
template() {
  (umask 077 && echo 'six plain words nobody else picks' >"$COUNTERFOIL_PASSPHRASE_FILE")
  local name
  for name in a b; do
    cf init --dir "$base/$name" --member $name --name $name --size small --listen 127.0.0.1:0 \
      --recovery-out "$base/$name.recovery" >"$base/said"
    "$program" charter card --dir "$base/$name" >"$base/$name.card"
  done
  "$program" charter new --consortium power --threshold 2 --since 2002 --card "$base/a.card" "$base/b.card" >"$base/charter"
  for name in a b; do cf charter sign "$base/charter" --dir "$base/$name" >"$base/said"; done
  for name in a b; do cf charter apply "$base/charter" --dir "$base/$name" >"$base/said"; done
  sheet {2002..2025} >"$base/sheet.csv"
  cf record import "$base/sheet.csv" --kind training --dir "$base/a" >"$base/said"
}

sheet() {
  echo source_id,title,start,country,topics,attended
  local year month
  for year in "$@"; do
    for month in 02 05 08 11; do echo "t$year$month,T,$year-$month-03,TH,accounting,20"; done
  done
}

# at DIR COMMAND…: a command on a node, what it said on a line.
at() { cf "${@:2}" --dir "$1"; }

quarter() { echo "$((2002 + $1 / 4))Q$((1 + $1 % 4))"; }

publish() {
  local found
  found=$(at "$1" release preview "$(quarter "$2")" --kind training | digest)
  at "$1" release publish "$found" >/dev/null
}

# A node that stays on another disk, for the other to meet.
start_helper() {
  rm -rf "$base/peer" "$base/peer.ready"
  cp -a "$1" "$base/peer"
  "$program" serve --dir "$base/peer" --ready-file "$base/peer.ready" 2>"$base/peer.log" >/dev/null &
  helper=$!
  for _ in {1..200}; do [[ -s $base/peer.ready ]] && return; sleep 0.05; done
  fail "the peer does not start: $(tail -n 3 "$base/peer.log")"
}

stop_helper() {
  [[ -z $helper ]] || { kill "$helper" 2>/dev/null && wait "$helper" 2>/dev/null; } || true
  helper=""
}

meet() {
  at "$1" peer add "$2" "https://$(grep -o '127.0.0.1:[0-9]*' "$base/peer.ready" | head -1)" >/dev/null
}

sync_with_peer() { at "$1" peer sync | grep -q '"ok":true'; }

# before_WORK prepares a round, WORK does the work and prints a line for whatever was acknowledged,
# after_WORK N looks at what is left after N lines.

before_import() { cp -a "$base/a" "$disk/node"; }
import() {
  local nth row
  for nth in {1..100}; do
    {
      echo source_id,title,start,country,attended
      for row in {1..20}; do echo "i$nth-$row,I,2017-02-03,TH,$nth"; done
    } >"$base/import.csv"
    at "$disk/node" record import "$base/import.csv" --kind training >/dev/null
    echo "$nth"
  done
}
after_import() {
  local held
  held=$(at "$disk/node" record list --kind training --period 2017 | { grep -o '"source_id":"i[0-9]*-[0-9]*"' || true; } | sort -u | wc -l)
  ((held >= 20 * $1 && held % 20 == 0)) || fail "$1 files of 20 were acknowledged, $held rows are there"
  at "$disk/node" record add --kind training --set title=After start=2017-03-01 >/dev/null
}

before_publish() {
  cp -a "$base/a" "$disk/node"
  start_helper "$base/b"
  meet "$disk/node" b
}
publishing() {
  local nth
  for nth in {0..94}; do
    publish "$disk/node" "$nth"
    sync_with_peer "$disk/node"
    "$program" prove a "$nth" --dir "$disk/node" | grep '^extra' >"$base/leaf.$nth"
    echo "$nth"
  done
}
after_publish() {
  local nth
  for ((nth = 0; nth < $1; nth++)); do
    "$program" prove a "$nth" --dir "$disk/node" >"$base/slip"
    grep '^extra' "$base/slip" | cmp -s - "$base/leaf.$nth" || fail "leaf $nth is not what it was"
    "$program" verify "$base/slip" --charter "$base/charter" >/dev/null
  done
  # One more may have been published and not acknowledged.
  publish "$disk/node" "$(($1 + 1))"
  sync_with_peer "$disk/node" || fail "the peer does not take what comes after: $(at "$disk/node" peer sync)"
  "$program" health --dir "$base/peer" --json | grep -qi 'fork\|two histories' && fail "the log has two histories"
  "$program" prove a "$1" --dir "$base/peer" >"$base/slip"
}

before_sync() {
  cp -a "$base/b" "$disk/node"
  start_helper "$base/a"
  meet "$disk/node" a
}
syncing() {
  local nth
  for nth in {0..94}; do
    publish "$base/peer" "$nth"
    sync_with_peer "$disk/node"
    echo "$nth"
  done
}
after_sync() {
  local nth
  for ((nth = 0; nth < $1; nth++)); do
    "$program" prove a "$nth" --dir "$disk/node" >"$base/slip" || fail "leaf $nth of the peer is gone"
    "$program" verify "$base/slip" --charter "$base/charter" >/dev/null
  done
  publish "$base/peer" "$(($1 + 1))"
  sync_with_peer "$disk/node" || fail "syncing does not go on: $(at "$disk/node" peer sync)"
  "$program" prove a "$1" --dir "$disk/node" >/dev/null
}

before_backup() { cp -a "$base/a" "$disk/node"; }
backing_up() {
  local nth
  for nth in {1..100}; do
    at "$disk/node" record add --kind training --set title="B$nth" start=2017-02-03 >/dev/null
    at "$disk/node" backup "$disk/$nth.age" >/dev/null
    echo "$nth"
  done
}
after_backup() {
  local nth held
  for ((nth = 1; nth <= $1; nth++)); do
    at "$disk/node" backup --verify "$disk/$nth.age" >/dev/null || fail "backup $nth does not verify"
  done
  held=$(at "$disk/node" record list --kind training --period 2017 | { grep -o '"title":"B[0-9]*"' || true; } | sort -u | wc -l)
  ((held >= $1)) || fail "$1 records were acknowledged, $held are there"
  at "$disk/node" backup "$disk/after.age" >/dev/null || fail "no backup can be written after"
}

does() {
  case $1 in
    import) import ;;
    publish) publishing ;;
    sync) syncing ;;
    backup) backing_up ;;
  esac
}

# One round: work goes on for a moment, then the plug is pulled and what is left is looked at.
pull() {
  local work=$1 group acked
  truncate -s 256M "$base/image"
  mkfs.ext4 -q -F "$base/image"
  mount -o loop "$base/image" "$disk"
  "before_$work"
  sync -f "$disk"
  # In a group of its own, so that all of it stands still at once.
  set -m
  { set +m; does "$work"; } >"$base/acked" 2>"$base/err" &
  group=$!
  set +m
  sleep "$(awk -v some="$RANDOM" 'BEGIN { printf "%.2f", 0.5 + some / 32767 * 5 }')"
  kill -STOP -- "-$group" 2>/dev/null || fail "$work ended by itself: $(tail -n 3 "$base/err")"
  sleep 0.2
  acked=$(wc -l <"$base/acked")
  xfs_io -x -c shutdown "$disk"
  kill -KILL -- "-$group"
  wait "$group" 2>/dev/null || true
  # What ran under it takes a moment to go.
  for _ in {1..200}; do umount -q "$disk" 2>/dev/null && break; sleep 0.05; done
  ! mountpoint -q "$disk" || fail "something still holds the disk"
  mount -o loop "$base/image" "$disk"
  "after_$work" "$acked"
  stop_helper
  umount "$disk"
  total=$((total + acked))
}

template
for work in "$@"; do
  total=0
  for ((round = 1; round <= rounds; round++)); do pull "$work"; done
  echo "power: $work: $rounds times, $total acknowledged, all there"
done
