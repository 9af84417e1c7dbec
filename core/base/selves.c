/* Plugins' settings at run time: which struct stands for a plugin's self by now.
 *
 * A successor never changes and is never freed, so whoever got one may use it for as long as it likes, without a lock: requests
 * last seconds, but a resident may keep what it began with for days. A change is the act of an administrator and costs one such
 * struct, some hundred bytes. */
#include "base/base.h"

#include <wecomd/log.h>

#include <stdatomic.h>
#include <stdlib.h>

#define SELVES_MAX 256

struct line {
	const void           *first;
	_Atomic(const void *) now;
};

static struct line   lines[SELVES_MAX];
static atomic_size_t count;

static struct line *find(const void *first)
{
	size_t n = atomic_load_explicit(&count, memory_order_acquire);

	for (size_t i = 0; i < n; i++)
		if (lines[i].first == first)
			return &lines[i];
	return NULL;
}

/* One thread replaces, any number ask. */
void self_replace(const void *self, const void *successor)
{
	struct line *l = find(self);
	size_t       n = atomic_load(&count);

	if (l) {
		atomic_store(&l->now, successor);
		return;
	}
	if (n == SELVES_MAX) {
		wc_log(WC_ERROR, "settings of more plugins than expected change at run time");
		abort();
	}
	lines[n].first = self;
	atomic_store(&lines[n].now, successor);
	atomic_store_explicit(&count, n + 1, memory_order_release);
}

const void *self_now(const void *self)
{
	struct line *l = self ? find(self) : NULL;

	return l ? atomic_load(&l->now) : self;
}
