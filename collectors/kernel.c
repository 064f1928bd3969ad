/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nothing tells of a parameter or a module that changed, so the re-read is short; it is some
 * hundred small reads.  How often a module is in use is left out: it changes all the time.
 */
#include "collectors/kernel.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "collectors/redact/redact.h"
#include "collectors/small_file.h"
#include "collectors/sorted_list.h"
#include "collectors/survey/survey.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* What benchmarks ask for, and what opens a system if it is set otherwise. */
static const char *const parameters[] = {
	"dev.tty.ldisc_autoload",
	"fs.protected_fifos",
	"fs.protected_hardlinks",
	"fs.protected_regular",
	"fs.protected_symlinks",
	"fs.suid_dumpable",
	"kernel.core_pattern",
	"kernel.core_uses_pid",
	"kernel.dmesg_restrict",
	"kernel.ftrace_enabled",
	"kernel.kexec_load_disabled",
	"kernel.kptr_restrict",
	"kernel.modules_disabled",
	"kernel.panic_on_oops",
	"kernel.perf_event_paranoid",
	"kernel.randomize_va_space",
	"kernel.sysrq",
	"kernel.unprivileged_bpf_disabled",
	"kernel.unprivileged_userns_clone",
	"kernel.yama.ptrace_scope",
	"net.core.bpf_jit_harden",
	"net.ipv4.conf.all.accept_redirects",
	"net.ipv4.conf.all.accept_source_route",
	"net.ipv4.conf.all.arp_ignore",
	"net.ipv4.conf.all.forwarding",
	"net.ipv4.conf.all.log_martians",
	"net.ipv4.conf.all.mc_forwarding",
	"net.ipv4.conf.all.proxy_arp",
	"net.ipv4.conf.all.rp_filter",
	"net.ipv4.conf.all.secure_redirects",
	"net.ipv4.conf.all.send_redirects",
	"net.ipv4.conf.default.accept_redirects",
	"net.ipv4.conf.default.accept_source_route",
	"net.ipv4.conf.default.forwarding",
	"net.ipv4.conf.default.log_martians",
	"net.ipv4.conf.default.rp_filter",
	"net.ipv4.conf.default.secure_redirects",
	"net.ipv4.conf.default.send_redirects",
	"net.ipv4.icmp_echo_ignore_broadcasts",
	"net.ipv4.icmp_ignore_bogus_error_responses",
	"net.ipv4.ip_forward",
	"net.ipv4.tcp_rfc1337",
	"net.ipv4.tcp_syncookies",
	"net.ipv4.tcp_timestamps",
	"net.ipv6.conf.all.accept_ra",
	"net.ipv6.conf.all.accept_redirects",
	"net.ipv6.conf.all.accept_source_route",
	"net.ipv6.conf.all.disable_ipv6",
	"net.ipv6.conf.all.forwarding",
	"net.ipv6.conf.all.mc_forwarding",
	"net.ipv6.conf.default.accept_ra",
	"net.ipv6.conf.default.accept_redirects",
	"net.ipv6.conf.default.accept_source_route",
	"net.ipv6.conf.default.disable_ipv6",
	"net.ipv6.conf.default.forwarding",
	"user.max_user_namespaces",
	"vm.mmap_min_addr",
	"vm.mmap_rnd_bits",
	"vm.unprivileged_userfaultfd",
};

/* ---- parameters ---- */

static void look_at_parameter(const struct survey_input *input, struct sheet *sheet,
    const char *name)
{
	char *path = text_format("/proc/sys/%s", name);
	struct buffer file = { 0 };
	int error;

	for (char *dot = path; (dot = strchr(dot, '.')) != NULL;)
		*dot = '/';
	error = survey_read(input, path, &file);
	if (error != 0) {
		sheet_unread(sheet, "sysctl", bytes_of_text(name), error);
	} else {
		struct fact_field value = FACT_FIELD_SLICE("value",
		    small_file_trim(buffer_bytes(&file)));

		for (size_t i = 0; i < file.size; i++)
			if (file.data[i] == '\t')
				file.data[i] = ' ';
		sheet_present(sheet, "sysctl", bytes_of_text(name), &value, 1);
	}
	buffer_fini(&file);
	free(path);
}

