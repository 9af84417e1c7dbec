/* The console's side: documents, chunks, versions and what differs between them, and the search bench. */
#include "kb.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define UPLOAD_MAX (100u << 20)     /* [kb-escalation] document_max is the real one */

/* 0 for what is no id; nothing has that. */
static int64_t id_of(wc_request *rq)
{
	const char *text = wc_path_param(rq, "id");

	return *text >= '1' && *text <= '9' && strlen(text) < 19 && strspn(text, "0123456789") == strlen(text) ? strtoll(text, NULL, 10) : 0;
}

static json_t *time_at(wc_arena *a, const wc_rows *rows, size_t row, size_t column)
{
	return wc_row_cell(rows, row, column).s ? json_string(wc_time_text(a, wc_row_int(rows, row, column))) : json_null();
}

/* Newest first, by ids. The values of sql: of (left out when 0), the id before which the page begins, and how many rows it takes. */
static int newest_first(wc_request *rq, wc_list_item *item, const char *sql, int64_t of)
{
	wc_list     *list = wc_list_begin(rq);
	const wc_val v[]  = {wc_int(of), wc_int(wc_list_after(list, INT64_MAX)), wc_int(wc_list_fetch(list))};
	wc_rows      rows;
	wc_err       e;

	if (wc_db_query_v(NULL, wc_request_arena(rq), &rows, &e, sql, v + !of, 3 - !of) < 0)
		return wc_reply_err(rq, &e);
	return wc_list_reply_rows(list, &rows, item, NULL);
}

/* --- documents -------------------------------------------------------------------------------------------------------- */

static const wc_field document_answer[] = {
	{WC_STRING, "id", NULL, 0, "its number"},
	{WC_STRING, "source", NULL, 0, "the file's name"},
	{WC_STRING, "title", NULL, 0, "what it is called"},
	{WC_STRING, "category", NULL, 0, "of its chunks, unless they have their own"},
	{WC_STRING, "tags", NULL, 0, "words, a,b"},
	{WC_INT, "chunks", NULL, 0, "in the draft"},
	{WC_BOOL, "whole", NULL, 0, "false: an import is under way or broke off"},
	{WC_BOOL, "enabled", NULL, 0, "false: it is not found"},
	{WC_TIME, "valid_from", NULL, 0, "when it begins to be found; null: always", .optional = true},
	{WC_TIME, "valid_until", NULL, 0, "when it ends; null: never", .optional = true},
	{WC_TIME, "updated_at", NULL, 0, "the last import"},
	{0}};

#define DOCUMENTS                                                                                                                        \
	"SELECT id, source, title, category, tags, chunks, content_hash IS NOT NULL, is_enabled, UNIX_TIMESTAMP(valid_from) * 1000,"         \
	" UNIX_TIMESTAMP(valid_until) * 1000, UNIX_TIMESTAMP(updated_at) * 1000 FROM kb_document"

static json_t *document_json(wc_arena *a, const wc_rows *r, size_t i, const void *unused)
{
	(void)unused;
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:b, s:b, s:o, s:o, s:o}", "id", wc_row_text(r, i, 0), "source", wc_row_text(r, i, 1), "title",
	                 wc_row_text(r, i, 2), "category", wc_row_text(r, i, 3), "tags", wc_row_text(r, i, 4), "chunks", (json_int_t)wc_row_int(r, i, 5), "whole",
	                 (int)wc_row_int(r, i, 6), "enabled", (int)wc_row_int(r, i, 7), "valid_from", time_at(a, r, i, 8), "valid_until", time_at(a, r, i, 9),
	                 "updated_at", time_at(a, r, i, 10));
}

static int list_documents(wc_request *rq, const void *self)
{
	(void)self;
	return newest_first(rq, document_json, DOCUMENTS " WHERE id < ? AND (chunks > 0 OR content_hash IS NULL) ORDER BY id DESC LIMIT ?", 0);
}

static int reply_document(wc_request *rq, int64_t id)
{
	wc_rows rows;
	wc_err  e;

	if (wc_db_query(NULL, wc_request_arena(rq), &rows, &e, DOCUMENTS " WHERE id = ?", wc_int(id)) < 0)
		return wc_reply_err(rq, &e);
	if (!rows.n)
		return wc_problem(rq, 404, "not_found", "There is no document %" PRId64 ".", id);
	return wc_reply_json(rq, 200, wc_json_keep(wc_request_arena(rq), document_json(wc_request_arena(rq), &rows, 0, NULL)));
}

