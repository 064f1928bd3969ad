/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A list of what is denied, and not of what is allowed: libc, libzmq and libcurl change what they
 * call from one version to the next, and a service that dies of it would protect nobody.
 */
#include "console/confinement.h"

#include <errno.h>
#include <seccomp.h>
#include <string.h>
#include <sys/socket.h>

#include "core/bytes.h"
#include "core/log.h"

static const int denied[] = { SCMP_SYS(execve), SCMP_SYS(execveat), SCMP_SYS(process_vm_readv),
	SCMP_SYS(process_vm_writev), SCMP_SYS(mount), SCMP_SYS(umount2), SCMP_SYS(move_mount),
	SCMP_SYS(open_tree), SCMP_SYS(fsopen), SCMP_SYS(fsmount), SCMP_SYS(pivot_root),
	SCMP_SYS(chroot), SCMP_SYS(setns), SCMP_SYS(unshare), SCMP_SYS(init_module),
	SCMP_SYS(finit_module), SCMP_SYS(delete_module), SCMP_SYS(kexec_load),
	SCMP_SYS(kexec_file_load), SCMP_SYS(reboot), SCMP_SYS(swapon), SCMP_SYS(swapoff),
	SCMP_SYS(keyctl), SCMP_SYS(add_key), SCMP_SYS(request_key), SCMP_SYS(bpf),
	SCMP_SYS(perf_event_open), SCMP_SYS(userfaultfd), SCMP_SYS(open_by_handle_at),
	SCMP_SYS(acct), SCMP_SYS(settimeofday), SCMP_SYS(clock_settime), SCMP_SYS(clock_adjtime),
	SCMP_SYS(sethostname), SCMP_SYS(setdomainname), SCMP_SYS(quotactl),
	SCMP_SYS(io_uring_setup) };

/* Netlink is how libc asks for this machine's addresses. */
static bool is_needed(int family)
{
	return family == AF_UNIX || family == AF_INET || family == AF_INET6 || family == AF_NETLINK;
}

static int deny_sockets(scmp_filter_ctx filter)
{
	int result = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), 1,
	    SCMP_A0_32(SCMP_CMP_GT, AF_NETLINK, 0));

	for (int family = 0; result == 0 && family < AF_NETLINK; family++)
		if (!is_needed(family))
			result = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EAFNOSUPPORT),
			    SCMP_SYS(socket), 1, SCMP_A0_32(SCMP_CMP_EQ, (scmp_datum_t)family, 0));
	return result;
}

static int deny_calls(scmp_filter_ctx filter)
{
	int result = 0;

	for (size_t i = 0; result == 0 && i < sizeof(denied) / sizeof(denied[0]); i++)
		result = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), denied[i], 0);
	/* The search for leaks of a sanitized build looks into its own process. */
	if (result == 0 && !CONFINEMENT_MAY_TRACE)
		result = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(ptrace), 0);
	return result;
}

enum status confinement_begin(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int result = filter == NULL ? -ENOMEM : deny_calls(filter);

	if (result == 0)
		result = deny_sockets(filter);
	if (result == 0)
		result = seccomp_load(filter);
	seccomp_release(filter);
	if (result == 0)
		return STATUS_OK;
	log_error("privileges", "the kernel takes no filter of system calls: %s",
	    strerror(-result));
	return STATUS_IO;
}
