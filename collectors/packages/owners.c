/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths are kept as seeded hashes of 64 bits: whoever makes paths does not know the seed, so none
 * can be made to look like another.
 */
#include "collectors/packages/owners.h"

#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collectors/small_file.h"
#include "core/hashmap.h"

#define DATABASE "/var/lib/dpkg"
#define FILE_MAX ((size_t)64 * 1024 * 1024)

enum { NAME_MAX_SIZE = 255 };

/* Of these, some are links into /usr. */
static const char *const top_names[] = { "bin", "sbin", "lib", "lib32", "lib64", "libx32",
	"libo32" };
enum { TOP_NAMES = sizeof(top_names) / sizeof(top_names[0]) };

struct owned {
	uint64_t hash;
	struct owners_file file; /* package NULL: nobody's */
};

struct owners {
	const char *root;
	bool is_alias[TOP_NAMES];
	struct owned *files; /* sorted by hash once they are read */
	size_t count;
	struct stat status; /* of the file of that name, before it was read */
	bool has_status;
	struct buffer path, text;
	struct arena arena; /* the packages' names */
};

static const char *full_path(struct owners *owners, const char *path)
{
	buffer_clear(&owners->path);
	buffer_append_format(&owners->path, "%s%s", owners->root, path);
	return buffer_text(&owners->path);
}

/* ---- names ---- */

static bool leads_into_usr(struct owners *owners, const char *name)
{
	char *path = text_format("%s/%s", owners->root, name);
	char target[PATH_MAX];
	ssize_t size = readlink(path, target, sizeof(target) - 1);
	const char *rest = target;

	free(path);
	if (size <= 0)
		return false;
	target[size] = '\0';
	rest += target[0] == '/';
	return strncmp(rest, "usr/", 4) == 0 && strcmp(rest + 4, name) == 0;
}

static bool is_aliased(const struct owners *owners, struct bytes path)
{
	for (size_t i = 0; i < TOP_NAMES; i++) {
		size_t size = strlen(top_names[i]);

		if (owners->is_alias[i] && path.size > size + 1 && path.data[size + 1] == '/'
		    && memcmp(path.data + 1, top_names[i], size) == 0)
			return true;
	}
	return false;
}

/* PATH is absolute. */
static uint64_t hash_of(const struct owners *owners, struct bytes path)
{
	char long_name[PATH_MAX + 8];

	if (is_aliased(owners, path) && path.size <= PATH_MAX) {
		memcpy(long_name, "/usr", 4);
		memcpy(long_name + 4, path.data, path.size);
		path = BYTES(long_name, path.size + 4);
	}
	return XXH3_64bits_withSeed(path.data, path.size, hashmap_seed());
}

static struct owned *find(const struct owners *owners, struct bytes path)
{
	uint64_t hash = hash_of(owners, path);
	size_t low = 0, high = owners->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (owners->files[middle].hash < hash)
			low = middle + 1;
		else
			high = middle;
	}
	return low < owners->count && owners->files[low].hash == hash ? &owners->files[low] : NULL;
}

/* ---- making ---- */

struct owners *owners_new(const char *root)
{
	struct owners *owners = memory_new(sizeof(*owners));

	owners->root = root;
	for (size_t i = 0; i < TOP_NAMES; i++)
		owners->is_alias[i] = leads_into_usr(owners, top_names[i]);
	return owners;
}

void owners_free(struct owners *owners)
{
	if (owners == NULL)
		return;
	free(owners->files);
	buffer_fini(&owners->path);
	buffer_fini(&owners->text);
	arena_fini(&owners->arena);
	free(owners);
}

void owners_want(struct owners *owners, const char *path)
{
	if ((owners->count & (owners->count - 1)) == 0)
		owners->files = memory_grow(owners->files,
		    (owners->count == 0 ? 1 : 2 * owners->count) * sizeof(*owners->files));
	owners->files[owners->count++] =
	    (struct owned){ .hash = hash_of(owners, bytes_of_text(path)) };
}

static int compare(const void *left, const void *right)
{
	const struct owned *a = left, *b = right;

	return (a->hash > b->hash) - (a->hash < b->hash);
}

/* ---- reading ---- */

/* The whole of a file of the database; what cannot be read is as if it were empty. */
static struct bytes read_file(struct owners *owners, const char *name)
{
	char *path = text_format(DATABASE "/%s", name);

	buffer_clear(&owners->text);
	if (small_file_read(full_path(owners, path), FILE_MAX, &owners->text) != 0)
		buffer_clear(&owners->text);
	free(path);
	return buffer_bytes(&owners->text);
}

/* One copy of each name: a package is known by where that is. */
static bool take_list(struct owners *owners, struct bytes list, const char *package)
{
	const char *kept = NULL;
	struct bytes line;

	while (small_file_line(&list, &line)) {
		struct owned *owned = line.size > 0 && line.data[0] == '/' ? find(owners, line)
		                                                           : NULL;

		if (owned == NULL || owned->file.package != NULL)
			continue;
		if (kept == NULL)
			kept = arena_text(&owners->arena, package);
		owned->file.package = kept;
	}
	return kept != NULL;
}

