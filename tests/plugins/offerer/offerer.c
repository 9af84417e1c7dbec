/* A plugin that offers a function to others, in version 2, with its own settings behind it. */
#include <wecomd/plugin.h>

struct offerer {
	int64_t base;
};

struct sums {
	int64_t (*add)(const void *self, int64_t n);
};

static int64_t add(const void *self, int64_t n)
{
	return ((const struct offerer *)self)->base + n;
}

static const struct sums sums = {add};

WC_PLUGIN(offerer, struct offerer,
	.summary  = "Adds for others",
	.settings = WC_SETTINGS({WC_INT, "base", "40", offsetof(struct offerer, base), "what is added to", .runtime = true}),
	.offers   = WC_OFFERS({"sums", 2, &sums}));
