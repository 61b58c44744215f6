# shellcheck shell=bash
# To be sourced: what the scripts run_* of this folder share.
#
#   result ok|"not ok" NAME       one numbered TAP line
#   check NAME COMMAND...         one test: the command's success; what a failed one printed becomes
#                                 remarks
#   skip NAME REASON              a test that can't be had here
#   run_client NAME COMMAND...    a client's tests
#   install_node FOLDER           the packages of ./FOLDER as its lock file has them, in $tmp/FOLDER
#   java_jars FOLDER              sets `jars` to a folder with what ./FOLDER/pom.xml names;
#                                 "${brief[@]}" are options of java for a program that ends soon,
#                                 and of javac as -J
#   go_tool NAME MODULE VERSION   sets `tool` to the path of a Go program, which is built when no
#                                 earlier run has
#   find_kustomize                sets `render` to the command that renders a folder of kustomize's
#   debian_tool PROGRAM PACKAGE...  sets `tool` to a command that runs a program of Debian's
#                                   packages (debian.sh)
#   remark FILE                   a file as remarks
#   finish                        the plan, and the exit status
#
# A client is a program of its own that finds in its environment what stack.sh exports, prints `ok -
# name`, `ok - name # SKIP reason` or `not ok - name` for each test, anything else as a remark, and
# exits non-zero when a test failed. Here their lines get numbers and become one TAP output.
#
#   M2M_TEST_BIN   the folder of m2m-gateway and m2mctl (default: build/asan or build/release)
#   M2M_TEST_TMP   a fresh folder, reachable by PostgreSQL's user (default: one that is removed at
#                  the end)
#   PG_BIN         the folder of initdb, pg_ctl and psql
#
# Sets bin and tmp, and ends everything at the script's end, whatever the end is.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
bin=${M2M_TEST_BIN-} tmp=${M2M_TEST_TMP-} own_tmp=''
count=0 failed=0
# shellcheck source=tests/interop/stack.sh
. "$here/stack.sh"
# shellcheck source=tests/interop/debian.sh
. "$here/debian.sh"

result() {
	count=$((count + 1))
	if [[ $1 != ok ]]; then failed=$((failed + 1)); fi
	printf '%s %d - %s\n' "$1" "$count" "$2"
}

skip() {
	result ok "$1 # SKIP $2"
}

remark() {
	sed 's/^/# /' "$1"
}

check() {
	local name=$1
	shift
	if "$@" >"$tmp/check.out" 2>&1; then
		result ok "$name"
	else
		result 'not ok' "$name"
		remark "$tmp/check.out"
	fi
}

finish() {
	printf '1..%d\n' "$count"
	exit $((failed > 0))
}

# shellcheck disable=SC2317 # the trap calls it
cleanup() {
	trap '' HUP INT TERM
	stack_close
	if [[ $own_tmp ]]; then rm -rf "$own_tmp"; fi
}
trap cleanup EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

die() {
	printf 'Bail out! %s\n' "$1"
	exit 1
}

settle_folders() {
	local dir
	if [[ ! $bin ]]; then
		for dir in "$here"/../../build/{asan,release}; do
			if [[ -x $dir/m2m-gateway && -x $dir/m2mctl ]]; then
				bin=$dir
				break
			fi
		done
	fi
	[[ -x $bin/m2m-gateway && -x $bin/m2mctl ]] || die "m2m-gateway and m2mctl are not built; set M2M_TEST_BIN"
	if [[ ! $tmp ]]; then
		own_tmp=$(mktemp -d /tmp/m2m-interop.XXXXXX)
		tmp=$own_tmp
		chmod 755 "$tmp"
	fi
}
settle_folders

run_client() {
	local name=$1 out=$tmp/client.out status=0 tests=0 failures=0 line
	shift
	job "$@" >"$out" 2>&1 || status=$?
	while IFS= read -r line; do
		case $line in
		'ok - '*) result ok "$M2M_SIGNING_ALG $name: ${line#ok - }" ;;
		'not ok - '*)
			result 'not ok' "$M2M_SIGNING_ALG $name: ${line#not ok - }"
			failures=$((failures + 1))
			;;
		*)
			printf '# %s\n' "$line"
			continue
			;;
		esac
		tests=$((tests + 1))
	done <"$out"
	if ((tests == 0 || (status != 0 && failures == 0))); then
		result 'not ok' "$M2M_SIGNING_ALG $name: runs to its end (exit status $status)"
	fi
}