static int get_document(wc_request *rq, const void *self)
{
	(void)self;
	return reply_document(rq, id_of(rq));
}

struct upload {
	const char *name, *title, *category, *tags;
	bool        refresh, dry_run;
};

static const wc_field upload_fields[] = {
	{WC_STRING, "name", NULL, offsetof(struct upload, name), "the file's name: its ending says what it is (.md, .txt, .html, .csv)", .min = 1, .max = 400},
	{WC_STRING, "title", "", offsetof(struct upload, title), "what it is called; empty: its name", .max = 200},
	{WC_STRING, "category", NULL, offsetof(struct upload, category), "of its chunks, unless they have their own", .min = 1, .max = 60},
	{WC_STRING, "tags", "", offsetof(struct upload, tags), "words, a,b", .max = 400},
	{WC_BOOL, "refresh", "off", offsetof(struct upload, refresh), "also when nothing changed"},
	{WC_BOOL, "dry_run", "off", offsetof(struct upload, dry_run), "say what would be done"},
	{0}};

static const wc_field upload_answer[] = {
	{WC_STRING, "document", NULL, 0, "its number; null in a dry run of a new one", .optional = true},
	{WC_INT, "chunks", NULL, 0, "that the file has"},
	{WC_INT, "added", NULL, 0, "that are new"},
	{WC_INT, "kept", NULL, 0, "that stay"},
	{WC_INT, "removed", NULL, 0, "that are gone"},
	{WC_BOOL, "unchanged", NULL, 0, "nothing was done, since the file is the one that is there"},
	{WC_STRING, "same_as", NULL, 0, "the document with the same content, because of which nothing was done", .optional = true},
	{0}};

static int upload(wc_request *rq, const void *self)
{
	const struct upload *x = wc_query(rq);
	wc_arena            *a = wc_request_arena(rq);
	struct import        in = {.source = x->name, .title = *x->title ? x->title : wc_strndup(a, x->name, strcspn(x->name, ".")), .category = x->category,
	                           .tags = x->tags, .actor = wc_actor(rq), .format = doc_format_of(x->name), .bytes = wc_raw_body(rq), .refresh = x->refresh,
	                           .dry_run = x->dry_run};
	struct imported      done;
	wc_err               e;

	if (!in.format)
		return wc_reply_bad_fields(rq, &(wc_bad_field){"name", "a name that ends in .md, .markdown, .txt, .html, .htm or .csv", NULL});
	if (document_import(a, self, &in, &done, &e) < 0)
		return wc_reply_err(rq, &e);
	return wc_reply(rq, 200, "{s:o, s:I, s:I, s:I, s:I, s:b, s:s?}", "document",
	                done.document ? json_string(wc_printf(a, "%" PRId64, done.document)) : json_null(), "chunks", (json_int_t)done.chunks, "added",
	                (json_int_t)done.added, "kept", (json_int_t)done.kept, "removed", (json_int_t)done.removed, "unchanged", (int)done.unchanged, "same_as", done.same_as);
}

struct document_change {
	int64_t     id, valid_from, valid_until;
	bool        enabled;
	wc_arena   *a;
	const char *actor;
};

static const wc_field document_fields[] = {
	{WC_BOOL, "enabled", NULL, offsetof(struct document_change, enabled), "whether it is found"},
	{WC_TIME, "valid_from", NULL, offsetof(struct document_change, valid_from), "when it begins to be found; null: always", .optional = true},
	{WC_TIME, "valid_until", NULL, offsetof(struct document_change, valid_until), "when it ends; null: never", .optional = true},
	{0}};

static wc_val seconds_or_null(int64_t ms)
{
	return ms == WC_ABSENT ? wc_null() : wc_int(ms);
}

static int write_document(wc_db *db, void *arg, wc_err *e)
{
	struct document_change *c = arg;
	struct kb_state         state;
	int64_t                 n;

	if (state_read(db, c->a, &state, e) < 0)
		return -1;
	n = wc_db_exec(db, e,
	               "UPDATE kb_document SET is_enabled = ?, valid_from = FROM_UNIXTIME(? / 1000), valid_until = FROM_UNIXTIME(? / 1000), updated_at = NOW(3) WHERE id = ?",
	               wc_int(c->enabled), seconds_or_null(c->valid_from), seconds_or_null(c->valid_until), wc_int(c->id));
	if (n < 0)
		return -1;
	if (!n)
		return wc_fail(e, WC_E_NOT_FOUND, "there is no document %" PRId64, c->id);
	if (wc_db_exec(db, e, "UPDATE kb_state SET generation = generation + 1 WHERE id = 1") < 0)
		return -1;
	return wc_audit(db, &(wc_audit_entry){c->actor, "kb.document", wc_printf(c->a, "kb_document:%" PRId64, c->id), wc_json(c->a, "{s:b}", "enabled", (int)c->enabled)}, e);
}

