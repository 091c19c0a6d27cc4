# shellcheck shell=bash disable=SC2317,SC2034  # called, and read, by name
# Rows of the fault table in deploy/README.md that need a machine of their own. Sourced by
# deploy/check after consortium.sh, inside the lab.

: "${work:?}" "${exchange:?}" "${hardened:?}" # from consortium.sh

# refused COMMAND…: it must fail; what it said is in $said.
refused() {
  ! "$@" >"$work/refused" 2>&1 || fail "was to be refused: $*"
  said=$(cat "$work/refused")
}

read_only_data() {
  refused podman run --rm --network none "${hardened[@]}" -v "$work/pages:/data:ro" "${tag:?}" serve --json
  [[ $said == *read-only* || $said == *"Read-only"* || $said == *permission* || $said == *Permission* ]] ||
    fail "read-only data is not named: $said"
  say "row 5, read-only data: $(tail -1 <<<"$said")"
}

another_owner() {
  chown -R 0:0 "$work/pages"
  refused podman run --rm --network none "${hardened[@]}" -v "$work/pages:/data" "${tag:?}" serve --json
  [[ $said == *ermission* ]] || fail "another owner is not named: $said"
  say "row 5, another owner: $(tail -1 <<<"$said")"
  chown -R 65532:65532 "$work/pages"
}

two_on_one_directory() {
  start first
  within 60 "the first is up" ready first
  refused podman run --rm --network none "${hardened[@]}" -v "$work/pages:/data" "${tag:?}" serve --json
  [[ $said == *in_use* || $said == *"in use"* ]] || fail "a second process is not refused by name: $said"
  say "row 8, a second process: $(tail -1 <<<"$said")"
}

write_down() {
  at first record add --kind training --set "title=T$1" start=2018-02-12 country=TH topics=accounting attended=14 \
    "notes=$(head -c 1500 /dev/urandom | base64 -w0)" --json
}

disk_full() {
  local count=0 left
  left=$(df --output=avail -k "$work/pages" | tail -1)
  head -c "$((left - 5500))K" /dev/zero >"$work/pages/filler"
  while ((count < 2000)) && write_down "$count" >"$work/last" 2>&1; do count=$((count + 1)); done
  ((count > 0 && count < 2000)) || fail "the disk was to take some records, and took $count"
  jq -e '.error.code == "disk_full"' "$work/last" >/dev/null || fail "a full disk is not named: $(cat "$work/last")"
  say "row 4, disk full after $count records: $(tail -1 "$work/last")"
  at first record list --kind training --json | jq -e --argjson count "$count" '.records | length >= $count' >/dev/null ||
    fail "what was acknowledged cannot be read on a full disk"
  at first health --json | tail -1 || true
  rm "$work/pages/filler"
  podman restart -t 30 first >/dev/null
  within 60 "up again with room" ready first
  local held
  held=$(at first record list --kind training --json | jq '.records | length')
  ((held >= count)) || fail "acknowledged $count, there are $held"
  write_down again >/dev/null || fail "writes do not go on with room on the disk"
  say "row 4: $held records there, writes go on"
}

out_of_memory() {
  local held
  held=$(at first record list --kind training --json | jq '.records | length')
  podman stop -t 30 first >/dev/null
  # Opening the vault takes 64 MiB.
  local small=(--network none --read-only --tmpfs /tmp --memory 40m --memory-swap 40m
    -v "$work/pages:/data" -v "$work/inpud.passphrase:/run/secrets/passphrase:ro"
    -e COUNTERFOIL_PASSPHRASE_FILE=/run/secrets/passphrase)
  refused podman run --rm "${small[@]}" "${tag:?}" serve --json
  [[ $said == *'"busy"'* ]] || fail "too little memory is not named: $said"
  say "row 29, too little memory: $(tail -1 <<<"$said")"
  # Told that there is more than there is.
  refused podman run --name small "${small[@]}" -e COUNTERFOIL_MAX_MEMORY=1GB "${tag:?}" serve
  [[ $(podman inspect --format '{{.State.ExitCode}}' small) == 137 ]] || fail "not ended by the memory limit: $said"
  podman start first >/dev/null
  within 60 "up again with memory" ready first
  (($(at first record list --kind training --json | jq '.records | length') == held)) || fail "records are missing"
  say "row 29, killed at 40 MB: started clean, $held records"
}

faults_by_podman() {
  prepare
  load
  by_engine
  # A disk of 48 MB, so that it can be full.
  install -d "$work/pages"
  mount -t tmpfs -o size=48m,uid=65532,gid=65532,mode=0700 tmpfs "$work/pages"
  mounts() {
    given=(-v "$work/pages:/data" -v "$exchange:/exchange" -v "$work/inpud.passphrase:/run/secrets/passphrase:ro"
      -e COUNTERFOIL_PASSPHRASE_FILE=/run/secrets/passphrase)
  }
  address["first"]=21
  # It has no charter, and is never ready; that it is open is enough here.
  ready() { { at "$1" health --json || true; } | jq -e '.locked == false'; }
  once first init --member inpud --name INPUD --size large --recovery-out /exchange/recovery
  once first charter card >"$exchange/first.card"
  read_only_data
  another_owner
  two_on_one_directory
  disk_full
  out_of_memory
}
