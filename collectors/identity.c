/* SPDX-License-Identifier: Apache-2.0 */
#include "collectors/identity.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "collectors/small_file.h"
#include "core/keys.h"
#include "core/log.h"

enum { ASIDES_MAX = 100, SOURCE_MAX = 4096, LINE_SIZE = 4 * HASH_SIZE + 2 };

/* ---- what this machine is ---- */

/* Keyed, so that what leaves the machine does not give its id away. */
static bool hash_source(const char *root, const char *path, const char *key, uint8_t out[HASH_SIZE])
{
	char *full = text_format("%s%s", root, path);
	struct buffer file = { 0 };
	struct bytes text;
	uint8_t hash[HASH_KEYED_SIZE];
	bool has_text = small_file_read(full, SOURCE_MAX, &file) == 0;

	text = small_file_trim(buffer_bytes(&file));
	/* A freshly made system says that its id is still to come. */
	has_text = has_text && text.size > 0 && !bytes_equal(text, bytes_of_text("uninitialized"));
	if (has_text) {
		hash_keyed(bytes_of_text(key), text, hash);
		memcpy(out, hash, HASH_SIZE);
	}
	buffer_fini(&file);
	free(full);
	return has_text;
}

void identity_machine(const char *root, struct identity_machine *out)
{
	*out = (struct identity_machine){ 0 };
	out->has_id = hash_source(root, "/etc/machine-id", "fettle agent machine id", out->id);
	out->has_product = hash_source(root, "/sys/class/dmi/id/product_uuid",
	    "fettle agent product uuid", out->product);
}

void identity_fingerprint(const struct identity_machine *machine, uint8_t out[HASH_SIZE])
{
	const struct bytes parts[] = {
		machine->has_id ? BYTES_OF(machine->id) : BYTES_NONE,
		machine->has_product ? BYTES_OF(machine->product) : BYTES_NONE,
	};

	hash_parts(parts, 2, out);
}

/* ---- what stands beside the key ---- */

static char *path_of(const char *data, const char *name)
{
	return text_format("%s/keys/%s", data, name);
}

static bool has_file(const char *data, const char *name)
{
	char *path = path_of(data, name);
	bool is_there = access(path, F_OK) == 0;

	free(path);
	return is_there;
}

static enum status write_file(const char *data, const char *name, const char *line)
{
	char *path = path_of(data, name);
	enum status status = keys_write_line(path, 0600, line);

	free(path);
	return status;
}

static void write_hash(struct buffer *out, bool has_one, const uint8_t hash[HASH_SIZE])
{
	char hex[2 * HASH_SIZE + 1] = "-";

	if (has_one)
		bytes_to_hex(BYTES(hash, HASH_SIZE), hex);
	buffer_append_text(out, hex);
}

static enum status write_machine(const char *data, const struct identity_machine *machine)
{
	struct buffer line = { 0 };
	enum status status;

	write_hash(&line, machine->has_id, machine->id);
	buffer_append_text(&line, " ");
	write_hash(&line, machine->has_product, machine->product);
	status = write_file(data, "agent.machine", buffer_text(&line));
	buffer_fini(&line);
	return status;
}

static bool parse_hash(const char *word, bool *has_one, uint8_t out[HASH_SIZE])
{
	*has_one = strcmp(word, "-") != 0;
	return !*has_one || bytes_from_hex(word, out, HASH_SIZE);
}

static enum status read_machine(const char *data, struct identity_machine *out)
{
	char *path = path_of(data, "agent.machine"), line[LINE_SIZE + 1], *blank;
	enum status status = keys_read_line(path, line, sizeof(line));

	*out = (struct identity_machine){ 0 };
	if (status == STATUS_OK) {
		blank = strchr(line, ' ');
		if (blank != NULL)
			*blank++ = '\0';
		if (blank == NULL || !parse_hash(line, &out->has_id, out->id)
		    || !parse_hash(blank, &out->has_product, out->product)) {
			log_write(LOG_ERROR, "key-file", LOG_FIELDS(LOG_TEXT("file", path)),
			    "this does not say on which machine the key beside it was made; "
			    "remove it if the key was made on this one");
			status = STATUS_CORRUPT;
		}
	}
	free(path);
	return status;
}

static bool differ(const struct identity_machine *a, const struct identity_machine *b)
{
	return (a->has_id && b->has_id && memcmp(a->id, b->id, HASH_SIZE) != 0)
	    || (a->has_product && b->has_product && memcmp(a->product, b->product, HASH_SIZE) != 0);
}

/* ---- putting aside ---- */

static enum status move(const char *data, const char *aside, const char *name)
{
	char *from = text_format("%s/%s", data, name), *to = text_format("%s/%s", aside, name);
	enum status status = STATUS_OK;

	if (rename(from, to) != 0 && errno != ENOENT) {
		status = status_of_errno(errno);
		log_write(LOG_ERROR, "identity-aside", LOG_FIELDS(LOG_TEXT("file", from)),
		    "cannot be moved to %s: %s", aside, strerror(errno));
	}
	free(from);
	free(to);
	return status;
}

/* Always a fresh directory: what was put aside before stays as it is. */
static enum status make_aside(const char *data, char **out)
{
	char name[32] = "";
	time_t now = time(NULL);
	struct tm parts;
	struct buffer keys = { 0 };
	enum status status;
	int made = -1;

