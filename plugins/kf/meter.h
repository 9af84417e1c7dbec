/* What may still be sent to a customer, and how what waits fits into it. Pure: no clock, no database. */
#pragma once

#include <wecomd/plugin.h>
#include <wecomd/talk.h>

#define KF_WINDOW_MS (48 * 3600000LL)     /* after the customer's last message */
#define KF_TURN      5                    /* messages until the customer writes again */
#define KF_RESERVE   1                    /* of these kept for notices */
#define KF_TEXT_MAX  2048                 /* bytes of a text */
#define KF_PIECE_MAX 1984                 /* of a piece: leaves room for the hint that more waits */

enum kf_state { KF_NEW = 0, KF_ASSISTANT, KF_POOL, KF_SERVED, KF_ENDED };

struct meter {
	int64_t     turn_ms;     /* the customer's last message; 0: none */
	int64_t     sent;        /* since then */
	int64_t     state;
	const char *shut;        /* a reason until the customer writes again; "" */
	bool        rejects;
};

wc_window meter_window(const struct meter *m, int64_t now_ms);

/* One message, or a part of a long text, that waits. */
struct piece {
	int64_t     message;
	int         part, parts;
	const char *text;        /* NULL: it is no text */
	bool        notice, is_person;
};

/* Pieces that go as one message: count of them from first on. */
struct unit {
	size_t first, count;
};

/* What goes now, in order, into units (room for n); how many. Texts that follow each other are joined only where more wait than may go.
 * Notices take what is kept for them and pass by what has to wait; people of ours may use all. *waits: something is left. */
size_t meter_plan(const struct piece *p, size_t n, int64_t left, struct unit *units, bool *waits);

/* The text of a unit; with a hint at its end when hint is set and there is room. */
const char *meter_text(wc_arena *a, const struct piece *p, const struct unit *u, bool hint);
