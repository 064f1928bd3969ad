/* SPDX-License-Identifier: Apache-2.0 */
/*
 * operators list, add and revoke - who may do what, by the log's local socket.
 */
#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "brokers/log/dump.h"
#include "brokers/log/rights.h"
#include "console/commands.h"
#include "console/control_client.h"
#include "core/keys.h"
#include "core/record.h"

enum { ROLES_MAX = 5, ROLES_TEXT_SIZE = 128 };

const struct argp_option operators_options[] = {
	{ "all", 'a' << 8, NULL, 0, "those who were revoked, too", 0 },
	{ 0 },
};

const struct argp_option operators_add_options[] = {
	{ "user", 'u' << 8, "LOGIN", 0, "by which this machine knows them", 0 },
	{ "uid", 'i' << 8, "N", 0, "the same, as a number", 0 },
	{ "role", 'r' << 8, "LIST", 0,
	    "what they may do: viewer, operator, approver, responder, admin", 0 },
	{ "key", 'k' << 8, "FILE", 0, "the public key that they sign with", 0 },
	{ 0 },
};

/* ---- list ---- */

static const struct output_column columns[] = {
	{ "name", "NAME", OUTPUT_CUT, 20 },
	{ "uid", "UID", OUTPUT_RIGHT, 0 },
	{ "roles", "ROLES", OUTPUT_CUT, 30 },
	{ "key", "KEY", 0, 0 },
	{ "added_at", "ADDED", 0, 0 },
	{ "by", "BY", OUTPUT_CUT, 20 },
	{ "revoked_at", "REVOKED", 0, 0 },
	{ "note", "NOTE", OUTPUT_CUT, 30 },
	{ .name = NULL },
};

struct person {
	const char *name, *note;
	uint64_t uid;
	const Fettle__Operator *operator_; /* NULL: nobody added them */
};

static void output_roles(struct output *output, const Fettle__Operator *operator_)
{
	json_t *list = json_array();
	char text[ROLES_TEXT_SIZE] = "admin";
	size_t size = 0;

	for (size_t i = 0; operator_ != NULL && i < operator_->n_roles; i++) {
		const char *role = rights_role_text(operator_->roles[i]);

		role = role == NULL ? "?" : role;
		json_array_append_new(list, json_string(role));
		if (size + strlen(role) + 3 < sizeof(text))
			size += (size_t)snprintf(text + size, sizeof(text) - size, "%s%s",
			    size == 0 ? "" : ", ", role);
	}
	if (operator_ == NULL)
		json_array_append_new(list, json_string("admin"));
	output_value(output, list, text);
}

static enum status show_person(struct output *output, const struct person *person)
{
	const Fettle__Operator *operator_ = person->operator_;

	output_text(output, person->name);
	output_number(output, person->uid);
	output_roles(output, operator_);
	if (operator_ != NULL && operator_->signing_key.len > 0)
		output_id(output, record_bytes(operator_->signing_key));
	else
		output_null(output);
	output_time(output, operator_ == NULL ? 0 : operator_->added_ms);
	output_text(output, operator_ == NULL ? NULL : operator_->by);
	output_time(output, operator_ == NULL ? 0 : operator_->revoked_ms);
	output_text(output, person->note);
	return output_row(output);
}

static const char *login_of(uint64_t uid, struct arena *arena)
{
	const struct passwd *entry = getpwuid((uid_t)uid);

	return entry == NULL ? arena_format(arena, "uid %llu", (unsigned long long)uid)
	                     : arena_text(arena, entry->pw_name);
}

/* Root, and the owner where nobody was added yet: they are named by nobody, and may do all. */
static enum status show_others(const struct console *console, struct output *output,
    const Fettle__Operators *all, struct arena *arena)
{
	struct person root = { .name = "root",
		.note = all->n_operators == 0 ? "nobody was added yet" : "the last resort" };
	struct person owner = { .note = "owns the data; until somebody is added" };
	struct stat info;
	enum status status;

	for (size_t i = 0; i < all->n_operators; i++)
		if (all->operators[i]->uid == 0 && all->operators[i]->revoked_ms == 0)
			return STATUS_OK;
	status = show_person(output, &root);
	if (status != STATUS_OK || all->n_operators > 0 || stat(console->paths.data, &info) != 0
	    || info.st_uid == 0)
		return status;
	owner.uid = info.st_uid;
	owner.name = login_of(info.st_uid, arena);
	return show_person(output, &owner);
}

