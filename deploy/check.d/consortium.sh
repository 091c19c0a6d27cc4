# shellcheck shell=bash disable=SC2317  # functions are called by name
# A consortium of two networks and a relay, in containers, and a bad day for it. Sourced by
# deploy/check inside the lab. Each engine says how it does these; the story is the same for all:
#
#   once MEMBER COMMAND…    a command in a container of its own, before the node runs
#   at MEMBER COMMAND…      a command in the running container
#   start MEMBER            brings the node up          again MEMBER   after it was killed
#   sever MEMBER, mend MEMBER takes its network away, gives it back
#   murder MEMBER           SIGKILL

: "${cache:?}" "${here:?}" # from deploy/check
set -E
trap last_words ERR
work=$LAB_DIR/work
exchange=$work/exchange
members=(inpud anpud relay)
declare -A address=([inpud]=11 [anpud]=12 [relay]=13)
tag=""

prepare() {
  cd "$LAB_DIR" || exit
  install -d "$work"
  # The group is the node's, so that it may replace what lies here, as `charter sign` does.
  install -d -m 2770 -g 65532 "$exchange"
  local member
  for member in inpud anpud; do
    (umask 077 && echo "six words that only $member knows" >"$work/$member.passphrase")
    chown 65532:65532 "$work/$member.passphrase"
  done
}

# within SECONDS WHAT COMMAND…: until it succeeds; says how long it took.
within() {
  local most=$1 what=$2 begun=$SECONDS
  shift 2
  until "$@" >"$work/said" 2>&1; do
    ((SECONDS - begun < most)) || { cat "$work/said" >&2; last_words; fail "$what: not within $most s"; }
    sleep 0.5
  done
  say "$what: $((SECONDS - begun)) s"
}

# What every container says at its end.
last_words() {
  local name
  trap - ERR
  for name in $("$engine" ps -a --format '{{.Names}}'); do
    echo "--- $name: $("$engine" inspect --format '{{.State.Status}} {{.State.ExitCode}} {{.State.OOMKilled}} {{.RestartCount}}' "$name")" >&2
    "$engine" logs --tail 5 "$name" >&2 || true
  done
}

# What a node holds of every log: member, tree size, root hash.
heads() {
  at "$1" report training --measure activities --from 2018Q1 --to 2018Q2 --allow-partial --json |
    jq -ce '[.as_of.checkpoints[] | {member, tree_size, root_hash}] | sort_by(.member)'
}
# level SIZE: everybody holds the same, and INPUD's log has SIZE leaves.
level() {
  local member first="" found
  for member in "${members[@]}"; do
    found=$(heads "$member") || return 1
    first=${first:-$found}
    [[ $found == "$first" ]] || { echo "$member: $found, not $first"; return 1; }
  done
  jq -e --argjson size "$1" 'any(.member == "inpud" and .tree_size == $size)' <<<"$first"
}
# has MEMBER SIZE: what a node holds of INPUD's log.
has() { heads "$1" | jq -e --argjson size "$2" 'any(.member == "inpud" and .tree_size == $size)'; }
ready() { at "$1" health --json; }

# publish MEMBER PERIOD DATE
publish() {
  local digest
  at "$1" record add --kind training --set title=Accounting "start=$3" country=TH topics=accounting attended=14 --json >/dev/null
  digest=$(at "$1" release preview "$2" --kind training --json | jq -re .digest)
  at "$1" release publish "$digest" --json | jq -ce '{tree_size, published: (.published | length)}'
}

make_nodes() {
  local member cards=()
  once inpud init --member inpud --name INPUD --size large --advertise https://inpud:7443 \
    --recovery-out /exchange/inpud.recovery
  once anpud init --member anpud --name ANPUD --size large --advertise https://anpud:7443 \
    --recovery-out /exchange/anpud.recovery
  once relay init --relay --member relay --name Relay --advertise https://relay:7443
  for member in "${members[@]}"; do
    once "$member" charter card >"$exchange/$member.card"
    cards+=("/exchange/$member.card")
  done
  once inpud charter new --consortium trial --threshold 2 --since 2018 --governor inpud anpud \
    --card "${cards[@]}" >"$exchange/charter"
  once inpud charter sign /exchange/charter
  once anpud charter sign /exchange/charter
  for member in "${members[@]}"; do once "$member" charter apply /exchange/charter; done
  [[ $(stat -c '%u %a' "$exchange/inpud.recovery") == "65532 600" ]] || fail "the recovery key is not the node's alone"
}

