/* The index of this node: files derived from the rows, made by whichever process of the node gets the lock, opened by all.
 *
 * There is a base and a delta for words and for vectors each. A small change to the knowledge makes a new delta within seconds; a large one, a
 * damaged file or another model a new base, while the old index serves. What the live version no longer has stays in the files until then: who
 * reads the chunks' rows leaves it out. The file "current" names what belongs together and is written last. */
#include "kb.h"

#include "lexical.h"
#include "vectors.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOOK_MS    1000
#define DELTA_MAX  2000        /* chunks; or a tenth of the base */
#define KEPT_S     600         /* files that are no longer current stay so long, for processes that have yet to open them */
#define READ_ROWS  500
#define FILE_MAX   4096

enum { BASE, DELTA, LAYERS = LEXICAL_LAYERS };

struct index {
	wc_arena       *a;
	int             uses;                 /* under the lock */
	int64_t         generation, version;
	const char     *model;
	struct lexical *words[LAYERS];        /* NULL: none */
	struct vectors *vectors[LAYERS];
};

/* --- opening ---------------------------------------------------------------------------------------------------------- */

static void close_index(struct index *x)
{
	for (int i = 0; i < LAYERS; i++) {
		lexical_close(x->words[i]);
		vectors_close(x->vectors[i]);
	}
	wc_arena_free(x->a);
}

static const char *path_of(wc_arena *a, const struct kb *kb, const char *name)
{
	return wc_printf(a, "%s/%s", kb->index_folder, name);
}

static json_t *read_current(wc_arena *a, const struct kb *kb)
{
	int     fd = open(path_of(a, kb, "current"), O_RDONLY | O_CLOEXEC);
	char    text[FILE_MAX];
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text);
	wc_err  ignored;

	if (fd >= 0)
		close(fd);
	return n > 0 ? wc_json_parse(a, text, (size_t)n, &ignored) : NULL;
}

static const char *const words_names[LAYERS]   = {"words", "words_delta"};
static const char *const vectors_names[LAYERS] = {"vectors", "vectors_delta"};

static int open_layers(struct index *x, const struct kb *kb, const json_t *current, wc_err *e)
{
	for (int i = 0; i < LAYERS; i++) {
		const char *words = wc_json_str(current, words_names[i]), *vectors = wc_json_str(current, vectors_names[i]);

		if ((words && !(x->words[i] = lexical_open(path_of(x->a, kb, words), e))) ||
		    (vectors && !(x->vectors[i] = vectors_open(path_of(x->a, kb, vectors), e))))
			return -1;
	}
	return 0;
}

/* NULL with *e: there is none, or one that is damaged. */
static struct index *open_index(const struct kb *kb, wc_err *e)
{
	wc_arena     *a       = wc_arena_new();
	struct index *x       = wc_alloc(a, sizeof *x);
	const json_t *current = read_current(a, kb);

	*x = (struct index){.a = a, .uses = 1};
	if (!current) {
		wc_fail(e, WC_E_NOT_FOUND, "%s has no index", kb->index_folder);
		wc_arena_free(a);
		return NULL;
	}
	x->generation = json_integer_value(json_object_get(current, "generation"));
	x->version    = json_integer_value(json_object_get(current, "version"));
	x->model      = wc_json_str(current, "model");
	if (x->model && open_layers(x, kb, current, e) == 0)
		return x;
	close_index(x);
	return NULL;
}

/* --- what belongs into it --------------------------------------------------------------------------------------------- */

struct ids {
	int64_t *id;
	size_t   n;
};

struct making {
	wc_arena           *a;
	const struct kb    *kb;
	struct kb_state     state;
	const struct index *old;           /* NULL: none that can be gone on from */
	json_t             *current;       /* what is written */
};