static int change_document(wc_request *rq, const void *self)
{
	struct document_change c = *(const struct document_change *)wc_body(rq);
	wc_err                 e;

	(void)self;
	c.id = id_of(rq), c.a = wc_request_arena(rq), c.actor = wc_actor(rq);
	if (wc_db_tx(write_document, &c, &e) < 0)
		return wc_reply_err(rq, &e);
	return reply_document(rq, c.id);
}

static int remove_document(wc_request *rq, const void *self)
{
	wc_err e;

	(void)self;
	if (document_remove(wc_actor(rq), id_of(rq), &e) < 0)
		return wc_reply_err(rq, &e);
	return wc_reply(rq, 200, "{s:b}", "removed", 1);
}

/* --- chunks ----------------------------------------------------------------------------------------------------------- */

static const wc_field chunk_answer[] = {
	{WC_STRING, "id", NULL, 0, "its number"},
	{WC_STRING, "label", NULL, 0, "the pair's own id", .optional = true},
	{WC_STRING, "category", NULL, 0, "what it is about"},
	{WC_STRING, "heading", NULL, 0, "the headings above it"},
	{WC_STRING, "question", NULL, 0, "of a question-answer pair", .optional = true},
	{WC_STRING, "text", NULL, 0, "what it says"},
	{WC_STRING, "version", NULL, 0, "the first that it belongs to"},
	{0}};

#define CHUNKS "SELECT id, label, category, heading, question, text, added_version FROM knowledge_chunks"

static json_t *chunk_json(wc_arena *a, const wc_rows *r, size_t i, const void *unused)
{
	(void)a, (void)unused;
	return json_pack("{s:s, s:s?, s:s, s:s, s:s?, s:s, s:s}", "id", wc_row_text(r, i, 0), "label", wc_row_cell(r, i, 1).s, "category", wc_row_text(r, i, 2),
	                 "heading", wc_row_text(r, i, 3), "question", wc_row_cell(r, i, 4).s, "text", wc_row_text(r, i, 5), "version", wc_row_text(r, i, 6));
}

static int list_chunks(wc_request *rq, const void *self)
{
	wc_list *list = wc_list_begin(rq);
	wc_rows  rows;
	wc_err   e;

	(void)self;
	if (wc_db_query(NULL, wc_request_arena(rq), &rows, &e, CHUNKS " WHERE document = ? AND removed_version IS NULL AND id > ? ORDER BY id LIMIT ?", wc_int(id_of(rq)),
	                wc_int(wc_list_after(list, 0)), wc_int(wc_list_fetch(list))) < 0)
		return wc_reply_err(rq, &e);
	return wc_list_reply_rows(list, &rows, chunk_json, NULL);
}

/* --- versions --------------------------------------------------------------------------------------------------------- */

static const wc_field version_answer[] = {
	{WC_STRING, "id", NULL, 0, "its number"},
	{WC_INT, "added", NULL, 0, "chunks that are new in it"},
	{WC_INT, "removed", NULL, 0, "chunks that the one before had and it has not"},
	{WC_INT, "chunks", NULL, 0, "that belong to it"},
	{WC_STRING, "note", NULL, 0, "what for"},
	{WC_STRING, "published_by", NULL, 0, "who"},
	{WC_TIME, "published_at", NULL, 0, "when"},
	{0}};

static json_t *version_json(wc_arena *a, const wc_rows *r, size_t i, const void *unused)
{
	(void)unused;
	return json_pack("{s:s, s:I, s:I, s:I, s:s, s:s, s:o}", "id", wc_row_text(r, i, 0), "added", (json_int_t)wc_row_int(r, i, 1), "removed",
	                 (json_int_t)wc_row_int(r, i, 2), "chunks", (json_int_t)wc_row_int(r, i, 3), "note", wc_row_text(r, i, 4), "published_by", wc_row_text(r, i, 5),
	                 "published_at", time_at(a, r, i, 6));
}

