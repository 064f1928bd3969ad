/* SPDX-License-Identifier: Apache-2.0 */
/*
 * data.h - where the data, the configuration and the shipped content are.
 *
 * What was asked for on the command line, then FETTLE_DATA, FETTLE_CONFIG and FETTLE_CONTENT, then
 * the places of the system for root and those of XDG for anybody else.
 */
#ifndef CONSOLE_DATA_H
#define CONSOLE_DATA_H

#include <stdbool.h>

struct data_paths {
	char *data;             /* /var/lib/fettle */
	char *config;           /* /etc/fettle/fettle.yaml */
	char *config_directory; /* conf.d beside it */
	bool is_config_wanted;  /* somebody asked for it: it must be there */
	char *content;          /* /usr/share/fettle, or that of the build tree */
};

/* NULL: not asked for. */
void data_find(struct data_paths *paths, const char *data, const char *config);
void data_paths_fini(struct data_paths *paths);

#endif
