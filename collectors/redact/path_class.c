/* SPDX-License-Identifier: Apache-2.0 */
#include "collectors/redact/path_class.h"

#include <fnmatch.h>
#include <stddef.h>
#include <string.h>

struct pattern {
	const char *glob; /* of the last component, or of the path where it has a slash */
	enum path_class class;
};

/* The first that matches. */
static const struct pattern patterns[] = {
	{ "*/pam.d/*", PATH_CLASS_NAMELESS },
	{ "*/pam-configs/*", PATH_CLASS_NAMELESS },
	{ "*/authselect/*", PATH_CLASS_NAMELESS },
	{ "*/sudoers.d/*", PATH_CLASS_NAMELESS },
	{ "*/audit/rules.d/*", PATH_CLASS_NAMELESS },
	{ "pam.conf", PATH_CLASS_NAMELESS },
	{ "audit.rules", PATH_CLASS_NAMELESS },
	{ "sudoers", PATH_CLASS_NAMELESS },
	{ "nsswitch.conf", PATH_CLASS_NAMELESS },
	{ "services", PATH_CLASS_NAMELESS },
	{ "rpc", PATH_CLASS_NAMELESS },
	{ "fstab", PATH_CLASS_OPTIONS },
	{ "mtab", PATH_CLASS_OPTIONS },
	{ "mounts", PATH_CLASS_OPTIONS },
	{ "auto.*", PATH_CLASS_OPTIONS },
	{ "snmp*.conf", PATH_CLASS_SNMP },
	{ "opasswd*", PATH_CLASS_OPASSWD },
	{ "smbpasswd*", PATH_CLASS_SMBPASSWD },
	{ "*.pgpass", PATH_CLASS_PGPASS },
	{ "pgpass.conf", PATH_CLASS_PGPASS },
	{ "shadow*", PATH_CLASS_SHADOW },
	{ "gshadow*", PATH_CLASS_SHADOW },
	{ "master.passwd*", PATH_CLASS_SHADOW },
	{ "passwd", PATH_CLASS_SHADOW },
	{ "passwd[-.~]*", PATH_CLASS_SHADOW },
	{ "group", PATH_CLASS_SHADOW },
	{ "group[-.~]*", PATH_CLASS_SHADOW },
	{ "*htpasswd*", PATH_CLASS_SHADOW },
	{ "*htdigest*", PATH_CLASS_SECRETS },
	{ "*.secrets", PATH_CLASS_SECRETS },
	{ "*-secrets", PATH_CLASS_SECRETS },
	{ "sasl_passwd", PATH_CLASS_SECRETS },
	{ "[._]netrc", PATH_CLASS_SECRETS },
	{ "ntp.keys", PATH_CLASS_SECRETS },
	{ "chrony.keys", PATH_CLASS_SECRETS },
	{ "*.keytab", PATH_CLASS_KEY },
	{ "*.p12", PATH_CLASS_KEY },
	{ "*.pfx", PATH_CLASS_KEY },
	{ "*.jks", PATH_CLASS_KEY },
	{ "*.keystore", PATH_CLASS_KEY },
	{ "*.kdbx", PATH_CLASS_KEY },
};

static enum path_class class_of_one(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *last = slash == NULL ? path : slash + 1;

	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
		const char *subject = strchr(patterns[i].glob, '/') == NULL ? last : path;

		if (fnmatch(patterns[i].glob, subject, 0) == 0)
			return patterns[i].class;
	}
	return PATH_CLASS_ANY;
}

/* Whichever of the two names says that there are secrets is believed; else the real one. */
enum path_class path_class_of(const char *path, const char *real_path)
{
	enum path_class asked = class_of_one(path), real;

	if (real_path == NULL)
		return asked;
	real = class_of_one(real_path);
	return real < PATH_CLASS_SHADOW && asked >= PATH_CLASS_SHADOW ? asked : real;
}
