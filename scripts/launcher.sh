#!/bin/sh
# cgrestore, self-extracting: this head, then the program, its code cache and the Deno runtime, gzipped.
# The first run unpacks them into a private cache; every run executes them from there.
key=@KEY@ program_start=@PROGRAM_START@ program_size=@PROGRAM_SIZE@
code_cache_start=@CODE_CACHE_START@ code_cache_size=@CODE_CACHE_SIZE@ runtime_start=@RUNTIME_START@

die() { echo "cgrestore: $1" >&2; exit 70; }

# Whatever lies below a directory of ours that nobody else may write to can be trusted.
refuse_unless_private() {
  if [ -h "$1" ] || ! [ -d "$1" ] || ! [ -O "$1" ]; then
    die "Cannot use the cache \"$1\": it is a symbolic link, not a directory or not yours; remove it, or set CGRESTORE_CACHE"
  fi
  listing=$(ls -ldn "$1")
  case ${listing%% *} in
    drwx------ | drwx------.) ;;
    *) die "Cannot use the cache \"$1\": others may reach it; run \"chmod 700 $1\", or set CGRESTORE_CACHE" ;;
  esac
}

# Sets cache. A home directory that is not the caller's (sudo keeps HOME) is never used.
find_cache() {
  if [ -n "${CGRESTORE_CACHE-}" ]; then
    cache=$CGRESTORE_CACHE/cgrestore
    [ -d "$cache" ] || (umask 077 && mkdir -p "$cache") || die "Cannot make the cache \"$cache\""
    return
  fi
  for parent in ${XDG_CACHE_HOME:+"$XDG_CACHE_HOME"} ${HOME:+"$HOME/.cache"}; do
    cache=$parent/cgrestore
    owned=${parent%/.cache}
    [ -d "$owned" ] || owned=${owned%/*}
    [ -O "$owned" ] || continue
    [ -d "$cache" ] && return
    (umask 077 && mkdir -p "$cache") 2>/dev/null && return
  done
  cache=/var/cache/cgrestore
  [ -O /var/cache ] && { [ -d "$cache" ] || mkdir -m 700 "$cache" 2>/dev/null || [ -d "$cache" ]; } && return
  cache=${TMPDIR:-/tmp}/cgrestore-$(id -u)
  [ -d "$cache" ] || mkdir -m 700 "$cache" 2>/dev/null || [ -d "$cache" ] ||
    die "Cannot make a cache in \"${TMPDIR:-/tmp}\", /var/cache or the home directory: set CGRESTORE_CACHE"
}

# Unpacks beside the final names and renames, the runtime last: where it is, all is. Two at once do no harm.
unpack() (
  umask 077
  damaged="Cannot unpack \"$0\": the file is damaged, or the disk of \"$cache\" is full"
  mkdir -p "$cache/$key" && new=$(mktemp -d "$cache/$key/new.XXXXXX") || die "Cannot write to the cache \"$cache\""
  trap 'rm -rf "$new"' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  cat >"$new/start.js" <<'START' || die "$damaged"
@START@
START
  tail -c +"$program_start" "$0" | head -c "$program_size" | gzip -dc >"$new/cgrestore.js" || die "$damaged"
  tail -c +"$code_cache_start" "$0" | head -c "$code_cache_size" | gzip -dc >"$new/v8_code_cache_v2" || die "$damaged"
  tail -c +"$runtime_start" "$0" | gzip -dc >"$new/deno" || die "$damaged"
  # Without sha256sum, the checksum in the gzip format has to do.
  if command -v sha256sum >/dev/null; then
    (cd "$new" && sha256sum -c) >/dev/null 2>&1 <<SUMS || die "$damaged"
@PROGRAM_SHA256@  cgrestore.js
@CODE_CACHE_SHA256@  v8_code_cache_v2
@RUNTIME_SHA256@  deno
SUMS
  fi
  chmod 700 "$new/deno" && "$new/deno" --version >/dev/null 2>&1 ||
    die "Cannot run programs in the cache \"$cache\": mounted noexec, or no glibc 2.31 here? CGRESTORE_CACHE names another"
  # Others may run already, and use the database with what they have written beside it.
  mv -n "$new/v8_code_cache_v2" "$cache/$key/" || true
  mv -f "$new/start.js" "$new/cgrestore.js" "$new/deno" "$cache/$key/" || die "Cannot write to the cache \"$cache\""
  remove_unused
)
# Removes what other versions have unpacked and nobody has run for a month: every run touches a file in its directory.
remove_unused() {
  for other in "$cache"/*/; do
    if used=$(find "$other" -mtime -30 2>&1) && [ -z "$used" ]; then rm -rf "$other"; fi
  done
}

find_cache
refuse_unless_private "$cache"
[ -x "$cache/$key/deno" ] || unpack || exit
# Programs that cgrestore starts get the caller's variables: CGRESTORE_SET names ours, CGRESTORE_CALLERS_… are theirs.
export CGRESTORE_SET="CGRESTORE_CALLED_AS DENO_DIR DENO_NO_UPDATE_CHECK GLIBC_TUNABLES" CGRESTORE_CALLED_AS="$0"
[ -z "${DENO_DIR+set}" ] || export CGRESTORE_CALLERS_DENO_DIR="$DENO_DIR"
[ -z "${DENO_NO_UPDATE_CHECK+set}" ] || export CGRESTORE_CALLERS_DENO_NO_UPDATE_CHECK="$DENO_NO_UPDATE_CHECK"
[ -z "${GLIBC_TUNABLES+set}" ] || export CGRESTORE_CALLERS_GLIBC_TUNABLES="$GLIBC_TUNABLES"
# Big pieces of memory come from the heap, in huge pages: what a start costs most is touching pages for the first time.
: "${GLIBC_TUNABLES=@GLIBC_TUNABLES@}"
export DENO_DIR="$cache/$key" DENO_NO_UPDATE_CHECK=1 GLIBC_TUNABLES
flags="run -A --v8-flags=@V8_FLAGS@ --no-config --no-lock --no-remote --no-npm --no-check --cached-only"
exec "$cache/$key/deno" $flags "$cache/$key/start.js" "$@"
exit 70
