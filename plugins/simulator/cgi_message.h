/* message/send: messages of an app to members. */
#pragma once

#include <wecomd/web.h>

int cgi_message_send(wc_request *rq, const void *self);
int cgi_message_send_by_get(wc_request *rq, const void *self);
