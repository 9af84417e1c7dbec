/* Chats in the database. */
#include "chat.h"

#include <wecomd/clock.h>
#include <wecomd/job.h>
#include <wecomd/json.h>

/* Keeps the row locked until the commit: see simulator_rev. */
static int next_rev(wc_db *db, wc_arena *a, int64_t *rev, wc_err *e)
{
	wc_rows rows;

	if (wc_db_query(db, a, &rows, e, "INSERT INTO simulator_rev (id, rev) VALUES (1, 1)"
	                                 " ON DUPLICATE KEY UPDATE rev = rev + 1 RETURNING rev") < 0)
		return -1;
	*rev = wc_row_int(&rows, 0, 0);
	return 0;
}

static int refuse_fourth(wc_db *db, const struct chat_post *post, wc_err *e)
{
	wc_rows rows;

	if (wc_db_query(db, post->a, &rows, e,
	                "SELECT COUNT(*) FROM simulator_message WHERE person = ? AND bot = ? AND open_until_ms > ?",
	                wc_text(post->person), wc_text(post->bot), wc_int(post->now_ms)) < 0)
		return -1;
	if (wc_row_int(&rows, 0, 0) >= CHAT_OPEN_MAX)
		return wc_fail(e, WC_E_CONFLICT, "%d interactions with this bot are in flight", CHAT_OPEN_MAX);
	return 0;
}

static int insert_message(wc_db *db, struct chat_post *post, int64_t rev, wc_err *e)
{
	wc_rows rows;

	if (wc_db_query(db, post->a, &rows, e,
	                "INSERT INTO simulator_message (rev, bot, person, chat_group, msgid, text, state, open_until_ms, sent_ms,"
	                " changed_ms, msgtype, quote) VALUES (?, ?, ?, ?, ?, ?, 'sending', ?, ?, ?, ?, NULLIF(?, 0)) RETURNING id",
	                wc_int(rev), wc_text(post->bot), wc_text(post->person), wc_text(post->group), wc_text(post->msgid),
	                wc_text(post->text), wc_int(post->open_until_ms), wc_int(post->now_ms), wc_int(post->now_ms),
	                wc_text(post->msgtype), wc_int(post->quote)) < 0)
		return -1;
	post->id = wc_row_int(&rows, 0, 0);
	if (!post->bytes.p)
		return 0;
	return wc_db_exec(db, e, "INSERT INTO simulator_media (message, name, bytes) VALUES (?, ?, ?)", wc_int(post->id),
	                  wc_text(post->file_name), wc_bytes(post->bytes.p, post->bytes.n)) < 0 ? -1 : 0;
}

static int add_job(wc_db *db, const struct chat_post *post, wc_err *e)
{
	const wc_job_spec spec = {
		.kind = "simulator.deliver",
		.key  = post->msgid,
		.args = wc_json(post->a, "{s:I}", "message", (json_int_t)post->id)};

	return wc_job_add(db, &spec, e) < 0 ? -1 : 0;
}

static int post_tx(wc_db *db, void *arg, wc_err *e)
{
	struct chat_post *post = arg;
	wc_rows           rows;
	int64_t           rev;

	/* The lock on the revision comes first: behind it nobody else can add the fourth message. */
	if (next_rev(db, post->a, &rev, e) < 0 ||
	    wc_db_query(db, post->a, &rows, e, "SELECT id FROM simulator_message WHERE msgid = ?", wc_text(post->msgid)) < 0)
		return -1;
	if (rows.n) {     /* a lost answer to COMMIT: the message was stored */
		post->id = wc_row_int(&rows, 0, 0);
		return 0;
	}
	return refuse_fourth(db, post, e) < 0 || insert_message(db, post, rev, e) < 0 ? -1 : add_job(db, post, e);
}

int chat_post(struct chat_post *post, wc_err *e)
{
	return wc_db_tx(post_tx, post, e);
}

