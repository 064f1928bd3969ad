/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Only characters that are named here pass, and never a '-' in front, a '/' (a release), a '=' or a
 * wildcard.  apt takes a trailing '-' or '+' of an argument for "remove" or "install", and the
 * argument ends with the version.
 */
#include "collectors/jobs/job_action.h"

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

static bool is_one_of(char byte, const char *set)
{
	return byte != '\0' && strchr(set, byte) != NULL;
}

bool job_action_is_name(const char *text)
{
	size_t size = strspn(text, LOWER DIGITS "+-.");
	const char *architecture = text + size + 1;

	if (size < 2 || strlen(text) > JOB_NAME_MAX || !is_one_of(text[0], LOWER DIGITS))
		return false;
	if (text[size] == '\0')
		return true;
	return text[size] == ':' && is_one_of(architecture[0], LOWER DIGITS)
	    && architecture[strspn(architecture, LOWER DIGITS "-")] == '\0';
}

bool job_action_is_version(const char *text)
{
	size_t size = strlen(text);

	return size > 0 && size <= JOB_VERSION_MAX && is_one_of(text[0], DIGITS)
	    && strspn(text, LOWER UPPER DIGITS ".+-~:") == size && text[size - 1] != '-'
	    && text[size - 1] != '+';
}

static bool is_named_before(const Fettle__JobAction *action, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (strcmp(action->packages[i]->name, action->packages[index]->name) == 0)
			return true;
	return false;
}

const char *job_action_refusal(const Fettle__JobAction *action)
{
	if (action == NULL
	    || action->kind != FETTLE__JOB_ACTION_KIND__JOB_ACTION_KIND_UPGRADE_PACKAGES)
		return "this version does not know such an action";
	if (action->manager == NULL || strcmp(action->manager, "dpkg") != 0)
		return "no package manager of that name is worked with here";
	if (action->n_packages == 0 || action->n_packages > JOB_PACKAGES_MAX)
		return "it names no package, or more than 500";
	for (size_t i = 0; i < action->n_packages; i++) {
		const Fettle__JobPackage *package = action->packages[i];

		if (package->name == NULL || !job_action_is_name(package->name))
			return "it names what cannot be a package";
		if (package->version == NULL || !job_action_is_version(package->version))
			return "it names what cannot be a version";
		if (is_named_before(action, i))
			return "it names a package twice";
	}
	return NULL;
}
