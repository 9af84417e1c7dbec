/* Documents: an import compares the chunks of a file with those the draft has, and writes the difference.
 *
 * It writes in pieces, so that no transaction is huge. One that was killed leaves a document without content_hash, which cannot be published;
 * the next import of the same source finds the chunks that are there by their hashes and goes on. */
#include "kb.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define PIECE 200      /* chunks in one transaction */

typedef struct hash {
	unsigned char b[WC_HASH_SIZE];
} hash;

struct work {
	wc_arena            *a;
	const struct import *in;
	struct imported     *out;
	struct chunk        *chunk;
	hash                *hashes;        /* of chunk, in their order */
	bool                *is_there;
	size_t               n;
	hash                 content;
	uint64_t             run;
	int64_t             *gone;          /* ids of chunks that the file does not have any more */
	size_t               gone_n, from;  /* from: where the next piece begins */
};

static hash content_of(const struct import *in)
{
	wc_arena *a = wc_arena_new();
	hash      h;

	/* A text may not hold a zero byte, which the check of it has seen to. */
	wc_keyed_hash(h.b, "kb.document", wc_strndup(a, in->bytes.p, in->bytes.n), NULL);
	wc_arena_free(a);
	return h;
}

static const char *category_of(const struct work *w, size_t i)
{
	return w->chunk[i].category ? w->chunk[i].category : w->in->category;
}

static hash hash_of(const struct work *w, size_t i)
{
	const struct chunk *c = &w->chunk[i];
	hash                h;

	wc_keyed_hash(h.b, "kb.chunk", c->label ? c->label : "", category_of(w, i), c->heading, c->question ? c->question : "", c->text, NULL);
	return h;
}

static int by_hash(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(hash));
}

/* --- what is there ---------------------------------------------------------------------------------------------------- */

static int find_same(struct work *w, wc_err *e)
{
	wc_rows rows;

	if (wc_db_query(NULL, w->a, &rows, e, "SELECT source FROM kb_document WHERE content_hash = ? AND source <> ? LIMIT 1",
	                wc_bytes(w->content.b, sizeof w->content), wc_text(w->in->source)) < 0)
		return -1;
	w->out->same_as = rows.n ? wc_row_text(&rows, 0, 0) : NULL;
	return 0;
}

static int find_unchanged(struct work *w, wc_err *e)
{
	wc_rows rows;

	if (wc_db_query(NULL, w->a, &rows, e, "SELECT id, content_hash = ? AND title = ? AND category = ? AND tags = ? FROM kb_document WHERE source = ?",
	                wc_bytes(w->content.b, sizeof w->content), wc_text(w->in->title), wc_text(w->in->category), wc_text(w->in->tags), wc_text(w->in->source)) < 0)
		return -1;
	w->out->document  = rows.n ? wc_row_int(&rows, 0, 0) : 0;
	w->out->unchanged = rows.n && wc_row_int(&rows, 0, 1) && !w->in->refresh;
	return 0;
}

/* A number for each hash of the file, sorted, so that each chunk that is there is counted for one of them alone. */
struct entry {
	hash   h;
	size_t i;
	bool   taken;
};

static int by_entry(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int                 c = by_hash(&x->h, &y->h);

	return c ? c : (x->i > y->i) - (x->i < y->i);
}

static struct entry *sorted(const struct work *w)
{
	struct entry *list = wc_alloc(w->a, (w->n + 1) * sizeof *list);

	for (size_t i = 0; i < w->n; i++)
		list[i] = (struct entry){w->hashes[i], i, false};
	qsort(list, w->n, sizeof *list, by_entry);
	return list;
}

