/* What people do besides writing: opening a chat, pressing a card, rating an answer (doc/101027). Each is delivered once. */
#pragma once

#include "simulator.h"

#include <wecomd/web.h>

struct event_enter {
	const char *person, *bot;
};

struct event_card {
	const char   *person, *key;
	int64_t       message;
	const json_t *selections;     /* {"question_key": ["option id", …]}; NULL: none */
};

struct event_feedback {
	const char        *person, *content;
	int64_t            message, type;
	const char *const *reasons;
};

extern const wc_field event_enter_fields[], event_card_fields[], event_feedback_fields[];

int event_enter(wc_request *rq, const void *self);
int event_card(wc_request *rq, const void *self);
int event_feedback(wc_request *rq, const void *self);
