/* SPDX-License-Identifier: Apache-2.0 */
#include "collectors/collectors.h"

#include "collectors/accounts/accounts.h"
#include "collectors/cron.h"
#include "collectors/files/files.h"
#include "collectors/kernel.h"
#include "collectors/mounts.h"
#include "collectors/os.h"
#include "collectors/packages/packages.h"
#include "collectors/sockets.h"
#include "collectors/units/units.h"
#include "collectors/updates/updates.h"

const struct collector *const collectors_all[] = {
	&os_collector,
	&accounts_collector,
	&cron_collector,
	&kernel_collector,
	&mounts_collector,
	&packages_collector,
	&sockets_collector,
	&units_collector,
	&updates_collector,
	&files_collector,
	NULL,
};
