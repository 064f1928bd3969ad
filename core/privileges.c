/* SPDX-License-Identifier: Apache-2.0 */
#include "core/privileges.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/bytes.h"
#include "core/log.h"

enum { CAPABILITIES_MAX = 64 };

/* Who the process is to be. */
struct identity {
	uid_t user;
	gid_t group;
	char name[64];
};

static enum status fail(const char *what)
{
	log_error("privileges", "cannot give up the rights of root: %s: %s", what, strerror(errno));
	return STATUS_IO;
}

static enum status identity_of(const struct passwd *entry, struct identity *out)
{
	*out = (struct identity){ .user = entry->pw_uid, .group = entry->pw_gid };
	strncpy(out->name, entry->pw_name, sizeof(out->name) - 1);
	return STATUS_OK;
}

static enum status find_named(const char *user, struct identity *out)
{
	const struct passwd *entry = getpwnam(user);

	if (entry != NULL)
		return identity_of(entry, out);
	log_write(LOG_ERROR, "privileges", LOG_FIELDS(LOG_TEXT("user", user)),
	    "there is no such user; make it, or change the setting service.run_as");
	return STATUS_INVALID;
}

/* Whoever a data directory belongs to is who its services ran as before. */
static enum status find_owner(const char *data, struct identity *out)
{
	const struct passwd *entry;
	struct stat info;

	*out = (struct identity){ .user = 0 };
	if (stat(data, &info) != 0 || info.st_uid == 0)
		return STATUS_OK;
	entry = getpwuid(info.st_uid);
	if (entry != NULL)
		return identity_of(entry, out);
	*out = (struct identity){ .user = info.st_uid, .group = info.st_gid };
	return STATUS_OK;
}

static enum status prepare_data(const char *data, const struct identity *who)
{
	struct stat info;

	if (stat(data, &info) != 0 && errno == ENOENT
	    && (mkdir(data, 0750) != 0 || chown(data, who->user, who->group) != 0))
		return fail(data);
	if (stat(data, &info) == 0 && info.st_uid == who->user)
		return STATUS_OK;
	log_write(LOG_ERROR, "privileges",
	    LOG_FIELDS(LOG_TEXT("user", who->name), LOG_TEXT("path", data)),
	    "the data directory belongs to somebody else; stop what uses it and "
	    "`chown -R USER` it, or change the setting service.run_as");
	return STATUS_DENIED;
}

/* Needs a capability itself, so it comes first. */
static enum status drop_bounding_set(void)
{
	for (unsigned long capability = 0; capability < CAPABILITIES_MAX; capability++)
		if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0 && errno != EINVAL
		    && errno != EPERM)
			return fail("the bounding set");
	return STATUS_OK;
}

static enum status become(const struct identity *who)
{
	int groups = who->name[0] == '\0' ? setgroups(1, &who->group)
	                                  : initgroups(who->name, who->group);

	if (groups != 0 || setgid(who->group) != 0 || setuid(who->user) != 0)
		return fail("another user");
	return STATUS_OK;
}

static enum status drop_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	const struct __user_cap_data_struct none[2] = { { 0 } };

	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0
	    || syscall(SYS_capset, &header, none) != 0)
		return fail("capabilities");
	return STATUS_OK;
}

static enum status drop_root(const char *user, const char *data)
{
	struct identity who;
	enum status status = user[0] != '\0' ? find_named(user, &who) : find_owner(data, &who);

	if (status == STATUS_OK && who.user != 0)
		status = prepare_data(data, &who);
	if (status == STATUS_OK)
		status = drop_bounding_set();
	if (status == STATUS_OK && who.user != 0)
		status = become(&who);
	return status == STATUS_OK ? drop_capabilities() : status;
}

enum status privileges_drop(const char *user, const char *data)
{
	enum status status = geteuid() == 0 ? drop_root(user, data) : STATUS_OK;

	if (status == STATUS_OK && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		status = fail("for good");
	return status;
}