	if (gmtime_r(&now, &parts) != NULL)
		strftime(name, sizeof(name), "%Y%m%dT%H%M%SZ", &parts);
	*out = text_format("%s/aside-%s", data, name);
	for (unsigned i = 2; i <= ASIDES_MAX; i++) {
		made = mkdir(*out, 0700);
		if (made == 0 || errno != EEXIST)
			break;
		free(*out);
		*out = text_format("%s/aside-%s-%u", data, name, i);
	}
	buffer_append_format(&keys, "%s/keys", *out);
	if (made == 0)
		made = mkdir(buffer_text(&keys), 0700);
	buffer_fini(&keys);
	if (made == 0)
		return STATUS_OK;
	status = status_of_errno(errno);
	log_write(LOG_ERROR, "identity-aside", LOG_FIELDS(LOG_TEXT("file", *out)),
	    "cannot be made: %s", strerror(errno));
	return status;
}

/*
 * The order counts: as long as the key is here, so is what says that it is another machine's, and
 * a process that dies on the way begins again.
 */
static enum status put_aside(const char *data)
{
	static const char *const names[] = { "spool", "keys/redaction.secret",
		"keys/agent.enrolled", "keys/agent.id", "keys/agent.next.key",
		"keys/agent.next.pub", "keys/agent.previous.key", "keys/agent.previous.pub",
		"keys/agent.pub", "keys/agent.key", "keys/agent.machine" };
	char *aside, *key = path_of(data, "agent.key");
	enum status status = write_file(data, "agent.moved",
	    "this key took the place of one that was made on another machine");

	if (status == STATUS_OK) {
		status = make_aside(data, &aside);
		for (size_t i = 0; status == STATUS_OK && i < sizeof(names) / sizeof(names[0]); i++)
			status = move(data, aside, names[i]);
		if (status == STATUS_OK)
			log_write(LOG_WARN, "identity-copied", LOG_FIELDS(LOG_TEXT("aside", aside)),
			    "the agent's key was made on another machine: this is a copy of it, "
			    "and becomes an agent of its own; the old key and spool were put "
			    "aside");
		free(aside);
	}
	if (status == STATUS_OK)
		status = keys_sync_directory(key);
	free(key);
	return status;
}

enum status identity_put_aside(const char *data, const char *root)
{
	struct identity_machine now;
	enum status status = put_aside(data);

	identity_machine(root, &now);
	return status == STATUS_OK ? write_machine(data, &now) : status;
}

/* What could not be read when the key was made, is noted once it can be. */
static enum status note_more(const char *data, struct identity_machine *kept,
    const struct identity_machine *now)
{
	if ((kept->has_id || !now->has_id) && (kept->has_product || !now->has_product))
		return STATUS_OK;
	if (!kept->has_id) {
		kept->has_id = now->has_id;
		memcpy(kept->id, now->id, HASH_SIZE);
	}
	if (!kept->has_product) {
		kept->has_product = now->has_product;
		memcpy(kept->product, now->product, HASH_SIZE);
	}
	return write_machine(data, kept);
}

enum status identity_settle(const char *data, const char *root, bool *was_copied)
{
	struct identity_machine kept, now;
	enum status status = read_machine(data, &kept);

	*was_copied = false;
	identity_machine(root, &now);
	if (status == STATUS_NOT_FOUND)
		return write_machine(data, &now);
	if (status != STATUS_OK)
		return status;
	if (!differ(&kept, &now))
		return note_more(data, &kept, &now);
	if (has_file(data, "agent.key")) {
		*was_copied = true;
		status = put_aside(data);
	}
	return status == STATUS_OK ? write_machine(data, &now) : status;
}

/* ---- whether it was let in ---- */

bool identity_awaits(const char *data)
{
	return has_file(data, "agent.moved");
}

enum status identity_enrolled(const char *data)
{
	char *mark = path_of(data, "agent.moved");
	enum status status = write_file(data, "agent.enrolled", "this key was enrolled");

	if (status == STATUS_OK && unlink(mark) != 0 && errno != ENOENT)
		status = status_of_errno(errno);
	free(mark);
	return status;
}

bool identity_is_enrolled(const char *data)
{
	return has_file(data, "agent.enrolled");
}

/* ---- its id ---- */

enum status identity_agent_id(const char *keys, const char *public_key, uint8_t out[HASH_SIZE])
{
	char *path = text_format("%s/agent.id", keys), text[2 * HASH_SIZE + 1];
	uint8_t key[SOCKET_KEY_SIZE];
	enum status status = keys_read_line(path, text, sizeof(text));

	if (status == STATUS_OK && !bytes_from_hex(text, out, HASH_SIZE)) {
		log_write(LOG_ERROR, "key-file", LOG_FIELDS(LOG_TEXT("file", path)),
		    "this is not an agent's id; `fettle agents` on the server has it");
		status = STATUS_CORRUPT;
	}
	free(path);
	if (status != STATUS_NOT_FOUND)
		return status;
	if (!socket_key_decode(public_key, key))
		return STATUS_INVALID;
	keys_agent_id(key, out);
	return STATUS_OK;
}
