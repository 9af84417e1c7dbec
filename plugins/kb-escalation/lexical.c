/* Groonga cuts texts into pairs of characters (Latin words and numbers stay whole, full width becomes half width) and keeps where
 * they occur; the ranking is ours, since its own scores say nothing of how much of a question was met.
 *
 * Beside the database lies "docs": the id and the length of each text, by its number in the index; written last, so
 * that a folder without it is not whole. */
#include "lexical.h"

#include <wecomd/text.h>

#include <groonga.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define K1 1.2f
#define B  0.75f

/* So many of the rarest pairs are asked for: the common ones cost the most and say the least. */
#define RAREST      24
#define QUESTION_MAX 2048

struct doc {
	int64_t  id;
	uint32_t pairs, reserved;
};

static int failed(grn_ctx *ctx, wc_err *e, const char *what)
{
	return wc_fail(e, WC_E_INTERNAL, "the index of words: %s: %s", what, ctx->rc ? ctx->errbuf : "failed");
}

int lexical_init(wc_err *e)
{
	if (grn_init() != GRN_SUCCESS)
		return wc_fail(e, WC_E_INTERNAL, "Groonga does not start");
	grn_default_logger_set_max_level(GRN_LOG_NONE);
	return 0;
}

void lexical_fin(void)
{
	grn_fin();
}

/* --- writing -------------------------------------------------------------------------------------------------------- */

struct lexical_writer {
	const char *folder, *aside;
	grn_ctx    *ctx;
	grn_obj    *texts, *pairs, *index, *text;
	FILE       *docs;
	uint32_t    count;
};

static int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st, (void)kind, (void)ftw;
	return remove(path);
}

