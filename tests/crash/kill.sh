#!/bin/bash
# Killed at any system call, a command of root's leaves everything as it was or as it
# becomes, touches nobody else's, and finishes when it is run again.

# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../host/lib.sh"
in_host "$0" "$@"
# shellcheck source=tests/host/crash.sh
. tests/host/crash.sh

crash_host
crash_walks kill "killed at every call, alone and with all others" root
finish
