/* A plugin for tests of customers: notes about them in a table of its own, shown masked, exported whole, erased with the customer. */
#include <wecomd/plugin.h>

#include <stdlib.h>
#include <string.h>

#define PLACE "section_note.text"

struct section {
	bool broken;
};

struct note {
	const char *text;
};

struct making {
	wc_arena   *a;
	const char *text;
	int64_t     id;
};

static int add_note(wc_db *db, wc_arena *a, int64_t customer, const char *text, wc_err *e)
{
	wc_slice sealed;

	if (wc_customer_seal(db, a, customer, PLACE, (wc_slice){text, strlen(text)}, &sealed, e) < 0)
		return -1;
	return wc_db_exec(db, e, "INSERT INTO section_note (customer, text) VALUES (?, ?)", wc_int(customer), wc_bytes(sealed.p, sealed.n)) < 0
	       ? -1 : 0;
}

static int make(wc_db *db, void *arg, wc_err *e)
{
	struct making *m = arg;

	m->id = wc_customer_new(db, e);
	return m->id < 0 ? -1 : add_note(db, m->a, m->id, m->text, e);
}

/* The customer and its first note in one transaction. */
static int make_customer(wc_request *rq, const void *self)
{
	const struct note *note = wc_body(rq);
	struct making      m    = {wc_request_arena(rq), note->text, 0};
	wc_err             e;

	(void)self;
	if (wc_db_tx(make, &m, &e) < 0)
		return wc_reply_err(rq, &e);
	return wc_reply(rq, 201, "{s:I}", "id", (json_int_t)m.id);
}

static int take_note(wc_request *rq, const void *self)
{
	const struct note *note = wc_body(rq);
	wc_err             e;

	(void)self;
	if (add_note(NULL, wc_request_arena(rq), strtoll(wc_path_param(rq, "id"), NULL, 10), note->text, &e) < 0)
		return wc_reply_err(rq, &e);
	return wc_reply(rq, 201, "{}");
}

struct telling {
	int64_t     id;
	const char *text;
};

static int tell(wc_db *db, void *arg, wc_err *e)
{
	struct telling *t = arg;

	return wc_customer_notice(db, t->id, &t->text, e);
}

static int first_contact(wc_request *rq, const void *self)
{
	struct telling t = {strtoll(wc_path_param(rq, "id"), NULL, 10), NULL};
	wc_err         e;

	(void)self;
	if (wc_db_tx(tell, &t, &e) < 0)
		return wc_reply_err(rq, &e);
	return wc_reply(rq, 200, "{s:s?}", "notice", t.text);
}

/* Every note of the customer opened, whatever the core says about it. */
static int open_notes(wc_request *rq, const void *self)
{
	wc_arena *a    = wc_request_arena(rq);
	json_t   *list = wc_json(a, "[]");
	int64_t   id   = strtoll(wc_path_param(rq, "id"), NULL, 10);
	wc_slice  plain;
	wc_rows   rows;
	wc_err    e;

	(void)self;
	if (wc_db_query(NULL, a, &rows, &e, "SELECT text FROM section_note WHERE customer = ? ORDER BY id", wc_int(id)) < 0)
		return wc_reply_err(rq, &e);
	for (size_t i = 0; i < rows.n; i++) {
		wc_cell cell = wc_row_cell(&rows, i, 0);

		if (wc_customer_unseal(NULL, a, id, PLACE, (wc_slice){cell.s, cell.n}, &plain, &e) < 0)
			return wc_reply_err(rq, &e);
		json_array_append_new(list, json_string(plain.p));
	}
	return wc_reply_json(rq, 200, list);
}

static json_t *notes(wc_arena *a, int64_t id, bool whole, wc_err *e)
{
	json_t  *list = wc_json(a, "[]");
	wc_slice plain;
	wc_rows  rows;

	if (wc_db_query(NULL, a, &rows, e, "SELECT text FROM section_note WHERE customer = ? ORDER BY id", wc_int(id)) < 0)
		return NULL;
	for (size_t i = 0; i < rows.n; i++) {
		wc_cell cell = wc_row_cell(&rows, i, 0);

		if (wc_customer_unseal(NULL, a, id, PLACE, (wc_slice){cell.s, cell.n}, &plain, e) < 0)
			return NULL;
		json_array_append_new(list, json_string(whole ? plain.p : "***"));
	}
	return wc_json(a, "{s:O}", "notes", list);
}

static json_t *read_masked(wc_arena *a, int64_t id, const void *self, wc_err *e)
{
	(void)self;
	return notes(a, id, false, e);
}

static json_t *read_whole(wc_arena *a, int64_t id, const void *self, wc_err *e)
{
	(void)self;
	return notes(a, id, true, e);
}

static int erase(wc_db *db, int64_t id, const void *self, wc_err *e)
{
	const struct section *section = self;

	if (wc_db_exec(db, e, "DELETE FROM section_note WHERE customer = ?", wc_int(id)) < 0)
		return -1;
	return section->broken ? wc_fail(e, WC_E_INTERNAL, "this section refuses to be erased") : 0;
}

static json_t *nothing(wc_arena *a, int64_t id, const void *self, wc_err *e)
{
	(void)id, (void)self, (void)e;
	return wc_json(a, "n");
}

static const wc_field note_fields[] = {
	{WC_STRING, "text", NULL, offsetof(struct note, text), "a note", .min = 1, .max = 500},
	{0}};

WC_PLUGIN(section, struct section,
	.summary  = "Keeps notes about customers",
	.settings = WC_SETTINGS({WC_BOOL, "broken", "off", offsetof(struct section, broken), "the erasure fails"}),
	.routes   = WC_ROUTES(
		{WC_POST, "/api/section", WC_ANYONE, make_customer, "Makes a customer", note_fields, sizeof(struct note)},
		{WC_POST, "/api/section/{id}", WC_ANYONE, take_note, "Adds a note", note_fields, sizeof(struct note)},
		{WC_POST, "/api/section/{id}/contact", WC_ANYONE, first_contact, "What the customer is told first"},
		{WC_GET, "/api/section/{id}", WC_ANYONE, open_notes, "Opens the notes"}),
	.sections = WC_SECTIONS(
		{"customer", "section", read_masked, read_whole, erase},
		{"customer", "nothing", nothing}));