static int by_number(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static bool has(const struct ids *ids, int64_t id)
{
	return ids->n && bsearch(&id, ids->id, ids->n, sizeof id, by_number);
}

#define LIVE                                                                                                                                \
	"FROM knowledge_chunks c JOIN kb_document d ON d.id = c.document WHERE c.added_version <= ? AND (c.removed_version IS NULL OR" \
	" c.removed_version > ?) AND d.is_enabled"

static int live_ids(const struct making *m, bool with_vector, struct ids *ids, wc_err *e)
{
	const char  *sql = with_vector ? "SELECT c.id " LIVE " AND EXISTS (SELECT 1 FROM kb_vector v WHERE v.model = ? AND v.hash = c.hash) ORDER BY c.id"
	                               : "SELECT c.id " LIVE " ORDER BY c.id";
	const wc_val v[] = {wc_int(m->state.live), wc_int(m->state.live), wc_bytes(m->state.model, strlen(m->state.model))};
	wc_rows      rows;

	if (wc_db_query_v(NULL, m->a, &rows, e, sql, v, with_vector ? 3 : 2) < 0)
		return -1;
	*ids = (struct ids){wc_alloc(m->a, (rows.n + 1) * sizeof *ids->id), rows.n};
	for (size_t i = 0; i < rows.n; i++)
		ids->id[i] = wc_row_int(&rows, i, 0);
	return 0;
}

static struct ids without(wc_arena *a, const struct ids *from, const struct ids *what)
{
	struct ids out = {wc_alloc(a, (from->n + 1) * sizeof *out.id), 0};

	for (size_t i = 0; i < from->n; i++)
		if (!has(what, from->id[i]))
			out.id[out.n++] = from->id[i];
	return out;
}

/* --- making ----------------------------------------------------------------------------------------------------------- */

typedef int take_row(void *into, const wc_rows *rows, size_t row, wc_err *e);

/* Reads the chunks' rows and gives them on, a few at a time. */
static int each_row(const struct making *m, const struct ids *ids, const char *sql, const wc_val *more, size_t more_n, take_row *take, void *into, wc_err *e)
{
	for (size_t at = 0; at < ids->n; at += READ_ROWS) {
		size_t    n  = ids->n - at < READ_ROWS ? ids->n - at : READ_ROWS;
		wc_arena *a  = wc_arena_new();
		wc_buf   *q  = wc_buf_new(a, 16384);
		wc_val   *v  = wc_alloc(a, (n + more_n) * sizeof *v);
		wc_rows   rows;
		int       rc;

		wc_buf_adds(q, sql);
		memcpy(v, more, more_n * sizeof *v);
		for (size_t i = 0; i < n; i++) {
			wc_buf_adds(q, i ? ", ?" : " (?");
			v[more_n + i] = wc_int(ids->id[at + i]);
		}
		wc_buf_adds(q, ") ORDER BY c.id");
		rc = wc_db_query_v(NULL, a, &rows, e, q->s, v, more_n + n);
		for (size_t i = 0; rc == 0 && i < rows.n; i++)
			rc = take(into, &rows, i, e);
		wc_arena_free(a);
		if (rc < 0)
			return -1;
	}
	(void)m;
	return 0;
}

static int take_words(void *into, const wc_rows *rows, size_t row, wc_err *e)
{
	wc_arena   *a    = wc_arena_new();
	const char *text = wc_printf(a, "%s\n%s\n%s", wc_row_text(rows, row, 1), wc_row_text(rows, row, 2), wc_row_text(rows, row, 3));
	int         rc   = lexical_add(into, wc_row_int(rows, row, 0), text, strlen(text), e);

	wc_arena_free(a);
	return rc;
}

static int make_words(struct making *m, const char *name, const struct ids *ids, wc_err *e)
{
	wc_arena              *a = wc_arena_new();
	struct lexical_writer *w = lexical_begin(a, path_of(a, m->kb, name), e);
	int                    rc;

	rc = !w || each_row(m, ids, "SELECT c.id, c.heading, c.question, c.text FROM knowledge_chunks c WHERE c.id IN", NULL, 0, take_words, w, e) < 0 ||
	     lexical_finish(w, e) < 0 ? -1 : 0;
	wc_arena_free(a);
	return rc;
}

struct vectors_making {
	wc_arena              *a;
	const char            *path;
	size_t                 room;
	struct vectors_writer *w;
	size_t                 bytes;      /* of a vector */
};

static int take_vector(void *into, const wc_rows *rows, size_t row, wc_err *e)
{
	struct vectors_making *v    = into;
	wc_cell                cell = wc_row_cell(rows, row, 1);

	if (!v->w) {
		v->bytes = cell.n;
		v->w     = vectors_begin(v->a, v->path, (uint32_t)(cell.n / sizeof(float)), v->room, e);
	}
	if (!v->w)
		return -1;
	if (cell.n != v->bytes)
		return wc_fail(e, WC_E_INTERNAL, "kb_vector has vectors of different lengths for one model");
	return vectors_add(v->w, wc_row_int(rows, row, 0), (const float *)(const void *)wc_strndup(v->a, cell.s, cell.n), e);
}

static int make_vectors(struct making *m, const char *name, const struct ids *ids, wc_err *e)
{
	wc_arena             *a    = wc_arena_new();
	struct vectors_making v    = {a, path_of(a, m->kb, name), ids->n, NULL, 0};
	wc_val                more = wc_bytes(m->state.model, strlen(m->state.model));
	int                   rc;

	rc = each_row(m, ids, "SELECT c.id, v.vector FROM knowledge_chunks c JOIN kb_vector v ON v.model = ? AND v.hash = c.hash WHERE c.id IN", &more, 1, take_vector, &v, e) < 0 ||
	     (v.w && vectors_finish(v.w, e) < 0) ? -1 : 0;
	wc_arena_free(a);
	return rc;
}

typedef int make_layer(struct making *m, const char *name, const struct ids *ids, wc_err *e);

/* Both layers of one kind: base is the old one where it is near enough. */
static int make_layers(struct making *m, const char *const names[LAYERS], const struct ids *live, const struct ids *base, const char *base_name, make_layer *make, wc_err *e)
{
	struct ids  fresh = without(m->a, live, base);
	size_t      gone  = base->n - (live->n - fresh.n);
	bool        keep  = base_name && fresh.n <= (DELTA_MAX > base->n / 10 ? DELTA_MAX : base->n / 10) && gone <= DELTA_MAX + base->n / 5;
	const char *name  = wc_printf(m->a, "%s-%" PRId64, keep ? names[DELTA] : names[BASE], m->state.generation);

	if (keep)
		json_object_set_new(m->current, names[BASE], json_string(base_name));
	if (!keep)
		fresh = *live;
	if (!fresh.n)
		return 0;
	json_object_set_new(m->current, keep ? names[DELTA] : names[BASE], json_string(name));
	return make(m, name, &fresh, e);
}

static struct ids ids_of(wc_arena *a, uint64_t n, int64_t (*id)(const void *layer, uint64_t i), const void *layer)
{
	struct ids ids = {wc_alloc(a, (n + 1) * sizeof *ids.id), n};

	for (uint64_t i = 0; i < n; i++)
		ids.id[i] = id(layer, i);
	qsort(ids.id, ids.n, sizeof *ids.id, by_number);
	return ids;
}

static int64_t word_id(const void *layer, uint64_t i) { return lexical_id(layer, i); }
static int64_t vector_id(const void *layer, uint64_t i) { return vectors_id(layer, i); }

static int make_all(struct making *m, wc_err *e)
{
	const struct index *old     = m->old;
	const json_t       *before  = old ? read_current(m->a, m->kb) : NULL;
	bool                vectors = *m->state.model, same = old && !strcmp(old->model, m->state.model);
	struct ids          live, with_vector = {0}, none = {0}, words, places;

	words  = old && old->words[BASE] ? ids_of(m->a, lexical_count(old->words[BASE]), word_id, old->words[BASE]) : none;
	places = same && old->vectors[BASE] ? ids_of(m->a, vectors_count(old->vectors[BASE]), vector_id, old->vectors[BASE]) : none;
	if (live_ids(m, false, &live, e) < 0 || (vectors && live_ids(m, true, &with_vector, e) < 0))
		return -1;
	if (make_layers(m, words_names, &live, &words, words.n ? wc_json_str(before, "words") : NULL, make_words, e) < 0)
		return -1;
	return vectors ? make_layers(m, vectors_names, &with_vector, &places, places.n ? wc_json_str(before, "vectors") : NULL, make_vectors, e) : 0;
}

static int write_current(struct making *m, wc_err *e)
{
	const char *text = wc_json_text(m->a, m->current), *aside = path_of(m->a, m->kb, "current.new");
	size_t      n    = strlen(text);
	int         fd   = open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	bool        bad  = fd < 0 || write(fd, text, n) != (ssize_t)n || fsync(fd) < 0;

	if (fd >= 0)
		close(fd);
	if (bad || rename(aside, path_of(m->a, m->kb, "current")) < 0)
		return wc_fail(e, WC_E_INTERNAL, "%s cannot be written: %s", aside, strerror(errno));
	return 0;
}

/* What "current" does not name and is old enough. */
static void sweep(const struct making *m)
{
	DIR           *dir = opendir(m->kb->index_folder);
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		const char *path = path_of(m->a, m->kb, entry->d_name);
		struct stat st;
		const char *key;
		json_t     *value;
		bool        named = strncmp(entry->d_name, "words", 5) && strncmp(entry->d_name, "vectors", 7);

		json_object_foreach(m->current, key, value)
			named |= json_is_string(value) && !strcmp(json_string_value(value), entry->d_name);
		if (!named && stat(path, &st) == 0 && wc_now_ms() / 1000 - st.st_mtime > KEPT_S)
			lexical_remove(path);
	}
	if (dir)
		closedir(dir);
}

