/* SPDX-License-Identifier: Apache-2.0 */
#include "core/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/log.h"

static enum status report(const char *path, enum status status, const char *what)
{
	const char *hint = "";

	if (status == STATUS_DENIED)
		hint = "; run as its owner, or choose another data directory with --data";
	else if (status == STATUS_NO_SPACE)
		hint = "; free some space on its file system";
	log_write(LOG_ERROR, "key-file", LOG_FIELDS(LOG_TEXT("file", path)), "%s%s", what, hint);
	return status;
}

/*
 * One line of text; what has no room in OUT is not cut short but reads as nothing, which is no key.
 * NOT_FOUND is not logged: the caller may want to make the file.
 */
enum status keys_read_line(const char *path, char *out, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char line[256];
	ssize_t got;

	if (fd < 0 && errno == ENOENT)
		return STATUS_NOT_FOUND;
	if (fd < 0)
		return report(path, status_of_errno(errno), strerror(errno));
	got = read(fd, line, sizeof(line) - 1);
	close(fd);
	if (got < 0)
		return report(path, STATUS_IO, strerror(errno));
	line[got] = '\0';
	line[strcspn(line, "\r\n")] = '\0';
	if (strlen(line) < size)
		strcpy(out, line);
	else
		out[0] = '\0';
	explicit_bzero(line, sizeof(line));
	return STATUS_OK;
}

/* A name is on the disk once its directory is. */
enum status keys_sync_directory(const char *path)
{
	char *copy = text_copy(path);
	int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum status status = STATUS_OK;

	if (fd < 0 || fsync(fd) != 0)
		status = report(path, status_of_errno(errno), strerror(errno));
	if (fd >= 0)
		close(fd);
	free(copy);
	return status;
}

/* Whole and synced under its name, or not there at all. */
static enum status write_line(const char *path, mode_t mode, const char *line)
{
	char *fresh = text_format("%s.new", path);
	int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	enum status status = STATUS_OK;
	size_t size = strlen(line);

	if (fd < 0 || write(fd, line, size) != (ssize_t)size || write(fd, "\n", 1) != 1
	    || fsync(fd) != 0 || rename(fresh, path) != 0)
		status = report(path, status_of_errno(errno), strerror(errno));
	if (fd >= 0)
		close(fd);
	free(fresh);
	return status == STATUS_OK ? keys_sync_directory(path) : status;
}

static enum status make_directory(const char *directory)
{
	char *path = text_copy(directory);
	enum status status = STATUS_OK;

	for (char *slash = path + 1; status == STATUS_OK && slash != NULL;) {
		slash = strchr(slash, '/');
		if (slash != NULL)
			*slash = '\0';
		if (mkdir(path, 0750) != 0 && errno != EEXIST)
			status = report(path, status_of_errno(errno), strerror(errno));
		if (slash != NULL)
			*slash++ = '/';
	}
	free(path);
	return status;
}

static enum status make_pair(const char *directory, const char *secret_path,
    const char *public_path, struct key_pair *out)
{
	enum status status = make_directory(directory);

	socket_key_pair(out->public_key, out->secret_key);
	/* The secret first: a public key without its secret would be served and useless. */
	if (status == STATUS_OK)
		status = write_line(secret_path, 0600, out->secret_key);
	return status == STATUS_OK ? write_line(public_path, 0644, out->public_key) : status;
}

static enum status check_key(const char *path, const char *text)
{
	uint8_t key[SOCKET_KEY_SIZE];

	return socket_key_decode(text, key) ? STATUS_OK
	                                    : report(path, STATUS_CORRUPT,
						"this is not a key (40 characters of Z85); put it "
						"back from a copy, or move it away to have a new "
						"one made, which is a new identity");
}

/* The public key of a pair; it follows from the secret one, so a lost one is written again. */
static enum status load_public_beside(const char *path, struct key_pair *pair)
{
	char kept[SOCKET_KEY_TEXT];
	enum status status = keys_read_line(path, kept, sizeof(kept));

	if (!socket_key_public(pair->secret_key, pair->public_key))
		return report(path, STATUS_CORRUPT, "no public key follows from the secret one");
	if (status == STATUS_NOT_FOUND)
		return write_line(path, 0644, pair->public_key);
	if (status == STATUS_OK && strcmp(kept, pair->public_key) != 0)
		return report(path, STATUS_CORRUPT,
		    "this is not the public key of the secret one "
		    "beside it; move it away to have it written anew");
	return status;
}

enum status keys_load(const char *directory, const char *name, struct key_pair *out)
{
	char *secret_path = text_format("%s/%s.key", directory, name);
	char *public_path = text_format("%s/%s.pub", directory, name);
	enum status status = keys_read_line(secret_path, out->secret_key, SOCKET_KEY_TEXT);

	if (status == STATUS_NOT_FOUND)
		status = make_pair(directory, secret_path, public_path, out);
	else if (status == STATUS_OK)
		status = check_key(secret_path, out->secret_key);
	if (status == STATUS_OK)
		status = load_public_beside(public_path, out);
	free(secret_path);
	free(public_path);
	return status;
}

enum status keys_load_public(const char *path, char out[SOCKET_KEY_TEXT])
{
	enum status status = keys_read_line(path, out, SOCKET_KEY_TEXT);

	if (status == STATUS_NOT_FOUND)
		return report(path, status,
		    "the server's public key is not here: this machine has not been enrolled; "
		    "`fettle-agent --enrol FILE` does that, by a file that `fettle "
		    "enrolment create` makes on the server");
	return status == STATUS_OK ? check_key(path, out) : status;
}

void keys_agent_id(const uint8_t public_key[SOCKET_KEY_SIZE], uint8_t out[HASH_SIZE])
{
	hash_bytes(BYTES(public_key, SOCKET_KEY_SIZE), out);
}

enum status keys_secret(const char *directory, const char *name, uint8_t out[32])
{
	char *path = text_format("%s/%s.secret", directory, name);
	char text[65];
	enum status status = keys_read_line(path, text, sizeof(text));

	if (status == STATUS_NOT_FOUND) {
		hash_random(out, 32);
		bytes_to_hex(BYTES(out, 32), text);
		status = make_directory(directory);
		if (status == STATUS_OK)
			status = write_line(path, 0600, text);
	} else if (status == STATUS_OK && !bytes_from_hex(text, out, 32)) {
		status = report(path, STATUS_CORRUPT,
		    "this is not a secret of 64 hexadecimal "
		    "digits; move it away to have a new one made");
	}
	free(path);
	return status;
}

enum status keys_write_line(const char *path, unsigned mode, const char *line)
{
	char *copy = text_copy(path);
	enum status status = make_directory(dirname(copy));

	free(copy);
	return status == STATUS_OK ? write_line(path, (mode_t)mode, line) : status;
}
