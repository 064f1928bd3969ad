/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An enrolment file that is taken is taken as the same once it was written again; one that is not
 * leaves nothing behind, and no message repeats a secret.
 */
#include "core/enrolment_file.h"

#include "tests/fuzz/fuzz.h"

enum { SECRET_DIGITS = 40 };

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

/* A run of hexadecimal digits as long as a secret: of TEXT, or NULL. */
static const char *find_secret(const char *text)
{
	for (; *text != '\0'; text++)
		if (strspn(text, "0123456789abcdefABCDEF") >= SECRET_DIGITS)
			return text;
	return NULL;
}

static bool has_one_secret(struct bytes file, const char **key)
{
	*key = memmem(file.data, file.size, "\nsecret: ", 9);
	return *key != NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct yaml_errors errors = { 0 };
	struct enrolment_file file;
	const char *key;

	if (enrolment_file_parse("input", BYTES(data, size), &file, &errors) == STATUS_OK) {
		is_the_same_when_read_again(&file);
	} else {
		FUZZ_HOLDS(errors.count > 0);
		is_empty(&file);
		/* A line that YAML itself trips over is shown; one with a secret of ours never. */
		if (errors.count == 1 && has_one_secret(BYTES(data, size), &key)
		    && strstr(yaml_errors_text(&errors), "the secret is damaged") != NULL)
			FUZZ_HOLDS(find_secret(yaml_errors_text(&errors)) == NULL);
	}
	enrolment_file_fini(&file);
	yaml_errors_fini(&errors);
	return 0;
}
