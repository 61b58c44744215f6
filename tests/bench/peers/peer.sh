# shellcheck shell=bash
# To be sourced by peers/NAME/serve: what they share. README tells what tests/bench/run asks of a
# peer.
#
#   unavailable REASON     ends with 77: this peer can't be had here
#   peer_keys              PEER_DIR/private.pem and public.pem, for PEER_ALG
#   peer_start COMMAND...  starts one of its processes
#   peer_wait              until one of them ends, which is a failure, or a signal comes; either way
#                          all of them are ended
#
# job and debian_tool are those of tests/interop.

peers=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
: "${PEER_PORT:?}" "${PEER_DATABASE_URL:?}" "${PEER_ALG:?}" "${PEER_DIR:?}" "${PEER_CLIENTS:=1}"
export PEER_CLIENTS
tmp=$PEER_DIR
peer_processes=()
# shellcheck source=tests/interop/stack.sh
. "$peers/../../interop/stack.sh"
# shellcheck source=tests/interop/debian.sh
. "$peers/../../interop/debian.sh"

unavailable() {
	printf '%s\n' "$1" >&2
	exit 77
}

peer_keys() {
	case $PEER_ALG in
	ES256) openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$PEER_DIR/private.pem" ;;
	RS256) openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$PEER_DIR/private.pem" ;;
	*) unavailable "no $PEER_ALG here" ;;
	esac
	openssl pkey -in "$PEER_DIR/private.pem" -pubout -out "$PEER_DIR/public.pem"
}

# shellcheck disable=SC2317 # the trap calls it
peer_end() {
	local pid
	trap '' HUP INT TERM
	if [[ $stack_child ]]; then kill -TERM -- "-$stack_child" 2>/dev/null || true; fi
	for pid in "${peer_processes[@]}"; do kill -TERM "$pid" 2>/dev/null || true; done
	for pid in "${peer_processes[@]}"; do wait "$pid" || true; done
}
trap peer_end EXIT
trap 'exit 0' HUP INT TERM

peer_start() {
	"$@" &
	peer_processes+=($!)
}

peer_wait() {
	wait -n "${peer_processes[@]}" || true
	printf '%s: a process has ended\n' "$0" >&2
	exit 1
}
