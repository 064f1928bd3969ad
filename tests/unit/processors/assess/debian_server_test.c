/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The policy content/policies/debian-server.yaml on a server in order, on one with a single thing
 * wrong at a time, on one as Debian 12 installs it, and where nothing of it is there.
 */
#include <stdio.h>
#include <stdlib.h>

#include "processors/assess/lint.h"
#include "tests/unit/processors/assess/world.h"

#define TEXT(path_, content_) \
	{ \
		.path = path_, .content = content_ \
	}
#define MODE(path_, mode_) \
	{ \
		.path = path_, .content = "", .mode = mode_ \
	}
#define OWNED(path_, mode_, owner_, group_) \
	{ \
		.path = path_, .content = "", .mode = mode_, .owner = owner_, .group = group_ \
	}
#define DIRECTORY(path_, mode_) \
	{ \
		.path = path_, .type = "directory", .mode = mode_ \
	}
#define KERNEL(name, value) \
	{ \
		.path = "/proc/sys/" name, .content = value "\n" \
	}
#define SSHD(text) TEXT("/etc/ssh/sshd_config", text)
#define SUDOERS(text) \
	{ \
		.path = "/etc/sudoers", .content = text, .mode = 0440 \
	}
#define BOOTS(unit) TEXT("/etc/systemd/system/" unit, "[Unit]\n")

/* As Debian 12 has it, hardened where the policy asks for more. */
static const char sshd_config[] = "# This is the sshd server system-wide configuration file.\n"
				  "Include /etc/ssh/sshd_config.d/*.conf\n"
				  "#PermitRootLogin yes\n"
				  "#MaxAuthTries 60\n"
				  "#PermitEmptyPasswords yes\n"
				  "LoginGraceTime 60\n"
				  "AllowGroups sshusers\n"
				  "PasswordAuthentication no\n"
				  "KbdInteractiveAuthentication no\n"
				  "UsePAM yes\n"
				  "X11Forwarding no\n";
static const char passwd[] = "root:x:0:0:root:/root:/bin/bash\n"
			     "daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n"
			     "sync:x:4:65534:sync:/bin:/bin/sync\n"
			     "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
			     "anna:x:1000:1000:,,,:/home/anna:/bin/bash\n";
static const char shadow[] = "root:*:19000:0:99999:7:::\n"
			     "daemon:!:19000:0:99999:7:::\n"
			     "anna:$y$:19000:0:99999:7:::\n";
static const char group[] = "root:x:0:\n"
			    "disk:x:6:\n"
			    "sudo:x:27:anna\n"
			    "shadow:x:42:\n";
static const char common_auth[] = "# here are the per-package modules\n"
				  "auth\trequired\tpam_faillock.so preauth\n"
				  "auth\t[success=2 default=ignore]\tpam_unix.so\n"
				  "auth\t[default=die]\tpam_faillock.so authfail\n"
				  "auth\trequisite\t\t\tpam_deny.so\n"
				  "auth\trequired\t\t\tpam_permit.so\n";
static const char common_password[] =
    "password\trequisite\tpam_pwquality.so retry=3\n"
    "password\t[success=1 default=ignore]\tpam_unix.so obscure use_authtok yescrypt\n"
    "password\trequisite\t\t\tpam_deny.so\n";
static const char sudoers[] =
    "Defaults\tenv_reset\n"
    "Defaults\tsecure_path=\"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin\"\n"
    "Defaults\tuse_pty\n"
    "Defaults\tlogfile=\"/var/log/sudo.log\"\n"
    "root\tALL=(ALL:ALL) ALL\n";
static const char login_defs[] = "#UMASK 000\nUMASK\t\t022\nUID_MIN 1000\n"
				 "ENV_SUPATH\tPATH=/usr/local/sbin:/usr/sbin:/sbin\n"
				 "#HOME_MODE\t0755\nENCRYPT_METHOD YESCRYPT\n";
static const char fstab[] = "UUID=1 / ext4 errors=remount-ro 0 1\n"
			    "tmpfs /tmp tmpfs size=2G,noexec,nosuid,nodev 0 0\n"
			    "# tmpfs /var/tmp tmpfs defaults 0 0\n";
static const char grub_cfg[] = "menuentry 'Debian GNU/Linux' {\n"
			       "\tlinux\t/vmlinuz-6.1.0-40-amd64 root=UUID=1 ro  quiet\n}\n";
static const char debian_sources[] = "Types: deb deb-src\nSuites: bookworm bookworm-updates\n"
				     "\nTypes: deb\nSuites: bookworm-security\n";

