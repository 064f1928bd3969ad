/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A secret on a line of its own does not get through, and a setting on a line of its own is not
 * hidden, whatever stands before and after it in the file.
 *
 * The input is the kind of file, then what stands before, and what stands after.
 */
#include "collectors/redact/redact.h"

#include "tests/fuzz/fuzz.h"

#define SECRET "Zq7XwV3kPt9Lm2Rn8YbC"
#define SETTING "PermitRootLogin yes"

static const struct {
	const char *path, *line;
	bool is_setting; /* must be there afterwards; else its secret must not */
} cases[] = {
	{ "/etc/app/app.conf", "password = " SECRET, false },
	{ "/etc/app/app.yaml", "api_key: '" SECRET "'", false },
	{ "/etc/shadow", "anna:$6$salt$" SECRET ":19000:0:99999:7:::", false },
	{ "/etc/gshadow", "staff:" SECRET "::", false },
	{ "/etc/security/opasswd", "anna:1000:1:" SECRET, false },
	{ "/etc/samba/private/smbpasswd", "anna:1000:" SECRET ":" SECRET ":[U ]:", false },
	{ "/root/.pgpass", "host:5432:base:anna:" SECRET, false },
	{ "/etc/snmp/snmpd.conf", "rocommunity " SECRET, false },
	{ "/etc/krb5.keytab", SECRET, false },
	{ "/etc/ssh/sshd_config", SETTING, true },
	{ "/etc/app/app.conf", SETTING, true },
	{ "/etc/pam.d/login", SETTING, true },
};

enum { CASES = sizeof(cases) / sizeof(cases[0]) };

static bool has(const struct buffer *text, const char *words)
{
	return text->size > 0 && memmem(text->data, text->size, words, strlen(words)) != NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = { .left = BYTES(data, size) };
	size_t number = fuzz_u8(&input) % CASES;
	struct buffer content = { 0 }, out = { 0 };
	bool is_changed;

	buffer_append(&content, fuzz_piece(&input));
	buffer_append_format(&content, "\n%s\n", cases[number].line);
	buffer_append(&content, input.left);
	is_changed = redact_content(cases[number].path, NULL, buffer_bytes(&content), &out);
	FUZZ_HOLDS(is_changed || bytes_equal(buffer_bytes(&out), buffer_bytes(&content)));
	if (cases[number].is_setting)
		FUZZ_HOLDS(has(&out, SETTING));
	else if (!has(&(struct buffer){ .data = (uint8_t *)(uintptr_t)data, .size = size }, SECRET))
		FUZZ_HOLDS(!has(&out, SECRET));
	buffer_fini(&content);
	buffer_fini(&out);
	return 0;
}
