/* SPDX-License-Identifier: Apache-2.0 */
#include "collectors/packages/lock.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "collectors/small_file.h"

#define LOCKS_MAX ((size_t)4 * 1024 * 1024)

/* The front end's first: it is who somebody has called. */
static const char *const files[] = { "/var/lib/dpkg/lock-frontend", "/var/lib/dpkg/lock" };

/*
 * btrfs and overlays have one device for stat and another one here.  Both are then without a
 * disk's major number, and the inode decides.
 */
static bool is_device(dev_t device, unsigned major_, unsigned minor_)
{
	return (major(device) == major_ && minor(device) == minor_)
	    || (major(device) == 0 && major_ == 0);
}

/* "1: POSIX  ADVISORY  WRITE 708 fe:00:1174 0 EOF"; who waits for one has a "->" in front. */
static bool is_lock_on(struct bytes line, dev_t device, ino_t inode, pid_t *pid)
{
	struct bytes words[6];
	char place[64], number[24];
	unsigned major_, minor_;
	unsigned long long inode_;

	for (size_t i = 0; i < 6; i++)
		words[i] = small_file_word(&line);
	if ((!bytes_equal(words[1], bytes_of_text("POSIX"))
		&& !bytes_equal(words[1], bytes_of_text("OFDLCK")))
	    || !bytes_equal(words[3], bytes_of_text("WRITE")) || words[5].size >= sizeof(place)
	    || words[4].size >= sizeof(number))
		return false;
	snprintf(place, sizeof(place), "%.*s", (int)words[5].size, (const char *)words[5].data);
	snprintf(number, sizeof(number), "%.*s", (int)words[4].size, (const char *)words[4].data);
	if (sscanf(place, "%x:%x:%llu", &major_, &minor_, &inode_) != 3 || inode_ != inode
	    || !is_device(device, major_, minor_))
		return false;
	*pid = (pid_t)strtol(number, NULL, 10);
	return true;
}

bool lock_find(struct bytes locks, dev_t device, ino_t inode, pid_t *pid)
{
	struct bytes line;

	while (small_file_line(&locks, &line))
		if (is_lock_on(line, device, inode, pid))
			return true;
	return false;
}

static void take_name(const char *root, pid_t pid, struct lock_holder *out)
{
	char *path = text_format("%s/proc/%ld/comm", root, (long)pid);
	struct buffer text = { 0 };
	struct bytes name;

	if (pid > 0 && small_file_read(path, 256, &text) == 0) {
		name = small_file_trim(buffer_bytes(&text));
		snprintf(out->program, sizeof(out->program), "%.*s", (int)name.size,
		    (const char *)name.data);
	}
	buffer_fini(&text);
	free(path);
}

static bool is_held(const char *root, const char *file, struct bytes locks, struct lock_holder *out)
{
	char *path = text_format("%s%s", root, file);
	struct stat info;
	pid_t pid = 0;

	out->is_held = stat(path, &info) == 0 && lock_find(locks, info.st_dev, info.st_ino, &pid);
	free(path);
	if (out->is_held)
		take_name(root, pid, out);
	return out->is_held;
}

enum status lock_look(const char *root, struct lock_holder *out)
{
	char *path = text_format("%s/proc/locks", root);
	struct buffer locks = { 0 };
	int error = small_file_read(path, LOCKS_MAX, &locks);

	free(path);
	*out = (struct lock_holder){ 0 };
	for (size_t i = 0; error == 0 && i < sizeof(files) / sizeof(files[0]); i++)
		if (is_held(root, files[i], buffer_bytes(&locks), out))
			break;
	buffer_fini(&locks);
	return error == 0 ? STATUS_OK : status_of_errno(error);
}
