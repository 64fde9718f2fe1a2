# The parts that tests need and Go cannot bring along: how we see that one is
# here, and which Debian packages bring it. Sourced by test/install and
# test/run; the tests themselves ask the Go package test/needs.

# runuser is there, and `su` leaves it off root's PATH.
PATH=$PATH:/usr/sbin:/sbin

# ci: true where CI services set CI, read as the Go package reads it.
ci() {
	case "${CI:-}" in '' | 0 | [Ff]alse | FALSE) return 1 ;; *) return 0 ;; esac
}

# postgres_bin prints the folder of initdb and pg_ctl. Debian keeps the server's
# programs off the PATH, one folder per version: the newest one counts.
postgres_bin() {
	local found
	found=$(ls -d /usr/lib/postgresql/*/bin/initdb 2>/dev/null | sort -V | tail -n 1)
	[ -n "$found" ] || found=$(command -v initdb) || return 1
	dirname "$found"
}

# simplesamlphp_folder prints where the application is: installed on this
# machine, or unpacked for the tests alone by test/install.
simplesamlphp_folder() {
	local folder
	for folder in "${IDMS_TEST_SIMPLESAMLPHP:-}" /usr/share/simplesamlphp "$PWD/bin/parts/usr/share/simplesamlphp"; do
		if [ -n "$folder" ] && [ -f "$folder/www/saml2/idp/SSOService.php" ]; then
			echo "$folder"
			return 0
		fi
	done
	return 1
}

# unpacked prints where a program is: the one that the environment names, one on
# the PATH, or one unpacked for the tests alone by test/install.
unpacked() {
	local named=$1 name=$2 path
	for path in "$named" "$(command -v "$name" || true)" "$PWD/bin/parts/usr/sbin/$name" "$PWD/bin/parts/usr/bin/$name"; do
		if [ -n "$path" ] && [ -x "$path" ] && "$path" $3 >/dev/null 2>&1; then
			echo "$path"
			return 0
		fi
	done
	return 1
}
nginx_program() { unpacked "${IDMS_TEST_NGINX:-}" nginx -v; }
caddy_program() { unpacked "${IDMS_TEST_CADDY:-}" caddy version; }

# slapd_program prints where OpenLDAP's server is. Unpacked, it finds its library
# only beside itself.
slapd_program() {
	local path root
	for path in "${IDMS_TEST_SLAPD:-}" "$(command -v slapd || true)" "$PWD/bin/parts/usr/sbin/slapd"; do
		[ -n "$path" ] && [ -x "$path" ] || continue
		root=${path%/usr/sbin/slapd}
		# -VV prints the version and goes; its exit status says nothing.
		if LD_LIBRARY_PATH=$(dirname "$(ls "$root"/usr/lib/*/libslapi-2.* 2>/dev/null | head -n 1)") "$path" -VV 2>&1 | grep -q OpenLDAP; then
			echo "$path"
			return 0
		fi
	done
	return 1
}

php_complete() {
	command -v php >/dev/null || return 1
	local module modules
	modules=$(php -m 2>/dev/null)
	for module in curl dom mbstring openssl pdo_sqlite; do
		grep -qx "$module" <<<"$modules" || return 1
	done
}

postgresql_here() {
	postgres_bin >/dev/null || return 1
	# initdb refuses root, so root needs somebody to run the server as.
	[ "$(id -u)" -ne 0 ] || id -u postgres >/dev/null 2>&1
}
xmlsec1_here() { command -v "${IDMS_TEST_XMLSEC1:-xmlsec1}" >/dev/null; }
chromium_here() { command -v "${IDMS_TEST_CHROMIUM:-chromium}" >/dev/null; }
# Debian's own python3: another one on the PATH does not see its packages.
pysaml2_here() { "${IDMS_TEST_PYTHON:-/usr/bin/python3}" -I -c 'import importlib.util, sys; sys.exit(not importlib.util.find_spec("saml2"))' 2>/dev/null; }
simplesamlphp_here() { simplesamlphp_folder >/dev/null; }
# lemonldap_folder prints where usr/share has the application: on this machine,
# or unpacked for the tests alone by test/install.
lemonldap_folder() {
	local folder
	for folder in "${IDMS_TEST_LEMONLDAP:-}" / "$PWD/bin/parts"; do
		if [ -n "$folder" ] && [ -d "$folder/usr/share/lemonldap-ng/portal/templates" ]; then
			echo "$folder"
			return 0
		fi
	done
	return 1
}
lemonldap_here() {
	local folder
	folder=$(lemonldap_folder) || return 1
	/usr/bin/perl -I"$folder/usr/share/perl5" -MLemonldap::NG::Portal -MLasso -MXML::Simple -MIO::String -e 1 2>/dev/null
}
nginx_here() { nginx_program >/dev/null; }
caddy_here() { caddy_program >/dev/null; }
curl_here() { command -v curl >/dev/null; }

