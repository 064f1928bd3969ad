/* SPDX-License-Identifier: Apache-2.0 */
#include "brokers/admission.h"

#include <stdlib.h>

#include "core/clock.h"
#include "core/hash.h"
#include "core/log.h"
#include "core/zap.h"

enum { REPORT_MS = 60 * 1000, REPORTS_MAX = 10 };

struct admission {
	struct zap *zap;
	struct member_list *members;
	void (*on_shut)(void *data, int connection);
	void *data;
	/*
	 * Whose each connection is, by its descriptor: place + 1, or 0.  A descriptor that was
	 * closed keeps its last owner until it is used again; then, at worst, a newcomer is shut
	 * out once and dials again.
	 */
	uint32_t *owners;
	size_t owners_count;
	uint8_t probe[SOCKET_KEY_SIZE];
	bool has_refused_probe;
	uint8_t reported_key[SOCKET_KEY_SIZE]; /* last */
	uint64_t reporting_since_ms, unreported;
	unsigned reports; /* since then */
};

/* ---- connections ---- */

static void note_owner(struct admission *admission, int connection, uint32_t place)
{
	size_t index = (size_t)connection;

	if (connection < 0)
		return;
	if (index >= admission->owners_count) {
		size_t count = index + index / 2 + 64;

		admission->owners = memory_grow(admission->owners,
		    count * sizeof(*admission->owners));
		memset(admission->owners + admission->owners_count, 0,
		    (count - admission->owners_count) * sizeof(*admission->owners));
		admission->owners_count = count;
	}
	admission->owners[index] = place + 1;
}

/* A member is one no more: silent connections end too. */
static void on_end(void *data, uint32_t place)
{
	struct admission *admission = data;

	for (size_t i = 0; i < admission->owners_count; i++)
		if (admission->owners[i] == place + 1) {
			admission->owners[i] = 0;
			admission->on_shut(admission->data, (int)i);
		}
}

const struct member *admission_check(struct admission *admission, const char *user, int connection)
{
	const struct member *member = member_list_of_user(admission->members, user,
	    clock_wall_ms());

	if (member != NULL)
		note_owner(admission, connection, member->place);
	return member;
}

/* ---- deciding ---- */

/* Some a minute, and of one key once: who is refused comes again and again. */
static bool may_report(struct admission *admission, const uint8_t key[SOCKET_KEY_SIZE])
{
	uint64_t now_ms = clock_monotonic_ms();
	bool is_same = memcmp(admission->reported_key, key, SOCKET_KEY_SIZE) == 0;

	if (now_ms - admission->reporting_since_ms >= REPORT_MS) {
		admission->reporting_since_ms = now_ms;
		admission->reports = 0;
		is_same = false;
	}
	return !is_same && admission->reports < REPORTS_MAX;
}

static void report(struct admission *admission, const struct zap_request *request, const char *why)
{
	char key[SOCKET_KEY_TEXT];

	admission->unreported++;
	if (!may_report(admission, request->key))
		return;
	socket_key_encode(request->key, key);
	log_write(LOG_WARN, "admission-refused",
	    LOG_FIELDS(LOG_TEXT("address", request->address), LOG_TEXT("key", key),
		LOG_NUMBER("times", admission->unreported)),
	    "%s", why);
	memcpy(admission->reported_key, request->key, SOCKET_KEY_SIZE);
	admission->reports++;
	admission->unreported = 0;
}

static enum status decide(void *data, const struct zap_request *request, char user[ZAP_USER_MAX])
{
	struct admission *admission = data;
	const struct member *member = member_list_find(admission->members, request->key,
	    clock_wall_ms());

	if (memcmp(request->key, admission->probe, SOCKET_KEY_SIZE) == 0) {
		admission->has_refused_probe = true;
		return STATUS_DENIED;
	}
	if (!member_list_is_whole(admission->members)) {
		report(admission, request, "refused an agent until it is known who is admitted");
		return STATUS_AGAIN;
	}
	if (member == NULL) {
		report(admission, request,
		    "refused a key that is not admitted: it is unknown, waits for approval, or "
		    "was revoked");
		return STATUS_DENIED;
	}
	member_list_user(member, user);
	return STATUS_OK;
}

void admission_probe(struct admission *admission, const uint8_t key[SOCKET_KEY_SIZE])
{
	memcpy(admission->probe, key, SOCKET_KEY_SIZE);
	admission->has_refused_probe = false;
}

bool admission_has_refused_probe(const struct admission *admission)
{
	return admission->has_refused_probe;
}

/* ---- life ---- */

enum status admission_open(struct sockets *sockets, void (*on_shut)(void *data, int connection),
    void *data, struct admission **out)
{
	struct admission *admission = memory_new(sizeof(*admission));
	enum status status = zap_open(sockets, &admission->zap);

	if (status != STATUS_OK) {
		free(admission);
		return status;
	}
	admission->on_shut = on_shut;
	admission->data = data;
	admission->members = member_list_new(on_end, admission);
	/* Nobody's key until one is set. */
	hash_random(admission->probe, sizeof(admission->probe));
	zap_add(admission->zap, "fettle", decide, admission);
	*out = admission;
	return STATUS_OK;
}

void admission_close(struct admission *admission)
{
	if (admission == NULL)
		return;
	zap_close(admission->zap);
	member_list_free(admission->members);
	free(admission->owners);
	free(admission);
}

struct member_list *admission_members(struct admission *admission)
{
	return admission->members;
}

struct zap *admission_zap(struct admission *admission)
{
	return admission->zap;
}

uint64_t admission_admitted(const struct admission *admission)
{
	return zap_admitted(admission->zap);
}

uint64_t admission_refused(const struct admission *admission)
{
	return zap_refused(admission->zap);
}
