# The fixed part of every build program. POSIX sh; runs in dash, and in bash under either of its names.
#
# Arguments: the build's folder; `memory` or `files`, where the commands' state is kept; the token that marks messages to the logger.
#
# Each command runs in a subshell, which takes over the state (variables and working folder) that the command before it left, and
# leaves its own behind, whichever way it ends. This shell itself never sees any of it, so no command can confuse it. Nothing here
# starts a program where a builtin will do: that is what keeps a build as fast as the commands in it.

_copilot_folder=$1
case $2 in
memory) _copilot_state=/proc/$$/fd/7 _copilot_snapshot=/proc/$$/fd/8 ;;
*) _copilot_state=$1/state _copilot_snapshot=$1/snapshot ;;
esac
_copilot_token=$3
_copilot_go=1 _copilot_collect=1 _copilot_saved=0
echo "pid $$" >>"$_copilot_folder/journal"
set --
exec 9>&-

# _copilot_now: the time in _copilot_time, in hundredths of a second from some fixed moment.
if [ -r /proc/uptime ]; then
  _copilot_now() {
    read -r _copilot_time _copilot_rest </proc/uptime
    _copilot_time=${_copilot_time%.*}${_copilot_time#*.}
  }
else
  _copilot_now() { _copilot_time=$(date +%s)00; }
fi

# _copilot_since START: hundredths of a second since then in _copilot_elapsed, and in _copilot_seconds as text.
_copilot_since() {
  _copilot_now
  _copilot_elapsed=$((_copilot_time - $1))
  _copilot_seconds=$((_copilot_elapsed / 100)).$((_copilot_elapsed % 100 / 10))
}

_copilot_event() { echo "$1" >>"$_copilot_folder/journal"; }

_copilot_tell() { printf '\0%s %s\0' "$_copilot_token" "$1"; }

# _copilot_dump FILE: writes this shell's variables to a file that restores them when it is sourced.
if [ -n "${BASH_VERSION-}" ]; then
  # bash has variables that may not be assigned, and arrays, of which `set` writes what only bash can read.
  eval '_copilot_dump() {
    {
      for _copilot_name in "${!a@}" "${!b@}" "${!c@}" "${!d@}" "${!e@}" "${!f@}" "${!g@}" "${!h@}" "${!i@}" "${!j@}" "${!k@}" \
        "${!l@}" "${!m@}" "${!n@}" "${!o@}" "${!p@}" "${!q@}" "${!r@}" "${!s@}" "${!t@}" "${!u@}" "${!v@}" "${!w@}" "${!x@}" \
        "${!y@}" "${!z@}" "${!A@}" "${!B@}" "${!C@}" "${!D@}" "${!E@}" "${!F@}" "${!G@}" "${!H@}" "${!I@}" "${!J@}" "${!K@}" \
        "${!L@}" "${!M@}" "${!N@}" "${!O@}" "${!P@}" "${!Q@}" "${!R@}" "${!S@}" "${!T@}" "${!U@}" "${!V@}" "${!W@}" "${!X@}" \
        "${!Y@}" "${!Z@}" "${!_@}"; do
        case $_copilot_name in
        _ | _copilot_* | BASH* | COMP_* | DIRSTACK | EPOCH* | EUID | FUNCNAME | GROUPS | HISTCMD | LINENO | PIPESTATUS | \
          POSIXLY_CORRECT | PPID | RANDOM | SECONDS | SHELLOPTS | SRANDOM | UID) ;;
        *) [ -z "${!_copilot_name+set}" ] || printf "%s=%q\n" "$_copilot_name" "${!_copilot_name}" ;;
        esac
      done
      export -p
    } >|"$1"
  }'
else
  _copilot_dump() {
    {
      set
      export -p
    } >|"$1"
  }
fi

# In a command's subshell: first _copilot_open, then the state, then _copilot_enter, the command, and _copilot_leave with its status.
_copilot_open() { exec 7>&- 8>&-; }

_copilot_enter() {
  _copilot_previous=${OLDPWD-}
  cd -- "${PWD:-/}" || {
    echo "the folder $PWD, where the last command left off, is gone"
    exit 1
  }
  OLDPWD=$_copilot_previous
  _copilot_saved=0
  trap '{ _copilot_leave "$?"; } 2>/dev/null; exit "$_copilot_status"' EXIT
}

_copilot_leave() {
  set +aefuvx
  _copilot_status=$1
  [ "$_copilot_saved" = 1 ] || _copilot_dump "$_copilot_state"
  _copilot_saved=1
}

# _copilot_phase NAME [PATTERN]: a phase begins; a failed one is run again only if what its command printed matches the pattern.
_copilot_phase() {
  _copilot_name=$1 _copilot_pattern=${2-}
  _copilot_failed=0 _copilot_broken=0 _copilot_tries=0 _copilot_matches=yes
  _copilot_event "phase $1"
  _copilot_now
  _copilot_phase_start=$_copilot_time
}

# _copilot_begin ID ECHO: whether to run a command; false once one has failed.
_copilot_begin() {
  [ "$_copilot_broken" = 0 ] || return 1
  printf '%s\n' "$2"
  _copilot_event "began $1"
  [ -z "$_copilot_pattern" ] || _copilot_tell begin
  _copilot_id=$1
  _copilot_now
  _copilot_start=$_copilot_time
}

# _copilot_end STATUS: a command has ended.
_copilot_end() {
  _copilot_since "$_copilot_start"
  _copilot_event "ended $_copilot_id $1 $_copilot_elapsed"
  [ "$1" != 0 ] || return 0
  _copilot_broken=1
  echo "exit $1 after $_copilot_seconds s"
  echo 'export CODEBUILD_BUILD_SUCCEEDING=0' >>"$_copilot_state"
  if [ "$_copilot_failed" = 0 ] && [ -n "$_copilot_pattern" ]; then
    _copilot_tell "match $_copilot_pattern"
    read -r _copilot_matches <"$_copilot_folder/answer"
  fi
  _copilot_failed=1
}

_copilot_finally() { _copilot_broken=0; }

# _copilot_again RETRIES: whether to run the phase again.
_copilot_again() {
  [ "$_copilot_failed" = 1 ] && [ "$_copilot_tries" -lt "$1" ] && [ "$_copilot_matches" = yes ] || return 1
  _copilot_tries=$((_copilot_tries + 1)) _copilot_failed=0 _copilot_broken=0
  _copilot_event retry
  echo "[$_copilot_name] retry $_copilot_tries of $1"
}

# _copilot_phase_end GO COLLECT: a phase has ended; if it failed, the arguments say whether to go on with the next one, and whether
# to collect artifacts (1 or 0).
_copilot_phase_end() {
  _copilot_since "$_copilot_phase_start"
  _copilot_event "phase-ended $_copilot_failed $_copilot_elapsed"
  if [ "$_copilot_failed" = 0 ]; then
    echo "[$_copilot_name] succeeded after $_copilot_seconds s"
    return
  fi
  echo "[$_copilot_name] failed after $_copilot_seconds s"
  _copilot_go=$1
  [ "$2" = 1 ] || _copilot_collect=0
}

# The end: everything the commands left running in this process group goes, and this shell with it.
_copilot_finish() {
  _copilot_event "end $_copilot_collect"
  kill -KILL "-$$"
}
