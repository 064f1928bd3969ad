/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is opened is compared with what was found before, so that a FIFO or device put into its
 * place meanwhile is let go unread; what changed while it was read is read again.
 */
#include "collectors/files/look.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collectors/redact/redact.h"
#include "core/collector.h"

enum { ATTEMPTS = 4, READ_SIZE = 64 * 1024, BINARY_PROBE = 8 * 1024 };

/* One attempt. */
struct reading {
	const struct look_request *request;
	struct look *look;
	const char *full_path;
	struct stat info;   /* of what the path leads to */
	struct buffer head; /* the first bytes, up to LOOK_SCAN_MAX */
	uint64_t size;      /* as read, or as told where it was not read to its end */
	bool is_hashed;
	bool is_redacted, is_compared;
	uint8_t sum[DIGEST_SIZE], md5[DIGEST_SIZE];
};

static void add(struct look *look, struct fact_field field)
{
	look->fields[look->fields_count++] = field;
}

static void conclude(struct look *look, enum fact_status status, char *reason)
{
	look->status = status;
	free(look->reason);
	look->reason = reason;
}

static void fail(struct look *look, const char *what, int error)
{
	bool is_denied = error == EACCES || error == EPERM;

	conclude(look, is_denied ? FACT_UNREADABLE : FACT_FAILED,
	    text_format("%s: %s", what, strerror(error)));
}

static const char *type_text(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return "file";
	case S_IFDIR:
		return "directory";
	case S_IFIFO:
		return "fifo";
	case S_IFSOCK:
		return "socket";
	case S_IFCHR:
		return "character";
	case S_IFBLK:
		return "block";
	default:
		return "unknown";
	}
}

static void add_owner(struct look *look, uid_t uid)
{
	struct passwd entry, *found = NULL;
	char room[4096];

	if (getpwuid_r(uid, &entry, room, sizeof(room), &found) != 0 || found == NULL)
		return;
	snprintf(look->owner, sizeof(look->owner), "%s", entry.pw_name);
	add(look, FACT_FIELD_TEXT("owner", look->owner));
}

static void add_group(struct look *look, gid_t gid)
{
	struct group entry, *found = NULL;
	char room[16 * 1024];

	if (getgrgid_r(gid, &entry, room, sizeof(room), &found) != 0 || found == NULL)
		return;
	snprintf(look->group, sizeof(look->group), "%s", entry.gr_name);
	add(look, FACT_FIELD_TEXT("group", look->group));
}

static void add_metadata(struct look *look, const struct stat *info)
{
	snprintf(look->mode, sizeof(look->mode), "%04o", (unsigned)info->st_mode & 07777U);
	add(look, FACT_FIELD_TEXT("type", type_text(info->st_mode)));
	add(look, FACT_FIELD_TEXT("mode", look->mode));
	add(look, FACT_FIELD_NUMBER("uid", (int64_t)info->st_uid));
	add(look, FACT_FIELD_NUMBER("gid", (int64_t)info->st_gid));
	add_owner(look, info->st_uid);
	add_group(look, info->st_gid);
}

static bool is_same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino
	    && (a->st_mode & S_IFMT) == (b->st_mode & S_IFMT);
}

