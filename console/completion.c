/* SPDX-License-Identifier: Apache-2.0 */
/*
 * completion - what a shell needs to know to finish words of a command line.
 *
 * The script is made from the table of commands.  What stands in a table of options, such as the
 * words that one takes, is written into it; assets, ids and names it asks fettle for when they are
 * wanted, at most two hundred and for two seconds.  These come from endpoints, so the script never
 * lets the shell expand them, and passes over those that would need quotes.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "console/commands.h"
#include "console/options.h"

static const char bash_head[] = "# fettle(1) in bash, made by `fettle completion bash`.\n"
				"\n";

static const char bash_tail[] =
    "\n"
    "# The first column of what `fettle NOUN` lists.  Anybody may have named an asset: only what "
    "is\n"
    "# harmless to a shell is offered.\n"
    "_fettle_ask()\n"
    "{\n"
    "\tlocal name harmless='^[A-Za-z0-9][A-Za-z0-9._@-]*$'\n"
    "\twhile IFS=, read -r name _; do\n"
    "\t\tname=${name%$'\\r'}\n"
    "\t\tif [[ $name == \"$2\"* && $name =~ $harmless ]]; then\n"
    "\t\t\tCOMPREPLY+=(\"$name\")\n"
    "\t\tfi\n"
    "\tdone < <(timeout 2 \"${COMP_WORDS[0]}\" \"${_fettle_place[@]}\" \"$1\" -q --limit 200 \\\n"
    "\t\t--format csv --no-headers 2>/dev/null)\n"
    "}\n"
    "\n"
    "_fettle_offer()\n"
    "{\n"
    "\tlocal kind=${1%% *} cur=$2 word before=\n"
    "\tcase $kind in\n"
    "\tlist)\n"
    "\t\t[[ $cur == *,* ]] && before=${cur%,*},\n"
    "\t\tfor word in ${1#* }; do\n"
    "\t\t\t[[ $before$word == \"$cur\"* ]] && COMPREPLY+=(\"$before$word\")\n"
    "\t\tdone ;;\n"
    "\twords)\n"
    "\t\tfor word in ${1#* }; do\n"
    "\t\t\t[[ $word == \"$cur\"* ]] && COMPREPLY+=(\"$word\")\n"
    "\t\tdone ;;\n"
    "\task) _fettle_ask \"${1#* }\" \"$cur\" ;;\n"
    "\tfile) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- \"$cur\") "
    ";;\n"
    "\tdirectory) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- "
    "\"$cur\") ;;\n"
    "\tesac\n"
    "}\n"
    "\n"
    "_fettle()\n"
    "{\n"
    "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev= word option= noun= verb= command= count=0\n"
    "\tlocal reply verbs= _fettle_place=()\n"
    "\tCOMPREPLY=()\n"
    "\t[[ $cur == = ]] && cur=\n"
    "\tfor word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
    "\t\tif [[ -n $option ]]; then\n"
    "\t\t\t[[ $word == = ]] && continue\n"
    "\t\t\t[[ $option == --data || $option == --config ]] && _fettle_place+=(\"$option\" "
    "\"$word\")\n"
    "\t\t\toption=\n"
    "\t\telif [[ $word == -* ]]; then\n"
    "\t\t\t_fettle_value \"$command\" \"$word\"\n"
    "\t\t\t[[ -n $reply ]] && option=$word\n"
    "\t\telif [[ -z $noun ]]; then\n"
    "\t\t\tnoun=$word\n"
    "\t\t\t_fettle_verbs \"$noun\"; verbs=$reply\n"
    "\t\t\t_fettle_alone \"$noun\"; command=$reply\n"
    "\t\telif [[ -z $verb && $count == 0 && \" $verbs \" == *\" $word \"* ]]; then\n"
    "\t\t\tverb=$word command=\"$noun $word\"\n"
    "\t\telse\n"
    "\t\t\tcount=$((count + 1))\n"
    "\t\tfi\n"
    "\tdone\n"
    "\tif [[ -n $option ]]; then\n"
    "\t\t_fettle_value \"$command\" \"$option\"\n"
    "\t\t_fettle_offer \"$reply\" \"$cur\"\n"
    "\telif [[ $cur == -* ]]; then\n"
    "\t\t_fettle_options \"$command\"\n"
    "\t\t_fettle_offer \"words $reply\" \"$cur\"\n"
    "\telif [[ -z $noun ]]; then\n"
    "\t\t_fettle_offer \"words $_fettle_nouns\" \"$cur\"\n"
    "\telse\n"
    "\t\t[[ -z $verb && $count == 0 ]] && _fettle_offer \"words $verbs\" \"$cur\"\n"
    "\t\t_fettle_argument \"$command\" \"$count\"\n"
    "\t\t_fettle_offer \"$reply\" \"$cur\"\n"
    "\tfi\n"
    "}\n"
    "\n"
    "complete -F _fettle fettle\n";

/* ---- words of an option, from what its help says ---- */

