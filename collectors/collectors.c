/* SPDX-License-Identifier: Apache-2.0 */
#include "collectors/collectors.h"

#include "collectors/files/files.h"
#include "collectors/kernel.h"
#include "collectors/os.h"
#include "collectors/packages/packages.h"

const struct collector *const collectors_all[] = {
	&os_collector,
	&kernel_collector,
	&packages_collector,
	&files_collector,
	NULL,
};
