/* SPDX-License-Identifier: Apache-2.0 */
/*
 * systemctl.h - what systemctl(1) prints of the units that it knows.
 */
#ifndef COLLECTORS_UNITS_SYSTEMCTL_H
#define COLLECTORS_UNITS_SYSTEMCTL_H

#include "collectors/units/unit_table.h"

/* For `systemctl show`: a block of NAME=VALUE for each unit, with an empty line between. */
#define SYSTEMCTL_PROPERTIES "--property=Id,ActiveState,UnitFileState,FragmentPath,ExecStart"

/* `systemctl list-unit-files`: "NAME STATE …" a line. */
void systemctl_take_files(struct bytes output, struct unit_table *table);
/* `systemctl show` of all that is loaded.  What is not loaded is inactive then. */
void systemctl_take_units(struct bytes output, struct unit_table *table);

#endif
