/* The inbox: what was acknowledged is durable.
 *
 * Threads that want to commit at the same moment share one transaction: one of them leads, takes up to BATCH of those that
 * wait, and writes them together, since a durable commit costs the same for one row as for thirty. Each thread is woken once, when it is
 * its turn to lead or when another has done its work: to wake them all each time cost as much as the database's answer. */
#include "work/lanes.h"

#include <wecomd/buf.h>
#include <wecomd/log.h>
#include <wecomd/seal.h>

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <string.h>

#define BATCH        32
#define ENDPOINT_MAX 64

struct pending {
	const struct inbox_entry *entry;
	wc_slice                  payload;      /* sealed */
	struct new_job           *jobs;
	size_t                    job_count;
	char                      trace_id[33];
	bool                      done;         /* woken without: to lead */
	sem_t                     wake;
	int                       result;
	wc_err                    err;
	struct pending           *next;
};

struct batch {
	struct pending *item[BATCH];
	size_t          n;
};

static pthread_mutex_t  lock = PTHREAD_MUTEX_INITIALIZER;
static struct pending  *waiting, **waiting_tail = &waiting;
static bool             led;

/* One row for each entry; RETURNING names the keys that were new. A key that comes twice in one batch is new once. */
static int insert_events(wc_db *db, wc_arena *a, const struct batch *b, wc_rows *new_keys, wc_err *e)
{
	wc_buf *sql = wc_buf_new(a, 4096);
	wc_val  v[BATCH * 4], *at = v;

	wc_buf_adds(sql, "INSERT IGNORE INTO inbox_event (dedupe_key, endpoint, trace_id, payload) VALUES ");
	for (size_t i = 0; i < b->n; i++) {
		wc_buf_adds(sql, i ? ",(?,?,?,?)" : "(?,?,?,?)");
		*at++ = wc_bytes(b->item[i]->entry->dedupe_key, 32);
		*at++ = wc_text(b->item[i]->entry->endpoint);
		*at++ = wc_text(b->item[i]->trace_id);
		*at++ = wc_bytes(b->item[i]->payload.p, b->item[i]->payload.n);
	}
	wc_buf_adds(sql, " RETURNING dedupe_key");
	return wc_db_query_v(db, a, new_keys, e, sql->s, v, b->n * 4);
}

static bool is_new(wc_rows *new_keys, const unsigned char key[32])
{
	for (size_t i = 0; i < new_keys->n; i++) {
		wc_cell *cell = &new_keys->cell[i];

		if (cell->n == 32 && !memcmp(cell->s, key, 32)) {
			cell->n = 0;     /* the next with this key is the repeat */
			return true;
		}
	}
	return false;
}

static int write_batch(wc_db *db, void *arg, wc_err *e)
{
	struct batch   *b = arg;
	wc_arena       *a = wc_arena_new();
	struct new_job *jobs;
	wc_rows         new_keys;
	size_t          n = 0;
	int             rc = -1;

	if (insert_events(db, a, b, &new_keys, e) < 0)
		goto out;
	for (size_t i = 0; i < b->n; i++) {
		b->item[i]->result = is_new(&new_keys, b->item[i]->entry->dedupe_key);
		n += b->item[i]->result ? b->item[i]->job_count : 0;
	}
	jobs = wc_alloc(a, n * sizeof *jobs);
	n    = 0;
	for (size_t i = 0; i < b->n; i++) {
		if (!b->item[i]->result)
			continue;
		memcpy(jobs + n, b->item[i]->jobs, b->item[i]->job_count * sizeof *jobs);
		n += b->item[i]->job_count;
	}
	rc = jobs_insert(db, a, jobs, n, e);
out:
	wc_arena_free(a);
	return rc;
}

static void commit_one(struct pending *p)
{
	struct batch single = {{p}, 1};

	if (wc_db_tx(write_batch, &single, &p->err) < 0)
		p->result = -1;
}

static void commit_batch(struct batch *b)
{
	wc_err e;

	if (b->n > 1 && wc_db_tx(write_batch, b, &e) == 0)
		return;
	if (b->n > 1)
		wc_log(WC_WARN, "a batch of callbacks failed; each is tried alone", wc_kv_i("callbacks", (int64_t)b->n), wc_kv_s("error", e.text));
	for (size_t i = 0; i < b->n; i++)
		commit_one(b->item[i]);
}

static void take_waiting(struct batch *b)
{
	pthread_mutex_lock(&lock);
	while (waiting && b->n < BATCH) {
		b->item[b->n++] = waiting;
		waiting         = waiting->next;
	}
	if (!waiting)
		waiting_tail = &waiting;
	pthread_mutex_unlock(&lock);
}

/* Who waits first leads next, and is in its own batch. */
static void pass_lead_on(void)
{
	struct pending *next;

	pthread_mutex_lock(&lock);
	next = waiting;
	led  = next != NULL;
	pthread_mutex_unlock(&lock);
	if (next)
		sem_post(&next->wake);
}

static void lead(const struct pending *self)
{
	struct batch b = {.n = 0};

	sched_yield();     /* who is nearly there comes along; nobody waits for anybody */
	take_waiting(&b);
	commit_batch(&b);
	pass_lead_on();
	for (size_t i = 0; i < b.n; i++) {
		if (b.item[i] == self)
			continue;
		b.item[i]->done = true;
		sem_post(&b.item[i]->wake);     /* it is gone from here on */
	}
}

/* True when it is on this thread to lead. */
static bool join(struct pending *p)
{
	bool leads;

	pthread_mutex_lock(&lock);
	*waiting_tail = p;
	waiting_tail  = &p->next;
	leads         = !led;
	led           = true;
	pthread_mutex_unlock(&lock);
	return leads;
}

static int prepare(wc_arena *a, const struct inbox_entry *entry, struct pending *p, wc_err *e)
{
	size_t n = 0;

	if (strlen(entry->endpoint) > ENDPOINT_MAX)
		return wc_fail(e, WC_E_INTERNAL, "endpoint %s: longer than %d bytes", entry->endpoint, ENDPOINT_MAX);
	for (const struct inbox_job *j = entry->jobs; j; j = j->next)
		n++;
	memset(p, 0, sizeof *p);
	sem_init(&p->wake, 0, 0);
	p->entry     = entry;
	p->payload   = wc_seal(a, "inbox_event.payload", entry->payload);
	p->jobs      = wc_alloc(a, n * sizeof *p->jobs);
	p->job_count = n;
	strcpy(p->trace_id, wc_trace());
	n = 0;
	for (const struct inbox_job *j = entry->jobs; j; j = j->next)
		if (new_job_from(a, j, &j->spec, p->trace_id, &p->jobs[n++], e) < 0)
			return -1;
	return 0;
}

int inbox_commit(wc_arena *a, const struct inbox_entry *entry, wc_err *e)
{
	struct pending p;

	if (prepare(a, entry, &p, e) < 0)
		return -1;
	if (!join(&p))
		while (sem_wait(&p.wake) < 0 && errno == EINTR)
			;
	if (!p.done)
		lead(&p);
	sem_destroy(&p.wake);
	if (p.result < 0)
		*e = p.err;
	return p.result;
}
