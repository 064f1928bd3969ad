/* SPDX-License-Identifier: Apache-2.0 */
#include "brokers/network.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

enum { V4_BITS = 32, V6_BITS = 128, V4_AT = 12 };

static bool parse_address(const char *text, uint8_t out[NETWORK_ADDRESS_SIZE], bool *is_v4)
{
	*is_v4 = strchr(text, ':') == NULL;
	if (!*is_v4)
		return inet_pton(AF_INET6, text, out) == 1;
	memset(out, 0, NETWORK_ADDRESS_SIZE);
	out[10] = out[11] = 0xff;
	return inet_pton(AF_INET, text, out + V4_AT) == 1;
}

/* TEXT up to the first MARK; false where that has no room. */
static bool copy_until(const char *text, char mark, char out[NETWORK_TEXT_MAX])
{
	size_t size = strcspn(text, (const char[]){ mark, '\0' });

	if (size >= NETWORK_TEXT_MAX)
		return false;
	memcpy(out, text, size);
	out[size] = '\0';
	return true;
}

bool network_address(const char *text, uint8_t out[NETWORK_ADDRESS_SIZE])
{
	char plain[NETWORK_TEXT_MAX];
	bool is_v4;

	return copy_until(text, '%', plain) && parse_address(plain, out, &is_v4);
}

/* The digits after the slash; none: all bits. */
static bool parse_bits(const char *slash, unsigned most, unsigned *out)
{
	size_t digits = slash == NULL ? 0 : strspn(slash + 1, "0123456789");

	*out = most;
	if (slash == NULL)
		return true;
	if (digits == 0 || digits > 3 || slash[1 + digits] != '\0')
		return false;
	*out = (unsigned)strtoul(slash + 1, NULL, 10);
	return *out <= most;
}

bool network_parse(const char *text, struct network *out)
{
	char address[NETWORK_TEXT_MAX];
	bool is_v4;

	if (!copy_until(text, '/', address) || !parse_address(address, out->address, &is_v4)
	    || !parse_bits(strchr(text, '/'), is_v4 ? V4_BITS : V6_BITS, &out->bits))
		return false;
	if (is_v4)
		out->bits += V6_BITS - V4_BITS;
	return true;
}

bool network_has(const struct network *network, const uint8_t address[NETWORK_ADDRESS_SIZE])
{
	size_t whole = network->bits / 8;
	unsigned rest = network->bits % 8;

	if (memcmp(network->address, address, whole) != 0)
		return false;
	return rest == 0 || (network->address[whole] ^ address[whole]) >> (8 - rest) == 0;
}

void network_address_text(const uint8_t address[NETWORK_ADDRESS_SIZE], char out[NETWORK_TEXT_MAX])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	if (memcmp(address, mapped, sizeof(mapped)) == 0)
		inet_ntop(AF_INET, address + sizeof(mapped), out, NETWORK_TEXT_MAX);
	else
		inet_ntop(AF_INET6, address, out, NETWORK_TEXT_MAX);
}
