/* SPDX-License-Identifier: Apache-2.0 */
#include "collectors/rotation.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "collectors/identity.h"
#include "core/key_proof.h"
#include "core/log.h"
#include "core/record.h"

struct rotation {
	char *keys;
	struct key_pair current, next, previous;
	bool has_next, has_previous;
	bool uses_previous;    /* to dial with, as the current one was not let in */
	bool has_dialled_this; /* what is heard is heard under `current` */
	uint8_t agent[HASH_SIZE];
	uint8_t challenge[SOCKET_KEY_SIZE]; /* the server's, to prove by what is offered */
	bool has_challenge;
	bool has_proven_anew; /* since it dialled: once is enough, whatever the server says */
};

static char *path_of(const struct rotation *rotation, const char *name)
{
	return text_format("%s/%s", rotation->keys, name);
}

static enum status load_if_there(const struct rotation *rotation, const char *name,
    struct key_pair *out, bool *is_there)
{
	char *path = text_format("%s/%s.key", rotation->keys, name);
	enum status status = STATUS_OK;

	*is_there = access(path, F_OK) == 0;
	if (*is_there)
		status = keys_load(rotation->keys, name, out);
	free(path);
	return status;
}

enum status rotation_open(const char *keys, struct rotation **out)
{
	struct rotation *rotation = memory_new(sizeof(*rotation));
	enum status status;

	rotation->keys = text_copy(keys);
	status = keys_load(keys, "agent", &rotation->current);
	if (status == STATUS_OK)
		status = load_if_there(rotation, "agent.next", &rotation->next,
		    &rotation->has_next);
	if (status == STATUS_OK)
		status = load_if_there(rotation, "agent.previous", &rotation->previous,
		    &rotation->has_previous);
	if (status == STATUS_OK)
		status = identity_agent_id(keys, rotation->current.public_key, rotation->agent);
	if (status != STATUS_OK) {
		rotation_free(rotation);
		return status;
	}
	*out = rotation;
	return STATUS_OK;
}

void rotation_free(struct rotation *rotation)
{
	if (rotation == NULL)
		return;
	free(rotation->keys);
	explicit_bzero(rotation, sizeof(*rotation));
	free(rotation);
}

const struct key_pair *rotation_dial(struct rotation *rotation)
{
	rotation->has_dialled_this = !rotation->uses_previous;
	rotation->has_proven_anew = false;
	return rotation->uses_previous ? &rotation->previous : &rotation->current;
}

enum status rotation_begin(struct rotation *rotation)
{
	enum status status = keys_load(rotation->keys, "agent.next", &rotation->next);

	rotation->has_next |= status == STATUS_OK;
	rotation->has_proven_anew = false;
	return status;
}

/* ---- the exchange ---- */

/* The pair that is to be used from now on; NULL: it is the one in use. */
static const struct key_pair *wanted(const struct rotation *rotation)
{
	if (!rotation->has_dialled_this)
		return &rotation->current;
	return rotation->has_next ? &rotation->next : NULL;
}

static bool prove(const struct rotation *rotation, const struct key_pair *offered,
    uint8_t out[KEY_PROOF_SIZE])
{
	uint8_t secret[SOCKET_KEY_SIZE];
	bool is_made = rotation->has_challenge && socket_key_decode(offered->secret_key, secret)
	            && key_proof_make(rotation->challenge, secret, rotation->agent, out);

	explicit_bzero(secret, sizeof(secret));
	return is_made;
}

void rotation_hello(const struct rotation *rotation, Fettle__Hello *hello, struct arena *arena)
{
	const struct key_pair *offered = wanted(rotation);
	uint8_t *key, *proof;

	if (offered == NULL)
		return;
	key = arena_take(arena, SOCKET_KEY_SIZE);
	proof = arena_take(arena, KEY_PROOF_SIZE);
	if (!socket_key_decode(offered->public_key, key))
		return;
	RECORD_SET_BYTES(hello, next_key, BYTES(key, SOCKET_KEY_SIZE));
	if (prove(rotation, offered, proof))
		RECORD_SET_BYTES(hello, next_proof, BYTES(proof, KEY_PROOF_SIZE));
}

bool rotation_challenged(struct rotation *rotation, const Fettle__Welcome *welcome)
{
	struct bytes challenge = record_bytes(welcome->proof_key);
	bool is_known = rotation->has_challenge
	             && bytes_equal(challenge, BYTES_OF(rotation->challenge));

	if (challenge.size != SOCKET_KEY_SIZE || is_known)
		return false;
	memcpy(rotation->challenge, challenge.data, SOCKET_KEY_SIZE);
	rotation->has_challenge = true;
	if (wanted(rotation) == NULL || welcome->has_next_key || rotation->has_proven_anew)
		return false;
	rotation->has_proven_anew = true;
	return true;
}

