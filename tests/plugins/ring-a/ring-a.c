/* Half of a circle of needs. Its metric and the second of its tools have names that are none. */
#include <wecomd/plugin.h>

struct ring_a {
	int64_t unused;
};

static json_t *turn(const wc_tool_call *call, const void *self, wc_err *e)
{
	(void)self;
	(void)e;
	return wc_json(call->arena, "{}");
}

WC_PLUGIN(ring_a, struct ring_a,
	.name    = "ring-a",
	.summary = "Needs ring-b",
	.needs   = WC_NEEDS("ring-b"),
	.tools   = WC_TOOLS(
		{"ring_a_turn", WC_VIEWER, WC_READS, turn, "is named as it should"},
		{"ring-a_turn", WC_VIEWER, WC_READS, turn, "has a dash in its name"}),
	.metrics = WC_METRICS({"ring a", WC_COUNTER, "", "has a space in its name"}));