static bool is_same_time(struct timespec a, struct timespec b)
{
	return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static bool is_unchanged(const struct stat *a, const struct stat *b)
{
	return a->st_size == b->st_size && is_same_time(a->st_mtim, b->st_mtim)
	    && is_same_time(a->st_ctim, b->st_ctim);
}

/* How much of the content is kept in memory, for the fact or to find secrets. */
static size_t head_limit(const struct reading *reading)
{
	return reading->info.st_size > (off_t)LOOK_SCAN_MAX ? FACT_CONTENT_MAX + 1 : LOOK_SCAN_MAX;
}

static bool is_comparable(const struct look_request *request)
{
	return request->owner != NULL && request->owner->has_md5 && request->md5 != NULL;
}

static void hash_piece(struct reading *reading, struct bytes piece)
{
	digest_add(reading->request->digest, piece);
	if (reading->is_compared)
		digest_add(reading->request->md5, piece);
}

/* 0, or an errno.  Reads to the end, but of what has no digest only the head. */
static int read_all(struct reading *reading, int fd)
{
	static _Thread_local uint8_t piece[READ_SIZE];
	size_t limit = head_limit(reading);
	ssize_t got;

	buffer_clear(&reading->head);
	reading->size = 0;
	digest_start(reading->request->digest);
	reading->is_compared = is_comparable(reading->request);
	if (reading->is_compared)
		digest_start(reading->request->md5);
	reading->is_hashed = reading->info.st_size <= (off_t)LOOK_DIGEST_MAX;
	while ((got = read(fd, piece, sizeof(piece))) != 0) {
		size_t room = limit - reading->head.size;

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return errno;
		buffer_append(&reading->head,
		    BYTES(piece, (size_t)got < room ? (size_t)got : room));
		reading->size += (uint64_t)got;
		reading->is_hashed = reading->is_hashed && reading->size <= LOOK_DIGEST_MAX;
		if (reading->is_hashed)
			hash_piece(reading, BYTES(piece, (size_t)got));
		else if (reading->head.size == limit)
			break;
	}
	if (!reading->is_hashed)
		reading->size = (uint64_t)reading->info.st_size > reading->size
		                  ? (uint64_t)reading->info.st_size
		                  : reading->size;
	digest_end(reading->request->digest, reading->sum);
	if (reading->is_compared)
		digest_end(reading->request->md5, reading->md5);
	return 0;
}

/* Where links led to, NULL where /proc does not tell. */
static char *real_path_of(int fd, const char *root)
{
	char link[64], target[PATH_MAX];
	size_t root_size = strlen(root);
	ssize_t size;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	size = readlink(link, target, sizeof(target) - 1);
	if (size <= 0)
		return NULL;
	target[size] = '\0';
	return text_copy(strncmp(target, root, root_size) == 0 ? target + root_size : target);
}

static size_t whole_lines(struct bytes content, size_t limit)
{
	const uint8_t *end;

	if (content.size <= limit)
		return content.size;
	end = limit == 0 ? NULL : memrchr(content.data, '\n', limit);
	return end == NULL ? 0 : (size_t)(end - content.data) + 1;
}

static void truncate_content(struct reading *reading, size_t limit)
{
	struct look *look = reading->look;

	look->content.size = whole_lines(buffer_bytes(&look->content), limit);
	conclude(look, FACT_TRUNCATED,
	    text_format("it has %llu bytes, of which the first %zu are "
			"here",
		(unsigned long long)reading->size, look->content.size));
}

/*
 * Cut to whole lines before it is redacted, so that no half of a secret escapes; and once more
 * after, as it may have grown.
 */
static void take_content(struct reading *reading, const char *real_path)
{
	const struct look_request *request = reading->request;
	size_t limit = request->content_limit < FACT_CONTENT_MAX ? (size_t)request->content_limit
	                                                         : FACT_CONTENT_MAX;
	struct bytes head = buffer_bytes(&reading->head);
	size_t size = reading->size > limit ? whole_lines(BYTES(head.data, head.size),
			  limit < head.size ? limit : head.size)
	                                    : head.size;
	struct buffer *content = &reading->look->content;

	reading->is_redacted |= redact_content(request->path, real_path, BYTES(head.data, size),
	    content);
	if (reading->size > limit || content->size > limit)
		truncate_content(reading, limit);
}

/*
 * A digest must not let anybody try out what was redacted: so a file that is not sent is looked
 * through as well, programs excepted.
 */
static void find_secrets(struct reading *reading, const char *real_path)
{
	struct bytes head = buffer_bytes(&reading->head);
	size_t probe = head.size < BINARY_PROBE ? head.size : BINARY_PROBE;
	struct buffer unused = { 0 };

	if (reading->request->content_limit == 0 && probe > 0
	    && memchr(head.data, 0, probe) != NULL)
		return;
	reading->is_redacted = redact_content(reading->request->path, real_path, head, &unused);
	buffer_fini(&unused);
}

static void add_digest(struct reading *reading)
{
	struct look *look = reading->look;
	uint8_t keyed[DIGEST_SIZE];

	if (!reading->is_hashed) {
		if (look->reason == NULL)
			look->reason = text_copy("it is too large for a digest");
		return;
	}
	if (reading->is_redacted)
		digest_keyed(BYTES(reading->request->secret, COLLECTOR_SECRET_SIZE),
		    BYTES_OF(reading->sum), keyed);
	bytes_to_hex(reading->is_redacted ? BYTES_OF(keyed) : BYTES_OF(reading->sum), look->hex);
	add(look, FACT_FIELD_TEXT(reading->is_redacted ? "sha256_keyed" : "sha256", look->hex));
}

static void add_content(struct reading *reading, int fd)
{
	struct look *look = reading->look;
	char *real_path = real_path_of(fd, reading->request->root);

	conclude(look, FACT_PRESENT, NULL);
	if (reading->request->content_limit < reading->size)
		find_secrets(reading, real_path);
	if (reading->request->content_limit > 0)
		take_content(reading, real_path);
	add(look, FACT_FIELD_NUMBER("size", (int64_t)reading->size));
	add_digest(reading);
	if (reading->request->content_limit > 0)
		add(look, ((struct fact_field){ .name = "content",
			      .type = FACT_TEXT,
			      .bytes = buffer_bytes(&look->content) }));
	if (reading->is_redacted)
		add(look, FACT_FIELD_NUMBER("redactor", REDACTOR_VERSION));
	free(real_path);
}

/* What dpkg knows of it.  A package's own link has no digest to be compared by. */
static void add_owner_package(struct reading *reading)
{
	const struct owners_file *owner = reading->request->owner;
	struct look *look = reading->look;
	bool is_as_shipped;

	if (owner == NULL || look->status == FACT_ABSENT)
		return;
	add(look, FACT_FIELD_TEXT("package", owner->package));
	if (!reading->is_compared || !reading->is_hashed)
		return;
	is_as_shipped = memcmp(reading->md5, owner->md5, DIGEST_MD5_SIZE) == 0;
	add(look, FACT_FIELD_TEXT("origin", is_as_shipped ? "package" : "changed"));
}

enum outcome { SETTLED, CHANGED };

/* Its content is out of reach, what stat says of it is not. */
static void refuse(struct reading *reading, const char *what, int error)
{
	fail(reading->look, what, error);
	add_metadata(reading->look, &reading->info);
	add(reading->look, FACT_FIELD_NUMBER("size", (int64_t)reading->info.st_size));
}

static bool is_at_or_below(const char *path, const char *directory)
{
	size_t size = strlen(directory);

	while (size > 0 && directory[size - 1] == '/')
		size--;
	return strncmp(path, directory, size) == 0 && (path[size] == '/' || path[size] == '\0');
}

bool look_is_within(const struct setting_list *roots, const char *path)
{
	for (size_t i = 0; i < roots->count; i++)
		if (is_at_or_below(path, roots->items[i]))
			return true;
	return false;
}

/* A plan is the server's word: it does not reach further than this agent's own settings. */
static bool is_permitted(const struct reading *reading, int fd)
{
	const struct setting_list *roots = reading->request->roots;
	char *real_path;
	bool is_permitted;

	if (roots == NULL)
		return true;
	real_path = real_path_of(fd, reading->request->root);
	is_permitted = real_path != NULL && look_is_within(roots, real_path);
	free(real_path);
	return is_permitted;
}

static enum outcome read_open_file(struct reading *reading, int fd)
{
	struct stat before, after;
	int error;

	if (fstat(fd, &before) != 0 || !is_same_file(&reading->info, &before))
		return CHANGED;
	reading->info = before;
	error = read_all(reading, fd);
	if (error == 0 && fstat(fd, &after) != 0)
		error = errno;
	if (error == 0 && !is_unchanged(&before, &after))
		return CHANGED;
	if (error != 0) {
		refuse(reading, "cannot read it", error);
	} else {
		add_metadata(reading->look, &reading->info);
		add_content(reading, fd);
	}
	return SETTLED;
}

static enum outcome read_file(struct reading *reading)
{
	enum outcome outcome;
	int fd = open(reading->full_path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return CHANGED;
	if (fd < 0) {
		refuse(reading, "cannot open it", errno);
		return SETTLED;
	}
	if (is_permitted(reading, fd)) {
		outcome = read_open_file(reading, fd);
	} else {
		conclude(reading->look, FACT_UNREADABLE,
		    text_copy("outside of what this agent may read (setting files.roots)"));
		outcome = SETTLED;
	}
	close(fd);
	return outcome;
}

static enum outcome be_absent(struct look *look, const char *reason)
{
	conclude(look, FACT_ABSENT, text_copy(reason));
	return SETTLED;
}

static bool is_absence(int error)
{
	return error == ENOENT || error == ENOTDIR;
}

static void take_link(struct reading *reading)
{
	char target[PATH_MAX];
	ssize_t size = readlink(reading->full_path, target, sizeof(target) - 1);

	reading->look->link = size < 0 ? NULL : text_copy_bytes(BYTES(target, (size_t)size));
}

/* Whether what the link leads to is observed under its own name, by the same globs. */
static bool is_seen_elsewhere(const struct reading *reading)
{
	const struct look_request *request = reading->request;
	size_t root_size = strlen(request->root);
	struct globs_meaning meaning;
	char *target;
	bool is_meant;

	if (request->globs == NULL)
		return false;
	target = realpath(reading->full_path, NULL);
	is_meant = target != NULL && strncmp(target, request->root, root_size) == 0
	        && globs_mean_path(request->globs, bytes_of_text(target + root_size), &meaning);
	free(target);
	return is_meant;
}

/* The link itself, and nothing of what it leads to. */
static enum outcome be_link(struct reading *reading)
{
	conclude(reading->look, FACT_PRESENT, NULL);
	add(reading->look, FACT_FIELD_TEXT("type", "link"));
	return SETTLED;
}

static enum outcome attempt(struct reading *reading)
{
	struct look *look = reading->look;
	const char *path = reading->full_path;
	bool is_link;

	look->fields_count = 0;
	free(look->link);
	look->link = NULL;
	buffer_clear(&look->content);
	reading->is_redacted = reading->is_compared = false;
	look->is_link = look->is_directory = look->is_gone = false;
	if (lstat(path, &reading->info) != 0) {
		look->is_gone = is_absence(errno);
		if (look->is_gone)
			return be_absent(look, NULL);
		fail(look, "cannot look at it", errno);
		return SETTLED;
	}
	is_link = S_ISLNK(reading->info.st_mode);
	look->is_directory = S_ISDIR(reading->info.st_mode);
	if (is_link)
		take_link(reading);
	if (is_link && is_seen_elsewhere(reading))
		return be_link(reading);
	if (is_link && stat(path, &reading->info) != 0) {
		if (is_absence(errno))
			return be_absent(look, "the link leads to nothing");
		fail(look, "cannot follow the link", errno);
		return SETTLED;
	}
	if (S_ISREG(reading->info.st_mode)) {
		look->is_link = is_link;
		return read_file(reading);
	}
	add_metadata(look, &reading->info);
	conclude(look, FACT_PRESENT, NULL);
	return SETTLED;
}

void look_at(const struct look_request *request, struct look *look)
{
	char *full_path = text_format("%s%s", request->root, request->path);
	struct reading reading = { .request = request, .look = look, .full_path = full_path };
	enum outcome outcome = CHANGED;

	for (int i = 0; i < ATTEMPTS && outcome == CHANGED; i++)
		outcome = attempt(&reading);
	if (outcome == CHANGED)
		conclude(look, FACT_FAILED, text_copy("changed while it was read"));
	if (look->link != NULL)
		add(look, FACT_FIELD_TEXT("link", look->link));
	add_owner_package(&reading);
	buffer_fini(&reading.head);
	free(full_path);
}

void look_fini(struct look *look)
{
	free(look->reason);
	free(look->link);
	buffer_fini(&look->content);
	*look = (struct look){ 0 };
}