/* What is not named here is not there. */
static const struct world_file in_order[] = {
	TEXT("/etc/os-release", "NAME=\"Debian\"\nVERSION_ID=\"12\"\nID=debian\n"),
	DIRECTORY("/run/systemd/system", 0755),
	TEXT("/etc/initramfs-tools/initramfs.conf", "MODULES=most\n"),

	SSHD(sshd_config),
	DIRECTORY("/etc/ssh/sshd_config.d", 0755),
	TEXT("/etc/ssh/sshd_config.d/50-cloud-init.conf", "PasswordAuthentication no\n"),
	MODE("/etc/ssh/ssh_host_rsa_key", 0600),
	MODE("/etc/ssh/ssh_host_ecdsa_key", 0600),
	MODE("/etc/ssh/ssh_host_ed25519_key", 0600),
	MODE("/etc/ssh/ssh_host_rsa_key.pub", 0644),
	MODE("/etc/ssh/ssh_host_ecdsa_key.pub", 0644),
	MODE("/etc/ssh/ssh_host_ed25519_key.pub", 0644),
	DIRECTORY("/root/.ssh", 0700),
	MODE("/root/.ssh/authorized_keys", 0600),

	TEXT("/etc/passwd", passwd),
	TEXT("/etc/group", group),
	{ .path = "/etc/shadow", .content = shadow, .mode = 0640, .group = "shadow" },
	OWNED("/etc/gshadow", 0640, NULL, "shadow"),
	MODE("/etc/passwd-", 0644),
	MODE("/etc/group-", 0644),
	OWNED("/etc/shadow-", 0640, NULL, "shadow"),
	OWNED("/etc/gshadow-", 0640, NULL, "shadow"),
	MODE("/etc/security/opasswd", 0600),
	DIRECTORY("/root", 0700),
	TEXT("/etc/adduser.conf", "#DIR_MODE=0755\nDIR_MODE=0750\n"),
	TEXT("/root/.profile", "mesg n\nPATH=\"$HOME/bin:$PATH\"\n"),
	TEXT("/root/.bashrc", "# umask 000\numask 022\nexport PATH=$PATH:/opt/bin\n"),

	TEXT("/etc/login.defs", login_defs),
	TEXT("/etc/pam.d/common-auth", common_auth),
	TEXT("/etc/pam.d/common-password", common_password),
	MODE("/etc/pam.d/common-account", 0644),
	MODE("/etc/pam.d/common-session", 0644),
	DIRECTORY("/etc/pam.d", 0755),
	TEXT("/etc/pam.d/su", "auth required pam_wheel.so use_uid group=sugroup\n"),
	TEXT("/etc/security/pwquality.conf", "# minlen = 8\nminlen = 14\n"),
	TEXT("/etc/security/faillock.conf", "# deny = 3\ndeny = 5\n"),
	TEXT("/etc/security/limits.conf", "* hard core 0\n"),

	SUDOERS(sudoers),
	DIRECTORY("/etc/sudoers.d", 0755),

	KERNEL("kernel/randomize_va_space", "2"),
	KERNEL("fs/protected_symlinks", "1"),
	KERNEL("fs/protected_hardlinks", "1"),
	KERNEL("fs/protected_fifos", "1"),
	KERNEL("fs/protected_regular", "2"),
	KERNEL("fs/suid_dumpable", "0"),
	KERNEL("kernel/yama/ptrace_scope", "1"),
	KERNEL("kernel/kptr_restrict", "1"),
	KERNEL("kernel/dmesg_restrict", "1"),
	KERNEL("kernel/unprivileged_bpf_disabled", "2"),
	KERNEL("kernel/perf_event_paranoid", "3"),
	KERNEL("vm/unprivileged_userfaultfd", "0"),
	KERNEL("vm/mmap_min_addr", "65536"),
	KERNEL("net/ipv4/ip_forward", "0"),
	KERNEL("net/ipv6/conf/all/forwarding", "0"),
	KERNEL("net/ipv4/conf/all/accept_redirects", "0"),
	KERNEL("net/ipv4/conf/default/accept_redirects", "0"),
	KERNEL("net/ipv6/conf/all/accept_redirects", "0"),
	KERNEL("net/ipv6/conf/default/accept_redirects", "0"),
	KERNEL("net/ipv4/conf/all/send_redirects", "0"),
	KERNEL("net/ipv4/conf/default/send_redirects", "0"),
	KERNEL("net/ipv4/conf/all/accept_source_route", "0"),
	KERNEL("net/ipv4/conf/all/rp_filter", "1"),
	KERNEL("net/ipv4/conf/default/rp_filter", "0"),
	KERNEL("net/ipv4/conf/all/log_martians", "1"),
	KERNEL("net/ipv4/icmp_echo_ignore_broadcasts", "1"),
	KERNEL("net/ipv4/icmp_ignore_bogus_error_responses", "1"),
	KERNEL("net/ipv4/tcp_syncookies", "1"),

	BOOTS("multi-user.target.wants/ufw.service"),
	TEXT("/etc/ufw/ufw.conf", "# ENABLED=no\nENABLED=yes\n"),
	TEXT("/etc/default/ufw", "DEFAULT_INPUT_POLICY=\"DROP\"\n"),

	MODE("/etc/crontab", 0644),
	DIRECTORY("/etc/cron.d", 0755),
	DIRECTORY("/etc/cron.hourly", 0755),
	DIRECTORY("/etc/cron.daily", 0755),
	DIRECTORY("/etc/cron.weekly", 0755),
	DIRECTORY("/etc/cron.monthly", 0755),
	{ .path = "/var/spool/cron/crontabs",
	    .type = "directory",
	    .mode = 01730,
	    .group = "crontab" },
	MODE("/etc/cron.allow", 0640),

	MODE("/etc/ld.so.conf", 0644),
	DIRECTORY("/etc/ld.so.conf.d", 0755),
	DIRECTORY("/usr/bin", 0755),
	DIRECTORY("/usr/sbin", 0755),
	DIRECTORY("/usr/local/bin", 0755),
	DIRECTORY("/usr/local/sbin", 0755),
	MODE("/etc/profile", 0644),
	DIRECTORY("/etc/profile.d", 0755),
	MODE("/etc/bash.bashrc", 0644),
	DIRECTORY("/etc/systemd/system", 0755),
	DIRECTORY("/tmp", 01777),
	DIRECTORY("/var/tmp", 01777),
	DIRECTORY("/dev/shm", 01777),
	TEXT("/etc/fstab", fstab),
	{ .path = "/run/docker.sock", .type = "socket", .mode = 0660, .group = "docker" },
	TEXT("/etc/docker/daemon.json", "{\"hosts\": [\"tcp://0.0.0.0:2376\"]}\n"),

	{ .path = "/boot/grub/grub.cfg", .content = grub_cfg, .mode = 0444 },
	BOOTS("sysinit.target.wants/apparmor.service"),

	TEXT("/etc/systemd/journald.conf", "[Journal]\n#Storage=none\nStorage=persistent\n"),
	DIRECTORY("/var/log", 0755),
	OWNED("/var/log/btmp", 0660, NULL, "utmp"),
	OWNED("/var/log/auth.log", 0640, NULL, "adm"),
	TEXT("/etc/rsyslog.conf", "#module(load=\"imudp\")\n$FileCreateMode 0640\n"),
	BOOTS("multi-user.target.wants/auditd.service"),
	MODE("/etc/audit/auditd.conf", 0640),
	DIRECTORY("/etc/audit/rules.d", 0750),
	{ .path = "/var/log/audit", .type = "directory", .mode = 0750, .group = "adm" },
	BOOTS("sysinit.target.wants/systemd-timesyncd.service"),

	MODE("/usr/bin/unattended-upgrade", 0755),
	TEXT("/etc/apt/apt.conf.d/20auto-upgrades", "APT::Periodic::Update-Package-Lists \"1\";\n"
						    "APT::Periodic::Unattended-Upgrade \"1\";\n"),
	TEXT("/etc/apt/sources.list", "# See /etc/apt/sources.list.d/debian.sources\n"),
	TEXT("/etc/apt/sources.list.d/debian.sources", debian_sources),
	DIRECTORY("/etc/apt/apt.conf.d", 0755),
	DIRECTORY("/etc/apt/preferences.d", 0755),
	DIRECTORY("/etc/apt/sources.list.d", 0755),
	DIRECTORY("/etc/apt/trusted.gpg.d", 0755),

	TEXT("/etc/exports", "# /srv client(no_root_squash)\n/srv client(rw,root_squash)\n"),
	TEXT("/etc/snmp/snmpd.conf", "rocommunity public default -V systemonly\n"),
	TEXT("/etc/exim4/update-exim4.conf.conf", "dc_local_interfaces='127.0.0.1 ; ::1'\n"),
	TEXT("/etc/postfix/main.cf", "inet_interfaces = loopback-only\n"),
	TEXT("/etc/issue", "Debian GNU/Linux 12 \\n \\l\n"),
	TEXT("/etc/issue.net", "Debian GNU/Linux 12\n"),
	{ .path = NULL },
};

enum { FILES_MAX = 256 };