int chat_load(wc_arena *a, int64_t id, struct chat_turn *turn, wc_err *e)
{
	wc_rows rows;

	if (wc_db_query(NULL, a, &rows, e,
	                "SELECT m.msgid, m.bot, m.person, m.chat_group, m.text, m.state = 'sending', m.open_until_ms,"
	                " (SELECT COALESCE(MAX(d.try), 0) FROM simulator_delivery d WHERE d.message = m.id AND d.kind = 'message'),"
	                " b.stream_id, b.card, b.text, m.msgtype, COALESCE(m.quote, 0)"
	                " FROM simulator_message m LEFT JOIN simulator_message b ON b.reply_to = m.id WHERE m.id = ?",
	                wc_int(id)) < 0)
		return -1;
	if (!rows.n)
		return wc_fail(e, WC_E_NOT_FOUND, "there is no message of that id");
	*turn = (struct chat_turn){
		.id            = id,
		.msgid         = wc_row_text(&rows, 0, 0),
		.bot           = wc_row_text(&rows, 0, 1),
		.person        = wc_row_text(&rows, 0, 2),
		.group         = wc_row_text(&rows, 0, 3),
		.text          = wc_row_text(&rows, 0, 4),
		.sending       = wc_row_int(&rows, 0, 5),
		.open_until_ms = wc_row_int(&rows, 0, 6),
		.tries         = (int)wc_row_int(&rows, 0, 7),
		.stream_id     = wc_row_cell(&rows, 0, 8).s,
		.card          = wc_row_int(&rows, 0, 9),
		.shown         = wc_row_text(&rows, 0, 10),
		.msgtype       = wc_row_text(&rows, 0, 11),
		.quote         = wc_row_int(&rows, 0, 12)};
	return 0;
}

int chat_said(wc_arena *a, int64_t id, const char **msgtype, const char **text, wc_err *e)
{
	wc_rows rows;

	if (wc_db_query(NULL, a, &rows, e, "SELECT msgtype, text FROM simulator_message WHERE id = ?", wc_int(id)) < 0)
		return -1;
	if (!rows.n)
		return wc_fail(e, WC_E_NOT_FOUND, "there is no message of that id");
	*msgtype = wc_row_text(&rows, 0, 0);
	*text    = wc_row_text(&rows, 0, 1);
	return 0;
}

int chat_stream_taken(wc_arena *a, const char *bot, const char *stream_id, int64_t message, wc_err *e)
{
	wc_rows rows;

	if (wc_db_query(NULL, a, &rows, e,
	                "SELECT 1 FROM simulator_message WHERE stream_id = ? AND bot = ? AND reply_to <> ? LIMIT 1",
	                wc_text(stream_id), wc_text(bot), wc_int(message)) < 0)
		return -1;
	return rows.n > 0;
}

static int record_delivery(wc_db *db, const struct chat_step *s, wc_err *e)
{
	return wc_db_exec(db, e,
	                  "INSERT INTO simulator_delivery (message, kind, msgid, try, status, ms, error, at_ms)"
	                  " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON DUPLICATE KEY UPDATE id = id",
	                  wc_int(s->message), wc_text(s->kind), wc_text(s->msgid), wc_int(s->try), wc_int(s->status),
	                  wc_int(s->ms), wc_text(s->error), wc_int(s->at_ms)) < 0 ? -1 : 0;
}

static int change_message(wc_db *db, const struct chat_step *s, wc_err *e)
{
	int64_t rev;

	if (next_rev(db, s->a, &rev, e) < 0)
		return -1;
	return wc_db_exec(db, e, "UPDATE simulator_message SET rev = ?, state = ?, error = ?, changed_ms = ? WHERE id = ?",
	                  wc_int(rev), wc_text(s->state), wc_text(s->state_error), wc_int(wc_now_ms()),
	                  wc_int(s->message)) < 0 ? -1 : 0;
}

