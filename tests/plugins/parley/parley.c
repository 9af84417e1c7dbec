/* A plugin for tests of conversations: channels whose window a test sets, a brain that does what a message says, and routes that let a test
 * be the channel. What was sent stands in parley_sent; a message that stands there twice would be a mistake that its unique key shows. */
#include <wecomd/plugin.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct parley {
	bool brain;
};

/* --- channels --------------------------------------------------------------------------------------------------------- */

struct door {
	int64_t     left, reserve;
	const char *behave;
};

/* A peer without a row has a window without limit. */
static int read_door(wc_arena *a, const wc_address *to, struct door *d, wc_err *e)
{
	wc_rows rows;

	*d = (struct door){-1, 0, ""};
	if (wc_db_query(NULL, a, &rows, e, "SELECT left_n, reserve, behave FROM parley_window WHERE peer = ?", wc_text(to->peer)) < 0)
		return -1;
	if (rows.n)
		*d = (struct door){wc_row_int(&rows, 0, 0), wc_row_int(&rows, 0, 1), wc_row_text(&rows, 0, 2)};
	return 0;
}

static int window(wc_arena *a, const wc_address *to, wc_window *w, const void *self, wc_err *e)
{
	struct door d;

	(void)self;
	if (read_door(a, to, &d, e) < 0)
		return -1;
	*w = (wc_window){.is_open = d.left != 0, .limit = d.left < 0 ? -1 : 5, .left = d.left, .reserve = d.reserve, .reason = d.left ? "" : "used_up"};
	return 0;
}

static int send_one(const wc_address *to, const wc_outgoing *m, wc_err *e)
{
	return wc_db_exec(NULL, e, "INSERT IGNORE INTO parley_sent (channel, peer, message, text) VALUES (?, ?, ?, ?)", wc_text(to->channel),
	                  wc_text(to->peer), wc_int(m->message), wc_text(m->text)) < 0 ? -1 : 0;
}

/* "dies": once between the send and its record; "refuses": every message fails; "unsure": nobody knows; "away": to be tried again. */
static int misbehave(const struct door *d, const wc_address *to, const wc_outgoing *m, wc_err *e)
{
	if (!strcmp(d->behave, "away"))
		return wc_fail(e, WC_E_REMOTE, "the channel is away");
	if (!strcmp(d->behave, "dies") &&
	    wc_db_exec(NULL, e, "UPDATE parley_window SET behave = '' WHERE peer = ? AND behave = 'dies'", wc_text(to->peer)) > 0 && send_one(to, m, e) == 0)
		_exit(9);
	if (!strcmp(d->behave, "refuses"))
		return wc_message_delivered(NULL, m->message, WC_DELIVERY_FAILED, NULL, "95002", e) < 0 ? -1 : 1;
	if (!strcmp(d->behave, "unsure"))
		return wc_message_delivered(NULL, m->message, WC_DELIVERY_UNCERTAIN, NULL, "timeout", e) < 0 ? -1 : 1;
	return 0;
}

