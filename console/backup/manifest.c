/* SPDX-License-Identifier: Apache-2.0 */
#include "console/backup/manifest.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "console/backup/files.h"

static const char magic[] = "fettle-backup 1\n";

enum { HEX_SIZE = 2 * HASH_SIZE + 1, TEXT_MAX = 64 * 1024 };

/* Of names that a backup has: nothing that leads out of it. */
static bool is_path(const char *path)
{
	return path[0] != '\0' && path[0] != '/' && strstr(path, "..") == NULL
	    && strpbrk(path, " \n") == NULL;
}

enum status manifest_add(struct manifest *manifest, const char *path, uint64_t size,
    const uint8_t hash[HASH_SIZE])
{
	struct manifest_file *file = &manifest->files[manifest->count];

	if (manifest->count == MANIFEST_FILES_MAX || strlen(path) > MANIFEST_PATH_MAX
	    || !is_path(path))
		return STATUS_FULL;
	strcpy(file->path, path);
	file->size = size;
	memcpy(file->hash, hash, HASH_SIZE);
	manifest->count++;
	return STATUS_OK;
}

static void append_end(struct buffer *text)
{
	uint8_t hash[HASH_SIZE];
	char hex[HEX_SIZE];

	hash_bytes(buffer_bytes(text), hash);
	bytes_to_hex(BYTES_OF(hash), hex);
	buffer_append_format(text, "end %s\n", hex);
}

static void encode(struct buffer *text, const struct manifest *manifest)
{
	buffer_append_text(text, magic);
	buffer_append_format(text, "version %s\ntime %" PRIu64 "\ngeneration %" PRIu64 "\n",
	    manifest->version, manifest->at_ms, manifest->generation);
	for (size_t i = 0; i < manifest->count; i++) {
		const struct manifest_file *file = &manifest->files[i];
		char hex[HEX_SIZE];

		bytes_to_hex(BYTES_OF(file->hash), hex);
		buffer_append_format(text, "file %s %" PRIu64 " %s\n", file->path, file->size, hex);
	}
	append_end(text);
}

static enum status write_text(const char *path, struct bytes text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	int error = fd < 0 ? errno : 0;

	if (error == 0 && write(fd, text.data, text.size) != (ssize_t)text.size)
		error = errno != 0 ? errno : ENOSPC;
	if (error == 0 && fsync(fd) != 0)
		error = errno;
	if (fd >= 0 && close(fd) != 0 && error == 0)
		error = errno;
	return error == 0 ? STATUS_OK : status_of_errno(error);
}

enum status manifest_write(const struct manifest *manifest, const char *directory)
{
	char *path = text_format("%s/MANIFEST", directory);
	char *begun = text_format("%s/MANIFEST.begun", directory);
	struct buffer text = { 0 };
	enum status status;

	encode(&text, manifest);
	status = write_text(begun, buffer_bytes(&text));
	if (status == STATUS_OK)
		status = files_move(begun, path);
	buffer_fini(&text);
	free(path);
	free(begun);
	return status;
}

/* ---- reading ---- */

static bool parse_number(const char *text, uint64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoull(text, &end, 10);
	return text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0;
}

static bool parse_file(struct manifest *manifest, char *rest)
{
	char *path = strtok_r(NULL, " ", &rest), *size = strtok_r(NULL, " ", &rest);
	char *hex = strtok_r(NULL, " ", &rest);
	uint8_t hash[HASH_SIZE];
	uint64_t bytes;

	return hex != NULL && strlen(hex) == HEX_SIZE - 1 && parse_number(size, &bytes)
	    && bytes_from_hex(hex, hash, sizeof(hash))
	    && manifest_add(manifest, path, bytes, hash) == STATUS_OK;
}

static bool parse_line(struct manifest *manifest, char *line)
{
	char *rest = NULL, *word = strtok_r(line, " ", &rest);

	if (word == NULL)
		return false;
	if (strcmp(word, "file") == 0)
		return parse_file(manifest, rest);
	if (strcmp(word, "version") == 0) {
		snprintf(manifest->version, sizeof(manifest->version), "%s", rest);
		return true;
	}
	if (strcmp(word, "time") == 0)
		return parse_number(rest, &manifest->at_ms);
	if (strcmp(word, "generation") == 0)
		return parse_number(rest, &manifest->generation);
	return true; /* of a later version */
}

/* The last line is the hash of those before, to the letter. */
static bool is_whole(const char *text)
{
	const char *end = strstr(text, "\nend ");
	struct buffer before = { 0 };
	bool is_same;

	if (strncmp(text, magic, strlen(magic)) != 0 || end == NULL)
		return false;
	buffer_append(&before, BYTES(text, (size_t)(end + 1 - text)));
	append_end(&before);
	is_same = strcmp(buffer_text(&before), text) == 0;
	buffer_fini(&before);
	return is_same;
}

/* TEXT is cut up. */
static bool parse(struct manifest *manifest, char *text)
{
	bool is_good = is_whole(text);
	char *rest = NULL;

	for (char *line = is_good ? strtok_r(text + strlen(magic), "\n", &rest) : NULL;
	     is_good && line != NULL; line = strtok_r(NULL, "\n", &rest))
		is_good = parse_line(manifest, line);
	return is_good;
}

enum status manifest_read(struct manifest *manifest, const char *directory)
{
	char *path = text_format("%s/MANIFEST", directory), *text = memory_new(TEXT_MAX + 1);
	FILE *file = fopen(path, "re");
	enum status status = file == NULL ? status_of_errno(errno) : STATUS_OK;

	*manifest = (struct manifest){ .count = 0 };
	if (file != NULL) {
		size_t size = fread(text, 1, TEXT_MAX, file);

		text[size] = '\0';
		if (ferror(file) != 0)
			status = STATUS_IO;
		else if (!parse(manifest, text))
			status = STATUS_CORRUPT;
		fclose(file);
	}
	free(path);
	free(text);
	return status;
}
