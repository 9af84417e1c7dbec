/* Streams: the worker writes snapshots, refreshes on any node read them.
 *
 * A row belongs to the run with the greatest fence, so a worker that lost its lease cannot overwrite its successor. Every
 * answer to a refresh leads to an end: a stream that nobody will finish is finished here. */
#include "smartbot.h"

#include <stdio.h>
#include <string.h>

#define STALE_S    10                              /* without a new snapshot so long, look whether anybody still works on it */
#define IMAGES     10                              /* of one answer (doc/101031) */
#define IMAGES_MAX ((size_t)5 * 1024 * 1024)       /* bytes of all of them: a reply is one envelope */

static const char expired_text[] = "这条回复已经过期，请重新提问。";
static const char failed_text[]  = "抱歉，这次没能完成回答，请稍后再问一次。";

struct person person_of(wc_arena *a, const char *user)
{
	struct person p     = {.user = user};
	char         *lower = wc_strdup(a, user);

	for (char *c = lower; *c; c++)
		*c = *c >= 'A' && *c <= 'Z' ? (char)(*c + 32) : *c;
	wc_keyed_hash(p.hash, "smartbot.person", lower, NULL);
	return p;
}

int person_keep(wc_db *db, wc_arena *a, const struct person *p, wc_err *e)
{
	wc_slice user = wc_seal(a, "smartbot_person.user_id", (wc_slice){p->user, strlen(p->user)});

	return wc_db_exec(db, e, "INSERT IGNORE INTO smartbot_person (person, user_id) VALUES (?, ?)", person_val(p), wc_bytes(user.p, user.n)) < 0 ? -1 : 0;
}

/* One person's questions to a bot are answered in their order, wherever they were asked; others do not wait for them. */
const char *lane_of(wc_arena *a, const char *bot, const char *user)
{
	return wc_printf(a, "smartbot/%s/%s", bot, user);
}

const char *queued_text(wc_arena *a, int64_t ahead)
{
	return wc_printf(a, "您前面还有 %lld 个问题，请稍候…", (long long)ahead);
}

/* --- written by the job ---------------------------------------------------------------------------------------------- */

struct opening {
	wc_arena           *a;
	struct stream      *s;
	const struct asked *asked;
};

static int unseal_content(wc_arena *a, wc_cell cell, wc_slice *content, wc_err *e)
{
	return wc_unseal(a, "smartbot_stream.content", (wc_slice){cell.s, cell.n}, content, e);
}

static int open_row(wc_db *db, void *arg, wc_err *e)
{
	struct opening      *o     = arg;
	const struct person *p     = o->asked->person;
	wc_slice             empty = wc_seal(o->a, "smartbot_stream.content", (wc_slice){"", 0}), shown;
	wc_rows              rows;

	if (wc_db_exec(db, e,
	               "INSERT INTO smartbot_stream (stream_id, bot_id, content, fence, asked_at, person) VALUES (?, ?, ?, ?, FROM_UNIXTIME(? / 1000), ?)"
	               " ON DUPLICATE KEY UPDATE fence = GREATEST(fence, VALUES(fence))",
	               wc_text(o->s->id), wc_int(o->asked->bot_id), wc_bytes(empty.p, empty.n), wc_int(o->s->fence), wc_int(o->asked->asked_ms),
	               person_val(p)) < 0 ||
	    person_keep(db, o->a, p, e) < 0 ||
	    (o->asked->response_url && reply_keep(db, o->a, o->s->id, o->asked->response_url, o->asked->asked_ms, e) < 0) ||
	    wc_db_query(db, o->a, &rows, e, "SELECT content, finished, fence, outcome FROM smartbot_stream WHERE stream_id = ?", wc_text(o->s->id)) < 0)
		return -1;
	if (wc_row_int(&rows, 0, 2) != o->s->fence)
		return wc_fail(e, WC_E_STOPPED, "a later run has stream %s", o->s->id);
	o->s->finished = wc_row_int(&rows, 0, 1);
	o->s->outcome  = wc_row_text(&rows, 0, 3);
	if (unseal_content(o->a, wc_row_cell(&rows, 0, 0), &shown, e) < 0)
		return -1;
	o->s->shown     = shown.p;
	o->s->shown_len = shown.n;
	return 0;
}

