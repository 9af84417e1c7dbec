/* A plugin is a table: one descriptor that says everything it offers. The host does the rest.
 *
 * docs/plugins.md explains how to write one; plugins/hello is the smallest. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <wecomd/ai.h>
#include <wecomd/audit.h>
#include <wecomd/callback.h>
#include <wecomd/check.h>
#include <wecomd/clock.h>
#include <wecomd/customer.h>
#include <wecomd/db.h>
#include <wecomd/encode.h>
#include <wecomd/err.h>
#include <wecomd/field.h>
#include <wecomd/figures.h>
#include <wecomd/http.h>
#include <wecomd/job.h>
#include <wecomd/json.h>
#include <wecomd/lease.h>
#include <wecomd/ledger.h>
#include <wecomd/log.h>
#include <wecomd/metric.h>
#include <wecomd/seal.h>
#include <wecomd/split.h>
#include <wecomd/talk.h>
#include <wecomd/text.h>
#include <wecomd/tool.h>
#include <wecomd/web.h>
#include <wecomd/wecom.h>
#include <wecomd/xml.h>

/* Grows whenever a plugin must be changed to work with a new host. */
#define WC_ABI 1

#ifndef WC_BUILD_ID
#error "WC_BUILD_ID is missing: the Makefile derives it from the public headers"
#endif

/* Sections [name:INSTANCE] of the configuration, such as [smartbot:helpdesk]: rows of the plugin, seeded from the file. */
typedef struct wc_instances {
	const wc_field *fields;
	size_t          size;      /* of the struct that fields fills */

	/* Says what the table cannot: whether the values make sense together. May be NULL. Touches no database. */
	int           (*check)(const char *name, const void *instance, wc_err *e);

	/* Called for each section before the processes start, perhaps on several nodes at once: writes the row unless the
	 * section is the one that was seeded last (seed_hash, 64 hex digits over its name and values). -1 stops the start. */
	int           (*seed)(const char *name, const void *instance, const char *seed_hash, const void *self, wc_err *e);
} wc_instances;

/* A command of the program: "wecomd NAME …". name may have two words ("key add"). Runs with the database and the keys at
 * hand, in a process of its own; argv[0] is the first argument behind the name. Returns the exit status; prints for people. */
typedef struct wc_command {
	const char *name;
	const char *arguments;     /* "--name NAME --role ROLE", for the usage */
	const char *summary;
	int       (*run)(wc_arena *a, int argc, char **argv, const void *self);
} wc_command;

/* A job that is added at the times of a cron expression (minute hour day month weekday, UTC offset of [core] time_zone). Every node
 * computes the ticks; the job's key holds name and tick, so one job is added over all of them. Ticks missed while nothing ran
 * are made up for by one. */
typedef struct wc_timer {
	const char *name;          /* "core.retention": begins with the plugin's name */
	const char *cron;          /* such as the ten-minute default of customer groups; NULL: see setting */
	const char *setting;       /* a WC_STRING setting of the plugin that holds the expression; NULL: see cron */
	const char *job;           /* kind of the job */
	const char *summary;
} wc_timer;

/* A function table for other plugins, which are opened apart from each other and share no symbols. */
typedef struct wc_offer {
	const char *name;
	unsigned    version;       /* a change that users must follow is a new version */
	const void *table;
} wc_offer;

/* The table that plugin offers under that name and version, with the offering plugin's self, as it is by now, in *self (may be NULL); NULL
 * when it is not loaded or has another version. The table may be kept; ask again in each request or job for a self whose runtime
 * settings are the latest. Say the plugin in .needs as well. */
const void *wc_offered(const char *plugin, const char *name, unsigned version, const void **self);

/* The value behind an option such as "--name" or "-n"; standard where it is absent. */
const char *wc_option(int argc, char **argv, const char *option, const char *standard);

