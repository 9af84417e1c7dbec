/* Failures in a row are counted for each endpoint; at the limit it is closed for a pause, and then one call is let through. The state is
 * the process's own: each process finds out for itself, which costs a few calls and saves a row that every call would have to read. */
#include "ai/breaker.h"

#include "ai/model.h"

#include <wecomd/clock.h>
#include <wecomd/log.h>

#include <pthread.h>
#include <stdlib.h>

struct breaker {
	int64_t failures;
	int64_t closed_until_ms;     /* 0: open to calls */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct breaker *breakers;

void breakers_open(size_t models)
{
	free(breakers);
	breakers = wc_xalloc((models + 1) * sizeof *breakers);
}

bool breaker_enter(const struct model *m)
{
	struct breaker *b   = &breakers[model_index(m)];
	int64_t         now = wc_mono_ms();
	bool            open;

	pthread_mutex_lock(&lock);
	open = !b->closed_until_ms || now >= b->closed_until_ms;
	if (open && b->closed_until_ms)
		b->closed_until_ms = now + m->breaker_pause_ms;     /* others wait for this one's outcome */
	pthread_mutex_unlock(&lock);
	return open;
}

void breaker_report(const struct model *m, bool failed)
{
	struct breaker *b = &breakers[model_index(m)];
	bool            closes;

	pthread_mutex_lock(&lock);
	b->failures = failed ? b->failures + 1 : 0;
	closes      = m->breaker_failures && b->failures >= m->breaker_failures;
	b->closed_until_ms = closes ? wc_mono_ms() + m->breaker_pause_ms : 0;
	pthread_mutex_unlock(&lock);
	if (closes)
		wc_log(WC_WARN, "a model endpoint is left alone", wc_kv_s("model", m->name), wc_kv_i("ms", m->breaker_pause_ms));
}

int64_t breaker_closed_ms(const struct model *m)
{
	int64_t left;

	pthread_mutex_lock(&lock);
	left = breakers[model_index(m)].closed_until_ms ? breakers[model_index(m)].closed_until_ms - wc_mono_ms() : 0;
	pthread_mutex_unlock(&lock);
	return left > 0 ? left : 0;
}
