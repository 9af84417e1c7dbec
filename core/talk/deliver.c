/* Delivery: the channel gets what waits in a conversation, in order, and says how each message went.
 *
 * A message is queued, then sent, or held for the customer's next turn, or failed, or uncertain. Whatever the channel says is one conditional
 * UPDATE under the conversation's lock, so a message has one end however often its job runs: killed between the send and its record, the job
 * asks the channel again, whose ledger knows. A failed one is looked after by fallback.c. */
#include "talk/parts.h"

#include <wecomd/log.h>

#include <inttypes.h>
#include <string.h>

#define AT_ONCE 50

/* --- what the channel says -------------------------------------------------------------------------------------------- */

struct delivered {
	wc_arena           *a;
	int64_t             message;
	wc_delivery         how;
	const char         *msgid, *reason;
	struct conversation c, route;
	int64_t             state, answers;
	bool                by_machine, notice;
	bool                rest;          /* only if the channel said nothing of it */
	int                 changed;
};

/* The row behind its conversation's lock. */
static int lock_message(wc_db *db, struct delivered *d, wc_err *e)
{
	wc_rows rows;
	int64_t route;

	if (wc_db_query(db, d->a, &rows, e, "SELECT conversation FROM message WHERE id = ?", wc_int(d->message)) < 0)
		return -1;
	if (!rows.n)
		return wc_fail(e, WC_E_NOT_FOUND, "there is no message %" PRId64, d->message);
	if (conversation_lock(db, d->a, wc_row_int(&rows, 0, 0), &d->c, e) < 0 ||
	    wc_db_query(db, d->a, &rows, e, "SELECT state, answers, said_by, is_notice, route FROM message WHERE id = ? FOR UPDATE", wc_int(d->message)) < 0)
		return -1;
	d->state      = wc_row_int(&rows, 0, 0);
	d->answers    = wc_row_int(&rows, 0, 1);
	d->by_machine = wc_row_int(&rows, 0, 2) == SAID_MACHINE;
	d->notice     = wc_row_int(&rows, 0, 3);
	route         = wc_row_int(&rows, 0, 4);
	return route == d->c.id ? (d->route = d->c, 0) : conversation_look(db, d->a, route, &d->route, e);
}

static bool is_going(int64_t state)
{
	return state == M_QUEUED || state == M_HELD || state == M_UNCERTAIN;
}

static int set_state(wc_db *db, struct delivered *d, int state, const char *reason, wc_err *e)
{
	if (wc_db_exec(db, e, "UPDATE message SET state = ?, reason = LEFT(?, 64) WHERE id = ?", wc_int(state), wc_text(reason), wc_int(d->message)) < 0)
		return -1;
	d->changed = 1;
	return 0;
}

/* A number that another message has is not written: the message was sent all the same. */
static int set_msgid(wc_db *db, const struct delivered *d, wc_err *e)
{
	if (!d->msgid || !*d->msgid)
		return 0;
	return wc_db_exec(db, e, "UPDATE IGNORE message SET msgid = LEFT(?, 128) WHERE id = ? AND msgid IS NULL", wc_bytes(d->msgid, strlen(d->msgid)),
	                  wc_int(d->message)) < 0 ? -1 : 0;
}

static int sent(wc_db *db, struct delivered *d, wc_err *e)
{
	struct outbox o = {.a = d->a};

	if (set_msgid(db, d, e) < 0)
		return -1;
	if (!is_going(d->state) && d->state != M_DROPPED)
		return 0;
	if (set_state(db, d, M_SENT, d->reason, e) < 0 ||
	    wc_db_exec(db, e, "UPDATE message SET sent_at = NOW(3) WHERE id = ?", wc_int(d->message)) < 0)
		return -1;
	outbox_topic(&o, "message.sent", d->message, &d->c, d->message, false);
	return outbox_send(&o, db, NULL, e);
}

