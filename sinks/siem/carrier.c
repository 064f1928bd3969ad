/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/siem/carrier.h"

const struct carrier_way *carrier_way_of(const struct siem_place *place)
{
	return place->way == SIEM_FILE ? &file_carrier : &tcp_carrier;
}
