/* Private to core/host: everything that the configuration and the plugins' tables say, checked, before anything starts. */
#pragma once

#include "host/config.h"

#include "ai/ai.h"
#include "db/db.h"
#include "doctor/doctor.h"
#include "http/http.h"
#include "web/web.h"
#include "wecom/wecom.h"
#include "work/work.h"

#include <wecomd/plugin.h>

struct core_settings {
	const char *plugin_dir, *sql_dir, *node, *time_zone, *public_url, *currency;
};

struct log_settings {
	const char *level, *file;
};

struct crypt_settings {
	const char *key_file;
};

struct instance {
	const char      *name, *seed_hash;
	void            *data;
	struct instance *next;
};

struct slot {
	const wc_plugin *plugin;
	void            *self;
	struct instance *instances;
	bool             is_part;      /* of the core, not a plugin */
	char            *overrides;    /* the settings of the database that self, or its successor, was made with */
};

struct program {
	wc_arena             *arena;
	struct config        *config;
	struct core_settings   core;
	struct log_settings    log;
	struct crypt_settings  crypt;
	struct db_settings     db;
	struct web_settings    web;
	struct http_settings   http;
	struct worker_settings worker;
	struct model          *models;
	size_t                 model_count;
	bool                   models_fit;     /* what names a model can be checked */
	struct wecom_settings  wecom;
	struct wecom_secret   *secrets;
	size_t                 secret_count;
	struct slot           *slots;          /* the parts of the core, then the plugins in the order of need */
	size_t                 slot_count;
	struct web_route      *routes;
	struct web_callback   *callbacks;
	struct web_tool       *tools;
	struct worker_kind    *kinds;
	struct worker_timer   *timers;
	struct worker_reconciler *reconcilers;
	int64_t                zone_s;         /* [core] time_zone */
	const char           **owners;         /* of migrations: "core" and the plugins */
};

/* Reads and checks everything; what is wrong is in *p, all of it. The program lives as long as the process. */
void program_load(struct program *g, struct config *config, struct problems *p);

/* Only what the master needs, without plugins and without complaints. */
void program_load_settings(struct program *g, struct config *config, struct problems *p);

/* The program of this process, for what is called without it: offers, routes and commands of the host itself. */
extern const struct program *loaded;

bool program_has_resident(const struct program *g);

/* Opens one plugin and checks its head; NULL with a problem. */
const wc_plugin *plugin_open(const char *folder, const char *name, struct problems *p);

/* Parts of the host's own table. */
extern const wc_metric host_metrics[];
int metrics_route(wc_request *rq, const void *self);
int ready_route(wc_request *rq, const void *self);

/* Hands on what the tables say about data at rest: customers' sections, sealed columns (at_rest.c). */
void gather_at_rest(struct program *g, struct problems *p);

/* Checks what the tables say about tools, and hands them to the web (tools.c). */
void gather_tools(struct program *g, struct problems *p);

extern const wc_plugin host_part;

/* GET /api/overview (overview.c) and GET /api/health/parts (condition.c). */
extern const wc_plugin overview_part, condition_part;

/* GET /api/plugins (inventory.c): tells of this program, which lives as long as the process. */
extern const wc_plugin inventory_part;
void inventory_use(const struct program *g);
