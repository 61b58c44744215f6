# shellcheck shell=bash
# To be sourced after stack.sh: further PostgreSQL servers beside the stack's, and an archive
# (deploy/citus) on one of them.
#
#   node_make NAME SETTING...    a server in $tmp/NAME, started on a free port
#   node_start NAME, node_stop NAME    on the same port; at once, as after a crash
#   nodes_stop                   all of them; safe at any moment
#   at NAME DATABASE             psql's answer to the SQL on stdin, as superuser
#   archive_citus_here           whether the stack's PostgreSQL has the extension citus to make
#   archive_make NAME            the database m2m_archive on a server of that name, made by
#                                deploy/citus/archive.sql; `coordinator` gets two workers and Citus
#   archive_attach NAME DATABASE DATABASE of the stack's cluster uses it from now on, and so does
#   deploy/citus/move

# shellcheck disable=SC2154 # stack.sh and tap.sh set them
nodes=() node_port=''

node_stop() {
	stack_as_postgres "$stack_pg_bin/pg_ctl" -D "$tmp/$1" stop -s -m immediate 2>/dev/null
}

nodes_stop() {
	local node
	for node in "${nodes[@]}"; do node_stop "$node" || true; done
}

node_start() {
	local tries
	for ((tries = 0; tries < 5; tries++)); do
		if [[ ! -s $tmp/$1.port ]]; then
			stack_guess_port node_port
			printf '%s' "$node_port" >"$tmp/$1.port"
		fi
		if stack_as_postgres "$stack_pg_bin/pg_ctl" -D "$tmp/$1" start -s -w -t 60 -l "$tmp/$1/postgres.log" -o "-p $(<"$tmp/$1.port")" 2>/dev/null; then return; fi
		rm "$tmp/$1.port"
	done
	stack_as_postgres tail -n 5 "$tmp/$1/postgres.log" >&2
	return 1
}

node_make() {
	local name=$1 owner=()
	shift
	if ((EUID == 0)); then owner=(-o postgres); fi
	install -d -m 700 "${owner[@]}" "$tmp/$name"
	stack_as_postgres "$stack_pg_bin/initdb" -D "$tmp/$name" -A trust -U postgres -E UTF8 --locale=C.UTF-8 --no-sync --no-instructions >/dev/null
	printf '%s\n' "listen_addresses = '127.0.0.1'" "unix_socket_directories = ''" "$@" | stack_as_postgres tee -a "$tmp/$name/postgresql.conf" >/dev/null
	nodes+=("$name")
	node_start "$name"
}

at() {
	"$stack_pg_bin/psql" -XqAt -v ON_ERROR_STOP=1 -h 127.0.0.1 -p "$(<"$tmp/$1.port")" -U postgres -d "$2"
}

archive_citus_here() {
	[[ $(stack_sql <<<"\\t \\\\ select count(*) from pg_available_extensions where name = 'citus'" | tr -d ' ') == 1* ]]
}

archive_make() {
	local node with=("$1")
	if [[ $1 == coordinator ]]; then with+=(worker1 worker2); fi
	for node in "${with[@]}"; do
		if [[ $1 != coordinator ]]; then
			node_make "$node" || return
			at "$node" postgres <<<'create database m2m_archive' || return
			continue
		fi
		node_make "$node" "shared_preload_libraries = 'citus'" 'max_prepared_transactions = 100' 'citus.enable_statistics_collection = off' || return
		at "$node" postgres <<<'create database m2m_archive' 2>/dev/null || return
		at "$node" m2m_archive <<<'create extension citus' || return
	done
	if [[ $1 == coordinator ]]; then
		at coordinator m2m_archive >/dev/null <<-SQL || return
			select citus_set_coordinator_host('127.0.0.1', $(<"$tmp/coordinator.port"));
			select citus_add_node('127.0.0.1', $(<"$tmp/worker1.port")), citus_add_node('127.0.0.1', $(<"$tmp/worker2.port"));
		SQL
	fi
	at "$1" m2m_archive <"$archive_deploy/archive.sql"
}

archive_attach() {
	local port
	port=$(<"$tmp/$1.port")
	"$stack_pg_bin/psql" -Xq -v ON_ERROR_STOP=1 -h 127.0.0.1 -p "$stack_pg_port" -U postgres -d "$2" -v archive_host=127.0.0.1 -v "archive_port=$port" \
		-v archive_dbname=m2m_archive -v archive_password=x -v archive_sslmode=disable -f "$archive_deploy/primary.sql" || return
	# trust on loopback asks for no password, which the wrapper wants for everybody but a
	# superuser
	"$stack_pg_bin/psql" -Xq -v ON_ERROR_STOP=1 -h 127.0.0.1 -p "$stack_pg_port" -U postgres -d "$2" <<-'SQL' || return
		select format('alter user mapping for %I server m2m_archive options (add password_required ''false'')', usename) from pg_user_mappings \gexec
	SQL
	export ARCHIVE_DATABASE_URL=postgresql://m2m_archivist@127.0.0.1:$port/m2m_archive
}

archive_deploy=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../deploy/citus" && pwd -P)