/* ---- modules ---- */

/* "nf_tables 311296 2 nft_compat, Live 0x0 (OE)" */
static void take_module(struct sheet *sheet, struct bytes line)
{
	struct bytes name = small_file_word(&line), word = small_file_word(&line);
	char *size = text_copy_bytes(word), *end;
	struct fact_field fields[2] = { FACT_FIELD_NUMBER("size", strtoll(size, &end, 10)) };
	bool is_understood = name.size > 0 && word.size > 0 && *end == '\0';
	struct buffer rest = { 0 };

	free(size);
	while ((word = small_file_word(&line)).size > 0)
		if (word.size > 2 && word.data[0] == '(' && word.data[word.size - 1] == ')')
			fields[1] = FACT_FIELD_SLICE("taint", BYTES(word.data + 1, word.size - 2));
	buffer_append_text(&rest, "module/");
	buffer_append(&rest, name);
	if (is_understood)
		sheet_present(sheet, "kernel", buffer_bytes(&rest), fields,
		    fields[1].name == NULL ? 1 : 2);
	buffer_fini(&rest);
}

/* A kernel without modules has no such file. */
static void look_at_modules(const struct survey_input *input, struct sheet *sheet)
{
	struct buffer file = { 0 };
	int error = survey_read(input, "/proc/modules", &file);
	struct bytes rest = buffer_bytes(&file), line;

	if (error != 0)
		sheet_unread(sheet, "kernel", bytes_of_text("module"), error);
	while (error == 0 && small_file_line(&rest, &line))
		take_module(sheet, line);
	buffer_fini(&file);
}

/* ---- what runs, and what is installed ---- */

static void look_at_running(struct sheet *sheet)
{
	struct utsname names;
	struct fact_field fields[3];

	if (uname(&names) != 0) {
		sheet_unread(sheet, "kernel", bytes_of_text("running"), errno);
		return;
	}
	fields[0] = FACT_FIELD_TEXT("release", names.release);
	fields[1] = FACT_FIELD_TEXT("version", names.version);
	fields[2] = FACT_FIELD_TEXT("machine", names.machine);
	sheet_present(sheet, "kernel", bytes_of_text("running"), fields, COUNT(fields));
}

static bool exists(const struct survey_input *input, const char *before, const char *release,
    const char *after)
{
	char *path = text_format("%s%s%s%s", input->root, before, release, after);
	bool is_there = access(path, F_OK) == 0;

	free(path);
	return is_there;
}

/* dpkg keeps a list of files for each package that it has unpacked. */
static char *package_of(const struct survey_input *input, const char *release)
{
	static const char *const names[] = { "linux-image-", "linux-image-unsigned-" };

	for (size_t i = 0; i < COUNT(names); i++) {
		char *before = text_format("/var/lib/dpkg/info/%s", names[i]);
		bool is_there = exists(input, before, release, ".list");

		free(before);
		if (is_there)
			return text_format("%s%s", names[i], release);
	}
	return NULL;
}

static void set_installed(const struct survey_input *input, struct sheet *sheet,
    const char *release)
{
	char *package = package_of(input, release), *rest = text_format("installed/%s", release);
	struct fact_field fields[3];
	size_t count = 0;

	if (package != NULL)
		fields[count++] = FACT_FIELD_TEXT("package", package);
	fields[count++] = FACT_FIELD_TEXT("image",
	    exists(input, "/boot/vmlinuz-", release, "") ? "yes" : "no");
	fields[count++] = FACT_FIELD_TEXT("modules",
	    exists(input, "/lib/modules/", release, "") ? "yes" : "no");
	sheet_present(sheet, "kernel", bytes_of_text(rest), fields, count);
	free(package);
	free(rest);
}

