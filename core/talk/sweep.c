/* What nobody looks after any more: messages whose job was buried, cancelled or lost, found each second by every worker process.
 *
 * A customer's message whose brain is gone is handed to a person. A message of ours whose delivery is gone may have been sent or not: it is
 * uncertain, never sent again, and a person is told. Each is looked at again behind its conversation's lock, so two nodes do it once. */
#include "talk/parts.h"

#include <wecomd/log.h>

#include <inttypes.h>
#include <string.h>

#define EVERY 5     /* ticks, for deliveries: they are gone only when their job was cancelled or killed its process time and again */

struct orphan {
	wc_arena *a;
	int64_t   message, conversation, lane;     /* lane: of the conversation whose deliveries it is among */
	int       state;                           /* it is to have still */
	bool      done;
};

/* 1: it still stands as it was found, its conversation locked. */
static int still_so(wc_db *db, struct orphan *o, struct conversation *c, wc_err *e)
{
	wc_rows r;

	o->done = false;
	if (conversation_lock(db, o->a, o->conversation, c, e) < 0 ||
	    wc_db_query(db, o->a, &r, e, "SELECT state FROM message WHERE id = ? FOR UPDATE", wc_int(o->message)) < 0)
		return -1;
	return r.n && wc_row_int(&r, 0, 0) == o->state;
}

static int hand_over(wc_db *db, struct orphan *o, const char *what, wc_err *e)
{
	if (event_add(db, o->a, o->conversation, o->message, what, "", e) < 0 ||
	    wc_talk_hand_over(db, o->a, o->conversation, o->message, NULL, "failed", e) < 0)
		return -1;
	o->done = true;
	return wc_db_once(db, e);
}

static int adopt_owed(wc_db *db, void *arg, wc_err *e)
{
	struct orphan      *o = arg;
	struct conversation c;
	int                 rc = still_so(db, o, &c, e);

	if (rc <= 0)
		return rc;
	if (wc_db_exec(db, e, "UPDATE message SET state = 3, outcome = 'person' WHERE id = ?", wc_int(o->message)) < 0)
		return -1;
	return hand_over(db, o, "unanswered", e);
}

/* Asked once more where the message is locked: what makes it queued adds its job in the same transaction. */
static int is_idle(wc_db *db, const struct orphan *o, wc_err *e)
{
	int64_t n = lane_unfinished(db, o->a, wc_printf(o->a, "deliver/%" PRId64, o->lane), e);

	return n < 0 ? -1 : !n;
}

static int adopt_delivery(wc_db *db, void *arg, wc_err *e)
{
	struct orphan      *o = arg;
	struct conversation c;
	int                 rc = still_so(db, o, &c, e);

	if (rc > 0)
		rc = is_idle(db, o, e);
	if (rc <= 0)
		return rc;
	if (wc_db_exec(db, e, "UPDATE message SET state = ?, reason = 'abandoned' WHERE id = ?", wc_int(o->state == M_FAILING ? M_FAILED : M_UNCERTAIN),
	               wc_int(o->message)) < 0)
		return -1;
	return hand_over(db, o, "abandoned", e);
}

static void adopt(int (*how)(wc_db *, void *, wc_err *), struct orphan *o, const char *text)
{
	wc_err e;

	if (wc_db_tx(how, o, &e) < 0)
		wc_log(WC_ERROR, "a message nobody looks after could not be given to a person", wc_kv_i("message", o->message), wc_kv_s("error", e.text));
	else if (o->done)
		wc_log(WC_WARN, text, wc_kv_i("message", o->message));
}

/* The job of an owed message, which was added with it, is gone or ended without an outcome. */
#define OWED                                                                                                                              \
	"SELECT m.id, m.conversation FROM message m LEFT JOIN job j ON j.job_key = CAST(CONCAT('t/message.received/', m.id, '/', m.brain) AS BINARY)" \
	" WHERE m.state = 1 AND (j.id IS NULL OR j.state IN (3, 4)) LIMIT 100"

static void find_owed(wc_arena *a)
{
	wc_rows r;
	wc_err  e;

	if (wc_db_query(NULL, a, &r, &e, OWED) < 0)
		return;
	for (size_t i = 0; i < r.n; i++)
		adopt(adopt_owed, &(struct orphan){.a = a, .message = wc_row_int(&r, i, 0), .conversation = wc_row_int(&r, i, 1), .state = M_OWED},
		      "a message that nobody answered was given to a person");
}

#define GOING                                                                                                                             \
	"SELECT id, conversation, state, IF(state = 14, conversation, route) FROM message"                                                    \
	" WHERE state IN (11, 14) AND id > ? AND at < NOW(3) - INTERVAL 10 SECOND ORDER BY id LIMIT 100"

/* A hundred at a time, round and round, so that a channel which is away for long does not hide the lost ones. */
static void find_going(wc_arena *a)
{
	static int64_t after;
	wc_rows        r;
	wc_err         e;

	if (wc_db_query(NULL, a, &r, &e, GOING, wc_int(after)) < 0)
		return;
	for (size_t i = 0; i < r.n; i++) {
		struct orphan o = {.a = a, .message = wc_row_int(&r, i, 0), .conversation = wc_row_int(&r, i, 1), .state = (int)wc_row_int(&r, i, 2),
		                   .lane = wc_row_int(&r, i, 3)};

		if (is_idle(NULL, &o, &e) > 0)
			adopt(adopt_delivery, &o, "a message whose delivery was given up is uncertain");
	}
	after = r.n == 100 ? wc_row_int(&r, 99, 0) : 0;
}

void talk_tick(void)
{
	static int ticks;
	wc_arena  *a = wc_arena_new();

	find_owed(a);
	if (++ticks % EVERY == 0)
		find_going(a);
	wc_arena_free(a);
}