static int make_index(const struct kb *kb, const struct index *old, wc_err *e)
{
	struct making m  = {.a = wc_arena_new(), .kb = kb, .old = old};
	int64_t       ms = wc_mono_ms();
	int           rc = state_read(NULL, m.a, &m.state, e);

	if (rc == 0) {
		m.current = wc_json(m.a, "{s:I, s:I, s:s}", "generation", (json_int_t)m.state.generation, "version", (json_int_t)m.state.live, "model", m.state.model);
		rc        = make_all(&m, e) < 0 ? -1 : write_current(&m, e);
	}
	if (rc == 0) {
		sweep(&m);
		wc_log(WC_INFO, "the index of knowledge is made", wc_kv_i("generation", m.state.generation), wc_kv_i("ms", wc_mono_ms() - ms));
	}
	wc_arena_free(m.a);
	return rc;
}

/* --- the thread that keeps it fresh ----------------------------------------------------------------------------------- */

static pthread_mutex_t  lock    = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t   changed = PTHREAD_COND_INITIALIZER;
static struct index    *now;              /* NULL: none yet */
static const struct kb *settings;
static bool             is_running, is_stopping;
static pthread_t        keeper;

static void set_now(struct index *x)
{
	struct index *old;

	pthread_mutex_lock(&lock);
	old = now;
	now = x;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
	if (old)
		index_put(old);
}