void lexical_remove(const char *path)
{
	nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static void close_writer(struct lexical_writer *w)
{
	if (w->docs)
		fclose(w->docs);
	w->docs = NULL;
	if (w->ctx) {
		grn_obj *db = grn_ctx_db(w->ctx);

		if (db)
			grn_obj_close(w->ctx, db);
		grn_ctx_close(w->ctx);
	}
	w->ctx = NULL;
}

static void give_up(void *arg)
{
	struct lexical_writer *w = arg;

	if (!w->ctx)
		return;
	close_writer(w);
	lexical_remove(w->aside);
}

static int make_schema(struct lexical_writer *w, wc_err *e)
{
	grn_ctx *ctx = w->ctx;
	char     path[4096];

	snprintf(path, sizeof path, "%s/words", w->aside);
	if (!grn_db_create(ctx, path, NULL))
		return failed(ctx, e, "the database");
	w->texts = grn_table_create(ctx, "Texts", 5, NULL, GRN_OBJ_TABLE_NO_KEY | GRN_OBJ_PERSISTENT, NULL, NULL);
	w->pairs = grn_table_create(ctx, "Pairs", 5, NULL, GRN_OBJ_TABLE_PAT_KEY | GRN_OBJ_PERSISTENT, grn_ctx_at(ctx, GRN_DB_SHORT_TEXT), NULL);
	if (!w->texts || !w->pairs || grn_obj_set_info(ctx, w->pairs, GRN_INFO_DEFAULT_TOKENIZER, grn_ctx_at(ctx, GRN_DB_BIGRAM)) != GRN_SUCCESS ||
	    grn_obj_set_info(ctx, w->pairs, GRN_INFO_NORMALIZER, grn_ctx_get(ctx, "NormalizerAuto", -1)) != GRN_SUCCESS)
		return failed(ctx, e, "its tables");
	w->index = grn_column_create(ctx, w->pairs, "index", 5, NULL, GRN_OBJ_COLUMN_INDEX | GRN_OBJ_PERSISTENT, w->texts);
	w->text  = grn_obj_open(ctx, GRN_BULK, 0, GRN_DB_TEXT);
	return w->index && w->text ? 0 : failed(ctx, e, "its column");
}

struct lexical_writer *lexical_begin(wc_arena *a, const char *folder, wc_err *e)
{
	struct lexical_writer *w = wc_alloc(a, sizeof *w);

	*w = (struct lexical_writer){.folder = wc_strdup(a, folder), .aside = wc_printf(a, "%s.new", folder)};
	lexical_remove(w->aside);
	if (mkdir(w->aside, 0700) < 0 || !(w->docs = fopen(wc_printf(a, "%s/docs.part", w->aside), "wbe"))) {
		wc_fail(e, WC_E_INTERNAL, "%s cannot be made: %s", w->aside, strerror(errno));
		return NULL;
	}
	w->ctx = grn_ctx_open(0);
	wc_defer(a, give_up, w);
	return make_schema(w, e) < 0 ? NULL : w;
}

/* A pair that is not in the table does not end it. */
static bool has_next(grn_ctx *ctx, grn_token_cursor *cursor)
{
	grn_token_cursor_status status = grn_token_cursor_get_status(ctx, cursor);

	return status == GRN_TOKEN_CURSOR_DOING || status == GRN_TOKEN_CURSOR_NOT_FOUND;
}

static uint32_t count_pairs(grn_ctx *ctx, grn_obj *pairs, const char *text, size_t n, grn_tokenize_mode mode)
{
	grn_token_cursor *cursor = grn_token_cursor_open(ctx, pairs, text, n, mode, 0);
	uint32_t          count  = 0;

	if (!cursor)
		return 0;
	while (has_next(ctx, cursor))
		if (grn_token_cursor_next(ctx, cursor) != GRN_ID_NIL)
			count++;
	grn_token_cursor_close(ctx, cursor);
	return count;
}

int lexical_add(struct lexical_writer *w, int64_t id, const char *text, size_t n, wc_err *e)
{
	grn_id     row = grn_table_add(w->ctx, w->texts, NULL, 0, NULL);
	struct doc doc = {.id = id};

	GRN_TEXT_SET(w->ctx, w->text, text, n);
	if (row != ++w->count || grn_column_index_update(w->ctx, w->index, row, 1, NULL, w->text) != GRN_SUCCESS)
		return failed(w->ctx, e, "a text");
	doc.pairs = count_pairs(w->ctx, w->pairs, text, n, GRN_TOKENIZE_GET);
	if (fwrite(&doc, sizeof doc, 1, w->docs) != 1)
		return wc_fail(e, WC_E_INTERNAL, "%s cannot be written: %s", w->aside, strerror(errno));
	return 0;
}

static int put_in_place(struct lexical_writer *w, wc_err *e)
{
	char part[4096], docs[4096];

	snprintf(part, sizeof part, "%s/docs.part", w->aside);
	snprintf(docs, sizeof docs, "%s/docs", w->aside);
	lexical_remove(w->folder);
	if (rename(part, docs) < 0 || rename(w->aside, w->folder) < 0) {
		wc_fail(e, WC_E_INTERNAL, "%s cannot be put in place: %s", w->folder, strerror(errno));
		lexical_remove(w->aside);
		return -1;
	}
	return 0;
}

int lexical_finish(struct lexical_writer *w, wc_err *e)
{
	if (grn_obj_flush_recursive(w->ctx, grn_ctx_db(w->ctx)) != GRN_SUCCESS)
		return failed(w->ctx, e, "writing it to the disk");
	if (fflush(w->docs) || fsync(fileno(w->docs)) < 0)
		return wc_fail(e, WC_E_INTERNAL, "%s cannot be written: %s", w->aside, strerror(errno));
	close_writer(w);
	return put_in_place(w, e);
}

/* --- searching ------------------------------------------------------------------------------------------------------ */

struct lexical {
	grn_ctx          *ctx;          /* opened the database; each search has one of its own */
	grn_obj          *db;
	const struct doc *docs;
	size_t            size;         /* of docs, in bytes */
	uint32_t          count;
	float             usual;        /* length of a text, in pairs */
};

static const struct doc *map_docs(const char *path, size_t *size)
{
	int         fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	void       *map = MAP_FAILED;

	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) == 0 && st.st_size % (off_t)sizeof(struct doc) == 0 && st.st_size > 0)
		map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	if (map == MAP_FAILED)
		return NULL;
	*size = (size_t)st.st_size;
	return map;
}

static float usual_length(const struct doc *docs, uint32_t count)
{
	double sum = 0;

	for (uint32_t i = 0; i < count; i++)
		sum += docs[i].pairs;
	return (float)(sum / count) + 1;
}

struct lexical *lexical_open(const char *folder, wc_err *e)
{
	char            path[4096];
	struct lexical *x = calloc(1, sizeof *x);