static bool is_word(const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (!islower((unsigned char)text[i]) && text[i] != '_')
			return false;
	return size > 0;
}

/*
 * "open, fixed or excepted; open unless given" lists words: appends "open fixed excepted".  False,
 * and nothing is appended, where HELP is a sentence.
 */
static bool append_words(struct buffer *out, const char *help)
{
	size_t before = out->size, words = 0;
	bool is_list = true;

	while (is_list && *help != '\0' && *help != ';') {
		size_t size = strcspn(help, " ,;");

		is_list = is_word(help, size);
		if (is_list)
			buffer_append_text(out, words++ > 0 ? " " : "");
		buffer_append(out, BYTES(help, is_list ? size : 0));
		help += size;
		if (strncmp(help, ", ", 2) == 0)
			help += 2;
		else if (strncmp(help, " or ", 4) == 0)
			help += 4;
		else
			is_list = is_list && (*help == '\0' || *help == ';');
	}
	if (is_list && words > 1)
		return true;
	out->size = before;
	return false;
}

/* ---- kinds of values ---- */

static bool ends_with(const char *text, const char *end)
{
	size_t size = strlen(text), end_size = strlen(end);

	return size >= end_size && strcmp(text + size - end_size, end) == 0;
}

static bool has_list(const struct command *commands, const char *noun)
{
	for (; commands->noun != NULL; commands++)
		if (strcmp(commands->noun, noun) == 0 && commands->arguments_least == 0
		    && (commands->verb == NULL || strcmp(commands->verb, "list") == 0))
			return !commands->is_service;
	return false;
}

/* What stands for NAME ("ASSET", "FILE"), the value of an option or argument of NOUN. */
static void append_kind(struct buffer *out, const struct command *commands, const char *noun,
    const char *name)
{
	if (strncmp(name, "ASSET", 5) == 0)
		buffer_append_text(out, "ask assets");
	else if (strcmp(name, "POLICY") == 0)
		buffer_append_text(out, "ask policies");
	else if (strncmp(name, "FILE", 4) == 0)
		buffer_append_text(out, "file");
	else if (strcmp(name, "DIRECTORY") == 0)
		buffer_append_text(out, "directory");
	else if (strcmp(name, "bash") == 0)
		buffer_append_text(out, "words bash");
	else if ((strcmp(name, "ID") == 0 || strcmp(name, "NAME") == 0) && noun != NULL
		 && has_list(commands, noun))
		buffer_append_format(out, "ask %s", noun);
	else
		buffer_append_text(out, "any");
}

static void append_option_kind(struct buffer *out, const struct command *commands, const char *noun,
    const struct argp_option *option)
{
	struct buffer words = { 0 };

	if (append_words(&words, option->doc))
		buffer_append_format(out, "%s %s",
		    ends_with(option->arg, ",...") ? "list" : "words", buffer_text(&words));
	else
		append_kind(out, commands, noun, option->arg);
	buffer_fini(&words);
}

/* ---- the tables of the script ---- */

static void begin_table(struct buffer *out, const char *name, const char *subject)
{
	buffer_append_format(out, "\n%s()\n{\n\tcase %s in\n", name, subject);
}

static void end_table(struct buffer *out, const char *otherwise)
{
	buffer_append_format(out, "\t*) %s ;;\n\tesac\n}\n", otherwise);
}

static bool is_first_of_noun(const struct command *commands, const struct command *command)
{
	for (; commands != command; commands++)
		if (strcmp(commands->noun, command->noun) == 0)
			return false;
	return true;
}

static void append_nouns(struct buffer *out, const struct command *commands)
{
	buffer_append_text(out, "_fettle_nouns='help");
	for (const struct command *at = commands; at->noun != NULL; at++)
		if (is_first_of_noun(commands, at))
			buffer_append_format(out, " %s", at->noun);
	buffer_append_text(out, "'\n");
}

