/* What the doctor offers to the host: it is told what there is, and looks whether it is well. */
#pragma once

#include "ai/ai.h"
#include "db/db.h"
#include "web/web.h"
#include "work/work.h"

#include <wecomd/check.h>

/* The checks of a part or a plugin, and its self. Lists end with NULL checks. */
struct doctor_checks {
	const wc_check *checks;
	const void     *self;
};

struct doctor_patient {
	const char                   *key_file, *sql_dir, *public_url;     /* public_url: "" when not set */
	const char *const            *owners;                              /* of migrations */
	const struct db_settings     *db;
	const struct web_settings    *web;
	const struct worker_settings *worker;
	const struct web_callback    *callbacks;
	const struct model           *models;
	size_t                        model_count, secret_count, plugin_count;
	const struct doctor_checks   *checks;
};

/* Once in each process, before threads; borrowed for the process's life. */
void doctor_meet(const struct doctor_patient *patient);

/* Why the hard limit of open files does not do for the threads of [worker] and [web]; NULL: it does. After doctor_meet(). */
const char *doctor_descriptors(wc_arena *a);

extern const struct wc_plugin doctor_part;
