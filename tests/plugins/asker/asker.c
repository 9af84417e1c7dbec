/* A plugin that uses another's offer, in the version that its settings say. */
#include <wecomd/plugin.h>

struct sums {
	int64_t (*add)(const void *self, int64_t n);
};

struct asker {
	int64_t            version;
	const struct sums *sums;
};

static int start(void *self, wc_err *e)
{
	struct asker *asker = self;

	asker->sums = wc_offered("offerer", "sums", (unsigned)asker->version, NULL);
	return asker->sums ? 0 : wc_fail(e, WC_E_CONFIG, "offerer has no sums in version %d", (int)asker->version);
}

static int ask(wc_request *rq, const void *self)
{
	const struct asker *asker = self;
	const void         *other = NULL;

	wc_offered("offerer", "sums", (unsigned)asker->version, &other);
	return wc_reply(rq, 200, "{s:I}", "sum", (json_int_t)asker->sums->add(other, 2));
}

WC_PLUGIN(asker, struct asker,
	.summary  = "Lets another add",
	.needs    = WC_NEEDS("offerer"),
	.settings = WC_SETTINGS({WC_INT, "version", "2", offsetof(struct asker, version), "of the offer", .min = 1, .max = 9}),
	.routes   = WC_ROUTES({WC_GET, "/api/asker/sum", WC_ANYONE, ask, "A sum that another made"}),
	.start    = start);
