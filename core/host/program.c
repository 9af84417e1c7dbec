/* From configuration and descriptors to one checked program. */
#include "host/backup.h"

#include "admin/admin.h"
#include "base/base.h"
#include "crypt/crypt.h"
#include "talk/talk.h"

#include <wecomd/seal.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const wc_field core_fields[] = {
	{WC_STRING, "plugin_dir", PLUGIN_DIR, offsetof(struct core_settings, plugin_dir), "folder of the plugins"},
	{WC_STRING, "sql_dir", SQL_DIR, offsetof(struct core_settings, sql_dir), "folder of the migrations"},
	{WC_STRING, "public_url", "", offsetof(struct core_settings, public_url),
	 "how the world reaches this service, such as https://bot.example.com; empty: not known", .max = 1000},
	{WC_STRING, "node", "", offsetof(struct core_settings, node), "a label for this machine; empty: its host name", .max = 40},
	{WC_STRING, "currency", "CNY", offsetof(struct core_settings, currency), "what prices of models are in, as the console shows it", .min = 1,
	 .max = 8},
	{WC_STRING, "time_zone", "+08:00", offsetof(struct core_settings, time_zone), "the wall clock of timers, as an offset from UTC"},
	{0}};

static const wc_field log_fields[] = {
	{WC_CHOICE, "level", "info", offsetof(struct log_settings, level), "least level that is logged", .choices = "debug|info|warn|error"},
	{WC_STRING, "file", "", offsetof(struct log_settings, file), "the log's file, opened anew at SIGUSR1; empty: standard error"},
	{0}};

static const wc_field crypt_fields[] = {
	{WC_STRING, "key_file", NULL, offsetof(struct crypt_settings, key_file), "file of the master keys"},
	{0}};

static void fill_settings(struct program *g, struct problems *p)
{
	static char host[64] = "node";
	wc_err      e;

	config_fill(g->config, "core", core_fields, &g->core, p);
	config_fill(g->config, "log", log_fields, &g->log, p);
	config_fill(g->config, "crypt", crypt_fields, &g->crypt, p);
	config_fill(g->config, "db", db_fields, &g->db, p);
	config_fill(g->config, "web", web_fields, &g->web, p);
	config_fill(g->config, "http", http_fields, &g->http, p);
	config_fill(g->config, "worker", worker_fields, &g->worker, p);
	if (g->db.host && db_check_settings(&g->db, &e) < 0)
		problem_add(p, "%s", e.text);
	if (g->core.time_zone && cron_zone(g->core.time_zone, &g->zone_s, &e) < 0)
		problem_add(p, "[core] time_zone: %s", e.text);
	if (g->core.currency)
		models_currency(g->core.currency);
	if (web_addresses_set(g->arena, &g->web, &e) < 0)
		problem_add(p, "%s", e.text);
	if (g->web.listen && *g->web.listen && strncmp(g->web.listen, "unix:", 5) && strncmp(g->web.listen, "tcp:", 4))
		problem_add(p, "[web] listen: expected unix:/path or tcp:ADDRESS:PORT, found \"%s\"", g->web.listen);
	gethostname(host, sizeof host - 1);
	if (!g->core.node || !*g->core.node)
		g->core.node = host;
}

static void load_models(struct program *g, struct problems *p)
{
	const char *const *names = config_instances(g->config, "model");
	size_t             n = 0, before = p->n;
	wc_err             e;

	while (names[n])
		n++;
	g->models      = wc_alloc(g->arena, n * sizeof *g->models);
	g->model_count = n;
	for (size_t i = 0; i < n; i++) {
		config_fill(g->config, wc_printf(g->arena, "model:%s", names[i]), model_fields, &g->models[i], p);
		g->models[i].name = names[i];
	}
	if (p->n == before && models_set(g->models, n, &e) < 0)
		problem_add(p, "%s", e.text);
	g->models_fit = p->n == before;
}

static void load_wecom(struct program *g, struct problems *p)
{
	const char *const *names = config_instances(g->config, "wecom");
	size_t             n = 0, before = p->n;
	wc_err             e;

	while (names[n])
		n++;
	g->secrets      = wc_alloc(g->arena, n * sizeof *g->secrets);
	g->secret_count = n;
	config_fill(g->config, "wecom", wecom_fields, &g->wecom, p);
	for (size_t i = 0; i < n; i++) {
		config_fill(g->config, wc_printf(g->arena, "wecom:%s", names[i]), wecom_secret_fields, &g->secrets[i], p);
		g->secrets[i].name = names[i];
	}
	if (p->n == before && wecom_set(&g->wecom, g->secrets, n, &e) < 0)
		problem_add(p, "%s", e.text);
}

