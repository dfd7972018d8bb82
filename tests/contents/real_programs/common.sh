# For scripts that are dumped and restored: each says that it is ready, waits until it may go on, and checks what it held.
directory=$1
cd "$directory" || exit 1
exec {never}<> <(:)
failures=

# check COMMAND...: notes that the command fails.
check() {
  "$@" || failures+="$* (line ${BASH_LINENO[0]})"$'\n'
}

ready_and_wait() {
  : > ready.new && mv ready.new ready
  # Nothing but this shell runs while it waits.
  until [[ -e go ]]; do read -rt 0.01 -u "$never"; done
}

finish() {
  printf '%s\n' "${failures:-ok}" > result.new && mv result.new result
}
