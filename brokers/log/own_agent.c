/* SPDX-License-Identifier: Apache-2.0 */
#include "brokers/log/own_agent.h"

#include <stdlib.h>
#include <unistd.h>

#include "core/keys.h"
#include "core/log.h"

enum { HOST_NAME_SIZE = 256 };

enum status own_agent_key(const char *data, bool makes, uint8_t out[SOCKET_KEY_SIZE])
{
	char *keys = text_format("%s/keys", data);
	char *secret = text_format("%s/agent.key", keys);
	struct key_pair pair;
	enum status status = STATUS_NOT_FOUND;

	if (makes || access(secret, F_OK) == 0)
		status = keys_load(keys, "agent", &pair);
	if (status == STATUS_OK && !socket_key_decode(pair.public_key, out))
		status = STATUS_CORRUPT;
	explicit_bzero(&pair, sizeof(pair));
	free(keys);
	free(secret);
	return status;
}

/* What has been decided of it since stays: only a key that nobody knows yet is admitted. */
enum status own_agent_admit(struct log_store *store, const uint8_t key[SOCKET_KEY_SIZE],
    uint64_t now_ms)
{
	const struct log_members_word word = { .by = "server", .now_ms = now_ms };
	char name[HOST_NAME_SIZE] = "";
	struct arena arena = { 0 };
	Fettle__Member *known;
	bool changed;
	enum status status = log_members_get(store, key, &arena, &known);

	if (status == STATUS_NOT_FOUND) {
		(void)gethostname(name, sizeof(name) - 1);
		status = log_members_admit(store, key,
		    bytes_is_utf8(bytes_of_text(name)) ? name : "", &word, &changed);
	} else if (status == STATUS_OK && !log_members_is_valid(known, now_ms)) {
		log_warn("own-agent", "the agent of this machine is not admitted: an operator has "
				      "shut it out; `fettle agents` says more");
	}
	arena_fini(&arena);
	return status;
}
