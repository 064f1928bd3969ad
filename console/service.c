/* SPDX-License-Identifier: Apache-2.0 */
#include "console/service.h"

#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>

#include "collectors/identity.h"
#include "console/configuration.h"
#include "core/log.h"

const struct role_endpoints service_inproc = {
	.log_agents = "inproc://log-agents",
	.log_readers = "inproc://log-readers",
	.verdicts = "inproc://verdicts",
};

/* The directory that the configuration file stands in. */
static char *config_directory(const struct console *console)
{
	char *path = text_copy(console->paths.config);
	char *directory = text_copy(dirname(path));

	free(path);
	return directory;
}

static enum status load_content(struct service *service, struct content **out,
    struct yaml_errors *errors)
{
	char *config = config_directory(service->console);
	enum status status = content_load(service->settings, service->console->paths.content,
	    config, out, errors);

	free(config);
	return status;
}

int service_load(struct service *service, const struct console *console, const char *const *flags,
    bool wants_content)
{
	struct yaml_errors errors = { 0 };
	int code;

	*service = (struct service){ .console = console };
	code = configuration_load(console, flags, &service->settings);
	if (code == 0 && wants_content
	    && load_content(service, &service->content, &errors) != STATUS_OK) {
		service_fini(service);
		fprintf(stderr,
		    "%sfettle: what is to be put in force is broken; mend it (of a policy `fettle "
		    "policy "
		    "check FILE` shows more) or move it away, and start again\n",
		    yaml_errors_text(&errors));
		code = status_exit_code(STATUS_INVALID);
	}
	yaml_errors_fini(&errors);
	return code;
}

enum status service_settle_agent(const struct service *service)
{
	const char *data = service->console->paths.data;
	bool was_copied;
	enum status status = identity_settle(data, "", &was_copied);

	/* A server's own agent needs no enrolment. */
	return status == STATUS_OK && was_copied ? identity_enrolled(data) : status;
}

enum status service_publish(struct service *service)
{
	enum status status = content_publish(service->content, service->console->paths.data,
	    &service->published);

	service->is_published = status == STATUS_OK;
	if (status == STATUS_OK && service->published > 0)
		log_write(LOG_INFO, "policies",
		    LOG_FIELDS(LOG_NUMBER("in_force", content_count(service->content)),
			LOG_NUMBER("changed", service->published)),
		    "policies, detections and tables were put in force");
	return status;
}

void service_reload(void *data)
{
	struct service *service = data;
	struct yaml_errors errors = { 0 };
	struct content *fresh;

	if (service->content == NULL)
		return;
	if (load_content(service, &fresh, &errors) != STATUS_OK) {
		log_error("reload-refused",
		    "what is to be put in force is broken; what is in force stays: %s",
		    yaml_errors_text(&errors));
	} else {
		content_free(service->content);
		service->content = fresh;
		if (service_publish(service) == STATUS_OK)
			log_info("reloaded",
			    "policies, detections, watch list and priority table were read again");
	}
	yaml_errors_fini(&errors);
}

void service_fini(struct service *service)
{
	supervisor_free(service->supervisor);
	content_free(service->content);
	settings_free(service->settings);
}
