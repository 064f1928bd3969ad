/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apt.h - what apt-get(8), apt-cache(8) and dpkg-query(1) print, in the C locale.
 *
 * Everything is borrowed from the output or is in the arena given.
 */
#ifndef COLLECTORS_UPDATES_APT_H
#define COLLECTORS_UPDATES_APT_H

#include "core/bytes.h"

/* An archive that apt would fetch. */
struct apt_archive {
	struct bytes name, version, architecture;
};

/*
 * A line of `apt-get --print-uris`, "'URI' NAME_VERSION_ARCHITECTURE.deb SIZE HASH".  False where
 * it is another line, or the name is none that Debian allows: it goes into an argument.
 */
bool apt_archive_parse(struct bytes line, struct arena *arena, struct apt_archive *out);

/* Parts of an output by name, sorted. */
struct apt_table {
	struct apt_part *parts;
	size_t count;
};

void apt_table_fini(struct apt_table *table);

#define APT_PACKAGES_FORMAT \
	"--showformat=${Package}:${Architecture} ${db:Status-Want} ${db:Status-Status} " \
	"${Version}\\n"

/* `dpkg-query --show` in that format. */
void apt_read_packages(struct bytes output, struct apt_table *out);
/* `apt-cache policy NAME…`: a package, and the versions that there are of it. */
void apt_read_policies(struct bytes output, struct apt_table *out);
/* `apt-get indextargets`: a list of packages, and whose it is. */
void apt_read_targets(struct bytes output, struct apt_table *out);

struct apt_installed {
	struct bytes version;
	bool is_held;
};

/* False where no package is installed that ARCHIVE would upgrade. */
bool apt_find_installed(const struct apt_table *packages, const struct apt_archive *archive,
    struct apt_installed *out);

/* The name of each package that is installed, in ARENA, into NAMES, which has room for all. */
void apt_name_installed(const struct apt_table *packages, struct arena *arena, const char **names);

/*
 * Where ARCHIVE comes from, as apt's simulation puts it: LABEL:VERSION/SUITE of each of its origins
 * with ", " between them.  OUT is empty, and stays so where that is not known.
 */
void apt_describe_origin(const struct apt_table *policies, const struct apt_table *targets,
    const struct apt_archive *archive, struct buffer *out);

#endif
