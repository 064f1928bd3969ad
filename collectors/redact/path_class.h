/* SPDX-License-Identifier: Apache-2.0 */
/*
 * path_class.h - which kind of file a path names, as far as secrets are concerned.
 */
#ifndef COLLECTORS_REDACT_PATH_CLASS_H
#define COLLECTORS_REDACT_PATH_CLASS_H

enum path_class {
	PATH_CLASS_ANY,      /* a configuration: by the names of its settings */
	PATH_CLASS_NAMELESS, /* names like "password" mean something else here: pam.d, sudoers, ...
	                      */
	PATH_CLASS_OPTIONS,  /* comma lists of options: fstab */
	PATH_CLASS_SNMP,     /* communities and users by position */
	/* From here on the kind of file itself says that it holds secrets. */
	PATH_CLASS_SHADOW,    /* name:password:... */
	PATH_CLASS_OPASSWD,   /* name:uid:count:password,password */
	PATH_CLASS_SMBPASSWD, /* name:uid:hash:hash:... */
	PATH_CLASS_PGPASS,    /* host:port:database:name:password */
	PATH_CLASS_SECRETS,   /* every line that is not a comment */
	PATH_CLASS_KEY,       /* a key store: all of it */
};

/* Of the file that was asked for and, where it is known (else NULL), the one that it leads to. */
enum path_class path_class_of(const char *path, const char *real_path);

#endif