/* One file replaced, and what the check then is. */
static const struct {
	const char *check;
	enum check_result result;
	struct world_file file;
} cases[] = {
	{ "ssh-root-login", CHECK_FAILED, SSHD("PermitRootLogin yes\n") },
	{ "ssh-root-login", CHECK_FAILED, SSHD("  permitrootlogin=\"Yes\"\n") },
	{ "ssh-root-login", CHECK_PASSED, SSHD("PermitRootLogin prohibit-password\n") },
	{ "ssh-root-login", CHECK_PASSED, SSHD("") },
	{ "ssh-empty-passwords", CHECK_FAILED, SSHD("PermitEmptyPasswords yes\n") },
	{ "ssh-empty-passwords", CHECK_PASSED, SSHD("PermitEmptyPasswords no\n") },
	{ "ssh-password-logins", CHECK_FAILED, SSHD("# nothing: the default is yes\n") },
	{ "ssh-password-logins", CHECK_FAILED, SSHD("PasswordAuthentication no\n") },
	{ "ssh-password-logins", CHECK_FAILED,
	    SSHD("PasswordAuthentication no\nKbdInteractiveAuthentication no\n"
		 "Match User git\n  PasswordAuthentication yes\n") },
	{ "ssh-password-logins", CHECK_PASSED,
	    SSHD("PasswordAuthentication no\nChallengeResponseAuthentication no\n") },
	{ "ssh-auth-tries", CHECK_FAILED, SSHD("MaxAuthTries 7\n") },
	{ "ssh-auth-tries", CHECK_PASSED, SSHD("MaxAuthTries 6\n") },
	{ "ssh-config-owner", CHECK_FAILED, MODE("/etc/ssh/sshd_config", 0664) },
	{ "ssh-config-owner", CHECK_FAILED, MODE("/etc/ssh/sshd_config", 0020) },
	{ "ssh-config-owner", CHECK_FAILED, { .path = "/etc/ssh/sshd_config", .owner = "anna" } },
	{ "ssh-config-owner", CHECK_PASSED, MODE("/etc/ssh/sshd_config", 0600) },
	{ "ssh-drop-ins-owner", CHECK_FAILED,
	    { .path = "/etc/ssh/sshd_config.d", .type = "directory", .mode = 0777 } },
	{ "ssh-drop-ins-owner", CHECK_FAILED,
	    { .path = "/etc/ssh/sshd_config.d", .type = "file", .content = "x", .mode = 0755 } },
	{ "accounts-files-owner", CHECK_FAILED, MODE("/etc/passwd", 0646) },
	{ "accounts-files-owner", CHECK_FAILED, { .path = "/etc/group", .group = "anna" } },
	{ "accounts-hashes-private", CHECK_FAILED, MODE("/etc/shadow", 0644) },
	{ "accounts-hashes-private", CHECK_FAILED, MODE("/etc/gshadow", 0660) },
	{ "accounts-hashes-private", CHECK_PASSED, MODE("/etc/shadow", 07000) },
	{ "accounts-one-root", CHECK_FAILED,
	    { .path = "/etc/passwd",
		.content = "root:x:0:0::/:/bin/sh\ntoor:x:0:0::/:/bin/sh\n" } },
	{ "accounts-one-root", CHECK_FAILED,
	    { .path = "/etc/passwd", .content = "rooter:x:00:1::/:/bin/sh\n" } },
	{ "accounts-no-empty-passwords", CHECK_FAILED,
	    { .path = "/etc/shadow", .content = "root:*:1::::::\nanna::19000:0:99999:7:::\n" } },
	{ "accounts-no-empty-passwords", CHECK_FAILED,
	    { .path = "/etc/passwd", .content = "anna::1000:1000::/:/bin/sh\n" } },
	{ "login-umask", CHECK_FAILED, { .path = "/etc/login.defs", .content = "UMASK 002\n" } },
	{ "login-umask", CHECK_FAILED, { .path = "/etc/login.defs", .content = "UMASK 0\n" } },
	{ "login-umask", CHECK_PASSED,
	    { .path = "/etc/login.defs", .content = "UMASK 0077 # x\n" } },
	{ "login-umask", CHECK_PASSED, { .path = "/etc/login.defs", .content = "UID_MIN 1\n" } },
	{ "pam-password-hash", CHECK_FAILED,
	    { .path = "/etc/pam.d/common-password",
		.content = "password required pam_unix.so md5\n" } },
	{ "pam-password-hash", CHECK_FAILED,
	    { .path = "/etc/pam.d/common-password",
		.content = "password required pam_unix.so # yescrypt\n" } },
	{ "pam-password-hash", CHECK_PASSED,
	    { .path = "/etc/pam.d/common-password",
		.content = "password required pam_unix.so sha512\n" } },
	{ "pam-no-bypass", CHECK_FAILED,
	    { .path = "/etc/pam.d/common-auth",
		.content = "auth sufficient pam_permit.so\nauth requisite pam_deny.so\n" } },
	{ "pam-no-bypass", CHECK_FAILED,
	    { .path = "/etc/pam.d/common-auth",
		.content = "auth [success=done default=ignore] pam_permit.so\n"
			   "auth requisite pam_deny.so\n" } },
	{ "pam-no-bypass", CHECK_FAILED,
	    { .path = "/etc/pam.d/common-auth", .content = "auth optional pam_unix.so\n" } },
	{ "cron-table-owner", CHECK_FAILED, MODE("/etc/crontab", 0666) },
	{ "cron-directories-owner", CHECK_FAILED,
	    { .path = "/etc/cron.weekly", .type = "directory", .mode = 0775 } },
	{ "sudo-pty", CHECK_FAILED, SUDOERS("Defaults env_reset\n") },
	{ "sudo-pty", CHECK_FAILED, SUDOERS("Defaults use_pty\nDefaults:anna !use_pty\n") },
	{ "sudo-pty", CHECK_FAILED, SUDOERS("#Defaults use_pty\n") },
	{ "sudo-pty", CHECK_PASSED, SUDOERS("Defaults env_reset, use_pty, insults\n") },
	{ "sudo-log-file", CHECK_FAILED, SUDOERS("Defaults use_pty\n") },
	{ "sudo-log-file", CHECK_PASSED, SUDOERS("Defaults use_pty,logfile=/var/log/sudo\n") },
	{ "sudo-rules-owner", CHECK_FAILED, MODE("/etc/sudoers", 0444) },
	{ "sudo-rules-owner", CHECK_FAILED, MODE("/etc/sudoers", 0460) },
	{ "sudo-rules-owner", CHECK_PASSED, MODE("/etc/sudoers", 0400) },
	{ "ssh-cloud-init-passwords", CHECK_FAILED,
	    TEXT("/etc/ssh/sshd_config.d/50-cloud-init.conf", "PasswordAuthentication yes\n") },
	{ "ssh-login-grace", CHECK_FAILED, SSHD("# two minutes\n") },
	{ "ssh-login-grace", CHECK_FAILED, SSHD("LoginGraceTime 0\n") },
	{ "ssh-login-grace", CHECK_FAILED, SSHD("LoginGraceTime 61\n") },
	{ "ssh-login-grace", CHECK_FAILED, SSHD("LoginGraceTime 30m\n") },
	{ "ssh-login-grace", CHECK_PASSED, SSHD("LoginGraceTime 1m\n") },
	{ "ssh-login-grace", CHECK_PASSED, SSHD("LoginGraceTime=30s # enough\n") },
	{ "ssh-access-limited", CHECK_FAILED, SSHD("#AllowUsers anna\n") },
	{ "ssh-access-limited", CHECK_PASSED, SSHD("allowusers anna\n") },
	{ "ssh-pam", CHECK_FAILED, SSHD("# nothing: the default is no\n") },
	{ "ssh-pam", CHECK_FAILED, SSHD("UsePAM no\n") },
	{ "ssh-pam", CHECK_FAILED, SSHD("UsePAM no\nUsePAM yes\n") },
	{ "ssh-password-logins", CHECK_FAILED,
	    SSHD("PasswordAuthentication no\nKbdInteractiveAuthentication no\n"
		 "Match User git\n  KbdInteractiveAuthentication yes\n") },
	{ "ssh-host-trust", CHECK_FAILED, SSHD("HostbasedAuthentication yes\n") },
	{ "ssh-host-trust", CHECK_FAILED, SSHD("IgnoreRhosts no\n") },
	{ "ssh-host-trust", CHECK_PASSED, SSHD("IgnoreRhosts yes\n") },
	{ "ssh-user-environment", CHECK_FAILED, SSHD("PermitUserEnvironment yes\n") },
	{ "ssh-user-environment", CHECK_FAILED, SSHD("PermitUserEnvironment LANG,LC_*\n") },
	{ "ssh-user-environment", CHECK_PASSED, SSHD("PermitUserEnvironment no\n") },
	{ "ssh-strict-modes", CHECK_FAILED, SSHD("StrictModes no\n") },
	{ "ssh-algorithms", CHECK_FAILED, SSHD("Ciphers aes256-ctr,aes128-cbc\n") },
	{ "ssh-algorithms", CHECK_FAILED, SSHD("MACs +hmac-md5\n") },
	{ "ssh-algorithms", CHECK_FAILED, SSHD("KexAlgorithms ^diffie-hellman-group1-sha1\n") },
	{ "ssh-algorithms", CHECK_FAILED, SSHD("HostKeyAlgorithms +ssh-rsa\n") },
	{ "ssh-algorithms", CHECK_FAILED, SSHD("PubkeyAcceptedAlgorithms +ssh-dss\n") },
	{ "ssh-algorithms", CHECK_PASSED, SSHD("Ciphers -*-cbc\nHostKeyAlgorithms -ssh-rsa\n") },
	{ "ssh-algorithms", CHECK_PASSED,
	    SSHD("KexAlgorithms curve25519-sha256,diffie-hellman-group14-sha256\n"
		 "Ciphers aes256-gcm@openssh.com\nHostKeyAlgorithms rsa-sha2-512\n") },
	{ "ssh-log-level", CHECK_FAILED, SSHD("LogLevel QUIET\n") },
	{ "ssh-log-level", CHECK_PASSED, SSHD("LogLevel VERBOSE\n") },
	{ "ssh-x11", CHECK_FAILED, SSHD("X11Forwarding yes\n") },
	{ "ssh-x11", CHECK_PASSED, SSHD("") },
	{ "ssh-gateway-ports", CHECK_FAILED, SSHD("GatewayPorts clientspecified\n") },
	{ "ssh-gateway-ports", CHECK_PASSED, SSHD("GatewayPorts no\n") },
	{ "ssh-host-keys-private", CHECK_FAILED, MODE("/etc/ssh/ssh_host_ecdsa_key", 0640) },
	{ "ssh-host-keys-private", CHECK_FAILED, MODE("/etc/ssh/ssh_host_rsa_key", 0060) },
	{ "ssh-host-keys-private", CHECK_PASSED, MODE("/etc/ssh/ssh_host_rsa_key", 0400) },
	{ "ssh-host-keys-private", CHECK_NOT_APPLICABLE,
	    { .path = "/etc/ssh/ssh_host_ecdsa_key", .status = FACT_ABSENT } },
	{ "ssh-host-keys-public", CHECK_FAILED, MODE("/etc/ssh/ssh_host_ed25519_key.pub", 0664) },
	{ "ssh-root-keys-owner", CHECK_FAILED, DIRECTORY("/root/.ssh", 0777) },
	{ "ssh-root-keys-owner", CHECK_FAILED, MODE("/root/.ssh/authorized_keys", 0620) },
	{ "accounts-backups-owner", CHECK_FAILED, MODE("/etc/group-", 0666) },
	{ "accounts-hash-backups-private", CHECK_FAILED, MODE("/etc/shadow-", 0644) },
	{ "accounts-old-hashes-private", CHECK_FAILED, MODE("/etc/security/opasswd", 0640) },
	{ "accounts-root-group", CHECK_FAILED,
	    TEXT("/etc/passwd", "anna:x:1000:0::/home/anna:/bin/sh\n") },
	{ "accounts-root-group", CHECK_PASSED, TEXT("/etc/passwd", "root:x:0:0::/:/bin/sh\n") },
	{ "accounts-shadowed", CHECK_FAILED,
	    TEXT("/etc/passwd", "anna:<redacted>:1000:1000::/home/anna:/bin/sh\n") },
	{ "accounts-shadowed", CHECK_FAILED,
	    TEXT("/etc/passwd", "anna:xyCkL0DkDkDkk:1000:1000::/home/anna:/bin/sh\n") },
	{ "accounts-shadowed", CHECK_PASSED,
	    TEXT("/etc/passwd", "anna:*:1000:1000::/home/anna:/bin/sh\n") },
	{ "accounts-hash-strength", CHECK_FAILED,
	    TEXT("/etc/shadow", "anna:$1$<redacted>:19000::::::\n") },
	{ "accounts-hash-strength", CHECK_FAILED,
	    TEXT("/etc/shadow", "anna:!<redacted>:19000::::::\n") },
	{ "accounts-hash-strength", CHECK_FAILED,
	    TEXT("/etc/shadow", "anna:xyCkL0DkDkDkk:19000::::::\n") },
	{ "accounts-hash-strength", CHECK_PASSED,
	    TEXT("/etc/shadow", "anna:$6$<redacted>:19000::::::\nroot:!*:19000::::::\n") },
	{ "accounts-foreign-entries", CHECK_FAILED, TEXT("/etc/passwd", "+::::::\n") },
	{ "accounts-foreign-entries", CHECK_FAILED, TEXT("/etc/group", "+:::\n") },
	{ "accounts-foreign-entries", CHECK_FAILED, TEXT("/etc/shadow", "+::::::::\n") },
	{ "accounts-system-shells", CHECK_FAILED,
	    TEXT("/etc/passwd", "web:x:101:101::/var/www:/bin/sh\n") },
	{ "accounts-system-shells", CHECK_FAILED,
	    TEXT("/etc/passwd", "web:x:999:101::/var/www:\n") },
	{ "accounts-system-shells", CHECK_FAILED,
	    TEXT("/etc/passwd", "web:x:7:101::/var/www:/usr/sbin/nologin2\n") },
	{ "accounts-system-shells", CHECK_PASSED,
	    TEXT("/etc/passwd", "web:x:101:101::/var/www:/bin/false\n") },
	{ "accounts-shadow-group", CHECK_FAILED, TEXT("/etc/group", "shadow:x:42:anna\n") },
	{ "accounts-shadow-group", CHECK_FAILED,
	    TEXT("/etc/passwd", "anna:x:1000:42::/home/anna:/bin/sh\n") },
	{ "accounts-root-equals", CHECK_FAILED, TEXT("/etc/group", "docker:x:999:anna\n") },
	{ "accounts-root-equals", CHECK_PASSED, TEXT("/etc/group", "docker:x:999:\n") },
	{ "accounts-root-home", CHECK_FAILED, DIRECTORY("/root", 0755) },
	{ "accounts-root-home", CHECK_FAILED, DIRECTORY("/root", 0770) },
	{ "accounts-root-home", CHECK_PASSED, DIRECTORY("/root", 0750) },
	{ "accounts-new-homes", CHECK_FAILED, TEXT("/etc/adduser.conf", "DIR_MODE=0755\n") },
	{ "accounts-new-homes", CHECK_FAILED, TEXT("/etc/login.defs", "HOME_MODE 0711\n") },
	{ "accounts-new-homes", CHECK_PASSED, TEXT("/etc/adduser.conf", "#DIR_MODE=0755\n") },
	{ "root-path", CHECK_FAILED, TEXT("/root/.profile", "PATH=.:$PATH\n") },
	{ "root-path", CHECK_FAILED, TEXT("/root/.profile", "PATH=$PATH:\n") },
	{ "root-path", CHECK_FAILED, TEXT("/root/.bashrc", "export PATH=\"$PATH::/opt\"\n") },
	{ "root-path", CHECK_FAILED, TEXT("/root/.bashrc", "PATH=\"/tmp/bin:$PATH\"\n") },
	{ "root-path", CHECK_FAILED, TEXT("/etc/login.defs", "ENV_SUPATH PATH=/bin:.\n") },
	{ "root-path", CHECK_FAILED, TEXT("/etc/login.defs", "ENV_SUPATH /bin:/var/tmp:/sbin\n") },
	{ "root-path", CHECK_PASSED, TEXT("/root/.profile", "PATH='/root/.cargo/bin:/bin'\n") },
	{ "root-umask", CHECK_FAILED, TEXT("/root/.bashrc", "umask 0002\n") },
	{ "root-umask", CHECK_FAILED, TEXT("/root/.profile", "  umask 0\n") },
	{ "root-umask", CHECK_PASSED, TEXT("/root/.profile", "umask 077 # mine\n") },
	{ "login-hash-method", CHECK_FAILED, TEXT("/etc/login.defs", "ENCRYPT_METHOD MD5\n") },
	{ "login-hash-method", CHECK_FAILED, TEXT("/etc/login.defs", "#ENCRYPT_METHOD SHA512\n") },
	{ "login-hash-method", CHECK_PASSED, TEXT("/etc/login.defs", "ENCRYPT_METHOD SHA512\n") },
	{ "pam-empty-passwords", CHECK_FAILED,
	    TEXT("/etc/pam.d/common-auth",
		"auth [success=1 default=ignore] pam_unix.so nullok\n") },
	{ "pam-empty-passwords", CHECK_PASSED,
	    TEXT("/etc/pam.d/common-auth", "auth required pam_unix.so # nullok\n") },
	{ "pam-quality", CHECK_FAILED,
	    TEXT("/etc/pam.d/common-password", "password required pam_unix.so # pam_pwquality\n") },
	{ "pam-quality", CHECK_PASSED,
	    TEXT("/etc/pam.d/common-password", "password requisite pam_passwdqc.so\n") },
	{ "pam-quality-length", CHECK_FAILED,
	    TEXT("/etc/security/pwquality.conf", "# minlen = 14\n") },
	{ "pam-quality-length", CHECK_FAILED,
	    TEXT("/etc/security/pwquality.conf", "minlen = 13\n") },
	{ "pam-quality-length", CHECK_PASSED,
	    TEXT("/etc/security/pwquality.conf", "minlen=20 # long\n") },
	{ "pam-quality-enforced", CHECK_FAILED,
	    TEXT("/etc/security/pwquality.conf", "enforcing = 0\n") },
	{ "pam-quality-enforced", CHECK_FAILED,
	    TEXT("/etc/security/pwquality.conf", "dictcheck=0\n") },
	{ "pam-quality-enforced", CHECK_PASSED,
	    TEXT("/etc/security/pwquality.conf", "dictcheck = 1\n") },
	{ "pam-lockout", CHECK_FAILED,
	    TEXT("/etc/pam.d/common-auth", "auth required pam_unix.so\n") },
	{ "pam-lockout", CHECK_FAILED,
	    TEXT("/etc/pam.d/common-auth", "auth required pam_faillock.so preauth\n") },
	{ "pam-lockout", CHECK_FAILED,
	    TEXT("/etc/pam.d/common-auth",
		"auth [default=die] pam_faillock.so authfail deny=9\n") },
	{ "pam-lockout", CHECK_FAILED, TEXT("/etc/security/faillock.conf", "deny = 6\n") },
	{ "pam-lockout", CHECK_FAILED, TEXT("/etc/security/faillock.conf", "deny = 0\n") },
	{ "pam-lockout", CHECK_PASSED, TEXT("/etc/security/faillock.conf", "# deny = 9\n") },
	{ "pam-files-owner", CHECK_FAILED, DIRECTORY("/etc/pam.d", 0777) },
	{ "pam-files-owner", CHECK_FAILED, OWNED("/etc/pam.d/common-session", 0644, "anna", NULL) },
	{ "su-limited", CHECK_FAILED,
	    TEXT("/etc/pam.d/su", "# auth       required   pam_wheel.so\n") },
	{ "su-limited", CHECK_FAILED,
	    TEXT("/etc/pam.d/su", "auth required pam_wheel.so deny group=nosu\n") },
	{ "su-limited", CHECK_FAILED,
	    TEXT("/etc/pam.d/su", "auth sufficient pam_wheel.so trust\n") },
	{ "sudo-log-file", CHECK_FAILED,
	    SUDOERS("Defaults logfile=/var/log/sudo\nDefaults:anna !logfile\n") },
	{ "sudo-directory-owner", CHECK_FAILED, DIRECTORY("/etc/sudoers.d", 0775) },
	{ "sudo-asks-password", CHECK_FAILED, SUDOERS("anna ALL=(ALL) NOPASSWD: ALL\n") },
	{ "sudo-asks-password", CHECK_FAILED, SUDOERS("Defaults:anna !authenticate\n") },
	{ "sudo-asks-password", CHECK_PASSED, SUDOERS("# anna ALL=(ALL) NOPASSWD: ALL\n") },
	{ "sudo-timeout", CHECK_FAILED, SUDOERS("Defaults env_reset,timestamp_timeout=60\n") },
	{ "sudo-timeout", CHECK_FAILED, SUDOERS("Defaults timestamp_timeout = -1\n") },
	{ "sudo-timeout", CHECK_PASSED, SUDOERS("Defaults timestamp_timeout=15\n") },
	{ "sudo-timeout", CHECK_PASSED, SUDOERS("Defaults timestamp_timeout=2.5\n") },
	{ "sudo-environment", CHECK_FAILED, SUDOERS("Defaults env_reset\n") },
	{ "sudo-environment", CHECK_FAILED,
	    SUDOERS("Defaults secure_path=/bin\nDefaults:anna !env_reset\n") },
	{ "sudo-environment", CHECK_PASSED, SUDOERS("Defaults secure_path=/bin\n") },
	{ "sysctl-address-randomisation", CHECK_FAILED, KERNEL("kernel/randomize_va_space", "1") },
	{ "sysctl-link-protection", CHECK_FAILED, KERNEL("fs/protected_symlinks", "0") },
	{ "sysctl-link-protection", CHECK_FAILED, KERNEL("fs/protected_hardlinks", "0") },
	{ "sysctl-link-protection", CHECK_NOT_APPLICABLE,
	    { .path = "/proc/sys/fs/protected_hardlinks", .status = FACT_UNREADABLE } },
	{ "sysctl-shared-files", CHECK_FAILED, KERNEL("fs/protected_fifos", "0") },
	{ "sysctl-shared-files", CHECK_FAILED, KERNEL("fs/protected_regular", "0") },
	{ "sysctl-shared-files", CHECK_PASSED, KERNEL("fs/protected_regular", "1") },
	{ "sysctl-privileged-dumps", CHECK_FAILED, KERNEL("fs/suid_dumpable", "1") },
	{ "sysctl-privileged-dumps", CHECK_PASSED, KERNEL("fs/suid_dumpable", "2") },
	{ "core-dumps-limited", CHECK_FAILED,
	    TEXT("/etc/security/limits.conf", "#*               soft    core            0\n") },
	{ "core-dumps-limited", CHECK_FAILED,
	    TEXT("/etc/security/limits.conf", "* soft core 0\n") },
	{ "core-dumps-limited", CHECK_PASSED,
	    TEXT("/etc/security/limits.conf", "*\t-\tcore\t0\n") },
	{ "sysctl-ptrace", CHECK_FAILED, KERNEL("kernel/yama/ptrace_scope", "0") },
	{ "sysctl-kernel-addresses", CHECK_FAILED, KERNEL("kernel/kptr_restrict", "0") },
	{ "sysctl-kernel-log", CHECK_FAILED, KERNEL("kernel/dmesg_restrict", "0") },
	{ "sysctl-unprivileged-bpf", CHECK_FAILED,
	    KERNEL("kernel/unprivileged_bpf_disabled", "0") },
	{ "sysctl-perf", CHECK_FAILED, KERNEL("kernel/perf_event_paranoid", "1") },
	{ "sysctl-perf", CHECK_FAILED, KERNEL("kernel/perf_event_paranoid", "-1") },
	{ "sysctl-userfaultfd", CHECK_FAILED, KERNEL("vm/unprivileged_userfaultfd", "1") },
	{ "sysctl-lowest-addresses", CHECK_FAILED, KERNEL("vm/mmap_min_addr", "0") },
	{ "sysctl-lowest-addresses", CHECK_PASSED, KERNEL("vm/mmap_min_addr", "4096") },
	{ "net-forwarding", CHECK_FAILED, KERNEL("net/ipv4/ip_forward", "1") },
	{ "net-forwarding-ipv6", CHECK_FAILED, KERNEL("net/ipv6/conf/all/forwarding", "1") },
	{ "net-redirects", CHECK_FAILED, KERNEL("net/ipv4/conf/all/accept_redirects", "1") },
	{ "net-redirects", CHECK_FAILED, KERNEL("net/ipv4/conf/default/accept_redirects", "1") },
	{ "net-redirects-ipv6", CHECK_FAILED,
	    KERNEL("net/ipv6/conf/default/accept_redirects", "1") },
	{ "net-redirects-ipv6", CHECK_NOT_APPLICABLE,
	    { .path = "/proc/sys/net/ipv6/conf/all/accept_redirects", .status = FACT_ABSENT } },
	{ "net-redirects-sent", CHECK_FAILED, KERNEL("net/ipv4/conf/all/send_redirects", "1") },
	{ "net-redirects-sent", CHECK_FAILED, KERNEL("net/ipv4/conf/default/send_redirects", "1") },
	{ "net-source-routes", CHECK_FAILED, KERNEL("net/ipv4/conf/all/accept_source_route", "1") },
	{ "net-reverse-path", CHECK_FAILED, KERNEL("net/ipv4/conf/all/rp_filter", "0") },
	{ "net-reverse-path", CHECK_PASSED, KERNEL("net/ipv4/conf/all/rp_filter", "2") },
	{ "net-martians", CHECK_FAILED, KERNEL("net/ipv4/conf/all/log_martians", "0") },
	{ "net-broadcast-pings", CHECK_FAILED,
	    KERNEL("net/ipv4/icmp_echo_ignore_broadcasts", "0") },
	{ "net-bogus-answers", CHECK_FAILED,
	    KERNEL("net/ipv4/icmp_ignore_bogus_error_responses", "0") },
	{ "net-syn-cookies", CHECK_FAILED, KERNEL("net/ipv4/tcp_syncookies", "0") },
	{ "firewall-started", CHECK_FAILED,
	    { .path = "/etc/systemd/system/multi-user.target.wants/ufw.service",
		.status = FACT_ABSENT } },
	{ "ufw-on", CHECK_FAILED, TEXT("/etc/ufw/ufw.conf", "ENABLED=no\n") },
	{ "ufw-refuses", CHECK_FAILED,
	    TEXT("/etc/default/ufw", "DEFAULT_INPUT_POLICY=\"ACCEPT\"\n") },
	{ "cron-user-tables-private", CHECK_FAILED, DIRECTORY("/var/spool/cron/crontabs", 0755) },
	{ "cron-allow", CHECK_FAILED, { .path = "/etc/cron.allow", .status = FACT_ABSENT } },
	{ "preload-absent", CHECK_FAILED, TEXT("/etc/ld.so.preload", "/lib/evil.so\n") },
	{ "loader-config-owner", CHECK_FAILED, DIRECTORY("/etc/ld.so.conf.d", 0757) },
	{ "program-directories-owner", CHECK_FAILED,
	    { .path = "/usr/local/bin", .type = "directory", .mode = 02775, .group = "staff" } },
	{ "shell-start-owner", CHECK_FAILED, MODE("/etc/bash.bashrc", 0666) },
	{ "unit-directories-owner", CHECK_FAILED, DIRECTORY("/etc/systemd/system", 0775) },
	{ "shared-directories-sticky", CHECK_FAILED, DIRECTORY("/tmp", 0777) },
	{ "shared-directories-sticky", CHECK_FAILED,
	    { .path = "/dev/shm", .type = "directory", .mode = 01777, .owner = "anna" } },
	{ "fstab-shared-directories", CHECK_FAILED,
	    TEXT("/etc/fstab", "tmpfs /tmp tmpfs rw,nosuid 0 0\n") },
	{ "fstab-shared-directories", CHECK_FAILED,
	    TEXT("/etc/fstab", "tmpfs\t/dev/shm/\ttmpfs\tnodev,xnosuid\t0 0\n") },
	{ "fstab-shared-directories", CHECK_PASSED,
	    TEXT("/etc/fstab", "/dev/sda3 /var/tmp ext4 nodev,nosuid 0 2\n") },
	{ "fstab-shared-directories", CHECK_PASSED,
	    TEXT("/etc/fstab",
		"# UNCONFIGURED FSTAB FOR BASE SYSTEM\n/dev/sda1 /tmp2 ext4 rw 0 0\n") },
	{ "fstab-no-programs", CHECK_FAILED,
	    TEXT("/etc/fstab", "tmpfs /tmp tmpfs nosuid,nodev 0 0\n") },
	{ "docker-socket-private", CHECK_FAILED,
	    { .path = "/run/docker.sock", .type = "socket", .mode = 0666, .group = "docker" } },
	{ "docker-no-open-port", CHECK_FAILED,
	    TEXT("/etc/docker/daemon.json", "{\"hosts\": [\"fd://\", \"tcp://0.0.0.0:2375\"]}\n") },
	{ "boot-menu-owner", CHECK_FAILED, MODE("/boot/grub/grub.cfg", 0666) },
	{ "boot-menu-password-private", CHECK_FAILED,
	    { .path = "/boot/grub/grub.cfg",
		.content = "password_pbkdf2 root grub.pbkdf2.sha512.<redacted>\n",
		.mode = 0444 } },
	{ "boot-menu-password-private", CHECK_PASSED,
	    { .path = "/boot/grub/grub.cfg",
		.content = "password_pbkdf2 root grub.pbkdf2.sha512.<redacted>\n",
		.mode = 0400 } },
	{ "boot-protections", CHECK_FAILED,
	    TEXT("/boot/grub/grub.cfg",
		"\tlinux\t/vmlinuz root=/dev/sda1 ro quiet mitigations=off\n") },
	{ "boot-protections", CHECK_FAILED,
	    TEXT("/boot/grub/grub.cfg", "\tlinuxefi /vmlinuz apparmor=0 quiet\n") },
	{ "boot-protections", CHECK_PASSED,
	    TEXT("/boot/grub/grub.cfg", "# linux /vmlinuz mitigations=off\n") },
	{ "boot-debug-shell-absent", CHECK_FAILED,
	    BOOTS("sysinit.target.wants/debug-shell.service") },
	{ "apparmor-started", CHECK_FAILED,
	    { .path = "/etc/systemd/system/sysinit.target.wants/apparmor.service",
		.status = FACT_ABSENT } },
	{ "log-journal-kept", CHECK_FAILED,
	    TEXT("/etc/systemd/journald.conf", "Storage=volatile\n") },
	{ "log-journal-kept", CHECK_PASSED, TEXT("/etc/systemd/journald.conf", "#Storage=auto\n") },
	{ "log-directory-owner", CHECK_FAILED, DIRECTORY("/var/log", 0777) },
	{ "log-failed-logins-private", CHECK_FAILED, OWNED("/var/log/btmp", 0664, NULL, "utmp") },
	{ "log-logins-private", CHECK_FAILED, OWNED("/var/log/auth.log", 0644, NULL, "adm") },
	{ "log-file-mode", CHECK_FAILED, TEXT("/etc/rsyslog.conf", "$FileCreateMode 0644\n") },
	{ "log-file-mode", CHECK_FAILED, TEXT("/etc/rsyslog.conf", "#$FileCreateMode 0640\n") },
	{ "log-no-reception", CHECK_FAILED, TEXT("/etc/rsyslog.conf", "module(load=\"imudp\")\n") },
	{ "log-no-reception", CHECK_FAILED, TEXT("/etc/rsyslog.conf", "$ModLoad imtcp\n") },
	{ "audit-started", CHECK_FAILED,
	    { .path = "/etc/systemd/system/multi-user.target.wants/auditd.service",
		.status = FACT_ABSENT } },
	{ "audit-config-private", CHECK_FAILED, MODE("/etc/audit/auditd.conf", 0644) },
	{ "audit-log-private", CHECK_FAILED, DIRECTORY("/var/log/audit", 0755) },
	{ "clock-set", CHECK_FAILED,
	    { .path = "/etc/systemd/system/sysinit.target.wants/systemd-timesyncd.service",
		.status = FACT_ABSENT } },
	{ "apt-unattended", CHECK_FAILED,
	    { .path = "/usr/bin/unattended-upgrade", .status = FACT_ABSENT } },
	{ "apt-unattended-on", CHECK_FAILED,
	    TEXT("/etc/apt/apt.conf.d/20auto-upgrades",
		"APT::Periodic::Update-Package-Lists \"1\";\n"
		"APT::Periodic::Unattended-Upgrade \"0\";\n") },
	{ "apt-unattended-on", CHECK_FAILED,
	    TEXT("/etc/apt/apt.conf.d/20auto-upgrades",
		"APT::Periodic::Update-Package-Lists \"0\";\n"
		"APT::Periodic::Unattended-Upgrade \"1\";\n") },
	{ "apt-unattended-on", CHECK_PASSED,
	    TEXT("/etc/apt/apt.conf.d/20auto-upgrades",
		"APT::Periodic::Update-Package-Lists \"always\";\n"
		"APT::Periodic::Unattended-Upgrade \"12h\";\n") },
	{ "apt-security-source", CHECK_FAILED,
	    TEXT("/etc/apt/sources.list",
		"deb http://deb.debian.org/debian bookworm main\n"
		"#deb http://deb.debian.org/debian bookworm-security main\n") },
	{ "apt-security-source", CHECK_PASSED,
	    TEXT("/etc/apt/sources.list",
		"deb http://deb.debian.org/debian bookworm main\n"
		"deb [arch=amd64] http://security.debian.org/debian-security "
		"bookworm-security main\n") },
	{ "apt-security-source-deb822", CHECK_FAILED,
	    TEXT("/etc/apt/sources.list.d/debian.sources",
		"Types: deb\nSuites: bookworm bookworm-updates\n") },
	{ "apt-security-source-deb822", CHECK_PASSED,
	    TEXT("/etc/apt/sources.list.d/debian.sources", "# moved\n") },
	{ "apt-signed", CHECK_FAILED,
	    TEXT("/etc/apt/sources.list", "deb [arch=amd64 trusted=yes] http://repo.local/ ./\n") },
	{ "apt-signed", CHECK_PASSED,
	    TEXT("/etc/apt/sources.list",
		"deb [signed-by=/k.gpg] http://repo.local/trusted=yes ./\n") },
	{ "apt-signed-deb822", CHECK_FAILED,
	    TEXT("/etc/apt/sources.list.d/debian.sources", "Types: deb\nTrusted: yes\n") },
	{ "apt-directories-owner", CHECK_FAILED, DIRECTORY("/etc/apt/trusted.gpg.d", 0777) },
	{ "legacy-remote-shells-absent", CHECK_FAILED, MODE("/usr/sbin/telnetd", 0755) },
	{ "legacy-remote-shells-absent", CHECK_FAILED, MODE("/usr/sbin/in.rshd", 0755) },
	{ "legacy-tftp-absent", CHECK_FAILED, MODE("/usr/sbin/in.tftpd", 0755) },
	{ "legacy-nis-absent", CHECK_FAILED, MODE("/usr/sbin/ypbind", 0755) },
	{ "legacy-inetd-absent", CHECK_FAILED, MODE("/usr/sbin/xinetd", 0755) },
	{ "legacy-host-trust-absent", CHECK_FAILED, TEXT("/root/.rhosts", "+ +\n") },
	{ "desktop-services-absent", CHECK_FAILED, MODE("/usr/sbin/cupsd", 0755) },
	{ "desktop-services-absent", CHECK_FAILED, MODE("/usr/sbin/avahi-daemon", 0755) },
	{ "desktop-services-absent", CHECK_FAILED, MODE("/usr/lib/xorg/Xorg", 0755) },
	{ "nfs-root-squashed", CHECK_FAILED, TEXT("/etc/exports", "/srv *(rw,no_root_squash)\n") },
	{ "snmp-read-only", CHECK_FAILED, TEXT("/etc/snmp/snmpd.conf", "rwcommunity private\n") },
	{ "mail-exim-local", CHECK_FAILED,
	    TEXT("/etc/exim4/update-exim4.conf.conf", "dc_local_interfaces=''\n") },
	{ "mail-exim-local", CHECK_FAILED,
	    TEXT("/etc/exim4/update-exim4.conf.conf",
		"dc_local_interfaces='127.0.0.1;192.0.2.1'\n") },
	{ "mail-postfix-local", CHECK_FAILED,
	    TEXT("/etc/postfix/main.cf",
		"# inet_interfaces = localhost\ninet_interfaces = all\n") },
	{ "mail-postfix-local", CHECK_PASSED,
	    TEXT("/etc/postfix/main.cf", "inet_interfaces = 127.0.0.1, [::1]\n") },
	{ "banner-silent", CHECK_FAILED, TEXT("/etc/issue", "\\S \\r \\m\n") },
	{ "banner-silent", CHECK_FAILED, TEXT("/etc/issue.net", "Linux \\r\n") },
};

