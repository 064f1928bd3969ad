/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A name is compared in lower case and without its '-', '_' and '.', so that "api-key", "API_KEY"
 * and "apiKey" are one.  Names that contain a secret's word and end in what one says about it
 * ("password_max_age") are settings that policies read; they are listed by their ends.
 */
#include "collectors/redact/secret_name.h"

#include <ctype.h>

enum { NAME_MAX_SIZE = 128 };

/* Is such a word. */
static const char *const exact[] = { "password", "passwd", "passphrase", "passcode", "pass", "pwd",
	"secret", "psk", "token", "apikey", "authkey", "requirepass", "masterauth", "rootpw",
	"bindpw", "secretid", NULL };

static const char *const communities[] = { "rocommunity", "rwcommunity", "rocommunity6",
	"rwcommunity6", "trapcommunity", "community", NULL };

/* Contains such a word. */
static const char *const words[] = { "password", "passwd", "passphrase", "passcode", "secret",
	"token", "apikey", "privatekey", "accesskey", "authkey", "sharedkey", "encryptionkey",
	"signingkey", "hostkeydata", "wepkey", "credential", "authtok", NULL };

/* Ends in such a word. */
static const char *const ends[] = { "pass", "pwd", "psk", "pw", NULL };

/* Ends in what is said about a secret. */
static const char *const about[] = { "age", "aging", "algorithm", "algorithms", "attempts",
	"attribute", "attributes", "authentication", "backend", "bits", "bypass", "check",
	"command", "cmd", "complexity", "cost", "days", "dir", "directory", "disabled", "enabled",
	"encryption", "endpoint", "expiration", "expire", "expires", "expiry", "file", "files",
	"format", "hashing", "history", "interval", "iterations", "keyid", "length", "len",
	"lifetime", "limit", "locking", "maps", "method", "methods", "mode", "module", "name",
	"path", "pbkdf2", "plugin", "policy", "program", "prompt", "provider", "quality",
	"remember", "reqd", "required", "reset", "retries", "retry", "rotation", "rounds", "scheme",
	"schemes", "script", "server", "size", "strength", "sync", "timeout", "tries", "ttl",
	"type", "types", "uri", "url", "warning", NULL };

/* Begins with what is said about one. */
static const char *const rulings[] = { "allow", "assert", "automount", "condition", "disable",
	"enforce", "permit", "require", "validate", NULL };

/* Only looks like one: web servers' banner setting, sudo's tag, sudo's own names. */
static const char *const never[] = { "servertokens", "nopasswd", "nopassword", "encryptpasswords",
	"loadcredential", "loadcredentialencrypted", "importcredential", "cachecredentials", NULL };

static size_t normalise(struct bytes name, char out[NAME_MAX_SIZE])
{
	size_t size = 0;

	for (size_t i = 0; i < name.size && size < NAME_MAX_SIZE - 1; i++)
		if (isalnum(name.data[i]))
			out[size++] = (char)tolower(name.data[i]);
	out[size] = '\0';
	return size;
}

static bool is_one_of(const char *const *list, const char *name)
{
	for (; *list != NULL; list++)
		if (strcmp(*list, name) == 0)
			return true;
	return false;
}

static bool ends_in_one_of(const char *const *list, const char *name, size_t size)
{
	for (; *list != NULL; list++) {
		size_t length = strlen(*list);

		if (length <= size && strcmp(*list, name + size - length) == 0)
			return true;
	}
	return false;
}

static bool begins_with_one_of(const char *const *list, const char *name)
{
	for (; *list != NULL; list++)
		if (strncmp(*list, name, strlen(*list)) == 0)
			return true;
	return false;
}

static bool contains_one_of(const char *const *list, const char *name)
{
	for (; *list != NULL; list++)
		if (strstr(name, *list) != NULL)
			return true;
	return false;
}

enum secret_name secret_name_of(struct bytes bytes)
{
	char name[NAME_MAX_SIZE];
	size_t size = normalise(bytes, name);

	if (is_one_of(exact, name))
		return SECRET_NAME_EXACTLY;
	if (is_one_of(communities, name))
		return SECRET_NAME_COMMUNITY;
	if (!contains_one_of(words, name) && !ends_in_one_of(ends, name, size))
		return SECRET_NAME_NOT;
	if (is_one_of(never, name) || ends_in_one_of(about, name, size)
	    || begins_with_one_of(rulings, name))
		return SECRET_NAME_NOT;
	return SECRET_NAME_PROBABLY;
}