/* --- plugins -------------------------------------------------------------------------------------------------------- */

static void load_instances(struct program *g, struct slot *s, struct problems *p)
{
	const wc_instances *kind = s->plugin->instances;
	struct instance   **tail = &s->instances;

	if (!kind)
		return;
	for (const char *const *name = config_instances(g->config, s->plugin->name); *name; name++) {
		const char      *section = wc_printf(g->arena, "%s:%s", s->plugin->name, *name);
		struct instance *one     = wc_alloc(g->arena, sizeof *one);
		const char      *text    = config_section_text(g->config, section);
		size_t           before  = p->n;
		unsigned char    hash[32];
		wc_err           e;

		crypt_hash_raw(hash, text, strlen(text));
		*one = (struct instance){*name, wc_hex(g->arena, hash, sizeof hash), wc_alloc(g->arena, kind->size), NULL};
		config_fill(g->config, section, kind->fields, one->data, p);
		if (p->n == before && g->models_fit && kind->check && kind->check(*name, one->data, &e) < 0)
			problem_add(p, "[%s] %s", section, e.text);
		*tail = one;
		tail  = &one->next;
	}
}

static struct slot *find_slot(struct program *g, const char *name)
{
	for (size_t i = 0; i < g->slot_count; i++)
		if (!strcmp(g->slots[i].plugin->name, name))
			return &g->slots[i];
	return NULL;
}

enum { UNPLACED, BEING_PLACED, PLACED };

/* What stands in [plugins] but could not be opened was complained about already. */
static bool is_wanted(struct program *g, const char *name)
{
	const char *text = config_text(g->config, "plugins", name);

	return text && strcmp(text, "off");
}

/* Puts slot i behind everything it needs. via is how it was come to, for the message about a circle. */
static void place(struct program *g, size_t i, const char *via, char *state, struct slot *ordered, size_t *n, struct problems *p)
{
	const wc_plugin *plugin = g->slots[i].plugin;

	via = via ? wc_printf(g->arena, "%s needs %s", via, plugin->name) : plugin->name;
	if (state[i] == BEING_PLACED)
		problem_add(p, "plugins need each other in a circle: %s", via);
	if (state[i] != UNPLACED)
		return;
	state[i] = BEING_PLACED;
	for (const char *const *need = plugin->needs; need && *need; need++) {
		const struct slot *other = find_slot(g, *need);

		if (other)
			place(g, (size_t)(other - g->slots), via, state, ordered, n, p);
		else if (!is_wanted(g, *need))
			problem_add(p, "plugin %s needs %s: set %s = on in [plugins]", plugin->name, *need, *need);
	}
	state[i]        = PLACED;
	ordered[(*n)++] = g->slots[i];
}

static void order_slots(struct program *g, struct problems *p)
{
	struct slot *ordered = wc_alloc(g->arena, g->slot_count * sizeof *ordered);
	char        *state   = wc_alloc(g->arena, g->slot_count);
	size_t       n       = 0;

	for (size_t i = 0; i < g->slot_count; i++)
		place(g, i, NULL, state, ordered, &n, p);
	g->slots = ordered;
}

static const wc_plugin *const parts[] = {
	&host_part, &doctor_part, &web_part, &api_part, &mcp_part, &inventory_part, &admin_part, &inbox_part, &desk_part, &jobs_part, &ledger_part,
	&retention_part, &explain_part, &look_part, &bulk_part, &overview_part, &condition_part, &keyring_part, &audit_part, &customer_part, &talk_part, &chat_part,
	&wecom_part, &backup_part};

#define PARTS (sizeof parts / sizeof *parts)

static struct slot load_part(struct program *g, const wc_plugin *part, struct problems *p)
{
	struct slot s = {.plugin = part, .self = wc_alloc(g->arena, part->self_size), .is_part = true};

	if (part->settings)
		config_fill(g->config, part->name, part->settings, s.self, p);
	return s;
}