enum { CASES = sizeof(cases) / sizeof(cases[0]) };

/* As the packages of Debian 12 install it: nothing hardened, nothing added. */
static const struct world_file as_installed[] = {
	SSHD("Include /etc/ssh/sshd_config.d/*.conf\n"
	     "KbdInteractiveAuthentication no\nUsePAM yes\nX11Forwarding yes\nPrintMotd no\n"
	     "AcceptEnv LANG LC_*\nSubsystem\tsftp\t/usr/lib/openssh/sftp-server\n"),
	{ .path = "/etc/ssh/sshd_config.d/50-cloud-init.conf", .status = FACT_ABSENT },
	TEXT("/etc/pam.d/common-auth", "auth\t[success=1 default=ignore]\tpam_unix.so nullok\n"
				       "auth\trequisite\t\t\tpam_deny.so\n"
				       "auth\trequired\t\t\tpam_permit.so\n"),
	TEXT("/etc/pam.d/common-password",
	    "password\t[success=1 default=ignore]\tpam_unix.so obscure yescrypt\n"),
	TEXT("/etc/pam.d/su", "# auth       required   pam_wheel.so\n"),
	{ .path = "/etc/security/pwquality.conf", .status = FACT_ABSENT },
	TEXT("/etc/security/faillock.conf", "# deny = 3\n"),
	TEXT("/etc/security/limits.conf", "#*               soft    core            0\n"),
	SUDOERS("Defaults\tenv_reset\nDefaults\tmail_badpass\n"
		"Defaults\tsecure_path=\"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin\"\n"
		"Defaults\tuse_pty\nroot\tALL=(ALL:ALL) ALL\n%sudo\tALL=(ALL:ALL) ALL\n"),
	KERNEL("kernel/yama/ptrace_scope", "0"),
	KERNEL("kernel/kptr_restrict", "0"),
	KERNEL("net/ipv4/conf/all/accept_redirects", "1"),
	KERNEL("net/ipv4/conf/default/accept_redirects", "1"),
	KERNEL("net/ipv6/conf/all/accept_redirects", "1"),
	KERNEL("net/ipv6/conf/default/accept_redirects", "1"),
	KERNEL("net/ipv4/conf/all/send_redirects", "1"),
	KERNEL("net/ipv4/conf/default/send_redirects", "1"),
	KERNEL("net/ipv4/conf/all/rp_filter", "0"),
	KERNEL("net/ipv4/conf/all/log_martians", "0"),
	{ .path = "/etc/systemd/system/multi-user.target.wants/ufw.service",
	    .status = FACT_ABSENT },
	{ .path = "/etc/systemd/system/multi-user.target.wants/auditd.service",
	    .status = FACT_ABSENT },
	{ .path = "/etc/ufw/ufw.conf", .status = FACT_ABSENT },
	{ .path = "/etc/cron.allow", .status = FACT_ABSENT },
	{ .path = "/usr/bin/unattended-upgrade", .status = FACT_ABSENT },
	TEXT("/etc/fstab", "UUID=1 / ext4 errors=remount-ro 0 1\n"),
	{ .path = NULL },
};

