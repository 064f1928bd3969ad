/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lists are texts of user ids: few, and compared whole.  They are read again when an unknown
 * key knocks, because a service that shares the data directory makes its key at its first start.
 */
#include "core/peers.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/require.h"

enum { REREAD_MS = 20, REPORT_MS = 60 * 1000, KEYS_MAX = 4096 };

struct peers_door {
	struct peers *peers;
	const char *domain;
	const char *const *roles;
	char (*users)[ZAP_USER_MAX];
	size_t count;
	uint64_t reported_ms; /* that a stranger knocked; 0: never */
};

struct peers {
	struct key_pair own;
	struct zap *zap;
	char *keys; /* the directory */
	struct peers_door *doors[ZAP_DOMAINS_MAX];
	size_t doors_count;
	uint64_t read_ms;
};

/* ---- who calls ---- */

enum status peers_server_key(const char *file, char out[SOCKET_KEY_TEXT])
{
	return access(file, F_OK) == 0 ? keys_load_public(file, out) : STATUS_NOT_FOUND;
}

enum status peers_call(const char *data, const char *role, const char *server, const char *setting,
    struct peers_caller *out)
{
	char *keys = text_format("%s/keys", data);
	char key[SOCKET_KEY_TEXT];
	enum status status = keys_load(keys, role, &out->own);

	out->server_file = setting[0] != '\0' ? text_copy(setting)
	                                      : text_format("%s/%s.pub", keys, server);
	if (status == STATUS_OK && setting[0] != '\0')
		status = keys_load_public(setting, key);
	free(keys);
	return status;
}

void peers_caller_fini(struct peers_caller *caller)
{
	explicit_bzero(&caller->own, sizeof(caller->own));
	free(caller->server_file);
	caller->server_file = NULL;
}

/* ---- lists ---- */

static void user_of(const char *role, const uint8_t key[SOCKET_KEY_SIZE], char out[ZAP_USER_MAX])
{
	uint8_t id[HASH_SIZE];
	char text[2 * HASH_SIZE + 1];

	keys_agent_id(key, id);
	bytes_to_hex(BYTES_OF(id), text);
	snprintf(out, ZAP_USER_MAX, "%s:%s", role, text);
}

/* A file that is no key is reported and passed over: the others still hold. */
static void add_file(struct peers_door *door, const char *role, const char *path)
{
	char text[SOCKET_KEY_TEXT];
	uint8_t key[SOCKET_KEY_SIZE];

	if (door->count == KEYS_MAX || peers_server_key(path, text) != STATUS_OK
	    || !socket_key_decode(text, key))
		return;
	door->users = memory_grow(door->users, (door->count + 1) * sizeof(door->users[0]));
	user_of(role, key, door->users[door->count++]);
}

static bool is_public_key_file(const char *name)
{
	size_t size = strlen(name);

	return name[0] != '.' && size > 4 && strcmp(name + size - 4, ".pub") == 0;
}

static void add_directory(struct peers_door *door, const char *role)
{
	char *path = text_format("%s/peers/%s", door->peers->keys, role);
	DIR *directory = opendir(path);
	const struct dirent *entry;

	while (directory != NULL && (entry = readdir(directory)) != NULL) {
		char *file = text_format("%s/%s", path, entry->d_name);

		if (is_public_key_file(entry->d_name))
			add_file(door, role, file);
		free(file);
	}
	if (directory != NULL)
		closedir(directory);
	free(path);
}

static void read_door(struct peers_door *door)
{
	door->count = 0;
	for (const char *const *role = door->roles; *role != NULL; role++) {
		char *own = text_format("%s/%s.pub", door->peers->keys, *role);

		add_file(door, *role, own);
		add_directory(door, *role);
		free(own);
	}
}

void peers_reload(struct peers *peers)
{
	peers->read_ms = clock_monotonic_ms();
	for (size_t i = 0; i < peers->doors_count; i++)
		read_door(peers->doors[i]);
}

bool peers_admit(const struct peers_door *door, const char *user)
{
	for (size_t i = 0; i < door->count; i++)
		if (strcmp(door->users[i], user) == 0)
			return true;
	return false;
}

bool peers_may_be(const char *user, struct bytes name)
{
	size_t size = strcspn(user, ":");

	return size > 0 && name.size >= size && memcmp(name.data, user, size) == 0
	    && (name.size == size || name.data[size] == '/');
}

/* ---- deciding ---- */

static bool find(const struct peers_door *door, const uint8_t *key, char user[ZAP_USER_MAX])
{
	for (const char *const *role = door->roles; *role != NULL; role++) {
		user_of(*role, key, user);
		if (peers_admit(door, user))
			return true;
	}
	return false;
}

/* Once a minute: who is refused tries again and again. */
static void report(struct peers_door *door, const struct zap_request *request)
{
	uint64_t now_ms = clock_monotonic_ms();
	char key[SOCKET_KEY_TEXT];

	if (door->reported_ms != 0 && now_ms - door->reported_ms < REPORT_MS)
		return;
	door->reported_ms = now_ms;
	socket_key_encode(request->key, key);
	log_write(LOG_WARN, "peer-refused",
	    LOG_FIELDS(LOG_TEXT("endpoint", door->domain), LOG_TEXT("address", request->address),
		LOG_TEXT("key", key)),
	    "somebody knocked whose key is in no list of this endpoint");
}

static enum status decide(void *data, const struct zap_request *request, char user[ZAP_USER_MAX])
{
	struct peers_door *door = data;

	if (find(door, request->key, user))
		return STATUS_OK;
	if (clock_monotonic_ms() - door->peers->read_ms >= REREAD_MS) {
		peers_reload(door->peers);
		if (find(door, request->key, user))
			return STATUS_OK;
	}
	report(door, request);
	return STATUS_DENIED;
}

/* ---- life ---- */

enum status peers_open(const char *data, const char *role, struct sockets *sockets,
    struct peers **out)
{
	struct peers *peers = memory_new(sizeof(*peers));
	enum status status;

	peers->keys = text_format("%s/keys", data);
	status = keys_load(peers->keys, role, &peers->own);
	if (status == STATUS_OK)
		status = zap_open(sockets, &peers->zap);
	if (status != STATUS_OK) {
		peers_close(peers);
		return status;
	}
	*out = peers;
	return STATUS_OK;
}

void peers_close(struct peers *peers)
{
	if (peers == NULL)
		return;
	zap_close(peers->zap);
	for (size_t i = 0; i < peers->doors_count; i++) {
		free(peers->doors[i]->users);
		free(peers->doors[i]);
	}
	explicit_bzero(&peers->own, sizeof(peers->own));
	free(peers->keys);
	free(peers);
}

const struct peers_door *peers_add_door(struct peers *peers, const char *domain,
    const char *const *roles)
{
	struct peers_door *door = memory_new(sizeof(*door));

	REQUIRE(peers->doors_count < ZAP_DOMAINS_MAX);
	*door = (struct peers_door){ .peers = peers, .domain = domain, .roles = roles };
	peers->doors[peers->doors_count++] = door;
	read_door(door);
	zap_add(peers->zap, domain, decide, door);
	return door;
}

uint64_t peers_refused(const struct peers *peers)
{
	return zap_refused(peers->zap);
}

const char *peers_secret_key(const struct peers_door *door)
{
	return door->peers->own.secret_key;
}

const char *peers_domain(const struct peers_door *door)
{
	return door->domain;
}
