/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A home is its user's own, who may have the file lead anywhere: so nothing of a line is told
 * unless it has a key in it whose bytes name the type that the line names.
 */
#include "collectors/accounts/authorized_keys.h"

#include <errno.h>
#include <stdlib.h>

#include "collectors/digest.h"
#include "collectors/redact/redact.h"
#include "collectors/small_file.h"

struct key {
	struct bytes options, type, comment;
	struct buffer fingerprint; /* "SHA256:…" */
};

/* "ssh-ed25519", "ecdsa-sha2-nistp256", "sk-ssh-ed25519@openssh.com" */
static bool is_type(struct bytes word)
{
	static const char *const prefixes[] = { "ssh-", "ecdsa-", "sk-", "rsa-" };

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (bytes_start_with(word, bytes_of_text(prefixes[i])))
			return true;
	return false;
}

/* Up to a blank that is not within quotes. */
static struct bytes take_options(struct bytes *line)
{
	struct bytes text = small_file_trim(*line);
	bool is_quoted = false;
	size_t at = 0;

	for (; at < text.size; at++) {
		uint8_t c = text.data[at];

		if (!is_quoted && (c == ' ' || c == '\t'))
			break;
		if (c == '\\' && at + 1 < text.size && text.data[at + 1] == '"')
			at++;
		else if (c == '"')
			is_quoted = !is_quoted;
	}
	*line = BYTES(text.data + at, text.size - at);
	return BYTES(text.data, at);
}

static void take_fingerprint(struct bytes blob, struct buffer *out)
{
	struct digest *digest = digest_new();
	uint8_t sum[DIGEST_SIZE];

	digest_start(digest);
	digest_add(digest, blob);
	digest_end(digest, sum);
	digest_free(digest);
	buffer_append_text(out, "SHA256:");
	digest_base64_encode(BYTES_OF(sum), out);
}

/* A key begins with its type, and that with its length (RFC 4253, 6.6). */
static bool is_of_type(struct bytes blob, struct bytes type)
{
	return blob.size > 4 + type.size && bytes_u32(blob.data) == type.size
	    && memcmp(blob.data + 4, type.data, type.size) == 0;
}

static bool parse(struct bytes line, struct key *key)
{
	struct bytes rest = line;
	struct buffer blob = { 0 };
	bool is_key;

	key->type = small_file_word(&rest);
	if (!is_type(key->type)) {
		rest = line;
		key->options = take_options(&rest);
		key->type = small_file_word(&rest);
	}
	is_key = is_type(key->type) && digest_base64_decode(small_file_word(&rest), &blob)
	      && is_of_type(buffer_bytes(&blob), key->type);
	if (is_key)
		take_fingerprint(buffer_bytes(&blob), &key->fingerprint);
	key->comment = small_file_trim(rest);
	buffer_fini(&blob);
	return is_key;
}

static void set(struct sheet *sheet, const char *user, const char *path, const struct key *key)
{
	struct buffer rest = { 0 }, options = { 0 };
	struct fact_field fields[4] = { FACT_FIELD_SLICE("type", key->type),
		FACT_FIELD_SLICE("comment", key->comment) };

	redact_content(path, NULL, key->options, &options);
	fields[2] = FACT_FIELD_SLICE("options", buffer_bytes(&options));
	fields[3] = FACT_FIELD_SLICE("fingerprint", buffer_bytes(&key->fingerprint));
	buffer_append_format(&rest, "%s/", user);
	buffer_append(&rest, buffer_bytes(&key->fingerprint));
	sheet_present(sheet, "authorized_key", buffer_bytes(&rest), fields, 4);
	buffer_fini(&rest);
	buffer_fini(&options);
}

static void take_line(struct sheet *sheet, const char *user, const char *path, struct bytes line)
{
	struct key key = { .options = BYTES_NONE };

	line = small_file_trim(line);
	if (line.size > 0 && line.data[0] != '#' && parse(line, &key))
		set(sheet, user, path, &key);
	buffer_fini(&key.fingerprint);
}

static void look_at_file(const struct survey_input *input, struct sheet *sheet, const char *user,
    const char *path)
{
	struct buffer file = { 0 };
	int error = survey_read(input, path, &file);
	struct bytes rest = buffer_bytes(&file), line;

	if (error != 0 && error != ENOENT && error != ENOTDIR)
		sheet_unread(sheet, "authorized_key", bytes_of_text(user), error);
	while (error == 0 && small_file_line(&rest, &line))
		take_line(sheet, user, path, line);
	buffer_fini(&file);
}

void authorized_keys_look(const struct survey_input *input, struct sheet *sheet, const char *user,
    const char *home)
{
	static const char *const names[] = { "authorized_keys", "authorized_keys2", NULL };
	char *directory = text_format("%s/.ssh", strcmp(home, "/") == 0 ? "" : home);

	survey_watch(input, sheet, directory, names);
	for (size_t i = 0; names[i] != NULL; i++) {
		char *path = text_format("%s/%s", directory, names[i]);

		look_at_file(input, sheet, user, path);
		free(path);
	}
	free(directory);
}
