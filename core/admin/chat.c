/* /api/chat: conversations, messages, drafts and files, for people. */
#include "admin/parts.h"

#include "talk/talk.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TEXT_MAX 20000     /* bytes that a person may say at once */

static int reply_items(wc_list *list, wc_request *rq, json_t *items, const char *position, const wc_err *e)
{
	json_t *item;
	size_t  i;

	if (!items)
		return wc_reply_err(rq, e);
	json_array_foreach(items, i, item)
		wc_list_add(list, json_incref(item), "%lld", (long long)json_integer_value(json_object_get(item, position)));
	return wc_list_reply(list);
}

static bool sees_names(wc_request *rq)
{
	return request_identity(rq)->role >= WC_OPERATOR;
}

/* --- conversations ---------------------------------------------------------------------------------------------------- */

#define F(member) offsetof(struct chat_filter, member)

static const wc_field conversations_query[] = {
	{WC_CHOICE, "state", NULL, F(state), "only these", .choices = "open|closed", .optional = true},
	{WC_CHOICE, "source", NULL, F(source), "only those that came this way", .choices = "customer|kf|app|bot|web", .optional = true},
	{WC_STRING, "channel", NULL, F(channel), "only those of this channel", .max = 32, .optional = true},
	{WC_CHOICE, "handler", NULL, F(handler), "only those that the machine, or a person, has", .choices = "machine|person", .optional = true},
	{WC_STRING, "assignee", NULL, F(assignee), "only those of this person, user:NAME or member:USERID; \"me\": of the one who asks", .max = 100, .optional = true},
	{WC_BOOL, "waiting", "off", F(waiting), "only those where something of ours is not sent yet"},
	{WC_BOOL, "unanswered", "off", F(unanswered), "only those where a message of the customer has no outcome yet"},
	{WC_STRING, "q", NULL, F(q), "only those of the customer with exactly this name or id of a channel; for operators also those where a message holds these words", .max = 200, .optional = true},
	{0}};

static const wc_field customer_part_fields[] = {
	{WC_INT, "id", NULL, 0, "the customer's number"},
	{WC_STRING, "name", NULL, 0, "nickname; masked for viewers", .optional = true},
	{0}};

static const wc_field last_fields[] = {
	{WC_TIME, "at", NULL, 0, "when"},
	{WC_STRING, "from", NULL, 0, "customer, person, machine, system"},
	{WC_STRING, "kind", NULL, 0, "text, image, …"},
	{WC_STRING, "preview", NULL, 0, "its beginning, without digits and names"},
	{0}};

static const wc_field conversation_fields[] = {
	{WC_INT, "id", NULL, 0, "the conversation's number"},
	{WC_STRING, "channel", NULL, 0, "the channel it came by"},
	{WC_STRING, "account", NULL, 0, "which of ours on that channel"},
	{WC_STRING, "source", NULL, 0, "label: customer, kf, app, bot, web"},
	{WC_OBJECT, "customer", NULL, 0, "who", .of = customer_part_fields},
	{WC_CHOICE, "state", NULL, 0, "whether it goes on", .choices = "open|closed"},
	{WC_CHOICE, "handler", NULL, 0, "who answers", .choices = "machine|person"},
	{WC_STRING, "assignee", NULL, 0, "which person, user:NAME or member:USERID", .optional = true},
	{WC_OBJECT, "last", NULL, 0, "its latest message", .of = last_fields, .optional = true},
	{WC_INT, "unanswered", NULL, 0, "messages of the customer without an outcome"},
	{WC_INT, "waiting", NULL, 0, "messages of ours that are not sent yet"},
	{WC_TIME, "opened_at", NULL, 0, "when it began"},
	{WC_TIME, "closed_at", NULL, 0, "when it ended", .optional = true},
	{0}};

static int list_conversations(wc_request *rq, const void *self)
{
	struct chat_filter f     = *(const struct chat_filter *)wc_query(rq);
	wc_list           *list  = wc_list_begin(rq);
	bool               whole = sees_names(rq);
	wc_rows            rows;
	wc_err             e;

	(void)self;
	f.words = whole;
	if (f.assignee && !strcmp(f.assignee, "me"))
		f.assignee = wc_actor(rq);
	if (conversations_list(wc_request_arena(rq), &f, wc_list_after(list, INT64_MAX), wc_list_fetch(list), &rows, &e) < 0)
		return wc_reply_err(rq, &e);
	return wc_list_reply_rows(list, &rows, conversation_item, &whole);
}

