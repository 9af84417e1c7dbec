/* Customers as people see them: reading, exporting and erasing one. */
#include "admin/parts.h"
#include "admin/admin.h"

#include "talk/talk.h"

#include <wecomd/plugin.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct erasure {
	const char *reason, *confirm;
};

static const wc_field erasure_fields[] = {
	{WC_STRING, "reason", NULL, offsetof(struct erasure, reason), "why, without personal data: it stays in the audit trail", .min = 1, .max = 400},
	{WC_STRING, "confirm", NULL, offsetof(struct erasure, confirm), "the customer's id once more", .min = 1, .max = 20},
	{0}};

/* 0 for what is no id; no customer has that. */
static int64_t parse_id(const char *text)
{
	return *text >= '1' && *text <= '9' && strlen(text) < 19 && strspn(text, "0123456789") == strlen(text) ? strtoll(text, NULL, 10) : 0;
}

static int reply_or_err(wc_request *rq, const json_t *value, const wc_err *e)
{
	return value ? wc_reply_json(rq, 200, value) : wc_reply_err(rq, e);
}

static const wc_field query_fields[] = {
	{WC_STRING, "q", NULL, offsetof(struct customer_filter, q), "only the one with exactly this name, mobile, unionid or id of a channel", .max = 200, .optional = true},
	{WC_STRING, "channel", NULL, offsetof(struct customer_filter, channel), "only those with an identity of this channel", .max = 32, .optional = true},
	{0}};

static const wc_field item_fields[] = {
	{WC_INT, "id", NULL, 0, "the customer's number"},
	{WC_STRING, "name", NULL, 0, "nickname; masked for viewers", .optional = true},
	{WC_LIST, "channels", NULL, 0, "where we know the customer from"},
	{WC_TIME, "created_at", NULL, 0, "since when"},
	{WC_TIME, "erased_at", NULL, 0, "erased for good", .optional = true},
	{0}};

static int list(wc_request *rq, const void *self)
{
	wc_list *all   = wc_list_begin(rq);
	bool     whole = request_identity(rq)->role >= WC_OPERATOR;
	wc_err   e;
	json_t  *items = customer_items(wc_request_arena(rq), wc_query(rq), wc_list_after(all, INT64_MAX), wc_list_fetch(all), whole, &e), *item;
	size_t   i;

	(void)self;
	if (!items)
		return wc_reply_err(rq, &e);
	json_array_foreach(items, i, item)
		wc_list_add(all, json_incref(item), "%lld", (long long)json_integer_value(json_object_get(item, "id")));
	return wc_list_reply(all);
}

static int show(wc_request *rq, const void *self)
{
	wc_err  e;
	json_t *customer = customer_json(wc_request_arena(rq), parse_id(wc_path_param(rq, "id")), false, &e);

	(void)self;
	return reply_or_err(rq, customer, &e);
}

/* Who it is on each channel, in clear. */
static int reveal(wc_request *rq, const void *self)
{
	wc_arena   *a  = wc_request_arena(rq);
	int64_t     id = parse_id(wc_path_param(rq, "id"));
	wc_err      e;
	json_t     *customer = customer_json(a, id, false, &e), *list = customer ? identities_json(a, id, true, &e) : NULL;
	const char *text     = list ? wc_json_text(a, list) : NULL;

	(void)self;
	if (!list)
		return wc_reply_err(rq, &e);
	return wc_reply_revealed(rq, "customer.reveal", wc_printf(a, "customer:%" PRId64, id), (wc_revealed[]){{"identities", {text, strlen(text)}}, {0}});
}

static int export(wc_request *rq, const void *self)
{
	wc_err  e;
	json_t *customer = customer_export(wc_request_arena(rq), parse_id(wc_path_param(rq, "id")), wc_actor(rq), &e);

	(void)self;
	return reply_or_err(rq, customer, &e);
}

static int erase(wc_request *rq, const void *self)
{
	const struct erasure *x  = wc_body(rq);
	const char           *id = wc_path_param(rq, "id");
	wc_err                e;

	(void)self;
	if (strcmp(x->confirm, id))
		return wc_reply_bad_fields(rq, &(wc_bad_field){"confirm", "the customer's id, as in the path", NULL});
	if (customer_erase(parse_id(id), wc_actor(rq), x->reason, &e) < 0)
		return wc_reply_err(rq, &e);
	return reply_or_err(rq, customer_json(wc_request_arena(rq), parse_id(id), false, &e), &e);
}

/* --- commands --------------------------------------------------------------------------------------------------------- */

static int say(const wc_err *e)
{
	fprintf(stderr, "%s\n", e->text);
	return 1;
}

static int export_command(wc_arena *a, int argc, char **argv, const void *self)
{
	wc_err  e;
	json_t *customer;

	(void)self;
	if (argc != 1) {
		fprintf(stderr, "usage: customer export ID\n");
		return 2;
	}
	if (!(customer = customer_export(a, parse_id(argv[0]), "command", &e)))
		return say(&e);
	printf("%s\n", wc_json_text(a, customer));
	return 0;
}

static int erase_command(wc_arena *a, int argc, char **argv, const void *self)
{
	const char *reason = wc_option(argc, argv, "--reason", ""), *confirm = wc_option(argc, argv, "--confirm", "");
	wc_err      e;

	(void)a, (void)self;
	if (argc < 1 || !*reason || strlen(reason) > 400 || strcmp(confirm, argv[0])) {
		fprintf(stderr, "usage: customer erase ID --reason TEXT --confirm ID (the same id again)\n");
		return 2;
	}
	if (customer_erase(parse_id(argv[0]), "command", reason, &e) < 0)
		return say(&e);
	printf("customer %s is erased\n", argv[0]);
	return 0;
}

static int start(void *self, wc_err *e)
{
	(void)e;
	customers_settings(self);
	return 0;
}

WC_PART(customer_part, "customer",
	.summary   = "customers: what is kept about one, its export and its erasure",
	.settings  = customer_fields,
	.self_size = sizeof(struct customer_settings),
	.start     = start,
	.routes   = WC_ROUTES(
		{WC_GET, "/api/customers", WC_VIEWER, list, "Customers, the newest first", .query = query_fields, .query_size = sizeof(struct customer_filter),
		 .list = true, .answer = item_fields},
		{WC_GET, "/api/customers/{id}", WC_VIEWER, show, "A customer, with a member for each plugin's section"},
		{WC_POST, "/api/customers/{id}/reveal", WC_OPERATOR, reveal, "Who a customer is on each channel, in clear; audited"},
		{WC_POST, "/api/customers/{id}/export", WC_ADMIN, export, "Everything that is kept about a customer"},
		{WC_POST, "/api/customers/{id}/erase", WC_ADMIN, erase, "Erases a customer for good", erasure_fields, sizeof(struct erasure)}),
	.commands = WC_COMMANDS(
		{"customer export", "ID", "print everything that is kept about a customer, as JSON", export_command},
		{"customer erase", "ID --reason TEXT --confirm ID", "erase a customer for good: what is kept, and the key of what is left", erase_command}),
	.sealed   = WC_SEALED("customer.data_key"));