int operators_list_run(const struct console *console, int argc, char **argv)
{
	Fettle__Operators all;
	struct arena arena = { 0 };
	struct output *output;
	enum status status = log_dump_operators(console->paths.data, &arena, &all);

	(void)argc;
	(void)argv;
	if (status != STATUS_OK) {
		arena_fini(&arena);
		return console_fail(status, "the log of %s cannot be read: %s", console->paths.data,
		    status_text(status));
	}
	output = output_new(&console->output, columns);
	for (size_t i = 0; status == STATUS_OK && i < all.n_operators; i++) {
		const Fettle__Operator *each = all.operators[i];

		if (each->revoked_ms == 0 || console_option(console, "all") != NULL)
			status = show_person(output, &(struct person){ .name = each->name,
							 .uid = each->uid,
							 .operator_ = each });
	}
	if (status == STATUS_OK)
		status = show_others(console, output, &all, &arena);
	arena_fini(&arena);
	return console_end(&output, status);
}

/* ---- add and revoke ---- */

static int send_order(const struct console *console, const Fettle__OperatorOrder *order,
    const char *done, const char *name)
{
	Fettle__ControlRequest request = FETTLE__CONTROL_REQUEST__INIT;
	Fettle__OperatorOrder copy = *order;
	uint64_t written = 0;
	enum status status;

	if (console->is_dry_run) {
		console_say(console, "%s would be %s; nothing was changed", name, done);
		return 0;
	}
	request.operator_ = &copy;
	status = control_send(console->paths.data, &request, &written);
	if (status != STATUS_OK)
		return status_exit_code(status);
	if (written > 0)
		console_say(console, "%s is %s", name, done);
	else
		console_say(console, "nothing was changed: %s is %s already", name, done);
	return 0;
}

static bool find_uid(const struct console *console, uint64_t *out, int *code)
{
	const char *login = console_option(console, "user"),
		   *number = console_option(console, "uid");
	const struct passwd *entry;
	char *end;

	if ((login == NULL) == (number == NULL)) {
		*code = console_usage(console, "say who it is with --user LOGIN, or with --uid N");
		return false;
	}
	if (login != NULL) {
		entry = getpwnam(login);
		if (entry == NULL) {
			*code = console_fail(STATUS_NOT_FOUND, "this machine knows no user `%s`",
			    login);
			return false;
		}
		*out = entry->pw_uid;
		return true;
	}
	errno = 0;
	*out = strtoull(number, &end, 10);
	if (errno == 0 && end != number && *end == '\0' && number[0] != '-' && *out < UINT32_MAX)
		return true;
	*code = console_usage(console, "--uid: `%s` is no number of a user", number);
	return false;
}

static bool parse_role(struct bytes word, Fettle__Role *out)
{
	for (unsigned role = FETTLE__ROLE__ROLE_VIEWER; role <= FETTLE__ROLE__ROLE_ADMIN; role++)
		if (bytes_equal(word, bytes_of_text(rights_role_text((Fettle__Role)role)))) {
			*out = (Fettle__Role)role;
			return true;
		}
	return false;
}

/* LIST, at commas; a role that is named twice is given once.  False: one is none. */
static bool parse_roles(const char *list, Fettle__Role *out, size_t *count)
{
	while (list != NULL && *list != '\0') {
		size_t size = strcspn(list, ",");
		bool is_known = false;
		Fettle__Role role;

		if (!parse_role(BYTES(list, size), &role))
			return false;
		for (size_t i = 0; i < *count; i++)
			is_known |= out[i] == role;
		if (!is_known)
			out[(*count)++] = role;
		list += size + (list[size] == ',');
	}
	return *count > 0;
}

int operators_add_run(const struct console *console, int argc, char **argv)
{
	Fettle__OperatorOrder order = FETTLE__OPERATOR_ORDER__INIT;
	Fettle__Operator person = FETTLE__OPERATOR__INIT;
	Fettle__Role roles[ROLES_MAX];
	const char *file = console_option(console, "key");
	uint8_t key[SIGN_PUBLIC_SIZE];
	uint64_t uid = 0;
	int code = 0;

	(void)argc;
	if (!find_uid(console, &uid, &code))
		return code;
	person.roles = roles;
	if (!parse_roles(console_option(console, "role"), roles, &person.n_roles))
		return console_usage(console, "--role takes a list of viewer, operator, approver, "
					      "responder, admin");
	if (file != NULL) {
		enum status status = keys_load_signing_public(file, key);

		if (status != STATUS_OK)
			return console_fail(status == STATUS_CORRUPT ? STATUS_INVALID : status,
			    "%s is no public key: `fettle operators keygen` makes one", file);
		RECORD_SET_BYTES(&person, signing_key, BYTES_OF(key));
	}
	person.name = argv[1];
	RECORD_SET(&person, uid, uid);
	order.add = &person;
	return send_order(console, &order, "an operator", argv[1]);
}

int operators_revoke_run(const struct console *console, int argc, char **argv)
{
	Fettle__OperatorOrder order = FETTLE__OPERATOR_ORDER__INIT;

	(void)argc;
	order.revoke = argv[1];
	return send_order(console, &order, "revoked", argv[1]);
}
