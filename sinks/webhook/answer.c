/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What webhook.c and test.c have in common: settings made use of, answers judged.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/log.h"
#include "sinks/webhook/webhook.h"

enum { TOKEN_MAX = 4096 };

enum webhook_fate webhook_fate_of(unsigned code)
{
	if (code >= 200 && code < 300)
		return WEBHOOK_DELIVERED;
	if (code < 400 || code == 401 || code == 403 || code == 407 || code == 429 || code == 503)
		return WEBHOOK_TARGET_DOWN;
	if (code == 408 || code == 425 || code >= 500)
		return WEBHOOK_LATER;
	return WEBHOOK_DEAD;
}

void webhook_append_answer(const struct http_answer *answer, struct buffer *out)
{
	if (answer->code == 0) {
		buffer_append_text(out, answer->error);
		return;
	}
	buffer_append_format(out, "HTTP %u", answer->code);
	if (answer->said[0] != '\0') {
		buffer_append_text(out, ": ");
		log_escape(out, bytes_of_text(answer->said));
	}
}

/* A URI has no other characters than a host name should have. */
static void own_source(char source[WEBHOOK_SOURCE_SIZE])
{
	char host[256] = "";

	if (gethostname(host, sizeof(host) - 1) != 0 || !cloudevents_source_is_valid(host))
		snprintf(source, WEBHOOK_SOURCE_SIZE, "/fettle");
	else
		snprintf(source, WEBHOOK_SOURCE_SIZE, "/fettle/%s", host);
}

void webhook_style(const struct webhook_settings *set, char source[WEBHOOK_SOURCE_SIZE],
    struct cloudevents_style *out)
{
	own_source(source);
	*out = (struct cloudevents_style){ .is_binary = strcmp(set->format, "cloudevents") != 0,
		.source = set->source[0] != '\0' ? set->source : source,
		.body_max = (size_t)set->body_max };
}

static bool is_token(const char *token)
{
	if (token[0] == '\0')
		return false;
	for (; *token != '\0'; token++)
		if (*token <= ' ' || *token > '~')
			return false;
	return true;
}

char *webhook_authorization(const char *path, struct buffer *why)
{
	char token[TOKEN_MAX] = "", *authorization = NULL;
	FILE *file = fopen(path, "re");

	if (file == NULL) {
		buffer_append_format(why, "the token in %s: %s", path, strerror(errno));
		return NULL;
	}
	setvbuf(file, NULL, _IONBF, 0); /* no copy that would not be wiped */
	if (fgets(token, sizeof(token), file) != NULL)
		token[strcspn(token, "\r\n")] = '\0';
	fclose(file);
	if (is_token(token))
		authorization = text_format("Authorization: Bearer %s", token);
	else
		buffer_append_format(why, "the token in %s: its first line is none", path);
	explicit_bzero(token, sizeof(token));
	return authorization;
}

void webhook_forget(char *authorization)
{
	if (authorization != NULL)
		explicit_bzero(authorization, strlen(authorization));
	free(authorization);
}