static const char *const failing_as_installed[] = { "ssh-password-logins", "ssh-login-grace",
	"ssh-access-limited", "ssh-x11", "pam-empty-passwords", "pam-quality", "pam-lockout",
	"su-limited", "sudo-log-file", "core-dumps-limited", "sysctl-ptrace",
	"sysctl-kernel-addresses", "net-redirects", "net-redirects-ipv6", "net-redirects-sent",
	"net-reverse-path", "net-martians", "firewall-started", "cron-allow", "audit-started",
	"apt-unattended", NULL };

static int load(void **test)
{
	static char text[512 * 1024];
	const char *source = getenv("FETTLE_SOURCE");
	struct arena arena = { 0 };
	const char *path = arena_format(&arena, "%s/content/policies/debian-server.yaml",
	    source == NULL ? "." : source);
	struct yaml_errors errors = { 0 };
	struct policy *policy = NULL;
	FILE *file = fopen(path, "r");
	size_t size = file == NULL ? 0 : fread(text, 1, sizeof(text), file);

	if (file != NULL)
		fclose(file);
	if (policy_parse("debian-server.yaml", BYTES(text, size), NULL, &policy, &errors)
	    != STATUS_OK)
		print_error("%s: %s\n", path, yaml_errors_text(&errors));
	yaml_errors_fini(&errors);
	arena_fini(&arena);
	*test = policy;
	return policy == NULL ? -1 : 0;
}

