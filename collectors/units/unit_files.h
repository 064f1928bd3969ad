/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unit_files.h - what the files and links of systemd say of its units, whether it runs or not.
 */
#ifndef COLLECTORS_UNITS_UNIT_FILES_H
#define COLLECTORS_UNITS_UNIT_FILES_H

#include "collectors/survey/survey.h"
#include "collectors/units/unit_table.h"

/* Fills TABLE; directories that cannot be listed are facts on SHEET, as "unit/etc/systemd/system".
 */
void unit_files_look(const struct survey_input *input, struct sheet *sheet,
    struct unit_table *table);

#endif
