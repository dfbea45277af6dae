#!/usr/bin/env bash
# Everything that only a machine with a GPU can tell, in one go of at most eight minutes: a part that fails or takes too long
# does not keep the others from running. The checkout must be built (npm run build, npm run bench -- build); nothing is compiled.
#
#   scripts/gpu-truth.sh OUT [--device=cuda|cpu] [--short] [--only=PART,PART] [--seconds=N]
#
# --device=cpu runs the same on a machine without a GPU, to try it. --short takes less of every part. --seconds is the time
# for all parts together, 480 unless given; parts that it does not suffice for are left out.
#
# OUT/summary.txt   a table of the parts: exit code and seconds (124: out of time, skip: left out)
# OUT/results.json  the same, and the report of every bench
# OUT/logs.txt      what every part printed, in order
set -u

usage() {
  sed -n '5s/^# *//p' "$0" >&2
  exit 2
}

out='' device=cuda short='' only='' budget=480
for argument in "$@"; do
  case $argument in
    --device=cuda | --device=cpu) device=${argument#*=} ;;
    --short) short=--short ;;
    --only=*) only=,${argument#*=}, ;;
    --seconds=*) budget=${argument#*=} ;;
    -*) usage ;;
    *) out=$argument ;;
  esac
done
[ -n "$out" ] || usage
mkdir -p "$out" && out=$(cd "$out" && pwd) || exit 2
cd "$(dirname "$0")/.." || exit 2
[ -f dist/main.js ] && [ -f build/bench/bench/main.js ] && [ -x build/bench-native/bare_loop ] || {
  echo 'gpu-truth: the checkout is not built; run: npm run build && npm run bench -- build' >&2
  exit 2
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# Models of some hundred megabytes are written to TMPDIR, and left there by a part that is stopped.
export NO_COLOR=1 BENCH_RESULTS=$work/results TMPDIR=$work/tmp
mkdir -p "$BENCH_RESULTS" "$TMPDIR"
: >"$out/logs.txt"
: >"$work/parts"
failed=0

# Writes the summary and the results anew; after every part, so that what is known stays if this ends early.
report() {
  {
    printf '%-10s %4s %8s\n' part rc seconds
    while read -r name rc seconds; do printf '%-10s %4s %8s\n' "$name" "$rc" "$seconds"; done <"$work/parts"
  } >"$out/summary.txt"
  node scripts/gpu-truth-results.mjs "$work/parts" "$BENCH_RESULTS" >"$out/results.json"
}

# part NAME SECONDS COMMAND...: runs the command for at most SECONDS, or what is left of the budget.
part() {
  local name=$1 limit=$2 left=$((budget - SECONDS)) started=$SECONDS rc
  shift 2
  [ -z "$only" ] || [[ $only == *,$name,* ]] || return 0
  [ "$left" -lt "$limit" ] && limit=$left
  echo "=== $name (at most $limit s): $*" | tee -a "$out/logs.txt"
  if [ "$limit" -lt 5 ]; then
    echo "$name skip 0" >>"$work/parts"
  else
    timeout --kill-after=5 "$limit" "$@" >>"$out/logs.txt" 2>&1 </dev/null
    rc=$?
    [ "$rc" -eq 0 ] || failed=$((failed + 1))
    echo "$name $rc $((SECONDS - started))" >>"$work/parts"
    echo "=== $name: rc $rc after $((SECONDS - started)) s" | tee -a "$out/logs.txt"
  fi
  report
}

machine() {
  nproc
  free -m
  uname -r
  node --version
  grep -m1 'model name' /proc/cpuinfo
  getconf GNU_LIBC_VERSION
  [ "$device" = cpu ] || nvidia-smi || return 1
  [ "$device" = cpu ] || nvidia-smi topo -m
  return 0
}
export -f machine
export device

sanitize() {
  if [ "$device" = cpu ]; then
    node test/gpu/short-run.mjs --device=cpu
  else
    compute-sanitizer --target-processes all --error-exitcode 9 node test/gpu/short-run.mjs
  fi
}
export -f sanitize

case $device$short in
  cuda) window=0.6 reload=3 cycles=200 soak=30 threads=1,2,4,8,12 ;;
  cuda--short) window=0.5 reload=3 cycles=60 soak=20 threads=1,4,8 ;;
  cpu) window=0.5 reload=2 cycles=60 soak=30 threads=1,2 ;;
  cpu--short) window=0.2 reload=0.5 cycles=25 soak=20 threads=1,2 ;;
esac

part machine 15 bash -c machine
part doctor 30 node dist/main.js doctor
part tests 90 node node_modules/vitest/vitest.mjs run --project gpu
part reload 60 node bench/run.mjs reload "--device=$device" $short "--seconds=$reload"
part bench 240 node bench/run.mjs gpu "--device=$device" $short "--seconds=$window"
part threads 90 node bench/run.mjs threads $short "--threads=$threads" --rounds=1 "--seconds=$window"
part cycles 90 node test/soak/soak.mjs "--cycles=$cycles" --seconds=0
part soak $((soak + 20)) node test/soak/soak.mjs --cycles=0 "--seconds=$soak"
part sanitizer 120 bash -c sanitize

cat "$out/summary.txt"
[ "$failed" -eq 0 ]
