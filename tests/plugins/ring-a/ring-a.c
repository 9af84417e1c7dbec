/* Half of a circle of needs. Its metric has a name that is none. */
#include <wecomd/plugin.h>

struct ring_a {
	int64_t unused;
};

WC_PLUGIN(ring_a, struct ring_a,
	.name    = "ring-a",
	.summary = "Needs ring-b",
	.needs   = WC_NEEDS("ring-b"),
	.metrics = WC_METRICS({"ring a", WC_COUNTER, "", "has a space in its name"}));