static int unload(void **test)
{
	policy_free(*test);
	return 0;
}

/* Worlds: tables of at most FILES_MAX files that end with a NULL */

static void put(struct world_file *files, const struct world_file *file)
{
	size_t i = 0;

	while (files[i].path != NULL && strcmp(files[i].path, file->path) != 0)
		i++;
	assert_true(i + 1 < FILES_MAX);
	if (files[i].path == NULL)
		files[i + 1].path = NULL;
	files[i] = *file;
}

/* Everything that the policy reads was observed, and nothing of it was there. */
static void observe_nothing(const struct policy *policy, struct world_file *files)
{
	struct arena arena = { 0 };
	size_t count;
	struct policy_key *keys = policy_keys(policy, &arena, &count);

	files[0].path = NULL;
	for (size_t i = 0; i < count; i++)
		put(files, &(struct world_file){ .path = keys[i].path, .status = FACT_ABSENT });
	arena_fini(&arena);
}

static void observe(const struct policy *policy, const struct world_file *table,
    struct world_file *files)
{
	observe_nothing(policy, files);
	for (const struct world_file *file = in_order; file->path != NULL; file++)
		put(files, file);
	for (; table != NULL && table->path != NULL; table++)
		put(files, table);
}

static enum check_result result_of(const struct policy *policy, const char *id,
    const struct world_file *files)
{
	struct world world = WORLD(files);
	struct lookup lookup = WORLD_LOOKUP(&world);
	struct arena arena = { 0 };
	const struct check *check = policy_check(policy, id);
	struct check_outcome outcome;
	enum check_result result;

	if (check == NULL)
		fail_msg("no check %s", id);
	assert_int_equal(check_evaluate(check, &lookup, &arena, &outcome), STATUS_OK);
	result = outcome.result;
	arena_fini(&arena);
	return result;
}