/* What the machine said does not wait behind a person's back, nor in a conversation that is over. */
static int waits(wc_db *db, struct delivered *d, wc_err *e)
{
	const char *drop = !d->c.is_open ? "closed" : d->c.handler == BY_PERSON && d->by_machine && !d->notice ? "person" : NULL;

	if (d->state == M_HELD)
		return 0;
	if (d->state != M_QUEUED)
		return 0;
	if (!drop)
		return set_state(db, d, M_HELD, d->reason, e);
	return set_state(db, d, M_DROPPED, drop, e) < 0 ? -1 : unanswer(db, d->a, d->answers, e);
}

/* Another way is looked for in a job, which may ask channels for their windows. */
static int failed(wc_db *db, struct delivered *d, wc_err *e)
{
	struct outbox o = {.a = d->a};

	if (!is_going(d->state) && d->state != M_SENT && d->state != M_DROPPED)
		return 0;
	if (set_state(db, d, M_FAILING, d->reason, e) < 0 ||
	    wc_db_exec(db, e, "UPDATE message SET tried = CONCAT_WS(',', NULLIF(tried, ''), ?) WHERE id = ?", wc_int(d->route.identity), wc_int(d->message)) < 0 ||
	    event_add(db, d->a, d->c.id, d->message, "failed", wc_printf(d->a, "%s %s", d->route.channel, d->reason ? d->reason : ""), e) < 0)
		return -1;
	outbox_job(&o, "talk.fallback", wc_printf(d->a, "deliver/%" PRId64, d->c.id), NULL, wc_json(d->a, "{s:I}", "message", (json_int_t)d->message));
	return outbox_send(&o, db, NULL, e);
}

static int uncertain(wc_db *db, struct delivered *d, wc_err *e)
{
	return d->state == M_QUEUED || d->state == M_HELD ? set_state(db, d, M_UNCERTAIN, d->reason, e) : 0;
}

static int write_delivered(wc_db *db, void *arg, wc_err *e)
{
	static int (*const ways[])(wc_db *, struct delivered *, wc_err *) = {
		[WC_DELIVERY_SENT] = sent, [WC_DELIVERY_WAITS] = waits, [WC_DELIVERY_FAILED] = failed, [WC_DELIVERY_UNCERTAIN] = uncertain};
	struct delivered *d = arg;

	d->changed = 0;
	if (lock_message(db, d, e) < 0)
		return -1;
	return d->rest && d->state != M_QUEUED && d->state != M_HELD ? 0 : ways[d->how](db, d, e);
}

/* Told once, also after a COMMIT whose answer was lost. */
static int write_delivered_alone(wc_db *db, void *arg, wc_err *e)
{
	struct delivered *d = arg;

	return write_delivered(db, d, e) < 0 ? -1 : d->changed ? wc_db_once(db, e) : 0;
}

static int deliver_told(wc_db *db, struct delivered *d, wc_err *e)
{
	static const char *const names[] = {"", "sent", "waits", "failed", "uncertain"};
	int                      rc;

	d->a = wc_arena_new();
	rc   = db ? write_delivered(db, d, e) : wc_db_tx(write_delivered_alone, d, e);
	if (rc == 0 && d->changed)
		wc_count("wecomd_talk_deliveries_total", 1, d->route.channel, names[d->how], NULL);
	wc_arena_free(d->a);
	return rc < 0 ? -1 : d->changed;
}

int wc_message_delivered(wc_db *db, int64_t message, wc_delivery how, const char *channel_msgid, const char *reason, wc_err *e)
{
	return deliver_told(db, &(struct delivered){.message = message, .how = how, .msgid = channel_msgid, .reason = code_or(reason, "other")}, e);
}

/* --- the job ---------------------------------------------------------------------------------------------------------- */

#define WAITING                                                                                                                           \
	"SELECT id, kind, media, answers, is_notice, said_by = 2, text, content, customer FROM message WHERE route = ? AND id > ? AND state IN (11, 12)" \
	" ORDER BY id LIMIT ?"

