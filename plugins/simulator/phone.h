/* The REST behind the phone page: who is there, what is said, how it was delivered. */
#pragma once

#include <wecomd/web.h>

/* The body of POST /sim/api/messages. */
struct phone_say {
	const char *person, *bot, *group, *text, *msgtype, *base64, *file_name;
	int64_t     quote;
};

extern const wc_field phone_say_fields[];

int phone_world(wc_request *rq, const void *self);
int phone_post(wc_request *rq, const void *self);
int phone_messages(wc_request *rq, const void *self);
int phone_deliveries(wc_request *rq, const void *self);