static void append_verbs(struct buffer *out, const struct command *commands)
{
	begin_table(out, "_fettle_verbs", "$1");
	for (const struct command *at = commands; at->noun != NULL; at++) {
		if (!is_first_of_noun(commands, at))
			continue;
		buffer_append_format(out, "\t%s) reply='", at->noun);
		for (const struct command *verb = at; verb->noun != NULL; verb++)
			if (strcmp(verb->noun, at->noun) == 0 && verb->verb != NULL)
				buffer_append_format(out, "%s ", verb->verb);
		buffer_append_text(out, "' ;;\n");
	}
	buffer_append_text(out, "\thelp) reply=$_fettle_nouns ;;\n");
	end_table(out, "reply=");
}

/* Which command a noun is without a verb. */
static void append_alone(struct buffer *out, const struct command *commands)
{
	begin_table(out, "_fettle_alone", "$1");
	for (const struct command *at = commands; at->noun != NULL; at++)
		if (at->verb != NULL && strcmp(at->verb, "list") == 0)
			buffer_append_format(out, "\t%s) reply='%s list' ;;\n", at->noun, at->noun);
	end_table(out, "reply=$1");
}

static void append_options(struct buffer *out, const struct command *commands)
{
	begin_table(out, "_fettle_options", "$1");
	for (const struct command *at = commands; at->noun != NULL; at++) {
		if (at->options == NULL)
			continue;
		buffer_append_format(out, "\t'%s') reply='", options_command_name(at));
		for (const struct argp_option *option = at->options; option->name != NULL; option++)
			buffer_append_format(out, "--%s ", option->name);
		buffer_append_text(out, "' ;;\n");
	}
	end_table(out, "reply=");
	out->size -= strlen("}\n");
	buffer_append_text(out, "\treply+='");
	for (const struct argp_option *option = options_common(); option->name != NULL; option++)
		buffer_append_format(out, "--%s ", option->name);
	buffer_append_text(out, "'\n}\n");
}

/* The kind of value that an option takes; empty where it takes none. */
static void append_values(struct buffer *out, const struct command *commands)
{
	begin_table(out, "_fettle_value", "\"$1 $2\"");
	for (const struct argp_option *option = options_common(); option->name != NULL; option++) {
		if (option->arg == NULL)
			continue;
		buffer_append_format(out, "\t*' --%s') reply='", option->name);
		append_option_kind(out, commands, NULL, option);
		buffer_append_text(out, "' ;;\n");
	}
	for (const struct command *at = commands; at->noun != NULL; at++)
		for (const struct argp_option *option = at->options;
		     option != NULL && option->name != NULL; option++) {
			if (option->arg == NULL)
				continue;
			buffer_append_format(out, "\t'%s --%s') reply='", options_command_name(at),
			    option->name);
			append_option_kind(out, commands, at->noun, option);
			buffer_append_text(out, "' ;;\n");
		}
	end_table(out, "reply=");
}

/* Of "ASSET [PREFIX]" the words, without their brackets. */
static void append_arguments_of(struct buffer *out, const struct command *commands,
    const struct command *command)
{
	const char *at = command->arguments;

	for (unsigned i = 0; at[0] != '\0'; i++) {
		size_t size;
		char *name;

		at += strspn(at, " []|");
		size = strcspn(at, " []|");
		if (size == 0)
			return;
		name = text_copy_bytes(BYTES(at, size));
		buffer_append_format(out, "\t'%s %s') reply='", options_command_name(command),
		    ends_with(name, "...") ? "'*'"
		    : i == 0               ? "0"
					   : "1");
		append_kind(out, commands, command->noun, name);
		buffer_append_text(out, "' ;;\n");
		free(name);
		at += size;
	}
}

static void append_arguments(struct buffer *out, const struct command *commands)
{
	begin_table(out, "_fettle_argument", "\"$1 $2\"");
	for (const struct command *at = commands; at->noun != NULL; at++)
		if (at->arguments != NULL)
			append_arguments_of(out, commands, at);
	end_table(out, "reply=");
}

int completion_run(const struct console *console, int argc, char **argv)
{
	const struct command *commands = console->commands;
	struct buffer script = { 0 };

	(void)argc;
	if (strcmp(argv[1], "bash") != 0)
		return console_usage(console, "there is a completion for bash, not for `%s`",
		    argv[1]);
	buffer_append_text(&script, bash_head);
	append_nouns(&script, commands);
	append_verbs(&script, commands);
	append_alone(&script, commands);
	append_options(&script, commands);
	append_values(&script, commands);
	append_arguments(&script, commands);
	buffer_append_text(&script, bash_tail);
	fputs(buffer_text(&script), console->output.stream);
	buffer_fini(&script);
	return 0;
}
