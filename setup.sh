#!/bin/sh
# Makes .venv what the lock files say, and does nothing where it is that already.
#
#   sh setup.sh               what runs and the Dagster UI need: requirements.lock
#   sh setup.sh dev           and what tests, checks and benchmarks need: requirements-dev.lock
#   sh setup.sh s3 vectorbt   and these optional dependencies of pyproject.toml
#   sh setup.sh repair        looks at every package, even if all seems well
#   sh setup.sh uv            uv alone
#
# What was asked for once is kept. PYTHON names the interpreter.
#
# .venv/.synced says what is installed. It is removed first and written last: a .venv without it was
# left half-made, and is made again from nothing. So is one that is no virtual environment (uv would
# follow its link and change the interpreter that it came from), of another version of Python than
# PYTHON, or made in another folder, which the first lines of its programs name.
set -eu
cd "$(dirname "$0")"
UV=.tools/uv/bin/uv
PROOF=.venv/.synced
GROUPS_FILE=.tools/groups
NEEDED=3.11
UV_LOCK=requirements-uv.lock
UV_VERSION=$(sed -n 's/^uv==\([0-9.]*\).*/\1/p' "$UV_LOCK")

refuse() {
  echo "Refused: $*" >&2
  exit 2
}

version_of() { # prints the version of an interpreter that works
  "$1" -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])' 2>/dev/null
}

is_new_enough() {
  "$1" -c "import sys; sys.exit(sys.version_info < tuple(map(int, '$NEEDED'.split('.'))))" 2>/dev/null
}

require_python() { # sets `python` and `version`, or refuses
  python=${PYTHON:-python3} advice="name one with PYTHON=, as in make setup PYTHON=python3.12"
  for other in python3.11 python3.12 python3.13; do
    if is_new_enough "$other"; then advice="make setup PYTHON=$other uses the one that is here"; fi
  done
  version=$(version_of "$python") ||
    refuse "'$python' is not found or does not work, and Python $NEEDED or newer is needed: $advice."
  is_new_enough "$python" ||
    refuse "'$python' is Python $version, and Python $NEEDED or newer is needed: $advice."
}

# A link without pyvenv.cfg beside it is the interpreter that .venv came from.
is_virtual() {
  test -f .venv/pyvenv.cfg && is_new_enough .venv/bin/python &&
    .venv/bin/python -I -c 'import sys; sys.exit(sys.prefix == sys.base_prefix)'
}

is_wanted_version() { # true without PYTHON: then any version that is new enough will do
  test -z "${PYTHON:-}" && return
  wanted=$(version_of "$PYTHON") || return
  found=$(version_of .venv/bin/python) && test "${wanted%.*}" = "${found%.*}"
}

list_extras() {
  sed -n '/^\[project.optional-dependencies\]/,/^\[dep/s/^\([a-z0-9-]*\) = .*/ \1/p' pyproject.toml |
    tr -d '\n'
}

is_extra() {
  case "$(list_extras) " in *" $1 "*) ;; *) return 1 ;; esac
}

describe() { # the contents of the proof
  echo "$groups"
  pwd -P
  cat pyproject.toml requirements.lock requirements-dev.lock | cksum
}

read_groups() { # sets `groups`: what is asked for, and what was before
  groups=
  for group in $(printf '%s\n' $asked $(cat "$GROUPS_FILE" 2>/dev/null) | sort -u); do
    if test "$group" = dev || is_extra "$group"; then groups="$groups$group "; fi
  done
}

is_ready() {
  test -f "$PROOF" && test "$(cat "$PROOF")" = "$(describe)" && is_virtual && is_wanted_version
}

is_usable() { # as it is, or after a sync
  test -f "$PROOF" && test "$(sed -n 2p "$PROOF")" = "$(pwd -P)" && is_virtual && is_wanted_version
}

wait_for_others() { # until this process ends: the lock belongs to the file that the shell has open
  mkdir -p .tools
  exec 9>.tools/lock
  "$python" -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX | fcntl.LOCK_NB)' 2>/dev/null || {
    echo "Waiting for another make to set up .venv"
    "$python" -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)'
  }
}

require_uv() {
  case "$("$UV" --version 2>/dev/null) " in "uv $UV_VERSION "*) return ;; esac
  echo "Fetching uv $UV_VERSION"
  rm -rf .tools/uv .tools/new
  "$python" -m pip install --quiet --disable-pip-version-check --root-user-action ignore \
    --require-hashes --only-binary :all: --target .tools/new --requirement "$UV_LOCK" ||
    refuse "uv could not be installed with the pip of '$python'; its message is above."
  mv .tools/new .tools/uv
}

run_uv() { # with uv's own progress on a terminal; elsewhere its lines, without one per package
  if test -t 2; then
    "$UV" "$@"
    return
  fi
  # The status of a pipe is that of its last command.
  { "$UV" "$@" 2>&1 || echo "uv failed"; } | while IFS= read -r line; do
    case $line in
    "uv failed") exit 1 ;;
    " + "* | " - "* | " ~ "*) ;;
    *) echo "$line" ;;
    esac
  done
}

sync() {
  lock=requirements.lock extras=
  for group in $groups; do
    if test "$group" = dev; then lock=requirements-dev.lock; else extras="$extras,$group"; fi
  done
  echo "Setting up .venv with Python $(version_of .venv/bin/python) from $lock"
  # Bytecode is compiled here, once: without it each process would compile Dagster again wherever
  # PYTHONDONTWRITEBYTECODE is set.
  run_uv pip sync --python .venv/bin/python --compile-bytecode --require-hashes "$lock"
  if test "$lock" = requirements.lock && test -n "$extras"; then
    run_uv pip install --python .venv/bin/python --compile-bytecode --no-build-isolation \
      --constraint requirements-dev.lock --editable ".[${extras#,}]"
  else
    "$UV" pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation --editable .
  fi
}

groups= asked= repair= uv_alone=
for word in "$@"; do
  case $word in
  repair) repair=yes ;;
  uv) uv_alone=yes ;;
  dev) asked="$asked dev" ;;
  *)
    is_extra "$word" || refuse "'$word' is not among the extras of pyproject.toml:$(list_extras)."
    asked="$asked $word"
    ;;
  esac
done
read_groups
if test -z "$repair$uv_alone" && is_ready; then exit; fi
require_python
wait_for_others
read_groups
if test -z "$repair$uv_alone" && is_ready; then exit; fi
require_uv
if test -n "$uv_alone"; then exit; fi
if ! is_usable; then
  rm -f "$PROOF"
  rm -rf .venv
  "$UV" venv --quiet --python "$python" .venv
  is_virtual || refuse "$PWD/.venv is no virtual environment; what made it of '$python' failed."
fi
proof=$(describe)
echo "$groups" >"$GROUPS_FILE"
rm -f "$PROOF"
sync
echo "$proof" >"$PROOF.new"
mv "$PROOF.new" "$PROOF"
