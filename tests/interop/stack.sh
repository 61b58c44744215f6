# shellcheck shell=bash
# To be sourced: a private PostgreSQL, and on it a gateway for each signing algorithm.
#
#   stack_open DIR BIN     a cluster with the roles of the design, in DIR, which PostgreSQL's user
#                          must be able to reach; a copy of the one in the folder STACK_CLUSTER,
#                          where that is set: the first to come leaves it there, with a migrated
#                          database
#   stack_serve ALG        a database whose signing key is of ALG, the organization demo, and a
#                          gateway on a free port
#   stack_organization X   another organization, whose credentials are exported from then on in
#                          place of demo's
#   stack_stop_gateway     ends that gateway; fails unless it ended by itself, with 0
#   stack_close            ends everything; meant for a trap on EXIT, and safe at any moment
#   job COMMAND...         a command that takes long: signals are dealt with at once and end it with
#                          all its children
#
# What a client needs is exported: M2M_URL (which is also the issuer), M2M_GRPC (host:port),
# M2M_CLIENT_ID, M2M_CLIENT_SECRET, M2M_ADMIN_TOKEN, M2M_SIGNING_ALG, and in ENDED_SECRET one that a
# rotation has ended: only the database can tell that it is wrong. stack_ops is where it listens for
# operators (host:port), stack_log its log. It speaks TLS when M2M_TLS_CERT_FILE and
# M2M_TLS_KEY_FILE are set before stack_serve. Functions print to stderr what went wrong, and fail.

stack_pg_bin=${PG_BIN:-$("$(dirname "${BASH_SOURCE[0]}")/../../deploy/pg_bin")} || exit 1
stack_template='' stack_dir='' stack_bin='' stack_pg_port='' stack_cluster='' stack_gateway='' stack_ops='' stack_log='' stack_child=''

# Others' settings would be refused as unknown, or speak of some other server.
for variable in "${!M2M_@}" "${!PG@}"; do unset "$variable"; done
unset variable

# Nobody's proxy stands between a client and its gateway.
export NO_PROXY=127.0.0.1${NO_PROXY:+,$NO_PROXY}
export no_proxy=127.0.0.1${no_proxy:+,$no_proxy}

stack_complain() {
	printf '%s\n' "$*" >&2
	return 1
}

job() {
	local status=0
	setsid "$@" &
	stack_child=$!
	wait "$stack_child" || status=$?
	stack_child=''
	return "$status"
}

# PostgreSQL refuses to run as root, who therefore runs it as the user that Debian's package made.
stack_as_postgres() {
	if ((EUID == 0)); then
		(cd / && exec runuser -u postgres -- "$@")
	else
		"$@"
	fi
}

stack_pg_ctl() {
	stack_as_postgres "$stack_pg_bin/pg_ctl" -D "$stack_dir/pg" "$@"
}

stack_sql() {
	"$stack_pg_bin/psql" -X -q -v ON_ERROR_STOP=1 -h 127.0.0.1 -p "$stack_pg_port" -U postgres -d postgres
}

# Below the ports that the kernel gives to outgoing connections. A taken one is found out by whoever
# binds it, and then another is tried: asking beforehand would leave a moment for a run beside this
# one to take it.
stack_guess_port() {
	printf -v "$1" %d $((20000 + RANDOM % 12000))
}

stack_start_cluster() {
	local tries
	stack_cluster=starting
	for ((tries = 0; tries < 5; tries++)); do
		stack_guess_port stack_pg_port
		if stack_pg_ctl start -s -w -t 60 -l "$stack_dir/pg/postgres.log" \
			-o "-p $stack_pg_port -c listen_addresses=127.0.0.1 -c unix_socket_directories=" 2>/dev/null; then
			return
		fi
	done
	stack_as_postgres tail -n 5 "$stack_dir/pg/postgres.log" >&2
	stack_complain "PostgreSQL did not start"
}

stack_new_cluster() {
	local owner=()
	if ((EUID == 0)); then owner=(-o postgres); fi
	install -d -m 700 "${owner[@]}" "$stack_dir/pg" &&
		stack_as_postgres "$stack_pg_bin/initdb" -D "$stack_dir/pg" -A trust -U postgres -E UTF8 --locale=C.UTF-8 \
			--no-sync --no-instructions >"$stack_dir/initdb.log" || stack_complain "initdb failed" || return
	stack_start_cluster || return
	stack_sql <<-SQL
		create role m2m_owner login;
		create role m2m_gateway login;
		alter role m2m_gateway set synchronous_commit = on;
		create role m2m_auditor nologin;
		create role m2m_organization_auditor nologin;
	SQL
}

# The schema alone: without master keys `migrate up` makes no signing key.
stack_make_template() {
	stack_sql <<<'create database m2m_template owner m2m_owner' &&
		M2M_ADMIN_DATABASE_URL=postgresql://m2m_owner@127.0.0.1:$stack_pg_port/m2m_template "$stack_bin/m2mctl" migrate up \
			>"$stack_dir/template.log" 2>&1
}

# Whoever else comes first may have kept one in this moment.
stack_keep_cluster() {
	stack_make_template && stack_pg_ctl stop -s -m fast && mkdir -p "$STACK_CLUSTER" && cp -a "$stack_dir/pg" "$STACK_CLUSTER/pg.$$" &&
		rm -f "$STACK_CLUSTER/pg.$$/postgres.log" || return
	mv -T "$STACK_CLUSTER/pg.$$" "$STACK_CLUSTER/pg" 2>/dev/null || rm -rf "$STACK_CLUSTER/pg.$$"
	stack_start_cluster
}

