/* SPDX-License-Identifier: Apache-2.0 */
#include "processors/dispatch/people.h"

#include "processors/dispatch/dispatch.h"
#include "processors/state/tables.h"

static const char key[] = "operators";

enum status people_take(struct stage_io *io, const struct event *event)
{
	struct buffer packed = { 0 };

	record_pack(&packed, &event_operators(event)->base);
	txn_put(io->txn, STATE_PEOPLE, bytes_of_text(key), buffer_bytes(&packed));
	buffer_fini(&packed);
	return STATUS_OK;
}

static bool may_approve(const Fettle__Operator *person)
{
	if (person->revoked_ms != 0)
		return false;
	for (size_t i = 0; i < person->n_roles; i++)
		if (person->roles[i] == FETTLE__ROLE__ROLE_APPROVER
		    || person->roles[i] == FETTLE__ROLE__ROLE_ADMIN)
			return true;
	return false;
}

static bool has_another(const Fettle__Operators *people, struct bytes writer)
{
	for (size_t i = 0; i < people->n_operators; i++)
		if (may_approve(people->operators[i])
		    && !bytes_equal(record_bytes(people->operators[i]->principal), writer))
			return true;
	return false;
}

/* What is none of the words counts as on: the stricter of the two. */
static bool is_off(const char *setting)
{
	return strcmp(setting, "off") == 0 || strcmp(setting, "no") == 0
	    || strcmp(setting, "false") == 0;
}

enum status people_takes_another(struct stage_io *io, struct bytes writer, bool *out)
{
	const char *setting = dispatch_settings_of(io)->two_people;
	const Fettle__Operators *people;
	struct bytes value;
	enum status status;

	*out = !is_off(setting);
	if (strcmp(setting, "auto") != 0)
		return STATUS_OK;
	*out = false;
	status = txn_get(io->txn, STATE_PEOPLE, bytes_of_text(key), &value);
	if (status != STATUS_OK)
		return status == STATUS_NOT_FOUND ? STATUS_OK : status;
	people = record_unpack(&fettle__operators__descriptor, value, io->arena);
	if (people == NULL)
		return STATUS_CORRUPT;
	*out = has_another(people, writer);
	return STATUS_OK;
}