	if (!x)
		abort();
	snprintf(path, sizeof path, "%s/docs", folder);
	if (!(x->docs = map_docs(path, &x->size))) {
		wc_fail(e, access(folder, F_OK) < 0 ? WC_E_NOT_FOUND : WC_E_INTERNAL, "%s is no whole index of words", folder);
		free(x);
		return NULL;
	}
	x->count = (uint32_t)(x->size / sizeof *x->docs);
	x->usual = usual_length(x->docs, x->count);
	x->ctx   = grn_ctx_open(0);
	snprintf(path, sizeof path, "%s/words", folder);
	if ((x->db = grn_db_open(x->ctx, path)) && grn_ctx_get(x->ctx, "Pairs.index", -1) &&
	    grn_table_size(x->ctx, grn_ctx_get(x->ctx, "Texts", -1)) == x->count)
		return x;
	wc_fail(e, WC_E_INTERNAL, "%s is damaged", folder);
	lexical_close(x);
	return NULL;
}

void lexical_close(struct lexical *x)
{
	if (!x)
		return;
	if (x->db)
		grn_obj_close(x->ctx, x->db);
	grn_ctx_close(x->ctx);
	munmap((void *)x->docs, x->size);
	free(x);
}

uint64_t lexical_count(const struct lexical *x) { return x->count; }
int64_t  lexical_id(const struct lexical *x, uint64_t i) { return x->docs[i].id; }

/* One search: a context for each layer, since a context is for one thread. */
struct searching {
	wc_arena             *a;
	struct lexical *const *layers;
	grn_ctx              *ctx[LEXICAL_LAYERS];        /* NULL: no such layer */
	uint32_t              texts;                      /* of all layers */
	float                 usual;                      /* length of a text, in pairs */
};

struct pair {
	const char *s;
	size_t      n;
	grn_id      term[LEXICAL_LAYERS];
	uint32_t    texts;        /* that hold it */
	float       weight;
};

static void close_search(struct searching *g)
{
	for (int i = 0; i < LEXICAL_LAYERS; i++)
		if (g->ctx[i])
			grn_ctx_close(g->ctx[i]);
}

static int open_search(struct searching *g, wc_err *e)
{
	double pairs = 0;

	for (int i = 0; i < LEXICAL_LAYERS; i++) {
		if (!g->layers[i])
			continue;
		g->ctx[i] = grn_ctx_open(0);
		if (!g->ctx[i] || grn_ctx_use(g->ctx[i], g->layers[i]->db) != GRN_SUCCESS) {
			close_search(g);
			return wc_fail(e, WC_E_INTERNAL, "the index of words cannot be used");
		}
		g->texts += g->layers[i]->count;
		pairs += (double)g->layers[i]->usual * g->layers[i]->count;
	}
	g->usual = g->texts ? (float)(pairs / g->texts) : 1;
	return 0;
}

static int by_rarity(const void *a, const void *b)
{
	const struct pair *x = a, *y = b;

	return x->texts != y->texts ? (x->texts > y->texts) - (x->texts < y->texts) : strcmp(x->s, y->s);
}

/* Where and how often the pair occurs, and what it weighs by that. */
static void look_up(struct searching *g, struct pair *pair)
{
	for (int i = 0; i < LEXICAL_LAYERS; i++) {
		if (!g->ctx[i])
			continue;
		pair->term[i] = grn_table_get(g->ctx[i], grn_ctx_get(g->ctx[i], "Pairs", -1), pair->s, (unsigned)pair->n);
		if (pair->term[i] != GRN_ID_NIL)
			pair->texts += grn_ii_estimate_size(g->ctx[i], (grn_ii *)grn_ctx_get(g->ctx[i], "Pairs.index", -1), pair->term[i]);
	}
	pair->texts  = pair->texts < g->texts ? pair->texts : g->texts;
	pair->weight = logf(1 + ((float)g->texts - (float)pair->texts + 0.5f) / ((float)pair->texts + 0.5f));
}

static bool is_known(const struct pair *pairs, size_t n, const char *s, size_t len)
{
	for (size_t i = 0; i < n; i++)
		if (pairs[i].n == len && !memcmp(pairs[i].s, s, len))
			return true;
	return false;
}

/* The question's different pairs, the rarest that occur first, those that occur nowhere before them. For questions Groonga leaves out pairs that a phrase is found
 * without, so they are cut as texts are and looked up one by one. */
