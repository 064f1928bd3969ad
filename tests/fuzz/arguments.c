/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever is typed, a command runs with as many arguments as it takes, or what is wrong is said
 * and nothing runs.  The commands are the real ones but for what they do.
 */
#include "console/commands.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"

enum { COMMANDS_MAX = 128, WORDS_MAX = 32 };

static struct command commands[COMMANDS_MAX];
static unsigned runs;

static int run(const struct console *console, int argc, char **argv)
{
	const struct command *command = console->command;

	FUZZ_HOLDS(argc >= 1 && argv[0] != NULL);
	FUZZ_HOLDS((unsigned)argc - 1 >= command->arguments_least
		   && (unsigned)argc - 1 <= command->arguments_most);
	FUZZ_HOLDS(console->options_count <= CONSOLE_OPTIONS_MAX
		   && console->sets_count <= CONSOLE_SETS_MAX);
	for (int i = 1; i < argc; i++)
		FUZZ_HOLDS(argv[i] != NULL);
	runs++;
	return 0;
}

static void prepare(void)
{
	size_t count = 0;
	int nowhere;

	if (commands[0].noun != NULL)
		return;
	for (; commands_all[count].noun != NULL; count++) {
		FUZZ_HOLDS(count + 1 < COMMANDS_MAX);
		commands[count] = commands_all[count];
		commands[count].run = run;
		commands[count].has_no_settings = true;
	}
	nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
	FUZZ_HOLDS(nowhere >= 0 && dup2(nowhere, STDOUT_FILENO) >= 0);
	close(nowhere);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = { .left = BYTES(data, size) };
	char *words[WORDS_MAX + 2] = { text_copy("fettle") }, *typed[WORDS_MAX + 2];
	int count = 1, exit_code;

	prepare();
	while (count < WORDS_MAX && fuzz_has_more(&input))
		words[count++] = text_copy_bytes(fuzz_piece(&input));
	/* Parsing puts them into another order, and may leave one there twice. */
	memcpy(typed, words, sizeof(words));
	runs = 0;
	exit_code = console_run(commands, count, words);
	FUZZ_HOLDS(runs <= 1 && (exit_code == 0 || (exit_code == CONSOLE_USAGE && runs == 0)));
	for (int i = 0; i < count; i++)
		free(typed[i]);
	return 0;
}