static void load_plugins(struct program *g, struct problems *p)
{
	const char *const *names = config_plugins(g->config, p);
	size_t             n     = 0;

	while (names[n])
		n++;
	g->slots = wc_alloc(g->arena, (PARTS + n) * sizeof *g->slots);
	for (size_t i = 0; i < PARTS; i++)
		g->slots[g->slot_count++] = load_part(g, parts[i], p);
	for (size_t i = 0; i < n && g->core.plugin_dir; i++) {
		struct slot *s = &g->slots[g->slot_count];

		if (!(s->plugin = plugin_open(g->core.plugin_dir, names[i], p))) {
			config_ignore(g->config, names[i]);
			continue;
		}
		g->slot_count++;
		s->self = wc_alloc(g->arena, s->plugin->self_size);
		config_fill(g->config, s->plugin->name, s->plugin->settings, s->self, p);
		load_instances(g, s, p);
	}
	order_slots(g, p);
}

/* --- what the plugins offer ----------------------------------------------------------------------------------------- */

static const char *owner_of(const struct slot *s)
{
	return s->is_part ? "core" : s->plugin->name;
}

static void add_route(struct program *g, size_t *n, const struct web_route *r, struct problems *p)
{
	if (!r->route->role)
		problem_add(p, "plugin %s: route %s %s names no role", r->owner, method_name(r->route->method), r->route->path);
	for (size_t i = 0; i < *n; i++)
		if (route_clashes(g->routes[i].route, r->route))
			problem_add(p, "plugin %s: route %s %s clashes with %s of %s", r->owner, method_name(r->route->method), r->route->path,
			            g->routes[i].route->path, g->routes[i].owner);
	g->routes    = wc_grow(g->arena, g->routes, *n * sizeof *r, (*n + 2) * sizeof *r);
	g->routes[(*n)++] = *r;
}

static void gather_routes(struct program *g, struct problems *p)
{
	size_t n = 0;

	g->routes = wc_alloc(g->arena, sizeof *g->routes);
	for (size_t i = 0; i < g->slot_count; i++)
		for (const wc_route *r = g->slots[i].plugin->routes; r && r->method; r++)
			add_route(g, &n, &(struct web_route){r, owner_of(&g->slots[i]), g->slots[i].self}, p);
}

static void add_kind(struct program *g, size_t *n, const struct slot *s, const wc_job_kind *kind, struct problems *p)
{
	size_t len = strlen(s->plugin->name);

	if (strncmp(kind->name, s->plugin->name, len) || kind->name[len] != '.')
		problem_add(p, "plugin %s: job kind %s does not begin with \"%s.\"", s->plugin->name, kind->name, s->plugin->name);
	g->kinds    = wc_grow(g->arena, g->kinds, *n * sizeof *g->kinds, (*n + 2) * sizeof *g->kinds);
	g->kinds[(*n)++] = (struct worker_kind){kind, s->self};
}

static const char *cron_text(const struct slot *s, const wc_timer *timer)
{
	const wc_field *f = timer->setting ? wc_field_find(s->plugin->settings, timer->setting) : NULL;

	return f ? *(const char *const *)((const char *)s->self + f->offset) : timer->cron;
}

static bool has_kind(const struct program *g, const char *name)
{
	for (const struct worker_kind *k = g->kinds; k->kind; k++)
		if (!strcmp(k->kind->name, name))
			return true;
	return false;
}

static void add_timer(struct program *g, size_t *n, const struct slot *s, const wc_timer *timer, struct problems *p)
{
	struct worker_timer t    = {timer->name, timer->job, {0}};
	const char         *text = cron_text(s, timer);
	size_t              len  = strlen(s->plugin->name);
	wc_err              e;

	if (strncmp(timer->name, s->plugin->name, len) || timer->name[len] != '.')
		problem_add(p, "plugin %s: timer %s does not begin with \"%s.\"", s->plugin->name, timer->name, s->plugin->name);
	if (strlen(timer->name) > TIMER_NAME_MAX)
		problem_add(p, "plugin %s: timer %s: a name has at most %d bytes", s->plugin->name, timer->name, TIMER_NAME_MAX);
	if (!has_kind(g, timer->job))
		problem_add(p, "plugin %s: timer %s names job kind %s, which nobody runs", s->plugin->name, timer->name, timer->job);
	if (!text)     /* a setting that is missing was complained of already */
		return;
	if (cron_parse(text, &t.cron, &e) < 0)
		problem_add(p, "[%s]%s%s: timer %s: \"%s\": %s", s->plugin->name, timer->setting ? " " : "", timer->setting ? timer->setting : "",
		            timer->name, text, e.text);
	g->timers = wc_grow(g->arena, g->timers, *n * sizeof *g->timers, (*n + 2) * sizeof *g->timers);
	g->timers[(*n)++] = t;
}

