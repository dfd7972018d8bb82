#!/bin/bash
# Background jobs: a pipeline that waits for its input, a subshell with a trap, and a sleep; a coprocess; variables.
source "${BASH_SOURCE%/*}/common.sh"

mkfifo input
exec {writer}<> input
head -n 2 input | tr a-z A-Z | { read -r first; read -r second; echo "$second $first" > output; exit 5; } &
pipeline=$!
(
  told=0
  trap 'told=$((told + 1)); : > told' USR1
  trap 'exit $((40 + told))' TERM
  : > trapped
  while :; do read -rt 1 -u "$never"; done
) &
subshell=$!
sleep 1000 &
sleeper=$!
coproc sum { total=0; while read -r number; do total=$((total + number)); echo "$total"; done; }
coprocess=$sum_PID
declare -A words=([one]=1 [two]=2)
list=({1..2000})
count() { words[calls]=$((${words[calls]:-0} + 1)); }
trap count USR2

count
echo 20 >&"${sum[1]}"
read -r before <&"${sum[0]}"
echo first >&"$writer"
wait_for trapped
ready_and_wait

check [ "$before $(jobs -pr | wc -l)" = "20 4" ]
check [ "${#list[@]} ${list[1999]} ${words[two]}" = "2000 2000 2" ]
kill -USR2 $$
check [ "${words[calls]}" = 2 ]
echo 22 >&"${sum[1]}"
read -r after <&"${sum[0]}"
check [ "$after" = 42 ]
echo second >&"$writer"
wait "$pipeline"
check [ "$? $(< output)" = "5 SECOND FIRST" ]
kill -USR1 "$subshell"
wait_for told
kill -TERM "$subshell"
wait "$subshell"
check [ $? = 41 ]
kill "$sleeper"
wait "$sleeper"
check [ $? = 143 ]
exec {sum[1]}>&-
wait "$coprocess"
check [ $? = 0 ]
finish