static void take_md5(struct owners *owners, struct bytes path, struct bytes hex,
    const char *package)
{
	struct owned *owned = find(owners, path);
	char text[33];

	if (owned == NULL || hex.size != 32)
		return;
	if (owned->file.package == NULL)
		owned->file.package = arena_text(&owners->arena, package);
	if (strcmp(owned->file.package, package) != 0)
		return;
	memcpy(text, hex.data, 32);
	text[32] = '\0';
	if (bytes_from_hex(text, owned->file.md5, sizeof(owned->file.md5)))
		owned->file.has_md5 = true;
}

/* Lines of "d41d8cd98f00b204e9800998ecf8427e  usr/bin/name". */
static void take_sums(struct owners *owners, struct bytes sums, const char *package)
{
	struct bytes line;
	char path[PATH_MAX];

	while (small_file_line(&sums, &line)) {
		struct bytes hex = small_file_word(&line);
		size_t blanks = 0;

		while (blanks < line.size && line.data[blanks] == ' ')
			blanks++;
		line = BYTES(line.data + blanks, line.size - blanks);
		if (line.size == 0 || line.size > sizeof(path) - 1)
			continue;
		path[0] = '/';
		memcpy(path + 1, line.data, line.size);
		take_md5(owners, BYTES(path, line.size + 1), hex, package);
	}
}

/* " /etc/name d41d8cd98f00b204e9800998ecf8427e", perhaps with "obsolete" after it. */
static void take_conffile(struct owners *owners, struct bytes line, const char *package)
{
	struct bytes path = small_file_word(&line), hex = small_file_word(&line);

	if (path.size > 0 && path.data[0] == '/')
		take_md5(owners, path, hex, package);
}

static void take_conffiles(struct owners *owners, struct bytes status)
{
	char package[NAME_MAX_SIZE + 1] = "";
	bool is_within = false;
	struct bytes line, start = bytes_of_text("Package: ");

	while (small_file_line(&status, &line)) {
		if (is_within && line.size > 0 && line.data[0] == ' ') {
			take_conffile(owners, line, package);
			continue;
		}
		is_within = bytes_start_with(line, bytes_of_text("Conffiles:"));
		if (bytes_start_with(line, start) && line.size - start.size <= NAME_MAX_SIZE) {
			memcpy(package, line.data + start.size, line.size - start.size);
			package[line.size - start.size] = '\0';
		}
	}
}

/* "libc6:amd64.list" is of libc6. */
static void take_package(struct owners *owners, const char *file)
{
	size_t stem = strlen(file) - strlen(".list");
	char *list = text_format("info/%s", file);
	char *sums = text_format("info/%.*s.md5sums", (int)stem, file);
	char *package = text_copy_bytes(
	    BYTES(file, strcspn(file, ":") < stem ? strcspn(file, ":") : stem));

	if (take_list(owners, read_file(owners, list), package))
		take_sums(owners, read_file(owners, sums), package);
	free(list);
	free(sums);
	free(package);
}

static int is_list(const struct dirent *entry)
{
	size_t size = strlen(entry->d_name), ending = strlen(".list");

	return size > ending && strcmp(entry->d_name + size - ending, ".list") == 0;
}

/* In order of name, so that of two packages with one file it is always the same. */
static int compare_names(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

void owners_read(struct owners *owners)
{
	struct dirent **lists = NULL;
	int count;

	owners->has_status = stat(full_path(owners, DATABASE "/status"), &owners->status) == 0;
	if (owners->count == 0 || !owners->has_status)
		return;
	qsort(owners->files, owners->count, sizeof(*owners->files), compare);
	count = scandir(full_path(owners, DATABASE "/info"), &lists, is_list, compare_names);
	for (int i = 0; i < count; i++) {
		take_package(owners, lists[i]->d_name);
		free(lists[i]);
	}
	free(lists);
	take_conffiles(owners, read_file(owners, "status"));
	buffer_fini(&owners->text);
}

const struct owners_file *owners_find(const struct owners *owners, const char *path)
{
	const struct owned *owned = owners == NULL || path[0] != '/'
	                              ? NULL
	                              : find(owners, bytes_of_text(path));

	return owned == NULL || owned->file.package == NULL ? NULL : &owned->file;
}

bool owners_agree(const struct owners_file *a, const struct owners_file *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return strcmp(a->package, b->package) == 0 && a->has_md5 == b->has_md5
	    && memcmp(a->md5, b->md5, sizeof(a->md5)) == 0;
}

bool owners_are_current(const struct owners *owners)
{
	char *path = text_format("%s" DATABASE "/status", owners->root);
	struct stat now;
	bool has_status = stat(path, &now) == 0;

	free(path);
	if (!has_status || !owners->has_status)
		return has_status == owners->has_status;
	return now.st_ino == owners->status.st_ino && now.st_size == owners->status.st_size
	    && now.st_mtim.tv_sec == owners->status.st_mtim.tv_sec
	    && now.st_mtim.tv_nsec == owners->status.st_mtim.tv_nsec;
}
