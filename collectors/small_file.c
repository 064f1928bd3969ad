/* SPDX-License-Identifier: Apache-2.0 */
#include "collectors/small_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_SIZE = 8 * 1024 };

static int read_all(int fd, size_t limit, struct buffer *out)
{
	size_t start = out->size;
	ssize_t got;

	do {
		uint8_t *at = buffer_extend(out, READ_SIZE);

		got = read(fd, at, READ_SIZE);
		out->size -= READ_SIZE - (size_t)(got > 0 ? got : 0);
		if (out->size - start > limit)
			return EFBIG;
	} while (got > 0 || (got < 0 && errno == EINTR));
	return got < 0 ? errno : 0;
}

int small_file_read(const char *path, size_t limit, struct buffer *out)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC), error = 0;
	struct stat info;

	if (fd < 0)
		return errno;
	if (fstat(fd, &info) != 0)
		error = errno;
	else if (!S_ISREG(info.st_mode))
		error = ENOTSUP;
	else
		error = read_all(fd, limit, out);
	close(fd);
	return error;
}

bool small_file_line(struct bytes *rest, struct bytes *line)
{
	const uint8_t *end = rest->size == 0 ? NULL : memchr(rest->data, '\n', rest->size);
	size_t size = end == NULL ? rest->size : (size_t)(end - rest->data);

	if (rest->size == 0)
		return false;
	*line = BYTES(rest->data, size);
	size += end != NULL;
	*rest = BYTES(rest->data + size, rest->size - size);
	return true;
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct bytes small_file_word(struct bytes *line)
{
	size_t start = 0, end;
	struct bytes word;

	while (start < line->size && is_blank(line->data[start]))
		start++;
	for (end = start; end < line->size && !is_blank(line->data[end]);)
		end++;
	word = end == start ? BYTES_NONE : BYTES(line->data + start, end - start);
	if (end > 0)
		*line = BYTES(line->data + end, line->size - end);
	return word;
}

struct bytes small_file_trim(struct bytes text)
{
	while (text.size > 0 && is_blank(text.data[text.size - 1]))
		text.size--;
	while (text.size > 0 && is_blank(text.data[0]))
		text = BYTES(text.data + 1, text.size - 1);
	return text;
}