typedef struct wc_plugin {
	/* Checked before anything else is read; WC_PLUGIN fills them. */
	uint32_t    abi;
	uint32_t    size;
	const char *build_id;

	const char *name;                      /* the folder, the .so and the section [name] are called so */
	const char *summary;                   /* one line */
	const char *const *needs;              /* names of other plugins, NULL at the end; they start first */
	size_t      self_size;                 /* of the struct that settings fill; handed to every function as self */

	const wc_field         *settings;      /* ends with type 0 */
	const wc_instances     *instances;
	const wc_route         *routes;        /* ends with method 0 */
	const wc_callback_kind *callbacks;
	const wc_tool          *tools;         /* ends with a NULL name */
	const wc_job_kind      *jobs;          /* ends with a NULL name */
	const wc_command       *commands;      /* ends with a NULL name */
	const wc_timer         *timers;        /* ends with a NULL name */
	const wc_offer         *offers;        /* ends with a NULL name */
	const wc_metric        *metrics;       /* ends with a NULL name */
	const wc_section       *sections;      /* ends with a NULL resource */
	const char *const      *sealed;        /* columns of wc_seal(), "table.column", of tables with a primary key of one column: what
	                                          `wecomd key reseal` seals anew. NULL at the end */
	const wc_reconciler    *reconcilers;   /* ends with a NULL kind */
	const wc_check         *checks;        /* ends with a NULL name */
	const wc_channel       *channels;      /* ends with a NULL name */
	const wc_topic         *topics;        /* ends with a NULL topic */

	/* In each process, after everything was checked. start may fail with a reason; stop must accept what start left half. */
	int       (*start)(void *self, wc_err *e);
	void      (*stop)(void *self);

	/* Runs in the resident child of the one node that holds the plugin's lease, for what must stay connected, on a thread of its own. When
	 * stop_fd becomes readable (drain, the lease is lost, or the plugin's settings changed and it is called again with the new ones) it
	 * returns within 2 s, or the process ends. -1 with *e: called again after a pause, perhaps on another
	 * node. May be NULL. */
	int       (*resident)(const void *self, int stop_fd, wc_err *e);
} wc_plugin;

#define WC_SETTINGS(...)  WC_FIELDS(__VA_ARGS__)
#define WC_INSTANCES(...) (&(const wc_instances){__VA_ARGS__})
#define WC_ROUTES(...)    ((const wc_route[]){__VA_ARGS__, {0}})
#define WC_CALLBACKS(...) (&(const wc_callback_kind){__VA_ARGS__})
#define WC_TOOLS(...)     ((const wc_tool[]){__VA_ARGS__, {0}})
#define WC_JOBS(...)      ((const wc_job_kind[]){__VA_ARGS__, {0}})
#define WC_COMMANDS(...)  ((const wc_command[]){__VA_ARGS__, {0}})
#define WC_TIMERS(...)    ((const wc_timer[]){__VA_ARGS__, {0}})
#define WC_OFFERS(...)    ((const wc_offer[]){__VA_ARGS__, {0}})
#define WC_METRICS(...)   ((const wc_metric[]){__VA_ARGS__, {0}})
#define WC_SECTIONS(...)  ((const wc_section[]){__VA_ARGS__, {0}})
#define WC_RECONCILERS(...) ((const wc_reconciler[]){__VA_ARGS__, {0}})
#define WC_SEALED(...)    ((const char *const[]){__VA_ARGS__, NULL})
#define WC_CHECKS(...)    ((const wc_check[]){__VA_ARGS__, {0}})
#define WC_CHANNELS(...)  ((const wc_channel[]){__VA_ARGS__, {0}})
#define WC_TOPICS(...)    ((const wc_topic[]){__VA_ARGS__, {0}})
#define WC_NEEDS(...)     ((const char *const[]){__VA_ARGS__, NULL})

/* A part of the core describes itself in the same way; it is linked into the program instead of being opened. */
#define WC_PART(id, part_name, ...) \
	const wc_plugin id = {.abi = WC_ABI, .size = sizeof(wc_plugin), .build_id = WC_BUILD_ID, .name = part_name, __VA_ARGS__}

/* The one exported symbol of a plugin. id is its name with '-' written '_'; .name is set where the two differ. */
#define WC_PLUGIN(id, self_type, ...) \
	extern const wc_plugin id##_LTX_plugin; \
	_Pragma("GCC diagnostic ignored \"-Woverride-init\"") \
	__attribute__((visibility("default"))) const wc_plugin id##_LTX_plugin = { \
		.abi = WC_ABI, .size = sizeof(wc_plugin), .build_id = WC_BUILD_ID, .name = #id, \
		.self_size = sizeof(self_type), __VA_ARGS__}