openldap_here() { slapd_program >/dev/null && command -v "${IDMS_TEST_LDAPSEARCH:-ldapsearch}" >/dev/null; }
# samba-tool without what provisions a domain is there too on some machines.
samba_here() {
	command -v "${IDMS_TEST_SAMBA:-samba}" >/dev/null && command -v "${IDMS_TEST_SAMBA_TOOL:-samba-tool}" >/dev/null &&
		[ -d /usr/share/samba/setup ] && ls /usr/lib/*/samba/ldb/samba_dsdb.so >/dev/null 2>&1
}

# schemathesis_program prints where the API fuzzer is: the one that the environment
# names, or one in a virtual environment of ours with exactly what
# test/api/requirements.txt names.
schemathesis_program() {
	local ours=$PWD/bin/parts/schemathesis
	if [ -n "${IDMS_TEST_SCHEMATHESIS:-}" ]; then
		echo "$IDMS_TEST_SCHEMATHESIS"
	elif cmp -s test/api/requirements.txt "$ours/installed.txt" && [ -x "$ours/bin/schemathesis" ]; then
		echo "$ours/bin/schemathesis"
	else
		return 1
	fi
}
schemathesis_here() { schemathesis_program >/dev/null; }

# Java, and what brings Keycloak with it: for test/keycloak alone. Keycloak 26
# runs on Java 17 and newer.
java_here() {
	local version
	command -v mvn >/dev/null && command -v unzip >/dev/null || return 1
	version=$(java -version 2>&1 | sed -n '1s/.*version "\([0-9]*\).*/\1/p')
	[ "${version:-0}" -ge 17 ]
}

parts=(postgresql xmlsec1 php chromium simplesamlphp pysaml2 lemonldap nginx caddy openldap samba curl schemathesis)
php_here() { php_complete; }

# packages_of prints the Debian packages that bring a part. The ones of
# unpacked_of are not among them: installing them would start a web server on
# port 80 of the machine, or another daemon; test/install unpacks them into
# bin/parts instead, and installs what they need besides.
packages_of() {
	case "$1" in
	postgresql) echo postgresql ;;
	xmlsec1) echo xmlsec1 ;;
	php) echo php-cli php-xml php-sqlite3 php-mbstring php-curl ;;
	pysaml2) echo python3-pysaml2 ;;
	lemonldap) echo libapache-session-perl libcache-cache-perl libclass-xsaccessor-perl libclone-perl \
		libconfig-inifiles-perl libcrypt-openssl-bignum-perl libcrypt-openssl-rsa-perl libcrypt-openssl-x509-perl \
		libcrypt-rijndael-perl libcrypt-urandom-perl libemail-date-format-perl libhtml-template-perl libio-string-perl \
		libjson-perl libjson-xs-perl liblasso-perl liblist-moreutils-perl libmouse-perl libplack-perl \
		libregexp-assemble-perl libtext-unidecode-perl liburi-perl libwww-perl libxml-simple-perl ;;
	java) echo default-jre-headless maven unzip ;;
	chromium) echo chromium fonts-dejavu-core ;;
	nginx) echo libpcre2-8-0 zlib1g libcrypt1 openssl ;;
	caddy) echo media-types ;;
	# The libraries have another name in each release of Debian.
	openldap) echo ldap-utils $(apt-cache depends slapd | sed -n 's/^ *Depends: \(lib[a-z0-9.+-]*\)$/\1/p') ;;
	samba) echo samba samba-ad-dc samba-ad-provision samba-dsdb-modules samba-vfs-modules winbind ldb-tools ;;
	curl) echo curl ;;
	schemathesis) echo python3-venv ;;
	esac
}

# unpacked_of prints the Debian packages that are unpacked for a part, if any.
unpacked_of() {
	case "$1" in
	lemonldap) echo liblemonldap-ng-common-perl liblemonldap-ng-handler-perl liblemonldap-ng-portal-perl ;;
	simplesamlphp | nginx | caddy) echo "$1" ;;
	openldap) echo slapd ;;
	esac
}

# missing_parts prints the parts that are not here, one a line.
missing_parts() {
	local part
	for part in "${parts[@]}"; do
		"${part}_here" || echo "$part"
	done
}
