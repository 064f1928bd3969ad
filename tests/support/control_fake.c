/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/control_fake.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/record.h"
#include "core/require.h"

struct control_fake {
	void (*on_intent)(void *host, const Fettle__Record *record);
	void *host;
	int listener;
	pthread_t thread;
	size_t records;
};

static bool receive(int fd, uint8_t *out, size_t size)
{
	while (size > 0) {
		ssize_t got = recv(fd, out, size, 0);

		if (got <= 0)
			return false;
		out += got;
		size -= (size_t)got;
	}
	return true;
}

static void reply(int fd, size_t written)
{
	Fettle__ControlReply message = FETTLE__CONTROL_REPLY__INIT;
	struct buffer out = { 0 };

	RECORD_SET(&message, status, STATUS_OK);
	RECORD_SET(&message, written, written);
	buffer_append_u32(&out, (uint32_t)protobuf_c_message_get_packed_size(&message.base));
	record_pack(&out, &message.base);
	REQUIRE(send(fd, out.data, out.size, MSG_NOSIGNAL) == (ssize_t)out.size);
	buffer_fini(&out);
}

static void serve(struct control_fake *fake, int fd)
{
	uint8_t header[4];

	while (receive(fd, header, sizeof(header))) {
		size_t size = bytes_u32(header);
		uint8_t *body = memory_new(size + 1);
		Fettle__ControlRequest *request = NULL;

		if (receive(fd, body, size))
			request = fettle__control_request__unpack(NULL, size, body);
		free(body);
		REQUIRE(request != NULL);
		for (size_t i = 0; i < request->n_intent; i++)
			if (fake->on_intent != NULL)
				fake->on_intent(fake->host, request->intent[i]);
		fake->records += request->n_intent;
		reply(fd, request->n_intent);
		fettle__control_request__free_unpacked(request, NULL);
	}
	close(fd);
}

static void *run(void *data)
{
	struct control_fake *fake = data;
	int fd;

	while ((fd = accept(fake->listener, NULL, NULL)) >= 0)
		serve(fake, fd);
	return NULL;
}

struct control_fake *control_fake_new(const char *data,
    void (*on_intent)(void *host, const Fettle__Record *record), void *host)
{
	struct control_fake *fake = memory_new(sizeof(*fake));
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char *path = text_format("%s/control.sock", data);

	REQUIRE(strlen(path) < sizeof(address.sun_path));
	strcpy(address.sun_path, path);
	free(path);
	*fake = (struct control_fake){ .on_intent = on_intent, .host = host };
	fake->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	REQUIRE(fake->listener >= 0);
	REQUIRE(bind(fake->listener, (const struct sockaddr *)&address, sizeof(address)) == 0);
	REQUIRE(listen(fake->listener, 8) == 0);
	REQUIRE(pthread_create(&fake->thread, NULL, run, fake) == 0);
	return fake;
}

size_t control_fake_free(struct control_fake *fake)
{
	size_t records;

	shutdown(fake->listener, SHUT_RDWR); /* accept returns */
	pthread_join(fake->thread, NULL);
	close(fake->listener);
	records = fake->records;
	free(fake);
	return records;
}
