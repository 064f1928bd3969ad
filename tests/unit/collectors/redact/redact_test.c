/* SPDX-License-Identifier: Apache-2.0 */
#include "collectors/redact/redact.h"

#include <stdlib.h>

#include "tests/support/scratch.h"

struct example {
	const char *path;
	const char *before, *after; /* NULL: it stays as it is */
};

/* Also: what was redacted is not changed by redacting it once more. */
static unsigned failures_of(const struct example *example)
{
	struct buffer out = { 0 }, again = { 0 };
	const char *after = example->after == NULL ? example->before : example->after;
	bool has_replaced = redact_content(example->path, NULL, bytes_of_text(example->before),
	    &out);
	bool holds;

	redact_content(example->path, NULL, buffer_bytes(&out), &again);
	holds = has_replaced == (example->after != NULL) && strcmp(buffer_text(&out), after) == 0
	     && strcmp(buffer_text(&again), after) == 0;
	if (!holds)
		print_error("%s:\n%s\n-- became (%d)\n%s\n-- and then\n%s\n", example->path,
		    example->before, has_replaced, buffer_text(&out), buffer_text(&again));
	buffer_fini(&out);
	buffer_fini(&again);
	return !holds;
}

#define CHECK_ALL(examples) \
	do { \
		unsigned failures = 0; \
		for (size_t i = 0; i < sizeof(examples) / sizeof((examples)[0]); i++) \
			failures += failures_of(&(examples)[i]); \
		assert_int_equal(failures, 0); \
	} while (0)

#define SHADOW "/etc/shadow"
#define HASH "$6$Q3bXk1qA$Kc0mYl9d0jM1dG3t8m5Zr2Wv7bN4xH6sJ9pL0qR8tU1vX3yZ5aB7cD9eF"

static void a_password_file_keeps_emptiness_locks_and_algorithms(void **test)
{
	static const struct example examples[] = {
		{ SHADOW, "root:" HASH ":19000:0:99999:7:::\n",
		    "root:$6$<redacted>:19000:0:99999:7:::\n" },
		{ SHADOW, "a:$y$j9T$abc$def:19000:0:99999:7:30::\n",
		    "a:$y$<redacted>:19000:0:99999:7:30::\n" },
		{ SHADOW, "a:!$y$j9T$abc$def:1::::::\n", "a:!$y$<redacted>:1::::::\n" },
		{ SHADOW, "a:!!" HASH ":1::::::", "a:!!$6$<redacted>:1::::::" },
		{ SHADOW, "old:abJnggxhB/yWI:1::::::\n", "old:<redacted>:1::::::\n" },
		{ SHADOW, "a:!abJnggxhB/yWI:1:\n", "a:!<redacted>:1:\n" },
		{ SHADOW, "a::1:::::\nb:!:1:::::\nc:*:1:::::\nd:!!:1:::::\ne:!*:1:::::\n", NULL },
		{ SHADOW, "f:*LK*:1:::::\n+::0:0:::\n-:x:\n", NULL },
		{ SHADOW "-", "root:" HASH ":1:\n", "root:$6$<redacted>:1:\n" },
		{ "/etc/gshadow", "wheel:" HASH ":root:alice,bob\nx:!::\ny:*::\nz:::\n",
		    "wheel:$6$<redacted>:root:alice,bob\nx:!::\ny:*::\nz:::\n" },
		{ "/etc/passwd", "root:x:0:0:root:/root:/bin/bash\nw::1:1::/:/bin/sh\n+::::::\n",
		    NULL },
		{ "/etc/passwd", "bad:abJnggxhB/yWI:0:0::/:/bin/sh\n",
		    "bad:<redacted>:0:0::/:/bin/sh\n" },
		{ "/etc/group", "root:x:0:\nshadow:x:42:alice\nnone::7:\n", NULL },
		{ "/etc/security/opasswd", "al:1000:2:$1$aa$bb,$6$cc$dd\n",
		    "al:1000:2:$1$<redacted>,$6$<redacted>\n" },
		{ "/etc/samba/smbpasswd", "al:1000:AAD3B435B51404EE:8846F7EAEE8FB117:[U ]:LCT-0:\n",
		    "al:1000:<redacted>:<redacted>:[U ]:LCT-0:\n" },
		{ "/root/.pgpass", "host:5432:db:me:pass:word\n", "host:5432:db:me:<redacted>\n" },
		{ "/etc/nginx/.htpasswd",
		    "# users\nal:$apr1$Mb1kH2aB$yHd2CfZ3xk1.\nbo:{SHA}W6ph5Mm5\n",
		    "# users\nal:$apr1$<redacted>\nbo:{SHA}<redacted>\n" },
	};

	(void)test;
	CHECK_ALL(examples);
}

