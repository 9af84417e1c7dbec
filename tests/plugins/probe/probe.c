/* A plugin for tests of the web tier: a route for each role, a body table, a limit of its own, an answer in pieces. */
#include <wecomd/plugin.h>

#include <string.h>

struct probe {
	int64_t pause_ms;
};

struct order {
	const char *name, *kind;
	int64_t     count, wait_ms, size;
	bool        urgent;
};

static int pass(wc_request *rq, const void *self)
{
	(void)self;
	return wc_reply(rq, 200, "{s:b}", "passed", 1);
}

static int take_order(wc_request *rq, const void *self)
{
	const struct order *o = wc_body(rq);

	(void)self;
	return wc_reply(rq, 201, "{s:s, s:s, s:I, s:I, s:I, s:b}", "name", o->name, "kind", o->kind, "count", (json_int_t)o->count,
	                "wait_ms", (json_int_t)o->wait_ms, "size", (json_int_t)o->size, "urgent", (int)o->urgent);
}

static int measure(wc_request *rq, const void *self)
{
	(void)self;
	return wc_reply(rq, 200, "{s:I}", "bytes", (json_int_t)wc_raw_body(rq).n);
}

static int drip(wc_request *rq, const void *self)
{
	const struct probe *probe = self;

	wc_stream_open(rq, 200, "text/plain");
	for (const char *piece = "abc"; *piece && wc_stream_write(rq, piece, 1) == 0; piece++)
		wc_sleep_ms(probe->pause_ms);
	return 0;
}

static int query(wc_request *rq, const void *self)
{
	const char *q = wc_query_param(rq, "q");

	(void)self;
	return q ? wc_reply(rq, 200, "{s:s}", "q", q) : wc_reply(rq, 200, "{s:n}", "q");
}

#define OF_ORDER(member) offsetof(struct order, member)

static const wc_field order_fields[] = {
	{WC_STRING, "name", NULL, OF_ORDER(name), "a name", .min = 1, .max = 12},
	{WC_CHOICE, "kind", "tea", OF_ORDER(kind), "what is wanted", .choices = "tea|coffee"},
	{WC_INT, "count", "1", OF_ORDER(count), "how many", .min = 1, .max = 10},
	{WC_DURATION, "wait", "1s", OF_ORDER(wait_ms), "how long it may take"},
	{WC_SIZE, "size", "2k", OF_ORDER(size), "how large"},
	{WC_BOOL, "urgent", "off", OF_ORDER(urgent), "whether it is urgent"},
	{0}};

WC_PLUGIN(probe, struct probe,
	.summary  = "Shows what the web tier does",
	.settings = WC_SETTINGS({WC_DURATION, "pause", "200ms", offsetof(struct probe, pause_ms), "between two pieces"}),
	.routes   = WC_ROUTES(
		{WC_GET, "/api/probe/anyone", WC_ANYONE, pass, "For anyone"},
		{WC_GET, "/api/probe/viewer", WC_VIEWER, pass, "For viewers"},
		{WC_GET, "/api/probe/operator", WC_OPERATOR, pass, "For operators"},
		{WC_GET, "/api/probe/approver", WC_APPROVER, pass, "For approvers"},
		{WC_GET, "/api/probe/admin", WC_ADMIN, pass, "For admins"},
		{WC_POST, "/api/probe/orders", WC_ANYONE, take_order, "Takes an order", order_fields, sizeof(struct order)},
		{WC_POST, "/api/probe/bytes", WC_ANYONE, measure, "Counts bytes", .body_max = 5000},
		{WC_GET, "/api/probe/drip", WC_ANYONE, drip, "Answers in pieces"},
		{WC_GET, "/api/probe/query", WC_ANYONE, query, "Shows a query parameter"}));