story() {
  local member begun=$SECONDS
  make_nodes
  say "three nodes made, charter signed and applied: $((SECONDS - begun)) s"
  for member in "${members[@]}"; do start "$member"; done
  for member in "${members[@]}"; do within 120 "$member is ready" ready "$member"; done
  publish inpud 2018Q1 2018-02-12
  publish anpud 2018Q1 2018-03-05
  within 30 "everybody has both" level 1
  for member in inpud anpud; do
    at "$member" report training --measure activities --from 2018Q1 --to 2018Q1 --json |
      jq -e '.rows[0].value == 2' >/dev/null || fail "$member reports another number"
  done
  say "the report says 2 trainings on both nodes"

  sever anpud
  publish inpud 2018Q2 2018-05-21
  # A sync that was going on with whoever was cut off ends by its keepalive first.
  within 60 "the relay has the new leaf" has relay 2
  has anpud 1 >/dev/null || fail "anpud was to be cut off"
  murder inpud
  again inpud
  within 60 "inpud is ready after kill -9" ready inpud
  has inpud 2 >/dev/null || fail "inpud lost what it had published"
  mend anpud
  within 30 "all are level after the cut" level 2
  if declare -F freeze >/dev/null; then
    freeze relay
    publish anpud 2018Q2 2018-06-01
    anpud_has_two() { heads inpud | jq -e 'any(.member == "anpud" and .tree_size == 2)'; }
    within 30 "inpud has ANPUD's new leaf while the relay is frozen" anpud_has_two
    thaw relay
    within 30 "all are level after the frost" level 2
  fi
  stop inpud
}

# --- podman and docker: the same flags -------------------------------------------------------------

engine=podman
hardened=(--read-only --cap-drop=ALL --security-opt no-new-privileges --memory 256m --pids-limit 128
  --cpus 0.5 --tmpfs "/tmp:size=16m,mode=1777")

by_engine() {
  # mount MEMBER: what every container of a member is given.
  mounts() {
    given=(-v "$1:/data" -v "$exchange:/exchange" -e COUNTERFOIL_SYNC_INTERVAL=10s)
    [[ $1 == relay ]] || given+=(-v "$work/$1.passphrase:/run/secrets/passphrase:ro"
      -e COUNTERFOIL_PASSPHRASE_FILE=/run/secrets/passphrase)
  }
  once() {
    local member=$1 given
    shift
    mounts "$member"
    "$engine" run --rm --network none "${hardened[@]}" "${given[@]}" "$tag" "$@" 2> >(grep -v "systemd connection" >&2)
  }
  start() {
    local given at_address=(--network trial --ip "198.51.100.${address[$1]}")
    # A new card in the same place: else the others ask the old one for up to a minute.
    [[ $engine == docker ]] || at_address=(--network "trial:ip=198.51.100.${address[$1]},mac=02:00:00:00:00:${address[$1]}")
    mounts "$1"
    "$engine" run -d --name "$1" --hostname "$1" "${at_address[@]}" "${hardened[@]}" "${given[@]}" "$tag" >/dev/null
  }
  at() {
    local member=$1
    shift
    "$engine" exec "$member" counterfoil "$@"
  }
  sever() { "$engine" network disconnect trial "$1"; }
  mend() {
    local flags=(--ip "198.51.100.${address[$1]}")
    [[ $engine == docker ]] || flags+=(--mac-address "02:00:00:00:00:${address[$1]}")
    "$engine" network connect "${flags[@]}" trial "$1"
  }
  murder() { "$engine" kill -s KILL "$1" >/dev/null; }
  again() { "$engine" start "$1" >/dev/null; }
  freeze() { "$engine" pause "$1" >/dev/null; }
  thaw() { "$engine" unpause "$1" >/dev/null; }
  stop() {
    "$engine" stop -t 30 "$1" >/dev/null
    [[ $("$engine" inspect --format '{{.State.ExitCode}}' "$1") == 0 ]] || fail "$1 did not stop in order"
    say "stopped in order, exit 0"
  }
  # Podman's timers are systemd's, which is not there: the health command is called by hand.
  [[ $engine == docker ]] || hardened+=(--health-interval=disable)
  "$engine" network create --subnet 198.51.100.0/24 trial >/dev/null
}

load() {
  local begun=$SECONDS
  tag=$(gzip -dc "$COUNTERFOIL_IMAGE_TAR" | "$engine" load | sed -n 's/^Loaded image[^:]*: *//p' | tail -1)
  [[ -n $tag ]] || fail "$engine did not load $COUNTERFOIL_IMAGE_TAR"
  say "$engine load: $tag in $((SECONDS - begun)) s, $("$engine" image inspect --format '{{.Size}}' "$tag") bytes"
}