/* One process of the node makes it; the others find it made. false: another is at it. */
static bool make_alone(const struct kb *kb, const struct index *old, wc_err *e)
{
	wc_arena *a  = wc_arena_new();
	int       fd = open(path_of(a, kb, "lock"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	bool      is_ours;

	e->code = WC_E_NONE;
	if (fd < 0)
		wc_fail(e, WC_E_CONFIG, "[kb-escalation] index_folder %s cannot be written: %s", kb->index_folder, strerror(errno));
	is_ours = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0;
	if (is_ours)
		make_index(kb, old, e);
	if (fd >= 0)
		close(fd);
	wc_arena_free(a);
	return is_ours;
}

/* The index that is wanted: opened if somebody made it, otherwise made. */
static void freshen(int64_t generation, wc_err *e)
{
	struct index *x = open_index(settings, e);

	if (x && x->generation >= generation) {
		set_now(x);
		return;
	}
	if (make_alone(settings, x, e) && !e->code) {
		if (x)
			index_put(x);
		x = open_index(settings, e);
	}
	if (x)
		set_now(x);
}

static void look(void)
{
	static char     told[320];
	wc_arena       *a = wc_arena_new();
	struct kb_state state;
	wc_err          e = {0};

	if (state_read(NULL, a, &state, &e) == 0 && (!now || now->generation < state.generation))
		freshen(state.generation, &e);
	if (e.code && e.code != WC_E_NOT_FOUND && strcmp(told, e.text)) {
		wc_log(WC_ERROR, "the index of knowledge cannot be brought up to date", wc_kv_s("error", e.text));
		memcpy(told, e.text, sizeof told);
	}
	wc_arena_free(a);
}

static void *keep(void *arg)
{
	(void)arg;
	for (bool go_on = true; go_on;) {
		look();
		for (int64_t end = wc_mono_ms() + LOOK_MS; go_on && wc_mono_ms() < end; wc_sleep_ms(50)) {
			pthread_mutex_lock(&lock);
			go_on = !is_stopping;
			pthread_mutex_unlock(&lock);
		}
	}
	return NULL;
}

/* Processes that never search have neither thread nor index. Called with the lock held. */
static int begin(const struct kb *kb, wc_err *e)
{
	settings = kb;
	if (is_running || is_stopping)
		return 0;
	if (mkdir(kb->index_folder, 0700) < 0 && errno != EEXIST)
		return wc_fail(e, WC_E_CONFIG, "[kb-escalation] index_folder %s cannot be made: %s", kb->index_folder, strerror(errno));
	if (lexical_init(e) < 0)
		return -1;
	is_running = pthread_create(&keeper, NULL, keep, NULL) == 0;
	return is_running ? 0 : wc_fail(e, WC_E_INTERNAL, "a thread for the index of knowledge cannot be begun");
}

struct index *index_get(const struct kb *kb, int64_t wait_ms, wc_err *e)
{
	int64_t       end = wc_now_ms() + wait_ms;
	struct timespec until = {end / 1000, end % 1000 * 1000000};
	struct index *x;

	pthread_mutex_lock(&lock);
	if (begin(kb, e) < 0) {
		pthread_mutex_unlock(&lock);
		return NULL;
	}
	while (!now && !is_stopping && pthread_cond_timedwait(&changed, &lock, &until) == 0)
		;
	if ((x = now))
		x->uses++;
	pthread_mutex_unlock(&lock);
	if (!x)
		wc_fail(e, WC_E_STOPPED, "the index of knowledge of this node is being made");
	return x;
}

void index_put(struct index *x)
{
	bool is_last;

	pthread_mutex_lock(&lock);
	is_last = --x->uses == 0;
	pthread_mutex_unlock(&lock);
	if (is_last)
		close_index(x);
}

void index_stop(void)
{
	bool was_running;

	pthread_mutex_lock(&lock);
	is_stopping = true;
	was_running = is_running;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
	if (!was_running)
		return;
	pthread_join(keeper, NULL);
	set_now(NULL);
	lexical_fin();
}

/* --- searching -------------------------------------------------------------------------------------------------------- */

int64_t     index_version(const struct index *x) { return x->version; }
const char *index_model(const struct index *x) { return x->model; }

static int by_cosine(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	return x->cosine != y->cosine ? (x->cosine < y->cosine ? 1 : -1) : (x->id > y->id) - (x->id < y->id);
}

static int find_words(wc_arena *a, const struct index *x, const char *question, size_t wanted, struct candidate *list, size_t *n, wc_err *e)
{
	struct word_hit *hits;

	if (lexical_search(a, x->words, question, strlen(question), wanted, &hits, n, e) < 0)
		return -1;
	for (size_t i = 0; i < *n; i++)
		list[i] = (struct candidate){.id = hits[i].id, .cosine = -1, .coverage = hits[i].coverage, .bm25 = hits[i].score, .by_words = i + 1};
	return 0;
}

static void find_vectors(wc_arena *a, const struct index *x, const float *vector, size_t wanted, struct candidate *list, size_t *n)
{
	*n = 0;
	for (int layer = 0; layer < LAYERS; layer++) {
		struct vector_hit *hits;
		size_t             found = x->vectors[layer] ? vectors_search(a, x->vectors[layer], vector, wanted, &hits) : 0;

		for (size_t i = 0; i < found; i++)
			list[(*n)++] = (struct candidate){.id = hits[i].id, .cosine = hits[i].cosine};
	}
	qsort(list, *n, sizeof *list, by_cosine);
	*n = *n < wanted ? *n : wanted;
	for (size_t i = 0; i < *n; i++)
		list[i].by_vectors = i + 1;
}

int index_search(wc_arena *a, const struct index *x, const char *question, const float *vector, size_t wanted, struct candidate **out, size_t *n, wc_err *e)
{
	struct candidate *list  = wc_alloc(a, 4 * wanted * sizeof *list), *other = wc_alloc(a, 2 * wanted * sizeof *other);
	size_t            found = 0;

	if (find_words(a, x, question, wanted, list, n, e) < 0)
		return -1;
	if (vector)
		find_vectors(a, x, vector, wanted, other, &found);
	for (size_t i = 0, words = *n; i < found; i++) {
		size_t at = 0;

		while (at < words && list[at].id != other[i].id)
			at++;
		if (at == words)
			list[at = (*n)++] = other[i];
		list[at].cosine     = other[i].cosine;
		list[at].by_vectors = other[i].by_vectors;
	}
	*out = list;
	return 0;
}