static bool has_failing_case(const char *id)
{
	for (size_t i = 0; i < CASES; i++)
		if (cases[i].result == CHECK_FAILED && strcmp(cases[i].check, id) == 0)
			return true;
	return false;
}

/* Tests */

static void it_has_nothing_to_lint_and_explains_itself(void **test)
{
	const struct policy *policy = *test;
	struct arena arena = { 0 };
	size_t count;
	struct lint_finding *findings = policy_lint(policy, &arena, &count);

	if (count > 0)
		fail_msg("line %u: %s", findings[0].line, findings[0].why);
	assert_true(policy->checks_count >= 60);
	for (size_t i = 0; i < policy->checks_count; i++) {
		assert_true(strlen(policy->checks[i].rationale) > 20);
		assert_true(strlen(policy->checks[i].remediation) > 20);
	}
	arena_fini(&arena);
}

static void every_reference_names_its_benchmark_and_version(void **test)
{
	static const char benchmark[] = "CIS Debian Linux 12 Benchmark v1.1.0, ";
	const struct policy *policy = *test;

	for (size_t i = 0; i < policy->checks_count; i++)
		for (size_t j = 0; j < policy->checks[i].references_count; j++) {
			const char *reference = policy->checks[i].references[j];

			assert_memory_equal(reference, benchmark, sizeof(benchmark) - 1);
			reference += sizeof(benchmark) - 1;
			assert_true(*reference != '\0'
				    && reference[strspn(reference, "0123456789.")] == '\0');
		}
}

