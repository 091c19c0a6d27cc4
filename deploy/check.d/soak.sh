#!/usr/bin/env bash
# Lets two nodes work for a while at a bounded rate, and watches that nothing grows and nothing
# fails.
#
#   deploy/check.d/soak.sh PROGRAM [MINUTES] [OUT]    60 minutes, ./soak unless said
#
# Every two seconds a record is written, deleted or read, a report asked for or a slip proved; every
# twenty, a summary is published, which the other node takes in. The book is filled first, and keeps
# its size: what grows then grows for no reason but the log's. OUT.tsv has the seconds since the
# beginning, and of each node resident memory in KiB and open files, every ten seconds; OUT.svg
# draws them. What grows by more than a tenth between the second quarter of the time and the last,
# and any command that fails, fails the run.
set -euo pipefail

program=$(realpath "$1")
minutes=${2:-60}
out=$(realpath -m "${3:-soak}")
QUARTERS=32
RECORDS=320

base=$(mktemp -d /var/tmp/soak.XXXXXX)
mkdir "$base/run"
chmod 700 "$base/run"
export XDG_RUNTIME_DIR=$base/run COUNTERFOIL_PASSPHRASE_FILE=$base/pass
pids=()
held=()
trap 'kill "${pids[@]}" 2>/dev/null || true; wait; rm -rf "$base"' EXIT
fail() { echo "soak: $*" >&2; exit 1; }

cf() { "$program" --json "${@:2}" --dir "$base/$1" 2>>"$base/said" || fail "after $SECONDS s: $*: $("$program" --json "${@:2}" --dir "$base/$1")"; }

begin() {
  (umask 077 && echo 'six plain words nobody else picks' >"$base/pass")
  local name
  for name in a b; do
    cf $name init --member $name --name $name --size large --listen 127.0.0.1:0 --recovery-out "$base/$name.recovery" >/dev/null
    "$program" charter card --dir "$base/$name" >"$base/$name.card"
  done
  "$program" charter new --consortium soak --threshold 2 --since 2000 --card "$base/a.card" "$base/b.card" >"$base/charter"
  for name in a b; do cf $name charter sign "$base/charter" >/dev/null; done
  for name in a b; do
    cf $name charter apply "$base/charter" >/dev/null
    "$program" serve --dir "$base/$name" --ready-file "$base/$name.ready" >/dev/null 2>"$base/$name.log" &
    pids+=($!)
    until [[ -s $base/$name.ready ]]; do kill -0 "$!" || fail "$(tail -n 3 "$base/$name.log")"; sleep 0.1; done
  done
  cf a peer add b "https://$(grep -o '127.0.0.1:[0-9]*' "$base/b.ready" | head -1)" >/dev/null
}

quarter() { echo "$((2000 + $1 / 4))Q$((1 + $1 % 4))"; }

publish() {
  local period digest
  period=$(quarter "$(($1 % QUARTERS))")
  digest=$(cf a release preview "$period" --kind training | grep -o '"digest":"[0-9a-f]*"' | cut -d '"' -f 4)
  cf a release publish "$digest" >/dev/null
}

year_of() { echo "$((2000 + $1 / 4 % (QUARTERS / 4)))"; }

add() {
  held+=("$(cf a record add --kind training --set "title=T$1" "start=$(year_of "$1")-0$((1 + $1 % 9))-03" country=TH topics=accounting attended=$((10 + $1 % 40)) | grep -o '[0-9a-f-]\{36\}' | head -1)")
}

fill() {
  local nth
  for ((nth = 0; nth < RECORDS; nth++)); do add "$nth"; done
  for ((nth = 0; nth < QUARTERS; nth++)); do publish "$nth"; done
}

# One piece of work of a steward or a coordinator.
work() {
  local nth=$1
  case $((nth % 5)) in
    0) add "$nth" ;;
    1)
      cf a record delete "${held[0]}" >/dev/null
      held=("${held[@]:1}")
      ;;
    2) cf a record list --kind training --period "$(year_of "$nth")" >/dev/null ;;
    3) cf b report training --measure activities --by member --from 2000 --to 2023 --allow-partial >/dev/null ;;
    4) cf a prove a 0 >/dev/null ;;
  esac
}

watch() {
  local line=$SECONDS pid
  for pid in "${pids[@]}"; do
    kill -0 "$pid" || fail "a node ended"
    line+=$'\t'$(awk '/^VmRSS/ { print $2 }' "/proc/$pid/status")$'\t'$(find "/proc/$pid/fd" -mindepth 1 | wc -l)
  done
  echo "$line" >>"$out.tsv"
}

# Returns the median of a column over a stretch of the time.
median() { awk -v of="$1" -v from="$2" -v to="$3" '$1 >= from && $1 < to { print $of }' "$out.tsv" | sort -n | awk '{ all[NR] = $1 } END { print all[int((NR + 1) / 2)] }'; }

judge() {
  local end=$1 column early late
  for column in 2 3 4 5; do
    early=$(median "$column" $((end / 4)) $((end / 2)))
    late=$(median "$column" $((end * 3 / 4)) $((end + 1)))
    echo "soak: column $column: $early in the second quarter, $late in the last"
    ((late * 10 <= early * 11)) || fail "column $column of $out.tsv grows"
  done
}

# Draws each column in a strip of its own, from nothing to its most.
draw() {
  awk -v names="memory of a in KiB,files of a,memory of b in KiB,files of b" '
    { for (of = 1; of <= 5; of++) { cell[NR, of] = $of; if ($of > most[of]) most[of] = $of } }
    END {
      split(names, name, ",")
      print "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"820\" height=\"640\" font-family=\"sans-serif\" font-size=\"12\"><rect width=\"820\" height=\"640\" fill=\"white\"/>"
      for (of = 2; of <= 5; of++) {
        floor = (of - 1) * 155
        printf "<text x=\"10\" y=\"%d\">%s, at most %d</text><polyline fill=\"none\" stroke=\"black\" points=\"", floor - 125, name[of - 1], most[of]
        for (at = 1; at <= NR; at++) printf "%.1f,%.1f ", 10 + 800 * cell[at, 1] / most[1], floor - 110 * cell[at, of] / most[of]
        print "\"/>"
      }
      print "</svg>"
    }' "$out.tsv" >"$out.svg"
}

begin
fill
: >"$out.tsv"
SECONDS=0
end=$((SECONDS + minutes * 60))
for ((nth = 1; SECONDS < end; nth++)); do
  work "$nth"
  ((nth % 5)) || watch
  ((nth % 10)) || publish "$((nth / 10))"
  sleep 2
done
draw
grep -hE '"level":"ERROR"|panic' "$base"/*.log && fail "a node says that something went wrong"
judge "$SECONDS"
echo "soak: $minutes minutes, $nth pieces of work, no failure"
