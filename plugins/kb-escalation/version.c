/* Versions of the whole knowledge. The row of kb_state is locked by all that changes knowledge, before anything else. */
#include "kb.h"

#include <inttypes.h>
#include <stdio.h>

int state_read(wc_db *db, wc_arena *a, struct kb_state *state, wc_err *e)
{
	wc_rows rows;

	if (wc_db_query(db, a, &rows, e, db ? "SELECT live_version, generation, model FROM kb_state WHERE id = 1 FOR UPDATE"
	                                     : "SELECT live_version, generation, model FROM kb_state WHERE id = 1") < 0)
		return -1;
	if (!rows.n)
		return wc_fail(e, WC_E_INTERNAL, "kb_state has lost its row");
	*state = (struct kb_state){wc_row_int(&rows, 0, 0), wc_row_int(&rows, 0, 1), wc_row_text(&rows, 0, 2)};
	return 0;
}

struct publication {
	wc_arena         *a;
	const char       *actor, *note;
	int64_t           restore;      /* the version that the draft is made like first; 0: none */
	struct published *out;
};

static int refuse_halves(wc_db *db, struct publication *p, wc_err *e)
{
	wc_rows rows;

	if (wc_db_query(db, p->a, &rows, e, "SELECT source FROM kb_document WHERE content_hash IS NULL LIMIT 1") < 0)
		return -1;
	return rows.n ? wc_fail(e, WC_E_CONFLICT, "%s is half imported: import it again, or remove it", wc_row_text(&rows, 0, 0)) : 0;
}

/* What the draft has that was not in the version goes, what was in it and is gone comes again as new rows. */
static int make_like(wc_db *db, struct publication *p, int64_t draft, wc_err *e)
{
	wc_rows rows;

	if (wc_db_query(db, p->a, &rows, e, "SELECT id FROM kb_version WHERE id = ?", wc_int(p->restore)) < 0)
		return -1;
	if (!rows.n)
		return wc_fail(e, WC_E_NOT_FOUND, "there is no version %" PRId64, p->restore);
	if (wc_db_exec(db, e, "DELETE FROM knowledge_chunks WHERE added_version = ?", wc_int(draft)) < 0 ||
	    wc_db_exec(db, e, "UPDATE knowledge_chunks SET removed_version = NULL WHERE removed_version = ?", wc_int(draft)) < 0 ||
	    wc_db_exec(db, e,
	               "INSERT INTO knowledge_chunks (document, ordinal, hash, label, category, heading, question, text, added_version)"
	               " SELECT document, ordinal, hash, label, category, heading, question, text, ? FROM knowledge_chunks"
	               " WHERE " IN_VERSION " AND removed_version IS NOT NULL",
	               wc_int(draft), wc_int(p->restore), wc_int(p->restore)) < 0 ||
	    wc_db_exec(db, e, "UPDATE knowledge_chunks SET removed_version = ? WHERE removed_version IS NULL AND added_version > ? AND added_version < ?",
	               wc_int(draft), wc_int(p->restore), wc_int(draft)) < 0)
		return -1;
	/* The documents are what they were; their files are not known to be, so each is imported anew. */
	return wc_db_exec(db, e,
	                  "UPDATE kb_document d SET content_hash = UNHEX(SHA2(CONCAT(d.id, '/', ?), 256)),"
	                  " chunks = (SELECT COUNT(*) FROM knowledge_chunks c WHERE c.document = d.id AND c.removed_version IS NULL)",
	                  wc_int(draft)) < 0 ? -1 : 0;
}

static int count(wc_db *db, struct publication *p, int64_t draft, wc_err *e)
{
	wc_rows rows;

	if (wc_db_query(db, p->a, &rows, e,
	                "SELECT (SELECT COUNT(*) FROM knowledge_chunks WHERE added_version = ?), (SELECT COUNT(*) FROM knowledge_chunks WHERE removed_version = ?),"
	                " (SELECT COUNT(*) FROM knowledge_chunks WHERE removed_version IS NULL)",
	                wc_int(draft), wc_int(draft)) < 0)
		return -1;
	*p->out = (struct published){draft, wc_row_int(&rows, 0, 0), wc_row_int(&rows, 0, 1), wc_row_int(&rows, 0, 2)};
	return 0;
}

static int write_version(wc_db *db, struct publication *p, wc_err *e)
{
	const struct published *v = p->out;
	json_t                 *details;

	if (wc_db_exec(db, e, "INSERT INTO kb_version (id, added, removed, chunks, note, published_by) VALUES (?, ?, ?, ?, ?, ?)", wc_int(v->version),
	               wc_int(v->added), wc_int(v->removed), wc_int(v->chunks), wc_text(p->note), wc_text(p->actor)) < 0 ||
	    wc_db_exec(db, e, "UPDATE kb_state SET live_version = ?, generation = generation + 1 WHERE id = 1", wc_int(v->version)) < 0)
		return -1;
	details = wc_json(p->a, "{s:I, s:I, s:I, s:I}", "added", (json_int_t)v->added, "removed", (json_int_t)v->removed, "chunks", (json_int_t)v->chunks,
	                  "like", (json_int_t)p->restore);
	if (wc_audit(db, &(wc_audit_entry){p->actor, "kb.publish", wc_printf(p->a, "kb_version:%" PRId64, v->version), details}, e) < 0)
		return -1;
	return wc_job_add(db, &(wc_job_spec){.kind = "kb-escalation.embed", .lane = "kb/embed", .key = wc_printf(p->a, "kb/embed/%" PRId64, v->version), .args = wc_json(p->a, "{}")},
	                  e) < 0 ? -1 : 0;
}

static int publish(wc_db *db, void *arg, wc_err *e)
{
	struct publication *p = arg;
	struct kb_state     state;

	if (state_read(db, p->a, &state, e) < 0 || refuse_halves(db, p, e) < 0 || (p->restore && make_like(db, p, state.live + 1, e) < 0) ||
	    count(db, p, state.live + 1, e) < 0)
		return -1;
	if (p->out->added || p->out->removed)
		return write_version(db, p, e);
	p->out->version = 0;
	return 0;
}

static int publish_as(const char *actor, const char *note, int64_t restore, struct published *out, wc_err *e)
{
	struct publication p  = {wc_arena_new(), actor, note, restore, out};
	int                rc = wc_db_tx(publish, &p, e);

	wc_arena_free(p.a);
	return rc;
}

int version_publish(const char *actor, const char *note, struct published *out, wc_err *e)
{
	return publish_as(actor, note, 0, out, e);
}

int version_restore(const char *actor, int64_t version, struct published *out, wc_err *e)
{
	char note[64];

	snprintf(note, sizeof note, "as version %" PRId64, version);
	return publish_as(actor, note, version, out, e);
}