static int list_versions(wc_request *rq, const void *self)
{
	(void)self;
	return newest_first(rq, version_json,
	                    "SELECT id, added, removed, chunks, note, published_by, UNIX_TIMESTAMP(published_at) * 1000 FROM kb_version WHERE id < ? ORDER BY id DESC LIMIT ?", 0);
}

static const wc_field change_answer[] = {
	{WC_STRING, "id", NULL, 0, "the chunk's number"},
	{WC_CHOICE, "change", NULL, 0, "whether the version brought it or took it", .choices = "added|removed"},
	{WC_STRING, "heading", NULL, 0, "the headings above it"},
	{WC_STRING, "question", NULL, 0, "of a question-answer pair", .optional = true},
	{WC_STRING, "text", NULL, 0, "what it says"},
	{0}};

static json_t *change_json(wc_arena *a, const wc_rows *r, size_t i, const void *unused)
{
	(void)a, (void)unused;
	return json_pack("{s:s, s:s, s:s, s:s?, s:s}", "id", wc_row_text(r, i, 0), "change", wc_row_int(r, i, 1) ? "added" : "removed", "heading", wc_row_text(r, i, 2),
	                 "question", wc_row_cell(r, i, 3).s, "text", wc_row_text(r, i, 4));
}

static int list_changes(wc_request *rq, const void *self)
{
	wc_list *list    = wc_list_begin(rq);
	wc_val   version = wc_int(id_of(rq)), after = wc_int(wc_list_after(list, 0)), fetch = wc_int(wc_list_fetch(list));
	wc_rows  rows;
	wc_err   e;

	(void)self;
	if (wc_db_query(NULL, wc_request_arena(rq), &rows, &e,
	                "(SELECT id, 1, heading, question, text FROM knowledge_chunks WHERE added_version = ? AND id > ? ORDER BY id LIMIT ?) UNION ALL"
	                " (SELECT id, 0, heading, question, text FROM knowledge_chunks WHERE removed_version = ? AND id > ? ORDER BY id LIMIT ?) ORDER BY 1 LIMIT ?",
	                version, after, fetch, version, after, fetch, fetch) < 0)
		return wc_reply_err(rq, &e);
	return wc_list_reply_rows(list, &rows, change_json, NULL);
}

struct publishing {
	const char *note;
};

static const wc_field publish_fields[] = {{WC_STRING, "note", "", offsetof(struct publishing, note), "what for", .max = 200}, {0}};

static const wc_field published_answer[] = {
	{WC_STRING, "version", NULL, 0, "the live one; null: nothing was new", .optional = true},
	{WC_INT, "added", NULL, 0, "chunks that are new"},
	{WC_INT, "removed", NULL, 0, "chunks that are gone"},
	{WC_INT, "chunks", NULL, 0, "that belong to it"},
	{0}};

static int reply_published(wc_request *rq, const struct published *v)
{
	return wc_reply(rq, 200, "{s:o, s:I, s:I, s:I}", "version", v->version ? json_sprintf("%" PRId64, v->version) : json_null(), "added", (json_int_t)v->added, "removed",
	                (json_int_t)v->removed, "chunks", (json_int_t)v->chunks);
}

static int publish(wc_request *rq, const void *self)
{
	const struct publishing *x = wc_body(rq);
	struct published         v;
	wc_err                   e;

	(void)self;
	return version_publish(wc_actor(rq), x->note, &v, &e) < 0 ? wc_reply_err(rq, &e) : reply_published(rq, &v);
}

static int restore(wc_request *rq, const void *self)
{
	struct published v;
	wc_err           e;

	(void)self;
	return version_restore(wc_actor(rq), id_of(rq), &v, &e) < 0 ? wc_reply_err(rq, &e) : reply_published(rq, &v);
}

/* --- the search bench ------------------------------------------------------------------------------------------------- */

struct question {
	const char *query;
	int64_t     top_k;
};

static const wc_field question_fields[] = {
	{WC_STRING, "query", NULL, offsetof(struct question, query), "what a customer asks", .min = 1, .max = 2000},
	{WC_INT, "top_k", "0", offsetof(struct question, top_k), "chunks wanted; 0: as the setting says", .min = 0, .max = 30},
	{0}};