/* A check that failed everywhere, or passed everywhere, would say nothing. */
static void every_check_passes_in_order_and_fails_in_some_case(void **test)
{
	const struct policy *policy = *test;
	struct world_file files[FILES_MAX];
	unsigned wrong = 0;

	observe(policy, NULL, files);
	for (size_t i = 0; i < policy->checks_count; i++) {
		const char *id = policy->checks[i].id;

		if (result_of(policy, id, files) != CHECK_PASSED) {
			print_error("%s does not pass\n", id);
			wrong++;
		}
		if (!has_failing_case(id)) {
			print_error("%s has no failing case\n", id);
			wrong++;
		}
	}
	assert_int_equal(wrong, 0);
}

static void one_thing_changed_is_one_check_changed(void **test)
{
	struct world_file files[FILES_MAX];
	unsigned wrong = 0;

	for (size_t i = 0; i < CASES; i++) {
		enum check_result result;

		observe(*test, NULL, files);
		put(files, &cases[i].file);
		result = result_of(*test, cases[i].check, files);
		if (result == cases[i].result)
			continue;
		print_error("case %zu: %s is %s\n", i, cases[i].check, check_result_text(result));
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

static struct world_file file_of(const struct world_file *files, const char *path)
{
	while (files->path != NULL && strcmp(files->path, path) != 0)
		files++;
	if (files->path == NULL)
		fail_msg("no file %s", path);
	return *files;
}

/* The check fails as soon as others may do everything to the file that RULE asks "stat" about. */
static void is_closed(const struct policy *policy, const struct check *check,
    const struct rule *rule)
{
	struct world_file files[FILES_MAX], file;

	observe(policy, NULL, files);
	file = file_of(files, rule->stat->path);
	file.mode = (file.mode & 0777) | 0007;
	put(files, &file);
	if (result_of(policy, check->id, files) != CHECK_FAILED)
		fail_msg("%s: %s", check->id, rule->stat->path);
}

static void what_others_may_write_fails_wherever_a_mode_is_asked(void **test)
{
	const struct policy *policy = *test;

	for (size_t i = 0; i < policy->checks_count; i++) {
		const struct check *check = &policy->checks[i];

		for (size_t j = 0; check->condition == CHECK_ALL && j < check->rules_count; j++)
			if (check->rules[j].stat != NULL)
				is_closed(policy, check, &check->rules[j]);
	}
}

static bool is_failing_as_installed(const char *id)
{
	for (const char *const *at = failing_as_installed; *at != NULL; at++)
		if (strcmp(*at, id) == 0)
			return true;
	return false;
}

static void a_server_as_installed_fails_what_it_is_known_to_fail(void **test)
{
	const struct policy *policy = *test;
	struct world_file files[FILES_MAX];
	unsigned wrong = 0;

	observe(policy, as_installed, files);
	for (size_t i = 0; i < policy->checks_count; i++) {
		const char *id = policy->checks[i].id;
		enum check_result result = result_of(policy, id, files);

		if ((result == CHECK_FAILED) == is_failing_as_installed(id))
			continue;
		print_error("%s is %s\n", id, check_result_text(result));
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

static bool asks_for_absence(const struct check *check)
{
	for (size_t i = 0; i < check->rules_count; i++)
		if (check->rules[i].kind->letter != 'f' || check->rules[i].rest != NULL
		    || check->rules[i].is_negated)
			return false;
	return check->condition == CHECK_NONE;
}

static void what_is_not_installed_is_not_applicable(void **test)
{
	const struct policy *policy = *test;
	struct world_file files[FILES_MAX];

	observe_nothing(policy, files);
	for (size_t i = 0; i < policy->checks_count; i++) {
		const struct check *check = &policy->checks[i];

		if (result_of(policy, check->id, files)
		    != (asks_for_absence(check) ? CHECK_PASSED : CHECK_NOT_APPLICABLE))
			fail_msg("%s", check->id);
	}
}

/* The image of a container has files and neither systemd nor a kernel of its own. */
static void a_container_is_not_asked_for_what_its_host_has(void **test)
{
	static const char *const checks[] = { "firewall-started", "apparmor-started",
		"audit-started", "clock-set", "apt-unattended" };
	static const struct world_file container[] = { { .path = "/run/systemd/system",
							   .status = FACT_ABSENT },
		{ .path = "/etc/initramfs-tools/initramfs.conf", .status = FACT_ABSENT },
		{ .path = NULL } };
	struct world_file files[FILES_MAX];

	observe(*test, as_installed, files);
	for (const struct world_file *file = container; file->path != NULL; file++)
		put(files, file);
	put(files, &(struct world_file){ .path = "/etc/systemd/system/sysinit.target.wants/"
						 "apparmor.service",
		       .status = FACT_ABSENT });
	put(files, &(struct world_file){ .path = "/etc/systemd/system/sysinit.target.wants/"
						 "systemd-timesyncd.service",
		       .status = FACT_ABSENT });
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
		assert_int_equal(result_of(*test, checks[i], files), CHECK_NOT_APPLICABLE);
}

static void what_nobody_observed_is_not_run(void **test)
{
	static const struct world_file nothing[] = { { .path = NULL } };
	const struct policy *policy = *test;

	for (size_t i = 0; i < policy->checks_count; i++)
		if (result_of(policy, policy->checks[i].id, nothing) != CHECK_NOT_RUN)
			fail_msg("%s", policy->checks[i].id);
}

/* An agent that is not root sees what is there and may not look into it. */
static void what_may_not_be_read_never_passes(void **test)
{
	const struct policy *policy = *test;
	struct world_file files[FILES_MAX];

	observe_nothing(policy, files);
	for (size_t i = 0; files[i].path != NULL; i++)
		files[i] = (struct world_file){ .path = files[i].path,
			.status = FACT_UNREADABLE,
			.is_bare = true };
	for (size_t i = 0; i < policy->checks_count; i++) {
		enum check_result result = result_of(policy, policy->checks[i].id, files);

		if (result != CHECK_NOT_APPLICABLE && result != CHECK_NOT_RUN)
			fail_msg("%s is %s", policy->checks[i].id, check_result_text(result));
	}
}

static enum policy_gate gate_on(const struct policy *policy, const char *os_release)
{
	const struct world_file table[] = { TEXT("/etc/os-release", os_release), { .path = NULL } };
	struct world_file files[FILES_MAX];
	struct world world = WORLD(files);
	struct lookup lookup = WORLD_LOOKUP(&world);
	struct arena arena = { 0 };
	struct check_outcome outcome;
	enum policy_gate gate;

	observe(policy, table, files);
	assert_int_equal(policy_requirements_evaluate(policy, &lookup, &arena, &outcome, &gate),
	    STATUS_OK);
	arena_fini(&arena);
	return gate;
}

static void it_is_for_debian_12_alone(void **test)
{
	assert_int_equal(gate_on(*test, "ID=debian\nVERSION_ID=\"12\"\n"), POLICY_OPEN);
	assert_int_equal(gate_on(*test, "ID=debian\nVERSION_ID=\"13\"\n"), POLICY_CLOSED);
	assert_int_equal(gate_on(*test, "ID=ubuntu\nID_LIKE=debian\nVERSION_ID=\"12\"\n"),
	    POLICY_CLOSED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_has_nothing_to_lint_and_explains_itself),
		cmocka_unit_test(every_reference_names_its_benchmark_and_version),
		cmocka_unit_test(every_check_passes_in_order_and_fails_in_some_case),
		cmocka_unit_test(one_thing_changed_is_one_check_changed),
		cmocka_unit_test(what_others_may_write_fails_wherever_a_mode_is_asked),
		cmocka_unit_test(a_server_as_installed_fails_what_it_is_known_to_fail),
		cmocka_unit_test(what_is_not_installed_is_not_applicable),
		cmocka_unit_test(a_container_is_not_asked_for_what_its_host_has),
		cmocka_unit_test(what_nobody_observed_is_not_run),
		cmocka_unit_test(what_may_not_be_read_never_passes),
		cmocka_unit_test(it_is_for_debian_12_alone),
	};
	return cmocka_run_group_tests(tests, load, unload);
}
