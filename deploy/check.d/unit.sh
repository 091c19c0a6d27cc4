#!/usr/bin/env bash
# The unit of deploy/systemd under a systemd that runs, from the manual's own steps: up once it
# serves, a reload that fails with its reason, a killed node back again, opened by a credential,
# stopped in order, down for good after a wipe.
#
#   deploy/check.d/unit.sh PROGRAM ROOT     PROGRAM is the static one of a release; ROOT a Debian
#                                           with systemd and dbus, which is left as it is
#
# Needs root and Debian's systemd-container; the machine itself need not run systemd. The container
# has no network but its own loopback.
set -euo pipefail

fail() { echo "unit: $*" >&2; exit 1; }

# --- outside: boots the container, and says what was said in it --------------------------------------

outside() {
  local program root here out
  program=$(realpath "$1")
  root=$(realpath "$2")
  here=$(cd "$(dirname "$0")" && pwd)
  out=$(mktemp -d)
  # shellcheck disable=SC2064  # the folder of this call
  trap "rm -rf '$out'" EXIT
  cp "$program" "$out/counterfoil-release"
  cp "$here"/../systemd/* "$here/unit.sh" "$out/"
  cat >"$out/story.service" <<'END'
[Unit]
After=multi-user.target
[Service]
Type=oneshot
TimeoutStartSec=240
ExecStart=/bin/bash /out/unit.sh inside
StandardOutput=file:/out/said
StandardError=file:/out/said
ExecStopPost=/bin/systemctl poweroff --no-block
END
  # Ends by itself: the story's own unit has a time limit, and powers the container off.
  timeout 400 systemd-nspawn --quiet --directory "$root" --volatile=overlay --register=no --keep-unit \
    --private-network --machine "unit-$$" --bind "$out:/out" \
    --bind-ro "$out/story.service:/etc/systemd/system/story.service" --console=read-only --boot \
    systemd.wants=story.service systemd.mask=getty.target \
    >"$out/console" 2>&1 </dev/null || true
  cat "$out/said" 2>/dev/null || { tail -n 20 "$out/console" >&2; fail "the container did not come so far"; }
  grep -qx 'unit: done' "$out/said" || fail "not to its end"
}

# --- inside ------------------------------------------------------------------------------------------

unit=counterfoil@inpud
show() { systemctl show --value -p "$1" "$unit"; }
# within SECONDS WHAT COMMAND…
within() {
  local end=$((SECONDS + $1)) begun=$SECONDS what=$2
  until "${@:3}" >/tmp/within 2>&1; do
    ((SECONDS < end)) || { cat /tmp/within; journalctl -n 20 --no-pager -u "$unit"; fail "not within $1 s: $what"; }
    sleep 0.2
  done
  echo "unit: $what: $((SECONDS - begun)) s"
}
at() { counterfoil-at inpud "$@"; }
locked() { [[ $(at health --json | grep -o '"locked":[a-z]*') == "\"locked\":$1" ]]; }
up_again() { [[ $(show ActiveState) == active && $(show MainPID) != "$1" ]]; }
is() { [[ $(show ActiveState) == "$1" ]]; }

install_as_the_manual_says() {
  cd /out
  install -m 0755 counterfoil-release /usr/local/bin/counterfoil
  install -m 0755 counterfoil-at /usr/local/sbin/
  install -m 0644 counterfoil@.service /etc/systemd/system/
  useradd --system --user-group --home-dir /nonexistent --shell /usr/sbin/nologin counterfoil-inpud
  install -d -m 0700 -o counterfoil-inpud -g counterfoil-inpud /var/lib/counterfoil/inpud
  # Somebody at a terminal is asked; here a file answers.
  install -o counterfoil-inpud -m 0600 /dev/stdin /run/pass <<<'six plain words nobody else picks'
  COUNTERFOIL_PASSPHRASE_FILE=/run/pass at init --member inpud --name INPUD --listen 0.0.0.0:7443 \
    --advertise https://node.example.org:7443 --recovery-out /var/lib/counterfoil/inpud/recovery >/dev/null
}

agree() {
  local folder=/var/lib/counterfoil/inpud
  at charter card >/run/card
  install -o counterfoil-inpud -m 0600 /run/card "$folder/card"
  at charter new --consortium trial --threshold 1 --since 2018 --card "$folder/card" >/run/charter
  install -o counterfoil-inpud -m 0600 /run/charter "$folder/charter"
  at charter sign "$folder/charter" >/dev/null
  at charter apply "$folder/charter" >/dev/null
}

confined() {
  local pid status
  pid=$(show MainPID)
  status=$(</proc/"$pid"/status)
  grep -qE '^Seccomp:[[:space:]]+2$' <<<"$status" || fail "no system call filter"
  grep -qE '^NoNewPrivs:[[:space:]]+1$' <<<"$status" || fail "may gain privileges"
  grep -qE '^CapBnd:[[:space:]]+0+$' <<<"$status" || fail "has capabilities"
  grep -qE '^Max core file size +0 ' "/proc/$pid/limits" || fail "may leave a core"
  ! nsenter -t "$pid" -m touch /usr/x 2>/dev/null || fail "may write outside its state"
  echo "unit: $(systemd-analyze security --threshold=20 "$unit" --no-pager | tail -n 1)"
}

inside() {
  local before begun broken
  install_as_the_manual_says
  systemctl daemon-reload
  begun=$(date +%s%N)
  systemctl enable --quiet --now "$unit"
  # `start` has waited for the node's own word that it serves.
  echo "unit: started, and says it serves: $((($(date +%s%N) - begun) / 1000000)) ms"
  is active || fail "not active: $(show ActiveState)"
  locked true || fail "a node nobody opened is not locked"
  confined
  COUNTERFOIL_PASSPHRASE_FILE=/run/pass at unlock >/dev/null
  agree
  at health >/dev/null || fail "not ready"

  systemctl reload "$unit"
  broken=/var/lib/counterfoil/inpud/node/counterfoil.toml
  cp -p "$broken" /run/good
  echo 'sync_intervall = "1m"' >>"$broken"
  ! systemctl reload "$unit" 2>/dev/null || fail "a broken settings file was read"
  journalctl -n 50 --no-pager -u "$unit" | grep -q sync_intervall || fail "and its reason is not in the journal"
  is active || fail "a failed reload ended the node"
  cp -p /run/good "$broken"
  systemctl reload "$unit"
  echo "unit: a broken file fails the reload, the node goes on"

  before=$(show MainPID)
  kill -KILL "$before"
  within 30 "killed, up again" up_again "$before"
  within 10 "and locked" locked true

  install -d -m 0700 /etc/credstore.encrypted
  systemd-creds --quiet --name=passphrase encrypt /run/pass /etc/credstore.encrypted/counterfoil-inpud
  install -D -m 0644 /out/passphrase.conf "/etc/systemd/system/$unit.service.d/passphrase.conf"
  systemctl daemon-reload
  systemctl restart "$unit"
  locked false || fail "the encrypted credential did not open it"
  install -D -m 0400 /run/pass /etc/credstore/counterfoil-inpud
  sed -i 's/^LoadCredentialEncrypted=.*/LoadCredential=passphrase:\/etc\/credstore\/counterfoil-%i/' \
    "/etc/systemd/system/$unit.service.d/passphrase.conf"
  systemctl daemon-reload
  systemctl restart "$unit"
  locked false || fail "the plain credential did not open it"
  echo "unit: opened by a credential, encrypted and plain"
  at health >/dev/null || fail "not ready after all this"

  begun=$SECONDS
  systemctl stop "$unit"
  [[ $(show Result) == success && $(show ExecMainStatus) == 0 ]] || fail "stopped with $(show Result), $(show ExecMainStatus)"
  echo "unit: stopped in order in $((SECONDS - begun)) s"
  systemctl start "$unit"
  at wipe --yes >/dev/null
  within 30 "wiped, and down" is inactive
  sleep 6 # RestartSec, and a second
  is inactive || fail "a wiped node was started again"
  echo "unit: done"
}

case ${1:-} in
  inside) inside ;;
  *) outside "${1:?usage: unit.sh PROGRAM ROOT}" "${2:?a root}" ;;
esac