static enum status failed(const char *path, const char *what)
{
	enum status status = status_of_errno(errno);

	log_write(LOG_ERROR, "key-file", LOG_FIELDS(LOG_TEXT("file", path)), "%s: %s", what,
	    strerror(errno));
	return status;
}

static enum status remove_file(const struct rotation *rotation, const char *name)
{
	char *path = path_of(rotation, name);
	enum status status = STATUS_OK;

	if (unlink(path) != 0 && errno != ENOENT)
		status = failed(path, "cannot be removed");
	free(path);
	return status;
}

/* Which agent this is follows from its first key, which is about to go. */
static enum status keep_id(const struct rotation *rotation)
{
	char *path = path_of(rotation, "agent.id"), text[2 * HASH_SIZE + 1];
	uint8_t id[HASH_SIZE];
	enum status status = identity_agent_id(rotation->keys, rotation->current.public_key, id);

	if (status == STATUS_OK) {
		bytes_to_hex(BYTES_OF(id), text);
		status = keys_write_line(path, 0600, text);
	}
	free(path);
	return status;
}

/* The old one under its second name, the new one over its first: at no time is there none. */
static enum status exchange_files(const struct rotation *rotation)
{
	char *current = path_of(rotation, "agent.key"), *next = path_of(rotation, "agent.next.key");
	char *previous = path_of(rotation, "agent.previous.key");
	enum status status = STATUS_OK;

	if (link(current, previous) != 0)
		status = failed(previous, "cannot be made");
	/* It follows from the secret one; of the old one it would be no pair with the new. */
	if (status == STATUS_OK)
		status = remove_file(rotation, "agent.pub");
	if (status == STATUS_OK && rename(next, current) != 0)
		status = failed(current, "cannot be replaced");
	if (status == STATUS_OK)
		status = keys_sync_directory(current);
	free(current);
	free(next);
	free(previous);
	return status;
}

static enum status exchange(struct rotation *rotation)
{
	enum status status = keep_id(rotation);

	if (status == STATUS_OK)
		status = remove_file(rotation, "agent.previous.pub");
	if (status == STATUS_OK)
		status = remove_file(rotation, "agent.previous.key");
	if (status == STATUS_OK)
		status = exchange_files(rotation);
	if (status != STATUS_OK)
		return status;
	rotation->previous = rotation->current;
	rotation->current = rotation->next;
	rotation->has_previous = true;
	rotation->has_next = false;
	rotation->has_dialled_this = false;
	(void)!keys_load(rotation->keys, "agent", &rotation->current); /* writes its public key */
	(void)!remove_file(rotation, "agent.next.pub");
	return STATUS_OK;
}

bool rotation_welcome(struct rotation *rotation, const Fettle__Welcome *welcome)
{
	const struct key_pair *offered = wanted(rotation);
	uint8_t key[SOCKET_KEY_SIZE];

	if (offered == NULL || !welcome->has_next_key
	    || !socket_key_decode(offered->public_key, key)
	    || !bytes_equal(record_bytes(welcome->next_key), BYTES_OF(key)))
		return false;
	if (!rotation->has_dialled_this) {
		rotation->uses_previous = false;
		return true;
	}
	if (exchange(rotation) != STATUS_OK)
		return false; /* the old one goes on; the next hello offers it again */
	log_write(LOG_INFO, "key-rotated",
	    LOG_FIELDS(LOG_TEXT("public_key", rotation->current.public_key)),
	    "this agent has a new key, and stays who it is");
	return true;
}

void rotation_opened(struct rotation *rotation)
{
	if (!rotation->has_dialled_this || !rotation->has_previous)
		return;
	if (remove_file(rotation, "agent.previous.key") != STATUS_OK
	    || remove_file(rotation, "agent.previous.pub") != STATUS_OK)
		return;
	if (!rotation->has_next) /* its process may have died before it did this */
		(void)!remove_file(rotation, "agent.next.pub");
	explicit_bzero(&rotation->previous, sizeof(rotation->previous));
	rotation->has_previous = false;
}

bool rotation_silent(struct rotation *rotation)
{
	if (!rotation->has_previous)
		return false;
	rotation->uses_previous = !rotation->uses_previous;
	return true;
}