static int deliver(wc_arena *a, const wc_address *to, const wc_outgoing *list, size_t n, const void *self, wc_err *e)
{
	struct door d;

	(void)self;
	if (read_door(a, to, &d, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		int rc = misbehave(&d, to, &list[i], e);

		if (rc < 0)
			return -1;
		if (rc > 0)
			continue;
		if (i && !strcmp(d.behave, "half"))
			return wc_fail(e, WC_E_REFUSED, "no more than one is taken");
		if (d.left >= 0 && d.left <= (list[i].notice ? 0 : d.reserve))
			continue;
		if (d.left > 0 && wc_db_exec(NULL, e, "UPDATE parley_window SET left_n = ? WHERE peer = ?", wc_int(--d.left), wc_text(to->peer)) < 0)
			return -1;
		if (send_one(to, &list[i], e) < 0 ||
		    wc_message_delivered(NULL, list[i].message, WC_DELIVERY_SENT, wc_printf(a, "%s-%lld", to->channel, (long long)list[i].message), NULL, e) < 0)
			return -1;
	}
	return 0;
}

/* --- the brain -------------------------------------------------------------------------------------------------------- */

struct thought {
	wc_job    *job;
	wc_message m;
	int64_t    said;
};

static int speak(wc_db *db, struct thought *t, const char *text, wc_err *e)
{
	wc_arena *a = wc_job_arena(t->job);

	return wc_talk_say(db, a, &(wc_say){.conversation = t->m.conversation, .key = wc_printf(a, "parley/%lld", (long long)t->m.id),
	                                    .author = "machine:parley", .text = text, .answers = t->m.id}, &t->said, e) < 0 ? -1 : 0;
}

static int answer(wc_db *db, void *arg, wc_err *e)
{
	struct thought *t    = arg;
	const char     *text = t->m.text ? t->m.text : "";

	if (!strcmp(text, "person!"))
		return wc_talk_hand_over(db, wc_job_arena(t->job), t->m.conversation, t->m.id, NULL, "asked", e) < 0 ? -1 : 0;
	if (!strcmp(text, "nothing!"))
		return wc_message_settle(db, t->m.id, "empty", e) < 0 ? -1 : 0;
	if (!strcmp(text, "broken!"))
		return wc_fail(e, WC_E_INTERNAL, "this brain is broken");
	return speak(db, t, wc_printf(wc_job_arena(t->job), "re: %s", text), e);
}

static int think(wc_job *job, const void *self, wc_err *e)
{
	struct thought t = {.job = job};

	(void)self;
	if (wc_message_read(wc_job_arena(job), json_integer_value(json_object_get(wc_job_args(job), "message")), &t.m, e) < 0)
		return -1;
	if (t.m.text && !strncmp(t.m.text, "slow!", 5))
		wc_sleep_ms(atoi(t.m.text + 5));
	return wc_db_tx(answer, &t, e);
}

static int heard(wc_job *job, const void *self, wc_err *e)
{
	const json_t *args = wc_job_args(job);

	(void)self;
	return wc_db_exec(NULL, e, "INSERT IGNORE INTO parley_sent (channel, peer, message, text) VALUES ('topic', ?, ?, NULL)",
	                  wc_text(wc_json_str(args, "topic")), wc_int(wc_job_id(job))) < 0 ? -1 : 0;
}

/* --- a test as the channel -------------------------------------------------------------------------------------------- */

struct word {
	const char *channel, *account, *peer, *name, *msgid, *from, *author, *kind, *text, *unionid, *mobile;
	const json_t *content;
	bool        quiet;
};

struct coming {
	wc_arena          *a;
	const struct word *w;
	wc_received        r;
};

static int come(wc_db *db, void *arg, wc_err *e)
{
	struct coming     *c    = arg;
	const struct word *w    = c->w;
	wc_ties            ties = {w->unionid, w->mobile, NULL};
	wc_from            from = !strcmp(w->from, "person") ? WC_FROM_PERSON : !strcmp(w->from, "system") ? WC_FROM_SYSTEM : WC_FROM_CUSTOMER;

	if ((w->unionid || w->mobile) && wc_identity(db, c->a, w->channel, w->peer, w->name, &ties, e) < 0)
		return -1;
	return wc_talk_receive(db, c->a, &(wc_incoming){.channel = w->channel, .account = w->account, .peer = w->peer, .name = w->name, .msgid = w->msgid,
	                                                .from = from, .author = w->author, .kind = w->kind, .text = w->text, .content = w->content,
	                                                .quiet = w->quiet, .sent_ms = wc_now_ms()}, &c->r, e);
}

static int post_word(wc_request *rq, const void *self)
{
	struct coming c = {wc_request_arena(rq), wc_body(rq), {0}};
	wc_err        e;

	(void)self;
	if (wc_db_tx(come, &c, &e) < 0)
		return wc_reply_err(rq, &e);
	return wc_reply(rq, 200, "{s:I, s:I, s:I, s:b, s:b}", "message", (json_int_t)c.r.message, "conversation", (json_int_t)c.r.conversation, "customer",
	                (json_int_t)c.r.customer, "is_new", c.r.is_new, "opened", c.r.opened);
}

#define W(member) offsetof(struct word, member)

static const wc_field word_fields[] = {
	{WC_STRING, "channel", "parley", W(channel), "which"},
	{WC_STRING, "account", "", W(account), "ours"},
	{WC_STRING, "peer", NULL, W(peer), "theirs"},
	{WC_STRING, "name", NULL, W(name), "nickname", .optional = true},
	{WC_STRING, "msgid", NULL, W(msgid), "the channel's id"},
	{WC_STRING, "from", "customer", W(from), "who"},
	{WC_STRING, "author", NULL, W(author), "member", .optional = true},
	{WC_STRING, "kind", "text", W(kind), "kind"},
	{WC_STRING, "text", NULL, W(text), "words", .max = 100000, .optional = true},
	{WC_OBJECT, "content", NULL, W(content), "whole", .optional = true},
	{WC_STRING, "unionid", NULL, W(unionid), "tie", .optional = true},
	{WC_STRING, "mobile", NULL, W(mobile), "tie", .optional = true},
	{WC_BOOL, "quiet", "off", W(quiet), "kept only"},
	{0}};

struct recall {
	const char *channel, *msgid;
};

static int post_recall(wc_request *rq, const void *self)
{
	const struct recall *r = wc_body(rq);
	wc_err               e;
	int                  n = wc_message_recalled(NULL, r->channel, r->msgid, &e);

	(void)self;
	return n < 0 ? wc_reply_err(rq, &e) : wc_reply(rq, 200, "{s:i}", "recalled", n);
}

static const wc_field recall_fields[] = {
	{WC_STRING, "channel", "parley", offsetof(struct recall, channel), "which"},
	{WC_STRING, "msgid", NULL, offsetof(struct recall, msgid), "the channel's id"},
	{0}};

struct speech {
	const char *key, *text, *author, *kind;
	bool        notice;
	int64_t     answers;
};

struct speaking {
	wc_arena            *a;
	const struct speech *s;
	int64_t              conversation, message;
	int                  said;
};

static int say(wc_db *db, void *arg, wc_err *e)
{
	struct speaking *k = arg;

	k->said = wc_talk_say(db, k->a, &(wc_say){.conversation = k->conversation, .key = k->s->key, .author = k->s->author, .kind = k->s->kind,
	                                          .text = k->s->text, .notice = k->s->notice, .answers = k->s->answers}, &k->message, e);
	return k->said < 0 ? -1 : 0;
}

static int post_say(wc_request *rq, const void *self)
{
	struct speaking k = {wc_request_arena(rq), wc_body(rq), strtoll(wc_path_param(rq, "id"), NULL, 10), 0, 0};
	wc_err          e;

	(void)self;
	if (wc_db_tx(say, &k, &e) < 0)
		return wc_reply_err(rq, &e);
	return wc_reply(rq, 200, "{s:i, s:I}", "said", k.said, "message", (json_int_t)k.message);
}

static const wc_field speech_fields[] = {
	{WC_STRING, "key", NULL, offsetof(struct speech, key), "once"},
	{WC_STRING, "text", NULL, offsetof(struct speech, text), "words"},
	{WC_STRING, "author", "machine:parley", offsetof(struct speech, author), "who"},
	{WC_STRING, "kind", "text", offsetof(struct speech, kind), "kind"},
	{WC_BOOL, "notice", "off", offsetof(struct speech, notice), "of the system"},
	{WC_INT, "answers", "0", offsetof(struct speech, answers), "message", .max = INT64_MAX},
	{0}};

static int post_failed(wc_request *rq, const void *self)
{
	wc_err e;
	int    n = wc_message_delivered(NULL, strtoll(wc_path_param(rq, "id"), NULL, 10), WC_DELIVERY_FAILED, NULL, "receipt", &e);

	(void)self;
	return n < 0 ? wc_reply_err(rq, &e) : wc_reply(rq, 200, "{s:i}", "changed", n);
}

WC_PLUGIN(parley, struct parley,
	.summary  = "Conversations for tests",
	.settings = WC_SETTINGS({WC_BOOL, "unused", "off", offsetof(struct parley, brain), "nothing"}),
	.routes   = WC_ROUTES(
		{WC_POST, "/api/parley/words", WC_ANYONE, post_word, "A message comes", word_fields, sizeof(struct word), .body_max = 1 << 20},
		{WC_POST, "/api/parley/recalls", WC_ANYONE, post_recall, "A message is recalled", recall_fields, sizeof(struct recall)},
		{WC_POST, "/api/parley/say/{id}", WC_ANYONE, post_say, "Something is said", speech_fields, sizeof(struct speech)},
		{WC_POST, "/api/parley/failed/{id}", WC_ANYONE, post_failed, "A receipt of failure comes"}),
	.jobs     = WC_JOBS(
		{"parley.think", think, "answers", 2},
		{"parley.heard", heard, "notes a topic"}),
	.channels = WC_CHANNELS(
		{"parley", "kf", "text|image|file", false, false, window, deliver},
		{"parley-second", "web", "text|file", false, false, window, deliver},
		{"parley-draft", "customer", "text", true, false, window, deliver},
		{"parley-member", "app", "text", false, true, window, deliver}),
	.topics   = WC_TOPICS(
		{"message.received", "parley.think", true, 0},
		{"message.sent", "parley.heard"},
		{"conversation.opened", "parley.heard"},
		{"conversation.handed_over", "parley.heard"},
		{"conversation.handed_back", "parley.heard"},
		{"conversation.closed", "parley.heard"}));
