/* SPDX-License-Identifier: Apache-2.0 */
/*
 * operators keygen - makes the pair of keys that a person signs with.
 *
 * The secret one is encrypted with a passphrase and stays with them; no server ever has it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "console/commands.h"
#include "console/passphrase.h"
#include "core/sign.h"

const struct argp_option operators_keygen_options[] = {
	{ "out", 'o' << 8, "FILE", 0, "where the secret key is kept; the public one: FILE.pub", 0 },
	{ "passphrase-file", 'p' << 8, "FILE", 0,
	    "whose first line is the passphrase; otherwise the terminal asks for it", 0 },
	{ 0 },
};

/* A new file, or none: what is there is somebody's key. */
static int write_new(const char *path, mode_t mode, struct bytes text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	bool is_written = fd >= 0 && write(fd, text.data, text.size) == (ssize_t)text.size
	               && fsync(fd) == 0;
	int error = errno;

	if (fd >= 0)
		close(fd);
	if (is_written)
		return 0;
	if (fd >= 0)
		unlink(path);
	return console_fail(status_of_errno(error), "%s cannot be made: %s", path, strerror(error));
}

static int write_pair(const char *path, const struct sign_pair *pair, struct bytes passphrase)
{
	char *public_path = text_format("%s.pub", path);
	char hex[2 * SIGN_PUBLIC_SIZE + 2];
	struct buffer text = { 0 };
	enum status status = sign_lock(pair, passphrase, &text);
	int code;

	bytes_to_hex(BYTES_OF(pair->public_key), hex);
	strcat(hex, "\n");
	code = status == STATUS_OK
	         ? write_new(path, 0600, buffer_bytes(&text))
	         : console_fail(status, "the key cannot be encrypted: %s", status_text(status));
	if (code == 0)
		code = write_new(public_path, 0644, bytes_of_text(hex));
	buffer_fini(&text);
	free(public_path);
	return code;
}

int operators_keygen_run(const struct console *console, int argc, char **argv)
{
	const char *path = console_option(console, "out");
	struct buffer passphrase = { 0 };
	struct sign_pair pair;
	enum status status;
	int code;

	(void)argc;
	(void)argv;
	if (path == NULL)
		return console_usage(console, "say where the key is to be kept: --out FILE");
	status = passphrase_new(console_option(console, "passphrase-file"), &passphrase);
	if (status != STATUS_OK) {
		passphrase_fini(&passphrase);
		return status_exit_code(status);
	}
	sign_pair_new(&pair);
	code = write_pair(path, &pair, buffer_bytes(&passphrase));
	passphrase_fini(&passphrase);
	sign_pair_fini(&pair);
	if (code == 0)
		console_say(console,
		    "keep %s to yourself; give %s.pub to who adds you: fettle operators add NAME "
		    "--user LOGIN --role ROLE --key %s.pub",
		    path, path, path);
	return code;
}
