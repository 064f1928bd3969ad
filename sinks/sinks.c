/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/sinks.h"

const struct sink *const sinks_all[] = { &store_sink, NULL };