/* After the kinds of all are known. */
static void gather_timers(struct program *g, struct problems *p)
{
	size_t timers = 0, reconcilers = 0;

	g->timers      = wc_alloc(g->arena, sizeof *g->timers);
	g->reconcilers = wc_alloc(g->arena, sizeof *g->reconcilers);
	for (size_t i = 0; i < g->slot_count; i++) {
		const struct slot *s = &g->slots[i];

		for (const wc_timer *t = s->plugin->timers; t && t->name; t++)
			add_timer(g, &timers, s, t, p);
		for (const wc_reconciler *r = s->plugin->reconcilers; r && r->kind; r++) {
			g->reconcilers = wc_grow(g->arena, g->reconcilers, reconcilers * sizeof *g->reconcilers,
			                         (reconcilers + 2) * sizeof *g->reconcilers);
			g->reconcilers[reconcilers++] = (struct worker_reconciler){r, s->self};
		}
	}
}

static void gather_work(struct program *g, struct problems *p)
{
	size_t kinds = 0, callbacks = 0, owners = 1;

	g->kinds     = wc_alloc(g->arena, sizeof *g->kinds);
	g->callbacks = wc_alloc(g->arena, (g->slot_count + 1) * sizeof *g->callbacks);
	g->owners    = wc_alloc(g->arena, (g->slot_count + 2) * sizeof *g->owners);
	g->owners[0] = "core";
	for (size_t i = 0; i < g->slot_count; i++) {
		const struct slot *s = &g->slots[i];

		if (!s->is_part)
			g->owners[owners++] = s->plugin->name;
		if (s->plugin->callbacks)
			g->callbacks[callbacks++] = (struct web_callback){s->plugin->callbacks, s->plugin->name, s->self};
		for (const wc_job_kind *k = s->plugin->jobs; k && k->name; k++)
			add_kind(g, &kinds, s, k, p);
	}
}

static void add_channel(struct talk_channel *list, size_t *n, const struct slot *s, const wc_channel *c, struct problems *p)
{
	size_t len = strlen(s->plugin->name);

	if (strncmp(c->name, s->plugin->name, len) || strlen(c->name) > 32)
		problem_add(p, "plugin %s: channel %s does not begin with the plugin's name, or has over 32 bytes", s->plugin->name, c->name);
	if (!c->source || !c->window || !c->deliver)
		problem_add(p, "plugin %s: channel %s lacks its source, window or deliver", s->plugin->name, c->name);
	for (size_t i = 0; i < *n; i++)
		if (!strcmp(list[i].channel->name, c->name))
			problem_add(p, "plugin %s: another plugin has a channel %s too", s->plugin->name, c->name);
	list[(*n)++] = (struct talk_channel){c, s->self};
}

static bool runs_kind(const struct slot *s, const char *name)
{
	for (const wc_job_kind *k = s->plugin->jobs; k && k->name; k++)
		if (!strcmp(k->name, name))
			return true;
	return false;
}

static void check_topic(const struct slot *s, const wc_topic *t, struct problems *p)
{
	if (!runs_kind(s, t->job))
		problem_add(p, "plugin %s: topic %s names job kind %s, which the plugin does not have", s->plugin->name, t->topic, t->job);
	if (!talk_knows_topic(t->topic))
		problem_add(p, "plugin %s: there is no topic %s", s->plugin->name, t->topic);
}

/* Channels, and who is told of what. */
static void gather_talk(struct program *g, struct problems *p)
{
	size_t               channels = 0, topics = 0, n = 0, m = 0;
	struct talk_channel *channel_list;
	const wc_topic     **topic_list;

	for (size_t i = 0; i < g->slot_count; i++) {
		for (const wc_channel *c = g->slots[i].plugin->channels; c && c->name; c++)
			channels++;
		for (const wc_topic *t = g->slots[i].plugin->topics; t && t->topic; t++)
			topics++;
	}
	channel_list = wc_alloc(g->arena, (channels + 1) * sizeof *channel_list);
	topic_list   = wc_alloc(g->arena, (topics + 1) * sizeof *topic_list);
	for (size_t i = 0; i < g->slot_count; i++) {
		for (const wc_channel *c = g->slots[i].plugin->channels; c && c->name; c++)
			add_channel(channel_list, &n, &g->slots[i], c, p);
		for (const wc_topic *t = g->slots[i].plugin->topics; t && t->topic; t++) {
			check_topic(&g->slots[i], t, p);
			topic_list[m++] = t;
		}
	}
	talk_use(channel_list, topic_list);
}