int stream_open(wc_arena *a, struct stream *s, const struct asked *asked, wc_err *e)
{
	struct opening o = {a, s, asked};

	return wc_db_tx(open_row, &o, e);
}

int stream_show(struct stream *s, wc_slice content, wc_err *e)
{
	wc_arena *a      = wc_arena_new();     /* a long answer has many snapshots */
	wc_slice  cut    = {content.p, wc_utf8_cut(content.p, content.n, STREAM_MAX)};
	wc_slice  sealed = wc_seal(a, "smartbot_stream.content", cut);
	int64_t   n      = wc_db_exec(NULL, e, "UPDATE smartbot_stream SET content = ? WHERE stream_id = ? AND fence = ? AND NOT finished",
	                              wc_bytes(sealed.p, sealed.n), wc_text(s->id), wc_int(s->fence));

	wc_arena_free(a);
	if (n < 0)
		return -1;
	if (n == 0)
		return wc_fail(e, WC_E_STOPPED, "a later run has stream %s", s->id);
	s->shown_len = cut.n;
	return 0;
}

struct end_args {
	wc_arena            *a;
	struct stream       *s;
	const struct ending *ending;
};

static int end_row(wc_db *db, void *arg, wc_err *e)
{
	struct end_args     *x      = arg;
	const struct ending *end    = x->ending;
	wc_slice             sealed = wc_seal(x->a, "smartbot_stream.content", (wc_slice){end->content.p, wc_utf8_cut(end->content.p, end->content.n, STREAM_MAX)});
	const char          *json   = end->card ? wc_json_text(x->a, end->card) : "";
	wc_slice             card   = wc_seal(x->a, "smartbot_stream.card", (wc_slice){json, strlen(json)});
	int64_t              n      = wc_db_exec(db, e, "UPDATE smartbot_stream SET content = ?, finished = 1, outcome = ?, card = COALESCE(?, card) WHERE stream_id = ? AND fence = ?",
	                                         wc_bytes(sealed.p, sealed.n), wc_text(end->outcome), end->card ? wc_bytes(card.p, card.n) : wc_null(),
	                                         wc_text(x->s->id), wc_int(x->s->fence));

	if (n < 0)
		return -1;
	if (n == 0)
		return wc_fail(e, WC_E_STOPPED, "a later run has stream %s", x->s->id);
	return end->turn ? memory_add(db, x->a, end->turn, e) : 0;
}

int stream_end(struct stream *s, const struct ending *ending, wc_err *e)
{
	struct end_args x  = {wc_arena_new(), s, ending};
	int             rc = wc_db_tx(end_row, &x, e);

	wc_arena_free(x.a);
	if (rc < 0)
		return -1;
	s->finished = true;
	s->outcome  = ending->outcome;
	return 0;
}

/* Of our making: what is not cannot be in the table, and other characters than ASCII cannot even be compared with its column. */
static bool is_stream_id(const char *id)
{
	return strlen(id) == 32 && id[strspn(id, "0123456789abcdefq")] == 0;
}

/* --- pictures at the end --------------------------------------------------------------------------------------------- */

struct attaching {
	wc_arena   *a;
	const char *actor, *stream_id;     /* actor NULL: not audited */
	wc_slice    image, sealed;
};

static int audit_attaching(wc_db *db, const struct attaching *x, const char *action, json_t *details, wc_err *e)
{
	return x->actor ? wc_audit(db, &(wc_audit_entry){x->actor, action, wc_printf(x->a, "stream:%.32s", x->stream_id), details}, e) : 0;
}

