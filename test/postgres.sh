# A PostgreSQL cluster for one run of the tests: in a temporary folder, reached
# by a Unix socket in that folder and by nothing else. Sourced by test/run.

# postgres_start starts it and sets IDMS_TEST_POSTGRES, the URL of a superuser.
postgres_start() {
	local bin
	bin=$(postgres_bin)
	# Not under TMPDIR: a socket's path has at most 107 bytes.
	postgres_folder=$(mktemp -d /tmp/idms-postgres.XXXXXX)
	# initdb and the server refuse to run as root.
	postgres_as=()
	if [ "$(id -u)" -eq 0 ]; then
		postgres_as=(runuser -u postgres --)
		chown postgres "$postgres_folder"
	fi
	postgres_ctl=("${postgres_as[@]}" "$bin/pg_ctl" -D "$postgres_folder/data" -s -w -t 60)

	local log=$postgres_folder/log
	# A zone far from UTC, so that a time read or written without one shows.
	# Durability is off: this data does not outlive the tests.
	if ! (cd / && "${postgres_as[@]}" "$bin/initdb" -D "$postgres_folder/data" -U postgres \
		--auth=trust --encoding=UTF8 --locale=C.UTF-8 --no-sync >"$postgres_folder/initdb" 2>&1); then
		cat "$postgres_folder/initdb" >&2
		return 1
	fi
	cat >>"$postgres_folder/data/postgresql.conf" <<-CONF
		listen_addresses = ''
		unix_socket_directories = '$postgres_folder'
		max_connections = 300
		timezone = 'Pacific/Auckland'
		fsync = off
		synchronous_commit = off
		full_page_writes = off
	CONF
	if ! (cd / && "${postgres_ctl[@]}" -l "$log" start >/dev/null 2>&1); then
		cat "$log" >&2
		return 1
	fi
	export IDMS_TEST_POSTGRES="postgres://postgres@/postgres?host=$postgres_folder"
}

# postgres_stop ends the cluster and removes its folder; safe to call twice.
postgres_stop() {
	[ -n "${postgres_folder:-}" ] || return 0
	if [ -f "$postgres_folder/data/postmaster.pid" ]; then
		(cd / && "${postgres_ctl[@]}" -m immediate stop) || true
	fi
	rm -rf "$postgres_folder"
	postgres_folder=
}
