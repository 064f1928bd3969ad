/* SPDX-License-Identifier: Apache-2.0 */
/*
 * commands.h - every command there is.
 */
#ifndef CONSOLE_COMMANDS_H
#define CONSOLE_COMMANDS_H

#include "console/console.h"

extern const struct command commands_all[]; /* ends with a NULL noun */

int status_run(const struct console *console, int argc, char **argv);
int assets_list_run(const struct console *console, int argc, char **argv);
int assets_show_run(const struct console *console, int argc, char **argv);
int facts_run(const struct console *console, int argc, char **argv);
int results_run(const struct console *console, int argc, char **argv);
int changes_run(const struct console *console, int argc, char **argv);
int gaps_run(const struct console *console, int argc, char **argv);
int findings_list_run(const struct console *console, int argc, char **argv);
int findings_show_run(const struct console *console, int argc, char **argv);
int alerts_list_run(const struct console *console, int argc, char **argv);
int alerts_show_run(const struct console *console, int argc, char **argv);
int alerts_ack_run(const struct console *console, int argc, char **argv);
int remediations_list_run(const struct console *console, int argc, char **argv);
int remediations_plan_run(const struct console *console, int argc, char **argv);
int remediations_approve_run(const struct console *console, int argc, char **argv);
int remediations_reject_run(const struct console *console, int argc, char **argv);
int jobs_list_run(const struct console *console, int argc, char **argv);
int jobs_show_run(const struct console *console, int argc, char **argv);
int jobs_cancel_run(const struct console *console, int argc, char **argv);
int policies_load_run(const struct console *console, int argc, char **argv);
int policies_remove_run(const struct console *console, int argc, char **argv);
int policies_run(const struct console *console, int argc, char **argv);
int policy_check_run(const struct console *console, int argc, char **argv);
int log_dump_run(const struct console *console, int argc, char **argv);
int data_verify_run(const struct console *console, int argc, char **argv);
int data_backup_run(const struct console *console, int argc, char **argv);
int data_restore_run(const struct console *console, int argc, char **argv);
int agents_list_run(const struct console *console, int argc, char **argv);
int agents_approve_run(const struct console *console, int argc, char **argv);
int agents_revoke_run(const struct console *console, int argc, char **argv);
int agents_rotate_run(const struct console *console, int argc, char **argv);
int agent_enrol_run(const struct console *console, int argc, char **argv);
int enrolment_list_run(const struct console *console, int argc, char **argv);
int enrolment_create_run(const struct console *console, int argc, char **argv);
int enrolment_revoke_run(const struct console *console, int argc, char **argv);
int collectors_run(const struct console *console, int argc, char **argv);
int serve_run(const struct console *console, int argc, char **argv);
int scan_run(const struct console *console, int argc, char **argv);
int gateway_run(const struct console *console, int argc, char **argv);
int log_run(const struct console *console, int argc, char **argv);
int processor_run(const struct console *console, int argc, char **argv);
int sink_run(const struct console *console, int argc, char **argv);
int siem_list_run(const struct console *console, int argc, char **argv);
int siem_test_run(const struct console *console, int argc, char **argv);
int webhook_list_run(const struct console *console, int argc, char **argv);
int webhook_test_run(const struct console *console, int argc, char **argv);
int webhook_dead_run(const struct console *console, int argc, char **argv);
int agents_admit_run(const struct console *console, int argc, char **argv);
int completion_run(const struct console *console, int argc, char **argv);
int settings_page_run(const struct console *console, int argc, char **argv);

extern const struct argp_option serve_options[];
extern const struct argp_option policies_load_options[];
extern const struct argp_option alerts_options[];
extern const struct argp_option alerts_ack_options[];
extern const struct argp_option remediations_options[];
extern const struct argp_option remediations_plan_options[];
extern const struct argp_option job_decisions_options[];
extern const struct argp_option jobs_options[];
extern const struct argp_option findings_options[];
extern const struct argp_option findings_show_options[];
extern const struct argp_option changes_options[];
extern const struct argp_option results_options[];
extern const struct argp_option policy_check_options[];
extern const struct argp_option log_dump_options[];
extern const struct argp_option agents_admit_options[];
extern const struct argp_option agents_options[];
extern const struct argp_option agents_decide_options[];
extern const struct argp_option agents_rotate_options[];
extern const struct argp_option agent_enrol_options[];
extern const struct argp_option enrolment_create_options[];

#endif
