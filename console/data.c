/* SPDX-License-Identifier: Apache-2.0 */
#include "console/data.h"

#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/bytes.h"

/* NULL where it is not set or empty. */
static const char *variable(const char *name)
{
	const char *value = getenv(name);

	return value == NULL || value[0] == '\0' ? NULL : value;
}

/* Below $XDG_…, else below UNDER in the home directory. */
static char *user_path(const char *xdg, const char *under, const char *name)
{
	const char *base = variable(xdg), *home = variable("HOME");

	if (base != NULL && base[0] == '/')
		return text_format("%s/%s", base, name);
	return text_format("%s/%s/%s", home == NULL ? "" : home, under, name);
}

static bool is_directory(const char *path)
{
	struct stat info;

	return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

/* PLACE relative to the directory of this program; NULL where there is no such directory. */
static char *beside_program(const char *place)
{
	char program[PATH_MAX];
	ssize_t size = readlink("/proc/self/exe", program, sizeof(program) - 1);
	char *slash, *path;

	if (size <= 0)
		return NULL;
	program[size] = '\0';
	slash = strrchr(program, '/');
	if (slash == NULL)
		return NULL;
	*slash = '\0';
	path = text_format("%s/%s", program, place);
	if (is_directory(path))
		return path;
	free(path);
	return NULL;
}

static char *find_content(void)
{
	char *path = text_copy(variable("FETTLE_CONTENT"));

	if (path == NULL)
		path = beside_program("../share/fettle");
	if (path == NULL)
		path = beside_program("../../content");
	return path == NULL ? text_copy("/usr/share/fettle") : path;
}

static char *find_data(const char *asked_for)
{
	if (asked_for == NULL)
		asked_for = variable("FETTLE_DATA");
	if (asked_for != NULL)
		return text_copy(asked_for);
	return geteuid() == 0 ? text_copy("/var/lib/fettle")
	                      : user_path("XDG_DATA_HOME", ".local/share", "fettle");
}

static char *find_config(const char *asked_for)
{
	if (asked_for != NULL)
		return text_copy(asked_for);
	return geteuid() == 0 ? text_copy("/etc/fettle/fettle.yaml")
	                      : user_path("XDG_CONFIG_HOME", ".config", "fettle/fettle.yaml");
}

static char *conf_d_beside(const char *config)
{
	const char *slash = strrchr(config, '/');

	return slash == NULL ? text_copy("conf.d")
	                     : text_format("%.*s/conf.d", (int)(slash - config), config);
}

void data_find(struct data_paths *paths, const char *data, const char *config)
{
	if (config == NULL)
		config = variable("FETTLE_CONFIG");
	data_paths_fini(paths);
	paths->data = find_data(data);
	paths->config = find_config(config);
	paths->is_config_wanted = config != NULL;
	paths->config_directory = conf_d_beside(paths->config);
	paths->content = find_content();
}

void data_paths_fini(struct data_paths *paths)
{
	free(paths->data);
	free(paths->config);
	free(paths->config_directory);
	free(paths->content);
	*paths = (struct data_paths){ 0 };
}
