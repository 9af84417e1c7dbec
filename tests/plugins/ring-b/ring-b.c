/* The other half of a circle of needs. Its metric is the core's, and its offer has no version. */
#include <wecomd/plugin.h>

struct ring_b {
	int64_t unused;
};

WC_PLUGIN(ring_b, struct ring_b,
	.name    = "ring-b",
	.summary = "Needs ring-a",
	.needs   = WC_NEEDS("ring-a"),
	.metrics = WC_METRICS({"messages_total", WC_COUNTER, "who", "is declared by the core already"}),
	.offers  = WC_OFFERS({"nothing", 0, ""}));