/* What the doctor looks at: all that stands here, and the checks of parts and plugins. */
static void gather_checks(struct program *g)
{
	struct doctor_checks  *checks = wc_alloc(g->arena, (g->slot_count + 1) * sizeof *checks);
	struct doctor_patient *p      = wc_alloc(g->arena, sizeof *p);
	size_t                 n = 0, plugins = 0;

	for (size_t i = 0; i < g->slot_count; i++) {
		plugins += !g->slots[i].is_part;
		if (g->slots[i].plugin->checks)
			checks[n++] = (struct doctor_checks){g->slots[i].plugin->checks, g->slots[i].self};
	}
	*p = (struct doctor_patient){
		.key_file = g->crypt.key_file, .sql_dir = g->core.sql_dir, .public_url = g->core.public_url, .owners = g->owners, .db = &g->db,
		.web = &g->web, .worker = &g->worker, .callbacks = g->callbacks, .models = g->models, .model_count = g->model_count,
		.secret_count = g->secret_count, .plugin_count = plugins, .checks = checks};
	doctor_meet(p);
}

/* A route's role is in its table; this one's is the operator's to say. */
static void set_metrics_role(struct program *g)
{
	for (struct web_route *r = g->routes; r->route; r++) {
		wc_route *own;

		if (r->route->run != metrics_route || !g->web.metrics_role)
			continue;
		own       = wc_alloc(g->arena, sizeof *own);
		*own      = *r->route;
		own->role = role_of(g->web.metrics_role);
		r->route  = own;
	}
}

/* Metrics have one name space; a plugin's may be another's only by mistake. */
static const char *other_owner(const struct program *g, const wc_metric *m)
{
	for (size_t i = 0; i < g->slot_count; i++)
		for (const wc_metric *o = g->slots[i].plugin->metrics; o && o->name; o++) {
			if (o == m)
				return NULL;
			if (!strcmp(o->name, m->name))
				return owner_of(&g->slots[i]);
		}
	return NULL;
}

static void gather_metrics(struct program *g, struct problems *p)
{
	for (size_t i = 0; i < g->slot_count; i++)
		for (const wc_metric *m = g->slots[i].plugin->metrics; m && m->name; m++) {
			const char *fault = metric_fault(m), *other = other_owner(g, m);

			if (fault)
				problem_add(p, "plugin %s: metric %s: %s", owner_of(&g->slots[i]), m->name, fault);
			else if (other)
				problem_add(p, "plugin %s: metric %s is declared by %s already", owner_of(&g->slots[i]), m->name, other);
			else
				metrics_declare(m, g->slots[i].self);
		}
}

static void check_offers(const struct program *g, struct problems *p)
{
	for (size_t i = 0; i < g->slot_count; i++)
		for (const wc_offer *o = g->slots[i].plugin->offers; o && o->name; o++) {
			if (!o->version || !o->table)
				problem_add(p, "plugin %s: offer %s lacks a version or a table", g->slots[i].plugin->name, o->name);
			for (const wc_offer *x = g->slots[i].plugin->offers; x < o; x++)
				if (!strcmp(x->name, o->name) && x->version == o->version)
					problem_add(p, "plugin %s: offers %s in version %u twice", g->slots[i].plugin->name, o->name, o->version);
		}
}

bool program_has_resident(const struct program *g)
{
	for (size_t i = 0; i < g->slot_count; i++)
		if (g->slots[i].plugin->resident)
			return true;
	return false;
}

const struct program *loaded;

void program_load_settings(struct program *g, struct config *config, struct problems *p)
{
	*g = (struct program){.arena = p->arena, .config = config};
	fill_settings(g, p);
}

void program_load(struct program *g, struct config *config, struct problems *p)
{
	program_load_settings(g, config, p);
	load_models(g, p);
	load_wecom(g, p);
	load_plugins(g, p);
	gather_routes(g, p);
	set_metrics_role(g);
	gather_tools(g, p);
	gather_work(g, p);
	gather_timers(g, p);
	gather_talk(g, p);
	gather_metrics(g, p);
	check_offers(g, p);
	gather_at_rest(g, p);
	gather_checks(g);
	config_check_unused(g->config, g->core.plugin_dir, p);
	config_locate(g->config, p);
	loaded = g;
}

const void *wc_offered(const char *plugin, const char *name, unsigned version, const void **self)
{
	const struct slot *s = find_slot((struct program *)loaded, plugin);

	for (const wc_offer *o = s && !s->is_part ? s->plugin->offers : NULL; o && o->name; o++) {
		if (strcmp(o->name, name) || o->version != version)
			continue;
		if (self)
			*self = self_now(s->self);
		return o->table;
	}
	return NULL;
}
