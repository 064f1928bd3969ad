/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The character sets are those of Debian policy 5.6.1 (names), 5.6.8 (architectures) and 5.6.12
 * (versions).
 */
#include "core/job_action.h"

#include <stdlib.h>

static const char lower[] = "abcdefghijklmnopqrstuvwxyz0123456789";

/* SIZE bytes at TEXT: a small letter or digit, then those or one of MORE. */
static bool is_word(const char *text, size_t size, const char *more)
{
	if (size == 0 || strchr(lower, text[0]) == NULL)
		return false;
	for (size_t i = 1; i < size; i++)
		if (strchr(lower, text[i]) == NULL && strchr(more, text[i]) == NULL)
			return false;
	return true;
}

/* "openssl", "openssl:amd64" */
static bool is_name(const char *name)
{
	size_t size = name == NULL ? 0 : strcspn(name, ":");

	if (size < 2 || strlen(name) > JOB_NAME_MAX || !is_word(name, size, "+-."))
		return false;
	return name[size] == '\0' || is_word(name + size + 1, strlen(name + size + 1), "-");
}

static bool is_version(const char *version)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				      "0123456789.+-:~";

	size_t size = version == NULL ? 0 : strspn(version, allowed);

	return size > 0 && version[size] == '\0' && size <= JOB_VERSION_MAX && version[0] >= '0'
	    && version[0] <= '9' && version[size - 1] != '-' && version[size - 1] != '+';
}

static const char *text_or_empty(const char *text)
{
	return text == NULL ? "" : text;
}

static int by_name(const void *a, const void *b)
{
	const Fettle__JobPackage *const *left = a, *const *right = b;
	int order = strcmp(text_or_empty((*left)->name), text_or_empty((*right)->name));

	return order != 0
	         ? order
	         : strcmp(text_or_empty((*left)->version), text_or_empty((*right)->version));
}

Fettle__JobPackage **job_action_sorted(const Fettle__JobAction *action)
{
	Fettle__JobPackage **packages = memory_new((action->n_packages + 1) * sizeof(*packages));

	if (action->n_packages > 0)
		memcpy(packages, action->packages, action->n_packages * sizeof(*packages));
	qsort(packages, action->n_packages, sizeof(*packages), by_name);
	return packages;
}

static bool has_one_twice(const Fettle__JobAction *action)
{
	Fettle__JobPackage **packages = job_action_sorted(action);
	bool found = false;

	for (size_t i = 1; i < action->n_packages; i++)
		found |= strcmp(packages[i - 1]->name, packages[i]->name) == 0;
	free(packages);
	return found;
}

const char *job_action_check(const Fettle__JobAction *action)
{
	if (action == NULL
	    || action->kind != FETTLE__JOB_ACTION_KIND__JOB_ACTION_KIND_UPGRADE_PACKAGES)
		return "the action is of no kind that is known here";
	if (action->manager == NULL || strcmp(action->manager, "dpkg") != 0)
		return "the action is for a package manager that is not known here";
	if (action->n_packages == 0 || action->n_packages > JOB_PACKAGES_MAX)
		return "the action has no package, or more than 500";
	for (size_t i = 0; i < action->n_packages; i++) {
		if (!is_name(action->packages[i]->name))
			return "the action names a package as no package is named";
		if (!is_version(action->packages[i]->version))
			return "the action has a version that is none";
	}
	if (has_one_twice(action))
		return "the action names a package twice";
	if (protobuf_c_message_get_packed_size(&action->base) > JOB_ACTION_MAX)
		return "the action is larger than 64 KiB";
	return NULL;
}
