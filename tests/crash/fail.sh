#!/bin/bash
# Whichever system call fails, a command of root's says so, exits 1, and leaves
# everything as it was or as it becomes; or it can do without and gets over it.

# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../host/lib.sh"
in_host "$0" "$@"
# shellcheck source=tests/host/crash.sh
. tests/host/crash.sh

crash_host
crash_walks fail "every call failing, with every error" root "$@"
finish