static int begin_bubble(wc_db *db, const struct chat_step *s, wc_err *e)
{
	int64_t rev, now = wc_now_ms();

	if (next_rev(db, s->a, &rev, e) < 0)
		return -1;
	return wc_db_exec(db, e,
	                  "INSERT INTO simulator_message (rev, bot, person, chat_group, reply_to, stream_id, card, text, state, error,"
	                  " sent_ms, changed_ms, card_json, feedback_id)"
	                  " SELECT ?, m.bot, m.person, m.chat_group, m.id, ?, ?, ?, ?, ?, ?, ?, ?, ? FROM simulator_message m"
	                  " WHERE m.id = ? ON DUPLICATE KEY UPDATE simulator_message.id = simulator_message.id",
	                  wc_int(rev), wc_text(s->stream_id), wc_int(s->card != NULL), wc_text(s->text), wc_text(s->bubble),
	                  wc_text(s->bubble_error), wc_int(now), wc_int(now), wc_text(s->card), wc_text(s->feedback_id), wc_int(s->message)) < 0 ? -1 : 0;
}

static int change_bubble(wc_db *db, const struct chat_step *s, wc_err *e)
{
	int64_t rev;

	if (next_rev(db, s->a, &rev, e) < 0)
		return -1;
	return wc_db_exec(db, e,
	                  "UPDATE simulator_message SET rev = ?, state = ?, error = ?, text = COALESCE(?, text), card = card OR ?,"
	                  " card_json = COALESCE(?, card_json), changed_ms = ? WHERE reply_to = ? AND state IN ('waiting', 'streaming')",
	                  wc_int(rev), wc_text(s->bubble), wc_text(s->bubble_error), wc_text(s->text), wc_int(s->card != NULL),
	                  wc_text(s->card), wc_int(wc_now_ms()), wc_int(s->message)) < 0 ? -1 : 0;
}

/* A bubble has its pictures with its end, and ends once. */
static int add_pictures(wc_db *db, const struct chat_step *s, wc_err *e)
{
	if (s->picture_count && wc_db_exec(db, e, "UPDATE simulator_message SET pictures = ? WHERE reply_to = ?", wc_int((int64_t)s->picture_count),
	                                   wc_int(s->message)) < 0)
		return -1;
	for (size_t i = 0; i < s->picture_count; i++)
		if (wc_db_exec(db, e, "INSERT IGNORE INTO simulator_picture (message, no, bytes) SELECT id, ?, ? FROM simulator_message WHERE reply_to = ?",
		               wc_int((int64_t)i), wc_bytes(s->pictures[i].p, s->pictures[i].n), wc_int(s->message)) < 0)
			return -1;
	return 0;
}

static int record_tx(wc_db *db, void *arg, wc_err *e)
{
	const struct chat_step *s = arg;

	if (s->kind && record_delivery(db, s, e) < 0)
		return -1;
	if (s->state && change_message(db, s, e) < 0)
		return -1;
	if (s->bubble && ((s->begins ? begin_bubble : change_bubble)(db, s, e) < 0 || add_pictures(db, s, e) < 0))
		return -1;
	if (s->over && wc_db_exec(db, e, "UPDATE simulator_message SET open_until_ms = 0 WHERE id = ?", wc_int(s->message)) < 0)
		return -1;
	return 0;
}

int chat_record(const struct chat_step *step, wc_err *e)
{
	return wc_db_tx(record_tx, (void *)step, e);
}

#define COLUMNS \
	"id, rev, msgid IS NULL, person, text, state, error, sent_ms, changed_ms, COALESCE(reply_to, later_of), msgid, msgtype, quote," \
	" card_json, feedback_id, rating, pictures"

/* The column "chat": a group shows what all of its members wrote, a single chat belongs to one person. */
static wc_val chat_of(wc_arena *a, const char *person, const char *group)
{
	return wc_text(*group ? wc_printf(a, "g:%s", group) : wc_printf(a, "p:%s", person));
}

int chat_list(wc_arena *a, const char *bot, const char *person, const char *group, int64_t after, wc_rows *rows, wc_err *e)
{
	wc_val chat = chat_of(a, person, group);

	if (after > 0)
		return wc_db_query(NULL, a, rows, e,
		                   "SELECT " COLUMNS " FROM (SELECT * FROM simulator_message WHERE bot = ? AND chat = ? AND rev > ?"
		                   " ORDER BY rev LIMIT ?) changed ORDER BY id",
		                   wc_text(bot), chat, wc_int(after), wc_int(CHAT_LIST_MAX));
	return wc_db_query(NULL, a, rows, e,
	                   "SELECT " COLUMNS " FROM (SELECT * FROM simulator_message WHERE bot = ? AND chat = ?"
	                   " ORDER BY id DESC LIMIT ?) newest ORDER BY id",
	                   wc_text(bot), chat, wc_int(CHAT_LIST_MAX));
}