static bool is_jpg_or_png(wc_slice image)
{
	const char *type = media_picture_type(image);

	return type && (!strcmp(type, "image/jpeg") || !strcmp(type, "image/png"));
}

static int attach_row(wc_db *db, void *arg, wc_err *e)
{
	struct attaching *x = arg;
	wc_rows           rows, images;

	/* The row is locked: the stream cannot end in between. */
	if (wc_db_query(db, x->a, &rows, e, "SELECT finished FROM smartbot_stream WHERE stream_id = ? FOR UPDATE", wc_text(x->stream_id)) < 0 ||
	    wc_db_query(db, x->a, &images, e, "SELECT COUNT(*), COALESCE(SUM(LENGTH(image)), 0) FROM smartbot_image WHERE stream_id = ?", wc_text(x->stream_id)) < 0)
		return -1;
	if (!rows.n)
		return wc_fail(e, WC_E_NOT_FOUND, "there is no such stream");
	if (wc_row_int(&rows, 0, 0))
		return wc_fail(e, WC_E_CONFLICT, "the stream has ended");
	if (wc_row_int(&images, 0, 0) >= IMAGES || (size_t)wc_row_int(&images, 0, 1) + x->image.n > IMAGES_MAX)
		return wc_fail(e, WC_E_TOO_LARGE, "an answer takes %d pictures of %zu bytes in all", IMAGES, IMAGES_MAX);
	if (wc_db_exec(db, e, "INSERT INTO smartbot_image (stream_id, no, image) VALUES (?, ?, ?)", wc_text(x->stream_id),
	               wc_int(wc_row_int(&images, 0, 0)), wc_bytes(x->sealed.p, x->sealed.n)) < 0 ||
	    audit_attaching(db, x, "smartbot.image.attach", wc_json(x->a, "{s:I}", "bytes", (json_int_t)x->image.n), e) < 0)
		return -1;
	return wc_db_once(db, e);
}

int stream_attach_image_by(const char *actor, const char *stream_id, wc_slice image, wc_err *e)
{
	struct attaching x = {.actor = actor, .stream_id = stream_id, .image = image};
	int              rc;

	if (!is_stream_id(stream_id))
		return wc_fail(e, WC_E_NOT_FOUND, "there is no such stream");
	if (!is_jpg_or_png(image))
		return wc_fail(e, WC_E_ARG, "the picture is neither JPG nor PNG");
	if (image.n > IMAGES_MAX)
		return wc_fail(e, WC_E_TOO_LARGE, "the picture is over %zu bytes", IMAGES_MAX);
	x.a      = wc_arena_new();
	x.sealed = wc_seal(x.a, "smartbot_image.image", image);
	rc       = wc_db_tx(attach_row, &x, e);
	wc_arena_free(x.a);
	return rc;
}

int stream_attach_image(const char *stream_id, wc_slice image, wc_err *e)
{
	return stream_attach_image_by(NULL, stream_id, image, e);
}

/* --- a card at the end ----------------------------------------------------------------------------------------------- */

static void give_task_id(json_t *card, const char *stream_id)
{
	const char *type = wc_json_str(card, "card_type");
	char        id[48];

	if (!type || !strstr(type, "_interaction") || json_object_get(card, "task_id"))
		return;
	snprintf(id, sizeof id, "card-%.32s", stream_id);
	json_object_set_new(card, "task_id", json_string(id));
}

static int why_not_attached(wc_db *db, wc_arena *a, const char *stream_id, wc_err *e)
{
	wc_rows rows;

	if (wc_db_query(db, a, &rows, e, "SELECT 1 FROM smartbot_stream WHERE stream_id = ?", wc_text(stream_id)) < 0)
		return -1;
	return rows.n ? wc_fail(e, WC_E_CONFLICT, "the stream has ended, or has its card") : wc_fail(e, WC_E_NOT_FOUND, "there is no such stream");
}