static const json_t *content_of(wc_arena *a, int64_t customer, wc_cell cell)
{
	const char *text = opened(a, customer, "message.content", cell);
	wc_err      ignored;

	return text ? wc_json_parse(a, text, strlen(text), &ignored) : NULL;
}

static wc_outgoing *read_waiting(wc_arena *a, int64_t route, int64_t after, size_t *n, wc_err *e)
{
	wc_outgoing *list;
	wc_rows      r;

	if (wc_db_query(NULL, a, &r, e, WAITING, wc_int(route), wc_int(after), wc_int(AT_ONCE)) < 0)
		return NULL;
	list = wc_alloc(a, (r.n + 1) * sizeof *list);
	for (*n = 0; *n < r.n; ++*n) {
		int64_t customer = wc_row_int(&r, *n, 8);

		list[*n] = (wc_outgoing){.message   = wc_row_int(&r, *n, 0),
		                         .kind      = wc_row_text(&r, *n, 1),
		                         .media     = wc_row_int(&r, *n, 2),
		                         .answers   = wc_row_int(&r, *n, 3),
		                         .notice    = wc_row_int(&r, *n, 4),
		                         .is_person = wc_row_int(&r, *n, 5),
		                         .text      = opened(a, customer, "message.text", wc_row_cell(&r, *n, 6)),
		                         .content   = content_of(a, customer, wc_row_cell(&r, *n, 7))};
	}
	return list;
}

/* The same for all that the channel said nothing of. */
static int say_of_rest(const wc_outgoing *list, size_t n, wc_delivery how, const char *reason, wc_err *e)
{
	for (size_t i = 0; i < n; i++)
		if (deliver_told(NULL, &(struct delivered){.message = list[i].message, .how = how, .reason = reason, .rest = true}, e) < 0 &&
		    e->code != WC_E_NOT_FOUND)
			return -1;
	return 0;
}

static int fail_rest(wc_job *job, const wc_outgoing *list, size_t n, const wc_err *why, wc_err *e)
{
	wc_err mine;

	*e = *why;
	if (e->code == WC_E_STOPPED || (wc_err_retry(e->code) && !wc_job_last_attempt(job)))
		return -1;
	wc_log(WC_WARN, "messages could not be delivered", wc_kv_i("messages", (int64_t)n), wc_kv_s("error", why->text));
	if (say_of_rest(list, n, WC_DELIVERY_FAILED, wc_err_name(why->code), &mine) == 0)
		return 0;
	*e = mine;
	return -1;
}

static int hand_to_channel(wc_job *job, const struct conversation *c, const wc_outgoing *list, size_t n, wc_err *e)
{
	const struct talk_channel *ch = channel_find(c->channel);
	wc_arena                  *a  = wc_job_arena(job);
	wc_address                 to;
	wc_err                     why;

	if (!ch) {
		wc_fail(&why, WC_E_CONFIG, "channel %s is not loaded", c->channel);
		return fail_rest(job, list, n, &why, e);
	}
	if (conversation_address(NULL, a, c, &to, e) < 0)
		return -1;
	if (ch->channel->deliver(a, &to, list, n, self_now(ch->self), &why) < 0)
		return fail_rest(job, list, n, &why, e);
	return say_of_rest(list, n, WC_DELIVERY_WAITS, NULL, e);
}

int run_deliver(wc_job *job, const void *self, wc_err *e)
{
	wc_arena           *a     = wc_job_arena(job);
	int64_t             id    = json_integer_value(json_object_get(wc_job_args(job), "conversation"));
	int64_t             after = 0;
	size_t              n     = AT_ONCE;
	struct conversation c;
	wc_outgoing        *list;

	(void)self;
	if (conversation_look(NULL, a, id, &c, e) < 0)
		return e->code == WC_E_NOT_FOUND ? 0 : -1;     /* erased */
	for (; n == AT_ONCE; after = n ? list[n - 1].message : 0)
		if (!(list = read_waiting(a, id, after, &n, e)) || (n && hand_to_channel(job, &c, list, n, e) < 0))
			return -1;
	return 0;
}