consortium_by_podman() {
  prepare
  load
  by_engine
  story
  local member
  for member in anpud relay; do
    podman healthcheck run "$member" || fail "$member is not healthy: $(ready "$member")"
  done
  say "podman healthcheck: healthy"
  ! podman exec anpud /bin/sh -c true 2>/dev/null || fail "there is a shell in the image"
  podman stats --no-stream --format '{{.Name}} {{.MemUsage}}'
}

consortium_by_docker() {
  prepare
  engine=docker
  export PATH="$cache/docker/usr/sbin:$cache/docker/usr/bin:$PATH" DOCKER_HOST="unix://$LAB_DIR/docker.sock"
  install -d "$LAB_DIR/docker"
  # Nothing of it in /run, which outlives the lab: a process number left there keeps the next one out.
  dockerd --data-root "$LAB_DIR/docker" --exec-root "$LAB_DIR/docker-run" --pidfile "$LAB_DIR/docker.pid" \
    --default-ulimit nofile=20000:20000 -H "$DOCKER_HOST" >"$LAB_DIR/dockerd.log" 2>&1 &
  within 180 "dockerd answers" docker version
  load
  by_engine
  story
  healthy() { [[ $(docker inspect --format '{{.State.Health.Status}}' anpud) == healthy ]]; }
  within 90 "docker says healthy" healthy
  docker ps --format '{{.Names}} {{.Status}}'
  docker inspect --format '{{range .State.Health.Log}}{{.ExitCode}} {{.Output}}{{end}}' relay
}

# --- podman-compose and deploy/compose -------------------------------------------------------------

consortium_by_compose() {
  prepare
  load
  cp "$here/compose/consortium.yaml" "$work/"
  cat >"$work/trial.yaml" <<'END'
services:
  inpud: {environment: {COUNTERFOIL_SYNC_INTERVAL: 10s}}
  anpud: {environment: {COUNTERFOIL_SYNC_INTERVAL: 10s}}
  relay: {environment: {COUNTERFOIL_SYNC_INTERVAL: 10s}}
END
  export COUNTERFOIL_IMAGE=$tag
  compose() { (cd "$work" && podman-compose -f consortium.yaml -f trial.yaml "$@" 2>"$work/compose.log") || { tail -5 "$work/compose.log" >&2; return 1; }; }
  container() { podman ps -a --format '{{.Names}}' --filter "name=consortium_$1_1"; }
  once() {
    local member=$1
    shift
    compose run --rm -T "$member" "$@"
  }
  start() { compose up -d "$1" >/dev/null; }
  at() {
    local member=$1
    shift
    podman exec "$(container "$member")" counterfoil "$@"
  }
  local net=counterfoil-consortium_consortium
  sever() { podman network disconnect "$net" "$(container "$1")"; }
  mend() { podman network connect --alias "$1" "$net" "$(container "$1")"; }
  murder() { podman kill -s KILL "$(container "$1")" >/dev/null; }
  again() { podman start "$(container "$1")" >/dev/null; }
  stop() { compose down >/dev/null; say "compose down"; }
  story
}

# --- podman play kube and the pod of deploy/kubernetes ---------------------------------------------

consortium_by_kube() {
  prepare
  load
  by_engine
  kubectl kustomize "$here/kubernetes/base" >"$work/base.yaml"
  start() {
    python3 "$here/check.d/pod.py" "$work/base.yaml" "$1" "$tag" >"$work/$1.yaml"
    podman play kube --network "trial:ip=198.51.100.${address[$1]},mac=02:00:00:00:00:${address[$1]}" "$work/$1.yaml" >/dev/null
  }
  at() {
    local member=$1
    shift
    podman exec "$member-node" counterfoil "$@"
  }
  infra() { podman pod inspect --format '{{.InfraContainerID}}' "$1"; }
  sever() { podman network disconnect trial "$(infra "$1")"; }
  mend() { podman network connect --ip "198.51.100.${address[$1]}" --mac-address "02:00:00:00:00:${address[$1]}" trial "$(infra "$1")"; }
  murder() { podman kill -s KILL "$1-node" >/dev/null; }
  # A pod whose last container ends takes its network with it.
  pod_is_down() { [[ $(podman pod inspect --format '{{.State}}' "$1") == Exited ]]; }
  again() {
    within 30 "the pod is down" pod_is_down "$1"
    podman pod start "$1" >/dev/null
  }
  freeze() { podman pause "$1-node" >/dev/null; }
  thaw() { podman unpause "$1-node" >/dev/null; }
  stop() { podman pod stop -t 30 "$1" >/dev/null; say "pod stopped"; }
  story
}
