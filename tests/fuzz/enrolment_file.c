/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An enrolment file that is taken is taken as the same once it was written again; one that is not
 * leaves nothing behind, and no message repeats a secret.
 */
#include "core/enrolment_file.h"

#include "tests/fuzz/fuzz.h"

enum { DIGITS = 8 }; /* in a row, of which a secret is made */

static void is_empty(const struct enrolment_file *file)
{
	FUZZ_HOLDS(file->name == NULL && file->endpoints_count == 0 && file->gateways_count == 0);
	FUZZ_HOLDS(file->server_key[0] == '\0' && !file->has_secret);
	for (size_t i = 0; i < sizeof(file->secret); i++)
		FUZZ_HOLDS(file->secret[i] == 0);
}

static void is_the_same_when_read_again(const struct enrolment_file *file)
{
	struct buffer first = { 0 }, second = { 0 };
	struct yaml_errors errors = { 0 };
	struct enrolment_file again;

	enrolment_file_write(file, true, &first);
	FUZZ_HOLDS(
	    enrolment_file_parse("again", buffer_bytes(&first), &again, &errors) == STATUS_OK);
	enrolment_file_write(&again, true, &second);
	FUZZ_HOLDS(bytes_equal(buffer_bytes(&first), buffer_bytes(&second)));
	FUZZ_HOLDS(again.has_secret == file->has_secret);
	enrolment_file_fini(&again);
	buffer_fini(&first);
	buffer_fini(&second);
}

static bool has_digits(const char *text)
{
	for (; *text != '\0'; text++)
		if (strspn(text, "0123456789abcdefABCDEF") >= DIGITS)
			return true;
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct yaml_errors errors = { 0 };
	struct enrolment_file file;

	if (enrolment_file_parse("input", BYTES(data, size), &file, &errors) == STATUS_OK) {
		is_the_same_when_read_again(&file);
	} else {
		FUZZ_HOLDS(errors.count > 0);
		is_empty(&file);
		FUZZ_HOLDS(!has_digits(yaml_errors_text(&errors)));
	}
	enrolment_file_fini(&file);
	yaml_errors_fini(&errors);
	return 0;
}