struct carding {
	struct attaching to;
	const json_t    *card;
};

static int card_row(wc_db *db, void *arg, wc_err *e)
{
	const struct carding   *x    = arg;
	const struct attaching *to   = &x->to;
	const char             *task = wc_json_str(x->card, "task_id");
	int64_t                 n    = wc_db_exec(db, e, "UPDATE smartbot_stream SET card = ? WHERE stream_id = ? AND NOT finished AND card IS NULL",
	                                          wc_bytes(to->sealed.p, to->sealed.n), wc_text(to->stream_id));

	if (n <= 0)
		return n < 0 ? -1 : why_not_attached(db, to->a, to->stream_id, e);
	if (audit_attaching(db, to, "smartbot.card.attach",
	                    wc_json(to->a, "{s:s, s:s}", "card_type", wc_json_str(x->card, "card_type"), "task_id", task ? task : ""), e) < 0)
		return -1;
	return wc_db_once(db, e);
}

int stream_attach_card_by(const char *actor, const char *stream_id, json_t *card, wc_err *e)
{
	struct carding x = {{.actor = actor, .stream_id = stream_id}, card};
	const char    *json;
	int            rc;

	if (!is_stream_id(stream_id))
		return wc_fail(e, WC_E_NOT_FOUND, "there is no such stream");
	give_task_id(card, stream_id);
	if (card_check(card, e) < 0)
		return -1;
	x.to.a      = wc_arena_new();
	json        = wc_json_text(x.to.a, card);
	x.to.sealed = wc_seal(x.to.a, "smartbot_stream.card", (wc_slice){json, strlen(json)});
	rc          = wc_db_tx(card_row, &x, e);
	wc_arena_free(x.to.a);
	return rc;
}

int stream_attach_card(const char *stream_id, json_t *card, wc_err *e)
{
	return stream_attach_card_by(NULL, stream_id, card, e);
}

/* Appends to items what the last answer carries; base64 and md5 are made from the bytes just here, so that they fit. */
static int add_images(wc_arena *a, const char *id, json_t *stream, wc_err *e)
{
	json_t *items = wc_json(a, "[]");
	wc_rows rows;

	if (wc_db_query(NULL, a, &rows, e, "SELECT image FROM smartbot_image WHERE stream_id = ? ORDER BY no", wc_text(id)) < 0)
		return -1;
	for (size_t i = 0; i < rows.n; i++) {
		wc_cell  cell = wc_row_cell(&rows, i, 0);
		wc_slice image;

		if (wc_unseal(a, "smartbot_image.image", (wc_slice){cell.s, cell.n}, &image, e) < 0)
			return -1;
		json_array_append_new(items, json_pack("{s:s, s:{s:s, s:s}}", "msgtype", "image", "image", "base64", wc_base64(a, image).p, "md5", wc_md5(a, image)));
	}
	if (rows.n)
		json_object_set(stream, "msg_item", items);
	return 0;
}

/* --- read by refreshes ----------------------------------------------------------------------------------------------- */

static json_t *stream_object(wc_arena *a, const char *id, bool finish, wc_slice content)
{
	return wc_json(a, "{s:s, s:b, s:s%}", "id", id, "finish", (int)finish, "content", content.p, content.n);
}

static const json_t *reply_of(wc_arena *a, json_t *stream, const json_t *card)
{
	if (!card)
		return wc_json(a, "{s:s, s:O}", "msgtype", "stream", "stream", stream);
	return wc_json(a, "{s:s, s:O, s:O}", "msgtype", "stream_with_template_card", "stream", stream, "template_card", card);
}

static const json_t *going_on(wc_arena *a, const char *id, wc_slice shown)
{
	return reply_of(a, stream_object(a, id, false, shown), NULL);
}