static int reply_conversation(wc_request *rq)
{
	wc_err  e;
	json_t *one = conversation_whole(wc_request_arena(rq), path_id(rq), &e);

	return one ? wc_reply_json(rq, 200, one) : wc_reply_err(rq, &e);
}

static int show_conversation(wc_request *rq, const void *self)
{
	(void)self;
	return reply_conversation(rq);
}

struct taking {
	bool force;
};

static const wc_field taking_fields[] = {
	{WC_BOOL, "force", "off", offsetof(struct taking, force), "also when somebody else has it"},
	{0}};

static int take(wc_request *rq, const void *self)
{
	wc_err e;

	(void)self;
	if (chat_take(path_id(rq), wc_actor(rq), ((const struct taking *)wc_query(rq))->force, &e) < 0)
		return wc_reply_err(rq, &e);
	return reply_conversation(rq);
}

static int hand_back(wc_request *rq, const void *self)
{
	wc_err e;

	(void)self;
	return chat_hand_back(path_id(rq), wc_actor(rq), &e) < 0 ? wc_reply_err(rq, &e) : reply_conversation(rq);
}

static int close_conversation(wc_request *rq, const void *self)
{
	wc_err e;

	(void)self;
	return chat_close(path_id(rq), wc_actor(rq), &e) < 0 ? wc_reply_err(rq, &e) : reply_conversation(rq);
}

/* --- messages --------------------------------------------------------------------------------------------------------- */

static const wc_field media_fields[] = {
	{WC_INT, "id", NULL, 0, "for GET /api/chat/media/{id}"},
	{WC_STRING, "name", NULL, 0, "as the sender called it"},
	{WC_STRING, "type", NULL, 0, "by its first bytes"},
	{WC_INT, "bytes", NULL, 0, "its size"},
	{0}};

static const wc_field history_fields[] = {
	{WC_TIME, "at", NULL, 0, "when"},
	{WC_STRING, "what", NULL, 0, "failed, fallback, draft, approved, discarded, undeliverable, …"},
	{WC_STRING, "detail", NULL, 0, "a channel, a code, who"},
	{0}};

#define MESSAGE_FIELDS                                                                                                                    \
	{WC_INT, "id", NULL, 0, "the message's number"},                                                                                      \
	{WC_TIME, "at", NULL, 0, "when it was written down"},                                                                                 \
	{WC_BOOL, "out", NULL, 0, "of ours"},                                                                                                 \
	{WC_STRING, "from", NULL, 0, "customer, person, machine, system"},                                                                    \
	{WC_STRING, "author", NULL, 0, "user:NAME, member:USERID, machine:PLUGIN; empty for a customer"},                                     \
	{WC_STRING, "kind", NULL, 0, "text, image, voice, video, file, …"},                                                                   \
	{WC_STRING, "text", NULL, 0, "what it says in words; of a recalled one nothing", .optional = true},                                   \
	{WC_OBJECT, "content", NULL, 0, "the channel's own form", .optional = true},                                                          \
	{WC_OBJECT, "media", NULL, 0, "a file with it", .of = media_fields, .optional = true},                                                \
	{WC_STRING, "state", NULL, 0, "came: owed, answered, person, settled; ours: queued, waiting, sent, failed, uncertain, dropped, draft, discarded"}, \
	{WC_STRING, "reason", NULL, 0, "why that state, a code", .optional = true},                                                           \
	{WC_STRING, "outcome", NULL, 0, "of one that came: answered, person, or why it was left alone", .optional = true},                    \
	{WC_INT, "answers", NULL, 0, "the message that this answers", .optional = true},                                                      \
	{WC_OBJECT, "why", NULL, 0, "what is behind a machine's answer", .optional = true},                                                   \
	{WC_BOOL, "recalled", NULL, 0, "its author took it back"},                                                                            \
	{WC_BOOL, "notice", NULL, 0, "a word of the system"},                                                                                 \
	{WC_TIME, "sent_at", NULL, 0, "by the channel's clock, or when it was sent", .optional = true},                                       \
	{WC_STRING, "trace_id", NULL, 0, "for GET /api/explain/{id}", .optional = true},                                                      \
	{WC_LIST, "history", NULL, 0, "what happened to it", .of = history_fields}

static const wc_field message_fields[] = {MESSAGE_FIELDS, {0}};

static const wc_field draft_fields[] = {
	MESSAGE_FIELDS,
	{WC_INT, "conversation", NULL, 0, "where it is to be said"},
	{WC_STRING, "channel", NULL, 0, "the channel that would carry it"},
	{WC_OBJECT, "customer", NULL, 0, "to whom", .of = customer_part_fields},
	{0}};