static const wc_field hit_fields[] = {
	{WC_STRING, "id", NULL, 0, "the chunk's number"},
	{WC_STRING, "document", NULL, 0, "its document"},
	{WC_STRING, "source", NULL, 0, "that document's file"},
	{WC_STRING, "label", NULL, 0, "the pair's own id"},
	{WC_STRING, "category", NULL, 0, "what it is about"},
	{WC_STRING, "heading", NULL, 0, "the headings above it"},
	{WC_STRING, "question", NULL, 0, "of a question-answer pair"},
	{WC_STRING, "text", NULL, 0, "what it says"},
	{WC_ANY, "cosine", NULL, 0, "how near its vector is, -1 to 1; null: the vectors did not find it"},
	{WC_ANY, "coverage", NULL, 0, "how much of the question's words it holds, 0 to 1; null: the words did not find it"},
	{WC_ANY, "fused", NULL, 0, "the sum of 1 / (60 + rank) of both sides: what orders the list"},
	{0}};

static const wc_field answer_fields[] = {
	{WC_STRING, "version", NULL, 0, "of the knowledge"},
	{WC_STRING, "model", NULL, 0, "of the vectors; empty: words alone"},
	{WC_STRING, "words_alone", NULL, 0, "why only words were asked; null: vectors were too", .optional = true},
	{WC_ANY, "confidence", NULL, 0, "of the best: its cosine, or its coverage where only words were asked"},
	{WC_LIST, "chunks", NULL, 0, "the best first", .of = hit_fields},
	{0}};

static json_t *hit_json(wc_arena *a, const struct found_chunk *c)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:f}", "id", wc_printf(a, "%" PRId64, c->id), "document",
	                 wc_printf(a, "%" PRId64, c->document), "source", c->source, "label", c->label, "category", c->category, "heading", c->heading, "question",
	                 c->question, "text", c->text, "cosine", c->cosine < -1 + 1e-9 ? json_null() : json_real(c->cosine), "coverage",
	                 c->bm25 > 0 ? json_real(c->coverage) : json_null(), "fused", c->fused);
}

static int test_kb(wc_request *rq, const void *self)
{
	const struct kb       *kb   = self;
	const struct question *x    = wc_body(rq);
	wc_arena              *a    = wc_request_arena(rq);
	json_t                *list = wc_json(a, "[]");
	struct search          found;
	wc_err                 e;

	if (kb_search(a, kb, x->query, (size_t)(x->top_k ? x->top_k : kb->top_k), &found, &e) < 0)
		return wc_reply_err(rq, &e);
	for (size_t i = 0; i < found.n; i++)
		json_array_append_new(list, hit_json(a, &found.list[i]));
	return wc_reply(rq, 200, "{s:s, s:s, s:s?, s:f, s:O}", "version", wc_printf(a, "%" PRId64, found.version), "model", found.model, "words_alone", found.why_words,
	                "confidence", found.confidence, "chunks", list);
}

const wc_route kb_routes[] = {
	{WC_GET, "/api/kb/documents", WC_VIEWER, list_documents, "Documents of the draft, newest first", .list = true, .answer = document_answer},
	{WC_POST, "/api/kb/documents", WC_OPERATOR, upload, "Writes a file (the body) into the draft", .query = upload_fields, .query_size = sizeof(struct upload),
	 .body_max = UPLOAD_MAX, .answer = upload_answer},
	{WC_GET, "/api/kb/documents/{id}", WC_VIEWER, get_document, "One document", .answer = document_answer},
	{WC_PUT, "/api/kb/documents/{id}", WC_OPERATOR, change_document, "Switches a document on or off, and says from when to when it holds", document_fields,
	 sizeof(struct document_change), .answer = document_answer},
	{WC_DELETE, "/api/kb/documents/{id}", WC_OPERATOR, remove_document, "Takes a document out of the draft"},
	{WC_GET, "/api/kb/documents/{id}/chunks", WC_VIEWER, list_chunks, "Its chunks in the draft", .list = true, .answer = chunk_answer},
	{WC_GET, "/api/kb/versions", WC_VIEWER, list_versions, "Versions, newest first", .list = true, .answer = version_answer},
	{WC_GET, "/api/kb/versions/{id}/changes", WC_VIEWER, list_changes, "What it brought and took; of the draft too", .list = true, .answer = change_answer},
	{WC_POST, "/api/kb/publish", WC_OPERATOR, publish, "Makes the draft the live version", publish_fields, sizeof(struct publishing), .answer = published_answer},
	{WC_POST, "/api/kb/versions/{id}/restore", WC_OPERATOR, restore, "Makes a new live version that is as that one was", .answer = published_answer},
	{WC_POST, "/api/test_kb", WC_VIEWER, test_kb, "Searches as a customer's question would", question_fields, sizeof(struct question), .answer = answer_fields},
	{0}};
