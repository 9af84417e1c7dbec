/* The doctor: runs every check there is, and says what was found and what mends it. */
#include "doctor/parts.h"

#include "base/base.h"

#include <stdio.h>
#include <string.h>

static const struct doctor_patient *the_patient;

void doctor_meet(const struct doctor_patient *p)
{
	the_patient = p;
}

const struct doctor_patient *patient(void)
{
	return the_patient;
}

static void run_all(wc_findings *f)
{
	for (const struct doctor_checks *of = the_patient->checks; of->checks; of++) {
		for (const wc_check *c = of->checks; c->name; c++) {
			f->check = c->name;
			c->run(f, self_now(of->self));
		}
	}
}

static wc_found_state worst(const wc_findings *f)
{
	wc_found_state state = WC_FOUND_OK;

	for (const wc_finding *one = f->first; one; one = one->next)
		if (one->state != WC_FOUND_SKIPPED && one->state > state)
			state = one->state;
	return state;
}

static void print(const wc_finding *one)
{
	printf("%-7s %s%s%s: %s\n", wc_found_name(one->state), one->check, *one->object ? " " : "", one->object, one->text);
	if (one->state != WC_FOUND_OK && *one->mend)
		printf("        → %s\n", one->mend);
	fflush(stdout);
}

static int doctor_command(wc_arena *a, int argc, char **argv, const void *self)
{
	wc_findings f = {.arena = a};

	(void)argc, (void)argv, (void)self;
	run_all(&f);
	for (const wc_finding *one = f.first; one; one = one->next)
		print(one);
	return worst(&f) == WC_FOUND_FAIL;
}

static json_t *values(const wc_finding *one)
{
	json_t *list = json_array();

	for (const char **value = one->values; *value; value++)
		json_array_append_new(list, json_string(*value));
	return list;
}

static int doctor_route(wc_request *rq, const void *self)
{
	wc_arena   *a    = wc_request_arena(rq);
	wc_findings f    = {.arena = a};
	json_t     *list = wc_json(a, "[]");

	(void)self;
	run_all(&f);
	for (const wc_finding *one = f.first; one; one = one->next)
		json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s, s:o, s:s, s:s}", "check", one->check, "object", one->object, "state",
		                                      wc_found_name(one->state), "code", one->code, "values", values(one), "found", one->text,
		                                      "mend", one->mend));
	return wc_reply(rq, 200, "{s:s, s:O, s:n}", "state", wc_found_name(worst(&f)), "items", list, "next");
}

WC_PART(doctor_part, "doctor",
	.summary  = "looks whether all is well",
	.routes   = WC_ROUTES({WC_GET, "/api/doctor", WC_ADMIN, doctor_route, "Looks whether all is well, and says what mends the rest"}),
	.commands = WC_COMMANDS({"doctor", "", "look whether all is well, and say what mends the rest; 1 when something fails", doctor_command}),
	.jobs     = WC_JOBS({"doctor.ping", ping_job, "Does nothing: shows that workers work", .attempts = 1}),
	.checks   = WC_CHECKS(
		{"configuration", "What the configuration holds", check_configuration},
		{"database", "Whether the database answers, its version, whether it keeps what it commits", check_database},
		{"schema", "Whether the schema is what the program needs", check_schema},
		{"clock", "Whether this node's clock and the database's agree", check_database_clock},
		{"key_file", "Whether only its owner may read the key file", check_key_file},
		{"descriptors", "Whether a process may open as many files as its threads need", check_descriptors},
		{"disk", "Room for logs and data", check_disk},
		{"web", "Whether requests are listened for", check_web},
		{"worker", "Whether a worker does a job", check_worker},
		{"callbacks", "Whether WeCom could verify the callback URLs", check_callbacks},
		{"models", "Whether the model endpoints answer", check_models}));
