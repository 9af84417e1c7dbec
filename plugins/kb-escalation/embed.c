/* Vectors: the job that makes those that the live version lacks, in batches, each kept at once, so that one that was killed goes on where it
 * was. The model that is searched changes only when all of its vectors are there: until then the old ones serve. */
#include "kb.h"

#include <inttypes.h>
#include <string.h>

#define AT_ONCE 100      /* chunks between two looks at the database */

struct todo {
	wc_rows      rows;       /* hash, heading, question, text */
	const char **texts;
};

const char *vectors_model(wc_arena *a, const struct kb *kb)
{
	const char *identity = wc_embed_identity(a, kb->embedding);

	return identity ? wc_printf(a, "%.*s", (int)wc_utf8_cut(identity, strlen(identity), 160), identity) : "";
}

/* What stands for a chunk: a pair whole, since people's words are as often the answer's as the question's; a text with its headings. */
static const char *text_of(wc_arena *a, const wc_rows *rows, size_t row)
{
	const char *heading = wc_row_text(rows, row, 1), *question = wc_row_text(rows, row, 2), *text = wc_row_text(rows, row, 3);

	return *question ? wc_printf(a, "%s\n%s", question, text) : *heading ? wc_printf(a, "%s\n%s", heading, text) : text;
}

static int find_todo(wc_arena *a, int64_t live, const char *model, struct todo *todo, wc_err *e)
{
	if (wc_db_query(NULL, a, &todo->rows, e,
	                "SELECT c.hash, MAX(c.heading), MAX(c.question), MAX(c.text) FROM knowledge_chunks c LEFT JOIN kb_vector v ON v.model = ? AND v.hash = c.hash"
	                " WHERE " IN_VERSION " AND v.hash IS NULL GROUP BY c.hash LIMIT ?",
	                wc_bytes(model, strlen(model)), wc_int(live), wc_int(live), wc_int(AT_ONCE)) < 0)
		return -1;
	todo->texts = wc_alloc(a, (todo->rows.n + 1) * sizeof *todo->texts);
	for (size_t i = 0; i < todo->rows.n; i++)
		todo->texts[i] = text_of(a, &todo->rows, i);
	return 0;
}

static bool stopping(void *job)
{
	return wc_job_stopping(job);
}

/* By INSERT IGNORE: two jobs may make the same one. */
static int keep(const char *model, const struct todo *todo, const wc_embedded *made, wc_err *e)
{
	for (size_t i = 0; i < todo->rows.n; i++) {
		wc_cell hash = wc_row_cell(&todo->rows, i, 0);

		if (wc_db_exec(NULL, e, "INSERT IGNORE INTO kb_vector (model, hash, vector) VALUES (?, ?, ?)", wc_bytes(model, strlen(model)), wc_bytes(hash.s, hash.n),
		               wc_bytes(made->v + i * made->dim, made->dim * sizeof *made->v)) < 0)
			return -1;
	}
	return 0;
}

/* 1: there may be more, 0: none is missing. */
static int embed_some(wc_job *job, const struct kb *kb, const char *model, bool *made_any, wc_err *e)
{
	wc_arena       *a = wc_arena_new();
	struct kb_state state;
	struct todo     todo;
	wc_embedded     made;
	int             rc = state_read(NULL, a, &state, e) < 0 || find_todo(a, state.live, model, &todo, e) < 0 ? -1 : 0;

	if (rc == 0 && todo.rows.n) {
		rc = wc_embed_texts(a, &(wc_embed){kb->embedding, todo.texts, todo.rows.n, stopping, job}, &made, e) < 0 || keep(model, &todo, &made, e) < 0 ? -1 : 1;
		*made_any |= rc > 0;
	}
	wc_arena_free(a);
	return rc;
}

struct turn {
	wc_arena   *a;
	const char *model;
	bool        made_any;
};

/* The nodes' indexes follow the generation. */
static int turn_to(wc_db *db, void *arg, wc_err *e)
{
	struct turn    *t = arg;
	struct kb_state state;

	if (state_read(db, t->a, &state, e) < 0)
		return -1;
	if (!t->made_any && !strcmp(state.model, t->model))
		return 0;
	return wc_db_exec(db, e, "UPDATE kb_state SET model = ?, generation = generation + 1 WHERE id = 1", wc_bytes(t->model, strlen(t->model))) < 0 ? -1
	                                                                                                                                              : wc_db_once(db, e);
}

int embed_run(wc_job *job, const void *self, wc_err *e)
{
	const struct kb *kb = self;
	struct turn      t  = {wc_job_arena(job), vectors_model(wc_job_arena(job), kb), false};
	int              rc = *t.model ? 1 : 0;

	while (rc > 0) {
		if (wc_job_stopping(job))
			return wc_fail(e, WC_E_STOPPED, "the process drains");
		rc = embed_some(job, kb, t.model, &t.made_any, e);
	}
	return rc < 0 ? -1 : wc_db_tx(turn_to, &t, e);
}
