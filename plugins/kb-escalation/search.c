/* Search: words and vectors, fused by their ranks. The rows have the last word on what belongs to the live version. */
#include "kb.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define WANTED   30        /* of each side */
#define RANK_K   60.0
#define WAIT_MS  10000     /* for the first index of a node */
#define QUESTION_MAX 1024

/* NULL: words alone, for the reason in *why. */
static const float *embed(wc_arena *a, const struct kb *kb, const struct index *x, const char *question, const char **why)
{
	const char *model = vectors_model(a, kb);
	wc_embedded made;
	wc_err      e;

	*why = NULL;
	if (!*model)
		*why = "no embedding model is configured";
	else if (strcmp(model, index_model(x)))
		*why = "the vectors of this model are being made";
	else if (wc_embed_texts(a, &(wc_embed){.model = kb->embedding, .texts = &question, .n = 1}, &made, &e) < 0)
		*why = wc_strdup(a, e.text);
	return *why ? NULL : made.v;
}

static double fused(const struct candidate *c)
{
	return (c->by_words ? 1 / (RANK_K + (double)c->by_words) : 0) + (c->by_vectors ? 1 / (RANK_K + (double)c->by_vectors) : 0);
}

/* Equal ones by nearness, then by age, so that the order is the same everywhere. */
static int by_fused(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;
	double                  fx = fused(x), fy = fused(y);

	if (fx != fy)
		return fx < fy ? 1 : -1;
	if (x->cosine != y->cosine)
		return x->cosine < y->cosine ? 1 : -1;
	return (x->id > y->id) - (x->id < y->id);
}

#define CHUNK                                                                                                                             \
	"SELECT c.id, c.document, c.label, c.category, c.heading, c.question, c.text, d.title, d.source FROM knowledge_chunks c"              \
	" JOIN kb_document d ON d.id = c.document WHERE c.id = ? AND " IN_VERSION " AND d.is_enabled"                                         \
	" AND (d.valid_from IS NULL OR d.valid_from <= NOW(3)) AND (d.valid_until IS NULL OR d.valid_until > NOW(3))"

static int read_chunk(wc_arena *a, const struct candidate *c, int64_t live, struct search *out, wc_err *e)
{
	wc_rows rows;

	if (wc_db_query(NULL, a, &rows, e, CHUNK, wc_int(c->id), wc_int(live), wc_int(live)) < 0)
		return -1;
	if (rows.n)
		out->list[out->n++] = (struct found_chunk){
			.id = c->id, .document = wc_row_int(&rows, 0, 1), .label = wc_row_text(&rows, 0, 2), .category = wc_row_text(&rows, 0, 3),
			.heading = wc_row_text(&rows, 0, 4), .question = wc_row_text(&rows, 0, 5), .text = wc_row_text(&rows, 0, 6), .title = wc_row_text(&rows, 0, 7),
			.source = wc_row_text(&rows, 0, 8), .cosine = c->cosine, .coverage = c->coverage, .bm25 = c->bm25, .fused = fused(c)};
	return 0;
}

static int read_best(wc_arena *a, struct candidate *list, size_t n, size_t k, struct search *out, wc_err *e)
{
	struct kb_state state;

	if (state_read(NULL, a, &state, e) < 0)
		return -1;
	qsort(list, n, sizeof *list, by_fused);
	out->list    = wc_alloc(a, (k + 1) * sizeof *out->list);
	out->version = state.live;
	for (size_t i = 0; i < n && out->n < k; i++)
		if (read_chunk(a, &list[i], state.live, out, e) < 0)
			return -1;
	for (size_t i = 0; i < out->n; i++) {
		double sure = out->why_words ? out->list[i].coverage : out->list[i].cosine;

		out->confidence = sure > out->confidence ? sure : out->confidence;
	}
	return 0;
}

int kb_search(wc_arena *a, const struct kb *kb, const char *question, size_t k, struct search *out, wc_err *e)
{
	struct index     *x = index_get(kb, WAIT_MS, e);
	const char       *asked;
	const float      *vector;
	struct candidate *list;
	size_t            n;
	int               rc;

	*out = (struct search){0};
	if (!x)
		return -1;
	asked      = wc_strndup(a, question, wc_utf8_cut(question, strlen(question), QUESTION_MAX));
	vector     = *asked ? embed(a, kb, x, asked, &out->why_words) : NULL;
	out->model = vector ? wc_strdup(a, index_model(x)) : "";
	rc         = *asked ? index_search(a, x, asked, vector, WANTED, &list, &n, e) : 0;
	index_put(x);
	return rc < 0 ? -1 : *asked ? read_best(a, list, n, k, out, e) : 0;
}
