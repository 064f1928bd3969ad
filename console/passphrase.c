/* SPDX-License-Identifier: Apache-2.0 */
#include "console/passphrase.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

enum { LINE_MAX_SIZE = 1024 };

static enum status complain(enum status status, const char *what, const char *why)
{
	fprintf(stderr, "fettle: %s%s%s\n", what, why[0] == '\0' ? "" : ": ", why);
	return status;
}

/* One line of FD; what is longer is cut, and nothing is kept elsewhere. */
static bool read_line(int fd, struct buffer *out)
{
	char line[LINE_MAX_SIZE];
	size_t size = 0;

	while (size < sizeof(line)) {
		ssize_t got = read(fd, line + size, 1);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0 || line[size] == '\n')
			break;
		size++;
	}
	buffer_clear(out);
	buffer_append(out, BYTES(line, size));
	explicit_bzero(line, sizeof(line));
	return size > 0;
}

static enum status from_file(const char *file, struct buffer *out)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	bool is_there;

	if (fd < 0)
		return complain(status_of_errno(errno), file, strerror(errno));
	is_there = read_line(fd, out);
	close(fd);
	return is_there ? STATUS_OK : complain(STATUS_INVALID, file, "there is no line in it");
}

static bool ask(int terminal, const char *prompt, struct buffer *out)
{
	struct termios before, silent;
	bool is_there;

	if (tcgetattr(terminal, &before) != 0)
		return false;
	silent = before;
	silent.c_lflag &= ~(tcflag_t)ECHO;
	if (write(terminal, prompt, strlen(prompt)) < 0
	    || tcsetattr(terminal, TCSAFLUSH, &silent) != 0)
		return false;
	is_there = read_line(terminal, out);
	(void)tcsetattr(terminal, TCSAFLUSH, &before);
	return write(terminal, "\n", 1) == 1 && is_there;
}

static enum status from_terminal(struct buffer *out)
{
	struct buffer again = { 0 };
	int terminal = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	bool is_same;

	if (terminal < 0)
		return complain(STATUS_DENIED,
		    "there is no terminal to ask for a passphrase: name a file with "
		    "--passphrase-file",
		    "");
	is_same = ask(terminal, "Passphrase for the new key: ", out)
	       && ask(terminal, "Once more: ", &again)
	       && bytes_equal(buffer_bytes(out), buffer_bytes(&again));
	passphrase_fini(&again);
	close(terminal);
	return is_same ? STATUS_OK : complain(STATUS_INVALID, "that was not the same twice", "");
}

enum status passphrase_new(const char *file, struct buffer *out)
{
	enum status status = file != NULL ? from_file(file, out) : from_terminal(out);

	if (status == STATUS_OK && out->size < PASSPHRASE_LEAST)
		status = complain(STATUS_INVALID, "a passphrase has 12 characters at least", "");
	return status;
}

void passphrase_fini(struct buffer *passphrase)
{
	if (passphrase->data != NULL)
		explicit_bzero(passphrase->data, passphrase->room);
	buffer_fini(passphrase);
}
