/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dpkg.h - what dpkg-query prints, line by line.
 */
#ifndef COLLECTORS_PACKAGES_DPKG_H
#define COLLECTORS_PACKAGES_DPKG_H

#include "core/bytes.h"

/* For dpkg-query --showformat. */
#define DPKG_FORMAT \
	"${Package}\\t${Architecture}\\t${Version}\\t${source:Package}\\t${source:Version}" \
	"\\t${db:Status-Abbrev}\\n"

/* Borrowed from the line. */
struct dpkg_package {
	struct bytes name;
	struct bytes architecture; /* "all" included; empty in what is half there at most */
	struct bytes version;      /* likewise */
	struct bytes source, source_version;
	struct bytes state; /* "ii", "rc", "hi", "iHR": wanted, is, needs reinstallation */
};

/* LINE has no line end.  False where it is not such a line. */
bool dpkg_parse(struct bytes line, struct dpkg_package *out);
/* Of a package that dpkg only knows the name of, there is nothing to say. */
bool dpkg_is_installed(const struct dpkg_package *package);
/* Appends "package/dpkg/NAME:ARCHITECTURE"; the architecture is "none" where there is none. */
void dpkg_key(const struct dpkg_package *package, struct buffer *out);

#endif
