/* SPDX-License-Identifier: Apache-2.0 */
#include "console/file_text.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

enum { SIZE_LARGEST = 16 << 20 };

/* NULL, or why the file is none. */
static const char *read_all(FILE *file, struct buffer *text)
{
	char chunk[4096];
	struct stat info;
	size_t got;

	if (file == NULL || fstat(fileno(file), &info) != 0)
		return strerror(errno);
	if (!S_ISREG(info.st_mode))
		return "it is not a regular file";
	while ((got = fread(chunk, 1, sizeof(chunk), file)) > 0 && text->size <= SIZE_LARGEST)
		buffer_append(text, BYTES(chunk, got));
	if (ferror(file))
		return strerror(errno);
	if (text->size > SIZE_LARGEST)
		return "it is larger than 16 MiB";
	return text->size > 0 && memchr(text->data, 0, text->size) != NULL
	         ? "it is not text: it holds a NUL"
	         : NULL;
}

char *file_text_read(const char *path, struct yaml_errors *errors)
{
	FILE *file = fopen(path, "re");
	struct buffer text = { 0 };
	const char *why = read_all(file, &text);

	if (file != NULL)
		fclose(file);
	if (why != NULL) {
		yaml_error(errors, NULL, (struct yaml_mark){ 0 }, "%s: cannot be read: %s", path,
		    why);
		buffer_fini(&text);
		return NULL;
	}
	buffer_append_u8(&text, 0);
	return (char *)text.data;
}