stack_open() {
	stack_dir=$1 stack_bin=$2 stack_template=''
	# partitions are those of the time when they were made
	if [[ ${STACK_CLUSTER-} && ! ${FAKETIME-}${FAKETIME_TIMESTAMP_FILE-} ]]; then stack_template='template m2m_template'; fi
	if [[ -d ${STACK_CLUSTER-}/pg ]]; then
		mkdir -p "$stack_dir" && cp -a "$STACK_CLUSTER/pg" "$stack_dir/pg" && stack_start_cluster || return
	else
		stack_new_cluster || return
		if [[ $stack_template ]]; then stack_keep_cluster || return; fi
	fi
	(umask 077 && printf 'k1: %s\n' "$(head -c 32 /dev/urandom | base64 -w 0)" >"$stack_dir/master.keys")
}

# stack_value NAME: the value on the line NAME=value of stdin.
stack_value() {
	sed -n "s/^$1=//p"
}

# Waits until the gateway is ready. Only its own log tells where it listens, so that nobody else's
# answer passes for its.
stack_gateway_ready() {
	local tries ops
	for ((tries = 0; tries < 600; tries++)); do
		kill -0 "$stack_gateway" 2>/dev/null || return
		ops=$(sed -n '/"event":"listening"/ { /"what":"ops"/ s/.*"address":"\([^"]*\)".*/\1/p }' "$stack_log")
		if [[ $ops ]] && M2M_OPS_LISTEN=$ops "$stack_bin/m2m-gateway" healthcheck 2>/dev/null; then
			stack_ops=$ops
			return
		fi
		sleep 0.1
	done
	return 1
}

stack_start_gateway() {
	local tries port grpc_port scheme=http
	if [[ ${M2M_TLS_CERT_FILE-} ]]; then scheme=https; fi # for a script that sets it after this file was sourced
	for ((tries = 0; tries < 5; tries++)); do
		stack_guess_port port
		stack_guess_port grpc_port
		export M2M_URL=$scheme://127.0.0.1:$port M2M_ISSUER=$scheme://127.0.0.1:$port M2M_GRPC=127.0.0.1:$grpc_port
		stack_log=$stack_dir/gateway.$M2M_SIGNING_ALG.$tries.log
		: >"$stack_log" # to be read before the gateway has written
		M2M_HTTP_LISTEN=127.0.0.1:$port${stack_http_also-} M2M_GRPC_LISTEN=$M2M_GRPC M2M_OPS_LISTEN=127.0.0.1:0 \
			M2M_SHUTDOWN_DELAY_MS=${M2M_SHUTDOWN_DELAY_MS-0} \
			"$stack_bin/m2m-gateway" >>"$stack_log" 2>&1 &
		stack_gateway=$!
		stack_gateway_ready && return
		stack_stop_gateway || true
	done
	tail -n 5 "$stack_log" >&2
	stack_complain "the gateway did not start"
}

stack_credentials() {
	local first client
	first=$("$stack_bin/m2mctl" org create "$1" --output env) || return
	client=$("$stack_bin/m2mctl" client rotate --org "$1" --output env) || return
	ENDED_SECRET=$(stack_value M2M_CLIENT_SECRET <<<"$first")
	M2M_CLIENT_ID=$(stack_value M2M_CLIENT_ID <<<"$client")
	M2M_CLIENT_SECRET=$(stack_value M2M_CLIENT_SECRET <<<"$client")
	export M2M_CLIENT_ID M2M_CLIENT_SECRET ENDED_SECRET
}

# Only once the gateway runs, since the token names its issuer.
stack_admin_token() {
	M2M_ADMIN_TOKEN=$("$stack_bin/m2mctl" token mint --org "$1" --role admin) || return
	export M2M_ADMIN_TOKEN
}

stack_organization() {
	stack_credentials "$1" && stack_admin_token "$1"
}

stack_serve() {
	local database=m2m_${1,,}
	export M2M_SIGNING_ALG=$1 M2M_MASTER_KEYS_FILE=$stack_dir/master.keys
	export M2M_DATABASE_URL=postgresql://m2m_gateway@127.0.0.1:$stack_pg_port/$database
	export M2M_ADMIN_DATABASE_URL=postgresql://m2m_owner@127.0.0.1:$stack_pg_port/$database
	stack_sql <<<"create database $database owner m2m_owner $stack_template" || return
	"$stack_bin/m2mctl" migrate up >"$stack_dir/migrate.log" || return
	stack_credentials demo && stack_start_gateway && stack_admin_token demo
}

stack_stop_gateway() {
	local tries status=0 pid=$stack_gateway
	[[ $pid ]] || return 0
	kill -TERM "$pid" 2>/dev/null || true
	for ((tries = 0; tries < 200; tries++)); do
		kill -0 "$pid" 2>/dev/null || break
		sleep 0.1
	done
	kill -KILL "$pid" 2>/dev/null || true
	wait "$pid" || status=$?
	stack_gateway=''
	return "$status"
}

stack_close() {
	if [[ $stack_child ]]; then
		kill -TERM -- "-$stack_child" 2>/dev/null || true
		wait "$stack_child" || true # it may be writing still, into a folder that is about to be removed
	fi
	stack_stop_gateway || true
	if [[ $stack_cluster ]]; then
		stack_pg_ctl stop -s -m fast 2>/dev/null || stack_pg_ctl stop -s -m immediate 2>/dev/null || true
	fi
	stack_cluster=''
}