static void files_of_secrets_keep_their_comments_only(void **test)
{
	static const struct example examples[] = {
		{ "/etc/ipsec.secrets", "# mine\n\n: PSK \"abc\"\n", "# mine\n\n<redacted>\n" },
		{ "/etc/ppp/chap-secrets", "al * secret *\r\n", "<redacted>\r\n" },
		{ "/root/.netrc", "machine h login l password p\n", "<redacted>\n" },
		{ "/etc/postfix/sasl_passwd", "[h]:587 u:p\n", "<redacted>\n" },
		{ "/etc/krb5.keytab", "\x05\x02 abc", "<redacted>" },
	};

	(void)test;
	CHECK_ALL(examples);
}

#define BODY \
	"MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\n" \
	"MzEfYyjiWA4R4/M2bS1GB4t7NXp98C3SC6dVMvDuictGeurT8jNbvJZHtCSuYEvu\nAbcdEg==\n"

static void the_body_of_a_private_key_goes_and_its_frame_stays(void **test)
{
	static const struct example examples[] = {
		{ "/k", "-----BEGIN PRIVATE KEY-----\n" BODY "-----END PRIVATE KEY-----\nafter\n",
		    "-----BEGIN PRIVATE KEY-----\n<redacted>\n-----END PRIVATE KEY-----\nafter\n" },
		{ "/k",
		    "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\n" BODY
		    "-----END RSA PRIVATE KEY-----\n",
		    "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\n<redacted>\n"
		    "-----END RSA PRIVATE KEY-----\n" },
		{ "/k.yaml",
		    "  tls: |\n    -----BEGIN EC PRIVATE KEY-----\n    "
		    "MHcCAQEEIBkg4LVWM9nuwNSk3yByxZpYRTBnVJk\n    -----END EC PRIVATE KEY-----\n",
		    "  tls: |\n    -----BEGIN EC PRIVATE KEY-----\n<redacted>\n"
		    "    -----END EC PRIVATE KEY-----\n" },
		{ "/k.json",
		    "{\"x\": \"-----BEGIN PRIVATE KEY-----\\nMIIE\\n-----END PRIVATE KEY-----\"}",
		    "{\"x\": \"-----BEGIN PRIVATE KEY-----<redacted>-----END PRIVATE KEY-----\"}" },
		{ "/k.json", "{\"x\": \"-----BEGIN PRIVATE KEY-----\\nMIIEabc\", \"y\": 1}\n",
		    "{\"x\": \"-----BEGIN PRIVATE KEY-----<redacted>\", \"y\": 1}\n" },
		{ "/k", "-----BEGIN OpenVPN Static key V1-----\n6acef03f62675b4b1bbd03e53b187727\n",
		    "-----BEGIN OpenVPN Static key V1-----\n<redacted>\n" },
		{ "/k", "-----BEGIN CERTIFICATE-----\n" BODY "-----END CERTIFICATE-----\n", NULL },
		{ "/k", "-----BEGIN PUBLIC KEY-----\n" BODY "-----END PUBLIC KEY-----\n", NULL },
		{ "/root/.ssh/authorized_keys",
		    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIabcdef al@x\n", NULL },
	};

	(void)test;
	CHECK_ALL(examples);
}

static void nothing_can_be_hidden_behind_a_false_key_or_block(void **test)
{
	static const struct example examples[] = {
		{ "/etc/ssh/sshd_config",
		    "# -----BEGIN PRIVATE KEY-----\nPermitRootLogin yes\nPermitEmptyPasswords "
		    "yes\n",
		    NULL },
		{ "/etc/modules", "# -----BEGIN PRIVATE KEY-----\ncramfs\nusb-storage\n", NULL },
		{ "/etc/sysctl.conf",
		    "# -----BEGIN PRIVATE KEY-----\nnet.ipv4.ip_forward=1\nkernel=1\n", NULL },
		{ "/etc/ssh/sshd_config", "# password: |\n  PermitRootLogin yes\n", NULL },
		{ "/etc/pam.d/su", "#password:\nauth sufficient pam_permit.so\n", NULL },
	};

	(void)test;
	CHECK_ALL(examples);
}

static void the_value_of_a_setting_with_a_secret_name_goes(void **test)
{
	static const struct example examples[] = {
		{ "/c", "password = hunter2\n", "password = <redacted>\n" },
		{ "/c", "password=hunter 2 three\r\n", "password=<redacted>\r\n" },
		{ "/c", "\tpassword: hunter2", "\tpassword: <redacted>" },
		{ "/c", "password hunter2\n", "password <redacted>\n" },
		{ "/c", "password 7 0822455D0A16\n", "password <redacted>\n" },
		{ "/c", "# password = old\n", "# password = <redacted>\n" },
		{ "/c", "password = \"a \\\" b\" # why\n", "password = \"<redacted>\" # why\n" },
		{ "/c", "password = 'open\n", "password = '<redacted>\n" },
		{ "/c", "export DB_PASSWORD=abc\n", "export DB_PASSWORD=<redacted>\n" },
		{ "/c", "smtp_pass = abc\nclientSecret: abc\nAPI-KEY=abc\n",
		    "smtp_pass = <redacted>\nclientSecret: <redacted>\nAPI-KEY=<redacted>\n" },
		{ "/c", "requirepass foobared\nmasterauth foobared\n",
		    "requirepass <redacted>\nmasterauth <redacted>\n" },
		{ "/c", "wpa-psk 0123456789\n\tpsk=\"abc def\"\n wep_key0=ABCDE\n",
		    "wpa-psk <redacted>\n\tpsk=\"<redacted>\"\n wep_key0=<redacted>\n" },
		{ "/c", "PrivateKey = /yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBm=\n",
		    "PrivateKey = <redacted>\n" },
		{ "/c", "PublicKey = xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=\n", NULL },
		{ "/c", "aws_access_key_id = AKIAX\naws_secret_access_key = abc\n",
		    "aws_access_key_id = AKIAX\naws_secret_access_key = <redacted>\n" },
		{ "/c", "olcRootPW: {SSHA}c2VjcmV0\nrootpw secret\nbindpw secret\n",
		    "olcRootPW: {SSHA}<redacted>\nrootpw <redacted>\nbindpw <redacted>\n" },
		{ "/c", "ldap_default_authtok = abc\nldap_default_authtok_type = password\n",
		    "ldap_default_authtok = <redacted>\nldap_default_authtok_type = password\n" },
		{ "/c", "mysql password = a b\n", "mysql password = <redacted>\n" },
		{ "/c", "{\"password\": \"abc\", \"user\": \"al\"}",
		    "{\"password\": \"<redacted>\", \"user\": \"al\"}" },
		{ "/c", "{\"password\": 12345, \"user\": \"al\"}",
		    "{\"password\": <redacted>, \"user\": \"al\"}" },
		{ "/c", "<password>abc</password>", "<password><redacted></password>" },
		{ "/c", "<user username=\"t\" password=\"abc\" roles=\"r\"/>",
		    "<user username=\"t\" password=\"<redacted>\" roles=\"r\"/>" },
		{ "/c", "<set name=\"password\" value=\"abc\"/>",
		    "<set name=\"password\" value=\"<redacted>\"/>" },
		{ "/c", "- token: abc\n", "- token: <redacted>\n" },
		{ "/c", "password: |\n  one\n\n  two\nnext: 1\n",
		    "password: |\n  <redacted>\n\nnext: 1\n" },
		{ "/c", "ExecStart=/bin/x --token=abc --user al --password def -v\n",
		    "ExecStart=/bin/x --token=<redacted> --user al --password <redacted> -v\n" },
		{ "/c", "Environment=\"DB_PASSWORD=a;b c\" \"USER=al\"\n",
		    "Environment=\"DB_PASSWORD=<redacted>\" \"USER=al\"\n" },
		{ "/c", "dsn = \"Server=h;Password=abc;Encrypt=yes\"\n",
		    "dsn = \"Server=h;Password=<redacted>;Encrypt=yes\"\n" },
		{ "/c", "key \"k\" { algorithm hmac-sha256; secret \"abc=\"; };\n",
		    "key \"k\" { algorithm hmac-sha256; secret \"<redacted>\"; };\n" },
		{ "/c", "proxy_set_header X-Token \"abc\";\n",
		    "proxy_set_header X-Token \"<redacted>\";\n" },
		{ "/c", "Authorization: Basic dTpw\n", "Authorization: Basic <redacted>\n" },
		{ "/etc/fstab", "//h/s /m cifs username=u,password=p,nodev,nosuid 0 0\n",
		    "//h/s /m cifs username=u,password=<redacted>,nodev,nosuid 0 0\n" },
		{ "/etc/fstab", "//h/s /m cifs credentials=/root/.smb,nodev 0 0\n", NULL },
		{ "/etc/snmp/snmpd.conf",
		    "rocommunity s3cret 10.0.0.0/8\ncom2sec ro default s3cret\n"
		    "createUser al SHA authpass AES privpass\n",
		    "rocommunity <redacted> 10.0.0.0/8\ncom2sec ro default <redacted>\n"
		    "createUser al <redacted>\n" },
	};

	(void)test;
	CHECK_ALL(examples);
}

static void hashes_and_urls_are_found_wherever_they_stand(void **test)
{
	static const struct example examples[] = {
		{ "/ks.cfg", "user --iscrypted " HASH "\n", "user --iscrypted $6$<redacted>\n" },
		{ "/ks.cfg", "rootpw --iscrypted " HASH "\n", "rootpw <redacted>\n" },
		{ "/u.yaml", "    shadow: \"" HASH "\"\n", "    shadow: \"$6$<redacted>\"\n" },
		{ "/boot/grub/grub.cfg",
		    "password_pbkdf2 root grub.pbkdf2.sha512.10000.AB12.CD34\n",
		    "password_pbkdf2 root grub.pbkdf2.sha512.<redacted>\n" },
		{ "/boot/grub2/user.cfg", "GRUB2_PASSWORD=grub.pbkdf2.sha512.10000.AB12.CD34\n",
		    "GRUB2_PASSWORD=grub.pbkdf2.sha512.<redacted>\n" },
		{ "/c", "x = SCRAM-SHA-256$4096:c2FsdA==$abc:def\n",
		    "x = SCRAM-SHA-256$<redacted>\n" },
		{ "/c", "http_proxy=http://u:p%40ss@proxy:3128/\n",
		    "http_proxy=http://u:<redacted>@proxy:3128/\n" },
		{ "/c", "Proxy \"https://u:p@h@proxy\";\n",
		    "Proxy \"https://u:<redacted>@proxy\";\n" },
		{ "/c", "awk '{print $1$2}' $1\n", NULL },
		{ "/c", "url = https://proxy:3128/a@b\nssh://git@host/x\nhttp://[::1]:80/\n",
		    NULL },
		{ "/etc/pam.d/x", "auth required pam_mysql.so user=u url=my://u:p@h\n",
		    "auth required pam_mysql.so user=u url=my://u:<redacted>@h\n" },
	};

	(void)test;
	CHECK_ALL(examples);
}

static void what_policies_read_stays_as_it_is(void **test)
{
	static const struct example examples[] = {
		{ "/etc/ssh/sshd_config",
		    "PasswordAuthentication no\nPermitEmptyPasswords no\n"
		    "PermitRootLogin prohibit-password\nPubkeyAuthentication yes\n"
		    "KbdInteractiveAuthentication no\nHostbasedAuthentication no\n"
		    "AuthorizedKeysFile .ssh/authorized_keys\nGSSAPICleanupCredentials yes\n"
		    "AuthenticationMethods publickey,password\nHostKey /etc/ssh/ssh_host_rsa_key\n"
		    "#PasswordAuthentication yes\nMaxAuthTries 4\nUsePAM yes\n",
		    NULL },
		{ "/etc/login.defs",
		    "PASS_MAX_DAYS\t99999\nPASS_MIN_DAYS\t0\nPASS_WARN_AGE\t7\n"
		    "ENCRYPT_METHOD SHA512\n# Password aging controls:\n"
		    "PASS_CHANGE_TRIES\t5\nPASS_ALWAYS_WARN yes\nMD5_CRYPT_ENAB no\n",
		    NULL },
		{ "/etc/pam.d/common-password",
		    "password\trequisite\tpam_pwquality.so retry=3\n"
		    "password\t[success=1 default=ignore]\tpam_unix.so obscure use_authtok "
		    "yescrypt\n"
		    "password required pam_pwhistory.so remember=24 enforce_for_root\n"
		    "-password optional pam_gnome_keyring.so\n",
		    NULL },
		{ "/srv/copy-of-pam",
		    "password required pam_deny.so\n"
		    "password [success=1 default=ignore] pam_unix.so sha512\n"
		    "password include x\n",
		    NULL },
		{ "/etc/sudoers",
		    "Defaults passwd_tries=3, passwd_timeout=5\n"
		    "%w ALL=(ALL) NOPASSWD: ALL\nal ALL=(ALL) PASSWD: /bin/ls\n"
		    "Defaults passprompt=\"[sudo] password for %p: \"\nDefaults !authenticate\n",
		    NULL },
		{ "/srv/copy-of-sudoers", "%w ALL=(ALL) NOPASSWD: ALL\n", NULL },
		{ "/etc/nsswitch.conf", "passwd:         files systemd\nshadow: files\n", NULL },
		{ "/etc/audit/rules.d/x.rules",
		    "-w /etc/passwd -p wa -k identity\n"
		    "-w /etc/security/opasswd -p wa -k identity\n"
		    "-a always,exit -F path=/usr/bin/passwd -F key=passwd_changes\n",
		    NULL },
		{ "/srv/copy-of-rules",
		    "-w /etc/shadow -p wa -k identity\n"
		    "-a always,exit -F path=/usr/bin/passwd -F perm=x -k privileged-passwd\n",
		    NULL },
		{ "/etc/security/pwquality.conf", "minlen = 14\ndcredit = -1\nenforcing = 1\n",
		    NULL },
		{ "/etc/postgresql/postgresql.conf",
		    "password_encryption = scram-sha-256\t# md5\n"
		    "ssl_passphrase_command = '/x'\nkrb_server_keyfile = 'x'\n",
		    NULL },
		{ "/etc/postgresql/pg_hba.conf", "host all all 0.0.0.0/0 password\n", NULL },
		{ "/etc/mysql/my.cnf",
		    "default_password_lifetime = 365\nvalidate_password.policy=STRONG\n"
		    "old_passwords=0\npassword_history = 5\nskip-grant-tables = FALSE\n"
		    "validate_password.length = 14\n",
		    NULL },
		{ "/etc/nginx/nginx.conf",
		    "server_tokens off;\nssl_password_file /etc/p;\n"
		    "ssl_certificate_key /etc/k.pem;\nauth_basic \"Restricted\";\n",
		    NULL },
		{ "/etc/apache2/apache2.conf", "ServerTokens Prod\n", NULL },
		{ "/etc/postfix/main.cf",
		    "smtp_sasl_password_maps = hash:/etc/postfix/sasl_passwd\n"
		    "smtpd_sasl_auth_enable = yes\n",
		    NULL },
		{ "/etc/samba/smb.conf",
		    "encrypt passwords = yes\nunix password sync = no\n"
		    "min password length = 14\nnull passwords = no\npassdb backend = tdbsam\n"
		    "passwd program = /usr/bin/passwd %u\nmachine password timeout = 604800\n"
		    "password server = dc1\n",
		    NULL },
		{ "/etc/sssd/sssd.conf",
		    "krb5_store_password_if_offline = True\n"
		    "cache_credentials = true\nldap_pwd_policy = shadow\n",
		    NULL },
		{ "/etc/ldap/slapd.conf", "password-hash {SSHA}\n", NULL },
		{ "/etc/snmp/snmpd.conf",
		    "rocommunity public\nrwcommunity private 127.0.0.1\n"
		    "com2sec ro default public\n",
		    NULL },
		{ "/etc/mongod.conf", "security:\n  authorization: enabled\n", NULL },
		{ "/k8s.yaml",
		    "automountServiceAccountToken: false\nsecretName: x\n"
		    "authorization-mode: Node,RBAC\nsecrets:\n- secretKeyRef:\n",
		    NULL },
		{ "/etc/issue", "Password sharing is prohibited on this host.\n", NULL },
		{ "/c",
		    "password =\npassword=\"\"\npassword: ''\ntoken = ${TOKEN}\nsecret: {{ x }}\n"
		    "password = <redacted>\n",
		    NULL },
		{ "/c", "journal upload\nServerKeyFile=/etc/ssl/private/x.pem\n", NULL },
		{ "/etc/services", "kpasswd\t464/tcp\n", NULL },
		{ "/etc/gitconfig", "[credential \"https://x\"]\n", NULL },
		{ "/c", "ConditionCredential=|x\nnew_authtok_reqd=done\n", NULL },
		{ "/c", "sed 's/$1$2$value$3/'\n", NULL },
		{ "/c", "passport = 1\nbypass = abc\ncompassion = x\npasswordless = yes\n", NULL },
	};

	(void)test;
	CHECK_ALL(examples);
}

static void the_kind_of_file_is_found_through_links(void **test)
{
	struct buffer out = { 0 };

	(void)test;
	assert_true(redact_content("/home/al/.profile", "/etc/shadow",
	    bytes_of_text("a:abcdef:1:\n"), &out));
	assert_string_equal(buffer_text(&out), "a:<redacted>:1:\n");
	buffer_clear(&out);
	assert_true(
	    redact_content("/etc/shadow", "/srv/data", bytes_of_text("a:abcdef:1:\n"), &out));
	assert_string_equal(buffer_text(&out), "a:<redacted>:1:\n");
	buffer_clear(&out);
	/* A name that excuses is not believed where the file behind it has another. */
	assert_true(
	    redact_content("/etc/pam.d/x", "/srv/data", bytes_of_text("password=abc\n"), &out));
	assert_string_equal(buffer_text(&out), "password=<redacted>\n");
	buffer_fini(&out);
}

static void bytes_that_are_not_text_are_survived_and_kept(void **test)
{
	static const char raw[] = "a\0b\xff\n\0password=x\0y\n\xc3\x28 = 1\n";
	static const char kept[] = "a\0b\xff\n\0password=<redacted>\n\xc3\x28 = 1\n";
	struct buffer out = { 0 };

	(void)test;
	assert_true(redact_content("/x", NULL, BYTES(raw, sizeof(raw) - 1), &out));
	assert_true(bytes_equal(buffer_bytes(&out), BYTES(kept, sizeof(kept) - 1)));
	buffer_fini(&out);
}

/* Every prefix of something full of traps, and every byte of it changed, for the sanitizers. */
static void no_input_reads_beyond_its_end(void **test)
{
	static const char trap[] =
	    "a://b:c@d password='\\x\" --token -\n-----BEGIN PRIVATE KEY-----"
	    "\\n{SSHA}x$6$aaaaaaaaa grub.pbkdf2.x.1 <secret>|\npsk: |\n  x:y\n"
	    "authorization: basic \ncom2sec a\n\"pass\" value=\"x";
	static const char *const paths[] = { "/c", "/etc/shadow", "/etc/fstab", "/snmp.conf",
		"/etc/opasswd", "/.pgpass", "/x.secrets", "/etc/pam.d/x" };

	(void)test;
	for (size_t path = 0; path < sizeof(paths) / sizeof(paths[0]); path++)
		for (size_t size = 0; size < sizeof(trap); size++) {
			struct buffer out = { 0 };
			char *copy = memory_new(size + 1);

			memcpy(copy, trap, size);
			if (size > 0)
				copy[size / 2] ^= (char)(size & 0x7f);
			copy = memory_grow(copy, size == 0 ? 1 : size);
			redact_content(paths[path], NULL, BYTES(copy, size), &out);
			assert_true(out.size <= 16 * size + 16);
			buffer_fini(&out);
			free(copy);
		}
}

/* Each of these took minutes if every name were looked ahead from as far as the line goes. */
static void a_line_without_end_is_read_in_time_that_grows_with_it(void **test)
{
	static const char *const pieces[] = { "$6$", "token={{", "://a@;x=&", "a=1;token=x ",
		"\"token=yes #", "{SHA}", "password x ", "password'x", "token: no # token",
		"-----BEGIN PRIVATE KEY" };

	(void)test;
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		struct buffer in = { 0 }, out = { 0 };

		if (pieces[i][0] == '"')
			buffer_append_text(&in, "x \"");
		while (in.size < 256 * 1024)
			buffer_append_text(&in, pieces[i] + (pieces[i][0] == '"'));
		buffer_append_text(&in, "}}");
		redact_content("/c", NULL, buffer_bytes(&in), &out);
		assert_true(out.size > 0);
		buffer_fini(&in);
		buffer_fini(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_password_file_keeps_emptiness_locks_and_algorithms),
		cmocka_unit_test(files_of_secrets_keep_their_comments_only),
		cmocka_unit_test(the_body_of_a_private_key_goes_and_its_frame_stays),
		cmocka_unit_test(nothing_can_be_hidden_behind_a_false_key_or_block),
		cmocka_unit_test(the_value_of_a_setting_with_a_secret_name_goes),
		cmocka_unit_test(hashes_and_urls_are_found_wherever_they_stand),
		cmocka_unit_test(what_policies_read_stays_as_it_is),
		cmocka_unit_test(the_kind_of_file_is_found_through_links),
		cmocka_unit_test(bytes_that_are_not_text_are_survived_and_kept),
		cmocka_unit_test(no_input_reads_beyond_its_end),
		cmocka_unit_test(a_line_without_end_is_read_in_time_that_grows_with_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