/* Each name in DIRECTORY that begins with PREFIX is that of a kernel. */
static void look_at_installed(const struct survey_input *input, struct sheet *sheet,
    const char *directory, const char *prefix)
{
	struct arena arena = { 0 };
	const char **names;
	size_t count, size = strlen(prefix);
	int error;

	survey_watch(input, sheet, directory, NULL);
	error = survey_list(input, directory, &arena, &names, &count);
	if (error != 0 && error != ENOENT) {
		char *rest = text_format("installed%s", directory);

		sheet_unread(sheet, "kernel", bytes_of_text(rest), error);
		free(rest);
	}
	for (size_t i = 0; i < count; i++)
		if (strncmp(names[i], prefix, size) == 0 && names[i][size] != '\0')
			set_installed(input, sheet, names[i] + size);
	arena_fini(&arena);
}

/* ---- the rest ---- */

static void look_at_command_line(const struct survey_input *input, struct sheet *sheet)
{
	struct buffer file = { 0 }, clean = { 0 };
	int error = survey_read(input, "/proc/cmdline", &file);
	struct fact_field text;

	if (error != 0) {
		sheet_unread(sheet, "kernel", bytes_of_text("command_line"), error);
	} else {
		redact_content("/proc/cmdline", NULL, small_file_trim(buffer_bytes(&file)), &clean);
		text = FACT_FIELD_SLICE("text", buffer_bytes(&clean));
		sheet_present(sheet, "kernel", bytes_of_text("command_line"), &text, 1);
	}
	buffer_fini(&file);
	buffer_fini(&clean);
}

static void look_at_reboot(const struct survey_input *input, struct sheet *sheet)
{
	static const char *const watched[] = { "reboot-required", "reboot-required.pkgs", NULL };
	struct buffer file = { 0 }, by = { 0 };
	struct fact_field fields[2];

	survey_watch(input, sheet, "/run", watched);
	/* The file has one line for each time that somebody asked. */
	if (survey_read(input, "/run/reboot-required.pkgs", &file) == 0)
		sorted_list_join(buffer_bytes(&file), '\n', ", ", &by);
	fields[0] = FACT_FIELD_TEXT("required",
	    exists(input, "/run/reboot-required", "", "") ? "yes" : "no");
	fields[1] = FACT_FIELD_SLICE("by", buffer_bytes(&by));
	sheet_present(sheet, "kernel", bytes_of_text("reboot"), fields, by.size > 0 ? 2 : 1);
	buffer_fini(&file);
	buffer_fini(&by);
}

static void look(const struct survey_input *input, struct sheet *sheet)
{
	look_at_running(sheet);
	look_at_installed(input, sheet, "/boot", "vmlinuz-");
	look_at_installed(input, sheet, "/lib/modules", "");
	look_at_command_line(input, sheet);
	look_at_modules(input, sheet);
	look_at_reboot(input, sheet);
	for (size_t i = 0; i < COUNT(parameters); i++)
		look_at_parameter(input, sheet, parameters[i]);
}

static enum status start(const struct collector_context *context, const void *settings, void **self)
{
	static const struct survey_kind kind = { .collector = &kernel_collector,
		.quiet_ms = 200,
		.most_ms = 2000,
		.lane = LANE_CRITICAL,
		.look = look };

	return survey_start(&kind, ((const struct kernel_settings *)settings)->reread, context,
	    settings, self);
}

static const struct setting settings[] = { SETTING_DURATION(struct kernel_settings, reread,
					       60 * 1000, 1000, 7 * 86400 * 1000,
					       "how often to look again, whatever was told"),
	SETTING_END };

const struct collector kernel_collector = {
	.name = "kernel",
	.summary = "the kernel that runs, those installed, its modules and security parameters",
	.settings = settings,
	.settings_size = sizeof(struct kernel_settings),
	.scopes = (const char *const[]){ "kernel/", "sysctl/", NULL },
	.start = start,
	.refresh = survey_refresh,
	.stop = survey_stop,
};