static const json_t *end_with(wc_arena *a, const char *id, wc_slice shown, const char *text)
{
	const char *all = shown.n ? wc_printf(a, "%.*s\n\n%s", (int)wc_utf8_cut(shown.p, shown.n, STREAM_MAX - 256), shown.p, text) : text;

	return reply_of(a, stream_object(a, id, true, (wc_slice){all, strlen(all)}), NULL);
}

static const json_t *ended(wc_arena *a, const char *id, wc_slice content, wc_cell card, wc_err *e)
{
	json_t  *stream = stream_object(a, id, true, content), *json = NULL;
	wc_slice plain;

	if (card.s && (wc_unseal(a, "smartbot_stream.card", (wc_slice){card.s, card.n}, &plain, e) < 0 || !(json = wc_json_parse(a, plain.p, plain.n, e))))
		return NULL;
	return add_images(a, id, stream, e) < 0 ? NULL : reply_of(a, stream, json);
}

struct snapshot {
	bool     there, finished, fresh;
	wc_slice shown;
	wc_cell  card;
};

static int read_snapshot(wc_arena *a, const char *id, struct snapshot *s, wc_err *e)
{
	wc_rows rows;

	*s = (struct snapshot){.shown = {"", 0}};
	if (wc_db_query(NULL, a, &rows, e,
	                "SELECT content, finished, TIMESTAMPDIFF(SECOND, updated_at, NOW(3)), card FROM smartbot_stream WHERE stream_id = ?", wc_text(id)) < 0)
		return -1;
	if (!rows.n)
		return 0;
	s->there    = true;
	s->finished = wc_row_int(&rows, 0, 1);
	s->fresh    = wc_row_int(&rows, 0, 2) < STALE_S;
	s->card     = wc_row_cell(&rows, 0, 3);
	return unseal_content(a, wc_row_cell(&rows, 0, 0), &s->shown, e);
}

/* The job is at its end, and the stream was not when it was read: it may have come to its end in between. */
static const json_t *answer_behind_job(wc_arena *a, const char *id, wc_err *e)
{
	struct snapshot s;

	if (read_snapshot(a, id, &s, e) < 0)
		return NULL;
	return s.finished ? ended(a, id, s.shown, s.card, e) : end_with(a, id, s.shown, failed_text);
}

/* Nothing was written lately: is the job still to come, or at work, or has it been given up? */
static const json_t *answer_stale(wc_callback *cb, const struct smartbot *self, const char *id, const char *user, wc_slice shown, wc_err *e)
{
	wc_arena    *a = wc_callback_arena(cb);
	wc_job_state state;
	int64_t      created_ms, ahead;
	const char  *text;

	if (wc_job_state_of(NULL, a, id, &state, &created_ms, e) < 0)
		return NULL;
	if (state == WC_JOB_NONE)
		return end_with(a, id, shown, expired_text);
	if (state == WC_JOB_DEAD || state == WC_JOB_DONE)
		return answer_behind_job(a, id, e);
	if (wc_now_ms() - created_ms > self->stream_life_ms + 10000)
		return end_with(a, id, shown, failed_text);
	if (state != WC_JOB_WAITING || !user)
		return going_on(a, id, shown);
	ahead = wc_lane_ahead(a, lane_of(a, wc_callback_name(cb), user), id, e);
	if (ahead < 0)
		return NULL;
	text = ahead ? queued_text(a, ahead) : "";
	return going_on(a, id, (wc_slice){text, strlen(text)});
}

const json_t *stream_answer(wc_callback *cb, const struct smartbot *self, const char *id, const char *user, wc_err *e)
{
	wc_arena       *a = wc_callback_arena(cb);
	struct snapshot s;

	if (!is_stream_id(id))
		return end_with(a, id, (wc_slice){"", 0}, expired_text);
	if (read_snapshot(a, id, &s, e) < 0)
		return NULL;
	if (s.finished)
		return ended(a, id, s.shown, s.card, e);
	if (s.there && s.fresh)
		return going_on(a, id, s.shown);
	return answer_stale(cb, self, id, user, s.shown, e);
}
