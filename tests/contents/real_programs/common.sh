# For scripts that are dumped and restored: each says that it is ready, waits until it may go on, and checks what it held.
directory=$1
cd "$directory" || exit 1
exec {never}<> <(:)
failures=

# check COMMAND...: notes that the command fails.
check() {
  "$@" || failures+="$* (line ${BASH_LINENO[0]})"$'\n'
}

# wait_for FILE: until it is there. Nothing but this shell runs meanwhile.
wait_for() {
  until [[ -e $1 ]]; do read -rt 0.01 -u "$never"; done
}

ready_and_wait() {
  : > ready.new && mv ready.new ready
  wait_for go
}

finish() {
  printf '%s\n' "${failures:-ok}" > result.new && mv result.new result
}
