/* What nobody looks after any more: messages whose job was buried, cancelled or lost, found each second by every worker process.
 *
 * A customer's message whose brain is gone is handed to a person. A message of ours whose delivery is gone may have been sent or not: it is
 * uncertain, never sent again, and a person is told. Each is looked at again behind its conversation's lock, so two nodes do it once. */
#include "talk/parts.h"

#include <wecomd/log.h>

#include <inttypes.h>
#include <string.h>

struct orphan {
	wc_arena *a;
	int64_t   message, conversation;
	int       state;             /* it is to have still */
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

static int adopt_delivery(wc_db *db, void *arg, wc_err *e)
{
	struct orphan      *o = arg;
	struct conversation c;
	int                 rc = still_so(db, o, &c, e);

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

/* The job of an owed message is gone, or ended without an outcome. */
#define OWED                                                                                                                              \
	"SELECT m.id, m.conversation FROM message m LEFT JOIN job j ON j.job_key = CAST(CONCAT('t/message.received/', m.id, '/', m.brain) AS BINARY)" \
	" WHERE m.state = 1 AND m.at < NOW(3) - INTERVAL 1 SECOND AND (j.id IS NULL OR j.state IN (3, 4)) LIMIT 100"

static void find_owed(wc_arena *a)
{
	wc_rows r;
	wc_err  e;

	if (wc_db_query(NULL, a, &r, &e, OWED) < 0)
		return;
	for (size_t i = 0; i < r.n; i++)
		adopt(adopt_owed, &(struct orphan){a, wc_row_int(&r, i, 0), wc_row_int(&r, i, 1), M_OWED, false}, "a message that nobody answered was given to a person");
}

/* Nothing is to be done in that lane any more. */
static bool is_idle(wc_arena *a, int64_t conversation)
{
	wc_err e;

	return wc_lane_ahead(a, wc_printf(a, "deliver/%" PRId64, conversation), "", &e) == 0;
}

#define GOING                                                                                                                             \
	"SELECT id, conversation, state, IF(state = 14, conversation, route) FROM message"                                                    \
	" WHERE state IN (11, 14) AND at < NOW(3) - INTERVAL 10 SECOND LIMIT 100"

static void find_going(wc_arena *a)
{
	wc_rows r;
	wc_err  e;

	if (wc_db_query(NULL, a, &r, &e, GOING) < 0)
		return;
	for (size_t i = 0; i < r.n; i++) {
		struct orphan o = {a, wc_row_int(&r, i, 0), wc_row_int(&r, i, 1), (int)wc_row_int(&r, i, 2), false};

		if (is_idle(a, wc_row_int(&r, i, 3)))
			adopt(adopt_delivery, &o, "a message whose delivery was given up is uncertain");
	}
}

void talk_tick(void)
{
	wc_arena *a = wc_arena_new();

	find_owed(a);
	find_going(a);
	wc_arena_free(a);
}