static size_t pairs_of(struct searching *g, const char *question, size_t n, struct pair *pairs)
{
	grn_ctx          *ctx    = g->ctx[0] ? g->ctx[0] : g->ctx[1];
	grn_token_cursor *cursor = grn_token_cursor_open(ctx, grn_ctx_get(ctx, "Pairs", -1), question, n, GRN_TOKENIZE_ONLY, 0);
	size_t            found  = 0;

	while (cursor && has_next(ctx, cursor)) {
		size_t      len;
		const char *s;

		grn_token_cursor_next(ctx, cursor);
		s = grn_token_get_data_raw(ctx, grn_token_cursor_get_token(ctx, cursor), &len);
		if (!s || !len || is_known(pairs, found, s, len))
			continue;
		pairs[found] = (struct pair){.s = wc_strndup(g->a, s, len), .n = len};
		look_up(g, &pairs[found++]);
	}
	if (cursor)
		grn_token_cursor_close(ctx, cursor);
	qsort(pairs, found, sizeof *pairs, by_rarity);
	return found;
}

struct tally {
	float score, met;
};

static void add_pair(const struct searching *g, int layer, const struct pair *pair, struct tally *tally)
{
	const struct lexical *x      = g->layers[layer];
	grn_ctx              *ctx    = g->ctx[layer];
	grn_ii_cursor        *cursor = grn_ii_cursor_open(ctx, (grn_ii *)grn_ctx_get(ctx, "Pairs.index", -1), pair->term[layer], GRN_ID_NIL, GRN_ID_MAX, 0, 0);

	if (!cursor)
		return;
	for (grn_posting *p; (p = grn_ii_cursor_next(ctx, cursor));) {
		grn_id row = grn_posting_get_record_id(ctx, p);
		float  tf  = (float)grn_posting_get_tf(ctx, p);

		if (!row || row > x->count)
			continue;
		tally[row - 1].score += pair->weight * tf * (K1 + 1) / (tf + K1 * (1 - B + B * (float)x->docs[row - 1].pairs / g->usual));
		tally[row - 1].met += pair->weight;
	}
	grn_ii_cursor_close(ctx, cursor);
}

static int by_score(const void *a, const void *b)
{
	const struct word_hit *x = a, *y = b;

	return x->score != y->score ? (x->score < y->score ? 1 : -1) : (x->id > y->id) - (x->id < y->id);
}

struct best {
	struct word_hit *hits;
	size_t           n, k, worst;
};

/* Keeps the k best by replacing the worst, which k is small enough for. */
static void offer(struct best *b, struct word_hit hit)
{
	if (hit.score <= 0 || (b->n == b->k && by_score(&hit, &b->hits[b->worst]) >= 0))
		return;
	b->hits[b->n < b->k ? b->n++ : b->worst] = hit;
	for (size_t i = b->worst = 0; b->n == b->k && i < b->n; i++)
		if (by_score(&b->hits[i], &b->hits[b->worst]) > 0)
			b->worst = i;
}

static void search_layer(const struct searching *g, int layer, const struct pair *pairs, size_t n, float whole, struct best *best)
{
	const struct lexical *x     = g->layers[layer];
	struct tally         *tally = wc_alloc(g->a, x->count * sizeof *tally);

	for (size_t i = 0, asked = 0; i < n && asked < RAREST; i++)
		if (pairs[i].texts && asked++ < RAREST && pairs[i].term[layer] != GRN_ID_NIL)
			add_pair(g, layer, &pairs[i], tally);
	for (uint32_t row = 0; row < x->count; row++)
		offer(best, (struct word_hit){x->docs[row].id, tally[row].score, tally[row].met / whole});
}

static size_t search(struct searching *g, const char *question, size_t n, size_t k, struct word_hit **hits)
{
	struct pair *pairs = wc_alloc(g->a, n * sizeof *pairs);
	struct best  best  = {wc_alloc(g->a, k * sizeof *best.hits), 0, k, 0};
	size_t       found = pairs_of(g, question, n, pairs);
	float        whole = 0;

	for (size_t i = 0; i < found; i++)
		whole += pairs[i].weight;
	for (int layer = 0; layer < LEXICAL_LAYERS && found; layer++)
		if (g->ctx[layer])
			search_layer(g, layer, pairs, found, whole, &best);
	qsort(best.hits, best.n, sizeof *best.hits, by_score);
	*hits = best.hits;
	return best.n;
}

int lexical_search(wc_arena *a, struct lexical *const layers[LEXICAL_LAYERS], const char *question, size_t n, size_t k, struct word_hit **hits, size_t *count, wc_err *e)
{
	struct searching g = {.a = a, .layers = layers};

	*count = 0;
	*hits  = NULL;
	if (open_search(&g, e) < 0)
		return -1;
	n = wc_utf8_cut(question, n, QUESTION_MAX);
	if (n && k && g.texts)
		*count = search(&g, question, n, k, hits);
	close_search(&g);
	return 0;
}