static int list_messages(wc_request *rq, const void *self)
{
	wc_list *list = wc_list_begin(rq);
	wc_err   e;

	(void)self;
	return reply_items(list, rq, thread_items(wc_request_arena(rq), path_id(rq), wc_list_after(list, INT64_MAX), wc_list_fetch(list), &e), "id", &e);
}

struct saying {
	const char *text, *kind;
	int64_t     media;
};

static const wc_field saying_fields[] = {
	{WC_STRING, "text", NULL, offsetof(struct saying, text), "what is said", .min = 1, .max = TEXT_MAX, .optional = true},
	{WC_INT, "media", NULL, offsetof(struct saying, media), "a file of POST /api/chat/media instead", .min = 1, .max = INT64_MAX, .optional = true},
	{WC_CHOICE, "kind", NULL, offsetof(struct saying, kind), "left out: by what is said", .choices = "text|image|voice|video|file", .optional = true},
	{0}};

static int say(wc_request *rq, const void *self)
{
	const struct saying *s = wc_body(rq);
	struct chat_words    w = {.conversation = path_id(rq), .actor = wc_actor(rq), .repeat = wc_header(rq, "Idempotency-Key"), .text = s->text,
	                          .kind = s->kind, .media = s->media == WC_ABSENT ? 0 : s->media};
	wc_err               e;

	(void)self;
	if (chat_say(&w, &e) < 0)
		return wc_reply_err(rq, &e);
	return wc_reply(rq, 201, "{s:I}", "id", (json_int_t)w.message);
}

struct searching {
	const char *q;
};

static const wc_field searching_fields[] = {
	{WC_STRING, "q", NULL, offsetof(struct searching, q), "words, each of two characters or more; left out: every message", .max = 200, .optional = true},
	{0}};

static const wc_field found_fields[] = {
	{WC_INT, "message", NULL, 0, "the message's number"},
	{WC_INT, "conversation", NULL, 0, "where it was said"},
	{WC_TIME, "at", NULL, 0, "when"},
	{WC_STRING, "from", NULL, 0, "customer, person, machine, system"},
	{WC_STRING, "kind", NULL, 0, "text, image, …"},
	{WC_STRING, "preview", NULL, 0, "its beginning, without digits"},
	{0}};

static int search(wc_request *rq, const void *self)
{
	wc_list *list = wc_list_begin(rq);
	wc_err   e;

	(void)self;
	return reply_items(list, rq, search_items(wc_request_arena(rq), ((const struct searching *)wc_query(rq))->q, wc_list_after(list, INT64_MAX),
	                                          wc_list_fetch(list), &e), "message", &e);
}

/* --- drafts ----------------------------------------------------------------------------------------------------------- */

static int list_drafts(wc_request *rq, const void *self)
{
	wc_list *list = wc_list_begin(rq);
	wc_err   e;

	(void)self;
	return reply_items(list, rq, draft_items(wc_request_arena(rq), wc_list_after(list, INT64_MAX), wc_list_fetch(list), &e), "id", &e);
}

static int approve(wc_request *rq, const void *self)
{
	wc_err e;

	(void)self;
	if (draft_approve(path_id(rq), wc_actor(rq), &e) < 0)
		return wc_reply_err(rq, &e);
	return wc_reply(rq, 200, "{s:I, s:s}", "id", (json_int_t)path_id(rq), "state", "queued");
}

static int discard(wc_request *rq, const void *self)
{
	wc_err e;

	(void)self;
	if (draft_discard(path_id(rq), wc_actor(rq), &e) < 0)
		return wc_reply_err(rq, &e);
	return wc_reply(rq, 200, "{s:I, s:s}", "id", (json_int_t)path_id(rq), "state", "discarded");
}

/* --- files ------------------------------------------------------------------------------------------------------------ */

struct uploading {
	const char *name;
};

static const wc_field uploading_fields[] = {
	{WC_STRING, "name", "file", offsetof(struct uploading, name), "what the file is called", .max = 400},
	{0}};

static int upload(wc_request *rq, const void *self)
{
	wc_slice         body = wc_raw_body(rq);
	wc_media_writer *w;
	int64_t          id;
	wc_err           e;

	(void)self;
	if (!body.n)
		return wc_problem(rq, 400, "bad_request", "the body is to be the file");
	if (!(w = wc_media_begin(wc_request_arena(rq), ((const struct uploading *)wc_query(rq))->name, &e)) || wc_media_write(w, body.p, body.n, &e) < 0 ||
	    (id = wc_media_keep(w, 0, &e)) < 0)
		return wc_reply_err(rq, &e);
	return wc_reply(rq, 201, "{s:I}", "id", (json_int_t)id);
}

