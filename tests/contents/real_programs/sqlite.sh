#!/bin/bash
# Two shells of SQLite in the middle of transactions: one with a rollback journal, one with a log that is mapped.
source "${BASH_SOURCE%/*}/common.sh"

# begin NAME MODE: a shell that has locked NAME.db and has changed 5000 of its rows, and has not yet committed.
begin() {
  sqlite3 "$1.db" "PRAGMA journal_mode = $2; CREATE TABLE numbers (number, text);
    INSERT INTO numbers WITH RECURSIVE counter(number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM counter LIMIT 5000)
      SELECT number, 'before' FROM counter;" > /dev/null
  exec {input}> >(exec sqlite3 "$1.db" > "$1.output" 2>&1)
  # With so small a cache, changed pages are in the files before they are committed.
  echo "PRAGMA cache_size = 5; BEGIN IMMEDIATE; UPDATE numbers SET text = 'after ' || number;" >&"$input"
  echo "SELECT 'changed', changes();" >&"$input"
  until [[ -s $1.output ]]; do read -rt 0.01 -u "$never"; done
}

query() {
  sqlite3 "$1" "$2" 2>&1
}

begin journal DELETE
journal=$input journal_shell=$!
begin log WAL
log=$input log_shell=$!
ready_and_wait

check [ "$(< journal.output) $(< log.output)" = "changed|5000 changed|5000" ]
# Each still has its locks.
check grep -q locked <<< "$(query log.db "INSERT INTO numbers VALUES (0, 'other')")"
check grep -q locked <<< "$(query journal.db "INSERT INTO numbers VALUES (0, 'other')")"
check [ "$(query log.db "SELECT count(*) FROM numbers WHERE text = 'before'")" = 5000 ]
echo "INSERT INTO numbers VALUES (5001, 'last'); COMMIT;" >&"$log"
echo "INSERT INTO numbers VALUES (5001, 'last'); COMMIT;" >&"$journal"
exec {log}>&- {journal}>&-
wait "$log_shell"
check [ $? = 0 ]
wait "$journal_shell"
check [ $? = 0 ]
for name in journal log; do
  check [ "$(query $name.db "PRAGMA integrity_check")" = ok ]
  check [ "$(query $name.db "SELECT count(*), sum(text = 'after ' || number) FROM numbers")" = "5001|5000" ]
done
check [ "$(< journal.output) $(< log.output)" = "changed|5000 changed|5000" ]
finish