# kept NAME FILE COMMAND...: sets `folder` to one that COMMAND has filled, for this FILE, kept from
# run to run: the command gets an empty one as its last argument. Runs beside this one wait for it.
# One that nobody has used for sixty days goes when another is filled.
kept() {
	local fresh lock
	folder=${XDG_CACHE_HOME:-$HOME/.cache}/m2m-gateway/$1-$(sha256sum "$2" | cut -c 1-16)
	if [[ -e $folder ]]; then
		touch "$folder" 2>/dev/null || true
		return
	fi
	mkdir -p "${folder%/*}"
	find "${folder%/*}" -mindepth 1 -maxdepth 1 -regextype posix-egrep -regex '.*-[0-9a-f]{16}(\.[0-9]+)?' -type d -mtime +60 -exec rm -rf {} +
	exec {lock}>"$folder.lock"
	flock "$lock"
	if [[ ! -e $folder ]]; then
		fresh=$folder.$$
		rm -rf "$fresh" && mkdir "$fresh"
		if ! "${@:3}" "$fresh" || ! mv "$fresh" "$folder"; then
			rm -rf "$fresh"
			folder=''
		fi
	fi
	exec {lock}>&-
	[[ $folder ]]
}

# shellcheck disable=SC2317 # kept calls it
npm_ci() {
	cp -R "$here/$1/." "$2" && job env -C "$2" npm ci --ignore-scripts --no-audit --no-fund >"$tmp/npm.out" 2>&1
}

# The packages are kept out of the checkout, and their own scripts are not run.
install_node() {
	local folder
	cp -R "$here/$1" "$tmp/$1"
	if kept "$1-$(node -p process.version)" "$here/$1/package-lock.json" npm_ci "$1"; then
		ln -s "$folder/node_modules" "$tmp/$1/node_modules"
		return
	fi
	result 'not ok' "npm installs the packages of $1 as locked"
	remark "$tmp/npm.out"
	return 1
}

# shellcheck disable=SC2317 # kept calls it
maven_copy() {
	job mvn -q -B -ntp -f "$here/$1/pom.xml" org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies \
		"-DoutputDirectory=$2" >"$tmp/mvn.out" 2>&1
}

# What compiles for seconds only is never worth the second compiler.
brief=(-XX:TieredStopAtLevel=1 -XX:+UseSerialGC)
export MAVEN_OPTS=${brief[*]}

# Maven only fetches: what pom.xml names, and what that needs. Fails where that can't be, and then
# `why` tells it.
java_jars() {
	local program folder
	for program in java javac mvn; do
		why="there is no $program here"
		command -v "$program" >/dev/null || return 1
	done
	why="Maven can't get the jars of $1"
	kept "$1" "$here/$1/pom.xml" maven_copy "$1" && jars=$folder
}

# Kept from run to run, since building one takes half a minute; a run beside this one may be
# building the same. Fails where there is no Go, or no way to its modules, and then `tool` tells it.
go_tool() {
	local name=$1 module=$2 version=$3 folder=${XDG_CACHE_HOME:-$HOME/.cache}/m2m-gateway
	tool=$folder/$name-$version
	if [[ -x $tool ]]; then return; fi
	if ! command -v go >/dev/null; then
		tool="no Go here to build $name with"
		return 1
	fi
	if ! job env "GOBIN=$tmp/go" go install "$module@$version" >"$tmp/go.out" 2>&1; then
		tool="go install $module@$version: $(tail -n 1 "$tmp/go.out")"
		return 1
	fi
	mkdir -p "$folder" && cp "$tmp/go/$name" "$tool.$$" && mv "$tool.$$" "$tool"
}

render=()
# kubectl from 1.21 on has a kustomize that knows today's fields; Debian's own (1.20) has one of
# 2019. The same kustomize by itself will do.
find_kustomize() {
	if kubectl version --client 2>/dev/null | grep -qE 'Kustomize Version: v([4-9]|[1-9][0-9])'; then
		render=(kubectl kustomize)
	elif go_tool kustomize sigs.k8s.io/kustomize/kustomize/v5 v5.4.3; then
		render=("$tool" build)
	else
		return 1
	fi
}