static bool take(const struct work *w, struct entry *list, const char *h)
{
	size_t low = 0, high = w->n;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (memcmp(list[mid].h.b, h, sizeof(hash)) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	while (low < w->n && list[low].taken && !memcmp(list[low].h.b, h, sizeof(hash)))
		low++;
	if (low == w->n || memcmp(list[low].h.b, h, sizeof(hash)))
		return false;
	list[low].taken         = true;
	w->is_there[list[low].i] = true;
	return true;
}

static int compare(struct work *w, wc_err *e)
{
	struct entry *list = sorted(w);
	wc_rows       rows;

	if (wc_db_query(NULL, w->a, &rows, e, "SELECT id, hash FROM knowledge_chunks WHERE document = ? AND removed_version IS NULL ORDER BY id",
	                wc_int(w->out->document)) < 0)
		return -1;
	w->gone = wc_alloc(w->a, (rows.n + 1) * sizeof *w->gone);
	for (size_t i = 0; i < rows.n; i++)
		if (!take(w, list, wc_row_cell(&rows, i, 1).s))
			w->gone[w->gone_n++] = wc_row_int(&rows, i, 0);
	w->out->chunks  = w->n;
	w->out->removed = w->gone_n;
	w->out->kept    = rows.n - w->gone_n;
	w->out->added   = w->n - w->out->kept;
	return 0;
}

/* --- writing ---------------------------------------------------------------------------------------------------------- */

static int begin(wc_db *db, void *arg, wc_err *e)
{
	struct work *w = arg;
	wc_rows      rows;

	if (wc_db_query(db, w->a, &rows, e,
	                "INSERT INTO kb_document (source, title, category, tags, run) VALUES (?, ?, ?, ?, ?)"
	                " ON DUPLICATE KEY UPDATE title = VALUES(title), category = VALUES(category), tags = VALUES(tags), run = VALUES(run),"
	                " content_hash = NULL, updated_at = NOW(3) RETURNING id",
	                wc_text(w->in->source), wc_text(w->in->title), wc_text(w->in->category), wc_text(w->in->tags), wc_int((int64_t)w->run)) < 0)
		return -1;
	w->out->document = wc_row_int(&rows, 0, 0);
	return 0;
}

/* The draft's number, once it is sure that no other import of the document began. */
static int still_ours(wc_db *db, struct work *w, int64_t *draft, wc_err *e)
{
	struct kb_state state;
	wc_rows         rows;

	if (state_read(db, w->a, &state, e) < 0 ||
	    wc_db_query(db, w->a, &rows, e, "SELECT run FROM kb_document WHERE id = ? FOR UPDATE", wc_int(w->out->document)) < 0)
		return -1;
	if (!rows.n || (uint64_t)wc_row_int(&rows, 0, 0) != w->run)
		return wc_fail(e, WC_E_CONFLICT, "%s is being imported by somebody else", w->in->source);
	*draft = state.live + 1;
	return 0;
}

static int insert(wc_db *db, struct work *w, size_t i, int64_t draft, wc_err *e)
{
	const struct chunk *c = &w->chunk[i];

	return wc_db_exec(db, e,
	                  "INSERT INTO knowledge_chunks (document, ordinal, hash, label, category, heading, question, text, added_version)"
	                  " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
	                  wc_int(w->out->document), wc_int((int64_t)i + 1), wc_bytes(w->hashes[i].b, sizeof(hash)), wc_text(c->label),
	                  wc_text(category_of(w, i)), wc_text(c->heading), wc_text(c->question), wc_text(c->text), wc_int(draft)) < 0 ? -1 : 0;
}

static int write_piece(wc_db *db, void *arg, wc_err *e)
{
	struct work *w     = arg;
	size_t       wrote = 0;
	int64_t      draft;

	if (still_ours(db, w, &draft, e) < 0)
		return -1;
	for (size_t i = w->from; i < w->n && wrote < PIECE; i++)
		if (!w->is_there[i] && (wrote++, insert(db, w, i, draft, e) < 0))
			return -1;
	return wc_db_once(db, e);
}

/* Where the next piece begins. */
static size_t behind_piece(const struct work *w)
{
	size_t i = w->from;

	for (size_t wrote = 0; i < w->n && wrote < PIECE; i++)
		wrote += !w->is_there[i];
	return i;
}

static int remove_chunk(wc_db *db, int64_t id, int64_t draft, wc_err *e)
{
	if (wc_db_exec(db, e, "DELETE FROM knowledge_chunks WHERE id = ? AND added_version = ?", wc_int(id), wc_int(draft)) < 0)
		return -1;
	return wc_db_exec(db, e, "UPDATE knowledge_chunks SET removed_version = ? WHERE id = ? AND removed_version IS NULL", wc_int(draft), wc_int(id)) < 0 ? -1 : 0;
}

static int finish(wc_db *db, void *arg, wc_err *e)
{
	struct work *w = arg;
	int64_t      draft;

	if (still_ours(db, w, &draft, e) < 0)
		return -1;
	for (size_t i = 0; i < w->gone_n; i++)
		if (remove_chunk(db, w->gone[i], draft, e) < 0)
			return -1;
	if (wc_db_exec(db, e, "UPDATE kb_document SET content_hash = ?, chunks = ? WHERE id = ?", wc_bytes(w->content.b, sizeof w->content), wc_int((int64_t)w->n),
	               wc_int(w->out->document)) < 0)
		return -1;
	return wc_audit(db, &(wc_audit_entry){w->in->actor, "kb.import", wc_printf(w->a, "kb_document:%" PRId64, w->out->document),
	                                      wc_json(w->a, "{s:I, s:I, s:I}", "chunks", (json_int_t)w->n, "added", (json_int_t)w->out->added, "removed",
	                                              (json_int_t)w->out->removed)}, e);
}

static int write_all(struct work *w, wc_err *e)
{
	wc_random(&w->run, sizeof w->run);
	w->run >>= 1;      /* the column's numbers come back signed */
	if (wc_db_tx(begin, w, e) < 0)
		return -1;
	for (w->from = 0; w->from < w->n; w->from = behind_piece(w)) {
		if (wc_db_tx(write_piece, w, e) < 0)
			return -1;
		if (w->in->progress)
			w->in->progress(w->in->ctx, behind_piece(w), w->n);
	}
	return wc_db_tx(finish, w, e);
}

static int check(const struct kb *kb, const struct import *in, wc_err *e)
{
	if (in->bytes.n > (size_t)kb->document_max)
		return wc_fail(e, WC_E_TOO_LARGE, "%s has %zu bytes; [kb-escalation] document_max is %" PRId64, in->source, in->bytes.n, kb->document_max);
	if (!*in->source || strlen(in->source) > 400 || strlen(in->title) > 200 || strlen(in->category) > 60 || strlen(in->tags) > 400)
		return wc_fail(e, WC_E_ARG, "source, title, category and tags have at most 400, 200, 60 and 400 bytes");
	return 0;
}

int document_import(wc_arena *a, const struct kb *kb, const struct import *in, struct imported *out, wc_err *e)
{
	struct work w = {.a = a, .in = in, .out = out};

	*out = (struct imported){0};
	if (check(kb, in, e) < 0)
		return -1;
	if (chunks_of(a, in->format, in->bytes, &w.chunk, &w.n, e) < 0)
		return wc_wrap(e, "%s", in->source);
	if (!w.n)
		return wc_fail(e, WC_E_ARG, "%s has no text", in->source);
	w.content = content_of(in);
	if (find_same(&w, e) < 0 || find_unchanged(&w, e) < 0)
		return -1;
	if (out->same_as || out->unchanged)
		return 0;
	w.hashes   = wc_alloc(a, w.n * sizeof *w.hashes);
	w.is_there = wc_alloc(a, w.n * sizeof *w.is_there);
	for (size_t i = 0; i < w.n; i++)
		w.hashes[i] = hash_of(&w, i);
	if (compare(&w, e) < 0)
		return -1;
	return in->dry_run ? 0 : write_all(&w, e);
}

/* --- removing --------------------------------------------------------------------------------------------------------- */

struct removal {
	wc_arena   *a;
	const char *actor;
	int64_t     document;
};

static int remove_all(wc_db *db, void *arg, wc_err *e)
{
	struct removal *r = arg;
	struct kb_state state;
	unsigned char   nothing[WC_HASH_SIZE];
	wc_rows         rows;

	wc_random(nothing, sizeof nothing);     /* what no import has, so that the same file is imported anew */

	if (state_read(db, r->a, &state, e) < 0 || wc_db_query(db, r->a, &rows, e, "SELECT source FROM kb_document WHERE id = ? FOR UPDATE", wc_int(r->document)) < 0)
		return -1;
	if (!rows.n)
		return wc_fail(e, WC_E_NOT_FOUND, "there is no document %" PRId64, r->document);
	if (wc_db_exec(db, e, "DELETE FROM knowledge_chunks WHERE document = ? AND added_version = ?", wc_int(r->document), wc_int(state.live + 1)) < 0 ||
	    wc_db_exec(db, e, "UPDATE knowledge_chunks SET removed_version = ? WHERE document = ? AND removed_version IS NULL", wc_int(state.live + 1),
	               wc_int(r->document)) < 0 ||
	    wc_db_exec(db, e, "UPDATE kb_document SET chunks = 0, content_hash = ?, updated_at = NOW(3) WHERE id = ?", wc_bytes(nothing, sizeof nothing),
	               wc_int(r->document)) < 0)
		return -1;
	return wc_audit(db, &(wc_audit_entry){r->actor, "kb.remove", wc_printf(r->a, "kb_document:%" PRId64, r->document), NULL}, e);
}

int document_remove(const char *actor, int64_t document, wc_err *e)
{
	struct removal r  = {wc_arena_new(), actor, document};
	int            rc = wc_db_tx(remove_all, &r, e);

	wc_arena_free(r.a);
	return rc;
}
