# shellcheck shell=bash
# To be sourced: programs of Debian's packages, without installing them.
#
#   debian_tool PROGRAM PACKAGE...  sets `tool` to a command that runs it, and `tool_root` to the
#                                   folder that stands for /
#
# It needs `tmp`, a folder to work in, and stack.sh's job.

# The first of PACKAGE... has PROGRAM (a path from the root), the others the libraries that a
# minimal system lacks. Unpacked and not installed, since that would start servers on ports that are
# somebody's; kept from run to run. Fails where they can't be had, and then `tool` tells it.
# Otherwise `tool` is a script, and `tool_root` the folder that stands for /. shellcheck
# disable=SC2154 # tmp is the sourcing script's
debian_tool() {
	local program=$1 folder=${XDG_CACHE_HOME:-$HOME/.cache}/m2m-gateway package work=$tmp/unpack.$RANDOM
	shift
	tool_root=$folder/$1-$(dpkg --print-architecture)
	tool=$tool_root/run-${program##*/}
	if [[ -x $tool ]]; then return; fi
	mkdir -p "$work/root" "$folder"
	if ! (cd "$work" && job apt-get download -q "$@") >"$tmp/unpack.out" 2>&1; then
		tool="apt-get download $*: $(tail -n 1 "$tmp/unpack.out")"
		return 1
	fi
	for package in "$work"/*.deb; do dpkg-deb -x "$package" "$work/root"; done
	# shellcheck disable=SC2016 # the script's own
	printf '#!/bin/sh\nroot=${0%%/*}\nLD_LIBRARY_PATH=$(echo "$root"/usr/lib/*-linux-gnu) exec "$root%s" "$@"\n' "$program" \
		>"$work/root/run-${program##*/}"
	chmod 755 "$work/root" "$work/root/run-${program##*/}"
	mv -T "$work/root" "$tool_root" 2>/dev/null || [[ -x $tool ]] # a run beside this one was faster
}