int chat_picture(wc_arena *a, int64_t message, int64_t no, wc_slice *bytes, wc_err *e)
{
	wc_rows rows;

	if (wc_db_query(NULL, a, &rows, e, "SELECT bytes FROM simulator_picture WHERE message = ? AND no = ?", wc_int(message), wc_int(no)) < 0)
		return -1;
	if (!rows.n)
		return wc_fail(e, WC_E_NOT_FOUND, "there is no such picture");
	*bytes = (wc_slice){wc_row_cell(&rows, 0, 0).s, wc_row_cell(&rows, 0, 0).n};
	return 0;
}

int chat_deliveries(wc_arena *a, const char *msgid, wc_rows *rows, wc_err *e)
{
	return wc_db_query(NULL, a, rows, e,
	                   "SELECT kind, msgid, try, status, ms, error, at_ms FROM (SELECT d.* FROM simulator_delivery d"
	                   " JOIN simulator_message m ON m.id = d.message WHERE m.msgid = ? ORDER BY d.id DESC LIMIT 500) newest"
	                   " ORDER BY id",
	                   wc_text(msgid));
}

int chat_has(wc_arena *a, int64_t id, const char *bot, const char *person, const char *group, wc_err *e)
{
	wc_rows rows;

	if (wc_db_query(NULL, a, &rows, e, "SELECT 1 FROM simulator_message WHERE id = ? AND bot = ? AND chat = ?", wc_int(id), wc_text(bot),
	                chat_of(a, person, group)) < 0)
		return -1;
	return rows.n > 0;
}

static int add_bubble_tx(wc_db *db, void *arg, wc_err *e)
{
	const struct chat_extra *x   = arg;
	int64_t                  now = wc_now_ms(), rev;

	if (next_rev(db, x->a, &rev, e) < 0)
		return -1;
	return wc_db_exec(db, e,
	                  "INSERT INTO simulator_message (rev, bot, person, chat_group, text, state, sent_ms, changed_ms, quote, later_of, card,"
	                  " card_json, feedback_id) VALUES (?, ?, ?, ?, ?, 'finished', ?, ?, NULLIF(?, 0), NULLIF(?, 0), ?, ?, ?)",
	                  wc_int(rev), wc_text(x->bot), wc_text(x->person), wc_text(x->group), wc_text(x->text), wc_int(now), wc_int(now),
	                  wc_int(*x->group ? x->later_of : 0), wc_int(x->later_of), wc_int(x->card != NULL), wc_text(x->card),
	                  wc_text(x->feedback_id)) < 0 ? -1 : 0;
}

int chat_add_bubble(const struct chat_extra *x, wc_err *e)
{
	return wc_db_tx(add_bubble_tx, (void *)x, e);
}

struct bubble_change {
	wc_arena   *a;
	int64_t     id, rating;     /* rating -1: stays */
	const char *card;           /* NULL: stays */
};

static int change_tx(wc_db *db, void *arg, wc_err *e)
{
	const struct bubble_change *c = arg;
	int64_t                     rev;

	if (next_rev(db, c->a, &rev, e) < 0)
		return -1;
	return wc_db_exec(db, e, "UPDATE simulator_message SET rev = ?, card_json = COALESCE(?, card_json), rating = IF(? < 0, rating, ?) WHERE id = ?",
	                  wc_int(rev), wc_text(c->card), wc_int(c->rating), wc_int(c->rating), wc_int(c->id)) < 0 ? -1 : 0;
}

int chat_change_card(wc_arena *a, int64_t id, const char *card, wc_err *e)
{
	return wc_db_tx(change_tx, &(struct bubble_change){a, id, -1, card}, e);
}

int chat_change_rating(wc_arena *a, int64_t id, int64_t rating, wc_err *e)
{
	return wc_db_tx(change_tx, &(struct bubble_change){a, id, rating, NULL}, e);
}