static int read_whole(wc_arena *a, const wc_media *m, wc_slice *out, wc_err *e)
{
	int    fd   = open(m->path, O_RDONLY | O_CLOEXEC);
	char  *into = fd < 0 ? NULL : wc_alloc(a, (size_t)m->bytes + 1);
	size_t n    = 0;

	for (ssize_t got = 1; into && got > 0 && n < (size_t)m->bytes; n += got > 0 ? (size_t)got : 0)
		got = read(fd, into + n, (size_t)m->bytes - n);
	if (fd >= 0)
		close(fd);
	*out = (wc_slice){into, n};
	return n == (size_t)m->bytes && into ? 0 : wc_fail(e, WC_E_NOT_FOUND, "the file cannot be read");
}

/* RFC 6266: the name in UTF-8, percent-encoded. */
static const char *disposition(wc_arena *a, const char *name)
{
	wc_buf *b = wc_buf_new(a, 1000);

	wc_buf_adds(b, "attachment; filename*=UTF-8''");
	for (const char *c = name; *c; c++) {
		if ((*c >= '0' && *c <= '9') || (*c >= 'A' && *c <= 'Z') || (*c >= 'a' && *c <= 'z') || *c == '.' || *c == '-' || *c == '_')
			wc_buf_addc(b, *c);
		else
			wc_buf_addf(b, "%%%02X", (unsigned char)*c);
	}
	return b->s;
}

static int download(wc_request *rq, const void *self)
{
	wc_arena *a = wc_request_arena(rq);
	wc_media  m;
	wc_slice  file;
	wc_err    e;

	(void)self;
	if (wc_media_read(a, path_id(rq), &m, &e) < 0 || read_whole(a, &m, &file, &e) < 0)
		return wc_reply_err(rq, &e);
	wc_reply_header(rq, "Content-Disposition", disposition(a, m.name));
	wc_reply_header(rq, "Content-Security-Policy", "sandbox; default-src 'none'");
	return wc_reply_bytes(rq, 200, m.type, file);
}

WC_PART(chat_part, "chat",
	.summary = "conversations as people see them",
	.routes  = WC_ROUTES(
		{WC_GET, "/api/chat/conversations", WC_VIEWER, list_conversations, "Conversations over all channels, the latest message first",
		 .query = conversations_query, .query_size = sizeof(struct chat_filter), .list = true, .answer = conversation_fields},
		{WC_GET, "/api/chat/conversations/{id}", WC_OPERATOR, show_conversation, "One conversation with its window and the customer's identities"},
		{WC_GET, "/api/chat/conversations/{id}/messages", WC_OPERATOR, list_messages, "Its messages, the newest first", .list = true,
		 .answer = message_fields},
		{WC_POST, "/api/chat/conversations/{id}/messages", WC_OPERATOR, say, "Says something as a person, who then has the conversation", saying_fields,
		 sizeof(struct saying)},
		{WC_POST, "/api/chat/conversations/{id}/take", WC_OPERATOR, take, "Takes the conversation over: the machine is silent", .query = taking_fields,
		 .query_size = sizeof(struct taking)},
		{WC_POST, "/api/chat/conversations/{id}/hand-back", WC_OPERATOR, hand_back, "Gives the conversation back to the machine"},
		{WC_POST, "/api/chat/conversations/{id}/close", WC_OPERATOR, close_conversation, "Ends the conversation"},
		{WC_GET, "/api/chat/messages", WC_OPERATOR, search, "Searches all messages", .query = searching_fields, .query_size = sizeof(struct searching),
		 .list = true, .answer = found_fields},
		{WC_GET, "/api/chat/drafts", WC_OPERATOR, list_drafts, "Drafts that wait for approval", .list = true, .answer = draft_fields},
		{WC_POST, "/api/chat/drafts/{id}/approve", WC_APPROVER, approve, "Sends a draft"},
		{WC_POST, "/api/chat/drafts/{id}/discard", WC_APPROVER, discard, "Throws a draft away"},
		{WC_POST, "/api/chat/media", WC_OPERATOR, upload, "Keeps a file, which the body is, for a message", .body_max = MEDIA_MOST, .query = uploading_fields,
		 .query_size = sizeof(struct uploading)},
		{WC_GET, "/api/chat/media/{id}", WC_OPERATOR, download, "A file of a message, as a download"}));
