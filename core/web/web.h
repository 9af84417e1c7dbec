/* What the web tier offers to admin and host: the listener, the routes, the accept threads. */
#pragma once

#include <wecomd/callback.h>
#include <wecomd/field.h>
#include <wecomd/tool.h>
#include <wecomd/web.h>

struct inbox_job;

struct web_settings {
	const char *listen, *socket_mode, *metrics_role;
	int64_t     processes, threads, body_max, io_timeout_ms, callback_window_ms;
	const char *trusted_proxies, *callback_from;     /* lists of addresses; see web_addresses_set() */
};

extern const wc_field web_fields[];     /* [web] */

/* A route and whose it is. Lists end with a NULL route. */
struct web_route {
	const wc_route *route;
	const char     *owner;      /* "core" or the plugin's name */
	const void     *self;
};

/* A plugin that receives callbacks. Lists end with a NULL kind. */
struct web_callback {
	const wc_callback_kind *kind;
	const char             *owner;
	const void             *self;
};

/* GET and POST /wecom/callback/{name}. */
extern const struct wc_plugin web_part;

/* Who asks. All 0 when the request carries no valid credentials. */
struct web_identity {
	wc_role     role;
	const char *actor;                    /* "user:NAME", "key:NAME" */
	const char *name;
	int64_t     user, session, key;       /* row ids; a session has a user, a key may have one (its creator) */

	/* Valid credentials that may not do this: answered with 403 (code and text), except below the path confined_to, if any. */
	const char *refused_code, *refused_text;
	const char *confined_to;
};

/* Finds out. 0, or -1 when it could not be found out. */
typedef int web_authenticate(wc_request *rq, struct web_identity *who, wc_err *e);

const struct web_identity *request_identity(const wc_request *rq);

bool request_writes(const wc_request *rq);     /* any method but GET and HEAD */
bool request_is_https(wc_request *rq);         /* between client and web server, as the web server says */

void reply_header(wc_request *rq, const char *name, const char *value);     /* an extra header of the next reply */

struct web_server {
	const struct web_settings *settings;
	const struct web_route    *routes;
	const struct web_callback *callbacks;
	web_authenticate          *authenticate;
	int                        listen_fd;      /* non-blocking */
	int                        stop_fd;        /* readable: drain */
	void                     (*ready)(void);   /* called once, when the threads accept */
};

/* Whether two patterns could match the same request. */
bool route_clashes(const wc_route *a, const wc_route *b);

/* The socket that whoever started us listens on already, made non-blocking: descriptor 3 of systemd's activation (LISTEN_FDS, LISTEN_PID),
 * or else descriptor 0 of spawn-fcgi and mod_fcgid. *given says which, for people. -1 with *given NULL: there is none; -1 with *e:
 * what was handed over cannot be used. */
int web_inherited(const char **given, wc_err *e);

/* "unix:/path" or "tcp:ADDRESS:PORT" of the settings; a listening, non-blocking socket, or -1. Of several that start at once on one
 * UNIX socket one gets it, the others are refused without touching it: the winner keeps a lock on /path.lock. */
int web_listen(const struct web_settings *settings, wc_err *e);

/* Serves until stop_fd becomes readable, then finishes the requests at hand and returns. What server points to is used to the process's end. */
void web_run(const struct web_server *server);

/* --- endpoints (callback.c) ----------------------------------------------------------------------------------------- */

/* Asks the plugins for their callback endpoints; what cannot be asked keeps what was known. */
void endpoints_refresh(const struct web_callback *callbacks);

/* The plugins that receive callbacks, for a process that serves none: a command that replays an event. */
void callback_use(const struct web_callback *callbacks);

/* Lets the endpoint's plugin receive a stored event once more; *jobs are those it wants. Nothing is stored and nobody gets a reply.
 * -1: WC_E_NOT_FOUND when the endpoint is gone, or what the plugin refused it for. */
int callback_replay(wc_arena *a, const char *endpoint, wc_slice msg, struct inbox_job **jobs, wc_err *e);

/* The inbox for people: what came in, and once more. Jobs and outward actions as lists. */
extern const struct wc_plugin inbox_part, desk_part;

/* --- lists (list.c) --------------------------------------------------------------------------------------------------- */

/* Filters that lists share, as fields: of what was added since (with it) and until (without it), and of one story. */
#define LIST_SINCE_UNTIL(type, what)                                                                                                        \
	{WC_INT, "since_ms", NULL, offsetof(type, since_ms), "only what was " what " at this time or later", .optional = true,             \
	 .min = 0, .max = 253402300799999},                                                                                               \
	{WC_INT, "until_ms", NULL, offsetof(type, until_ms), "only what was " what " before this time", .optional = true,                  \
	 .min = 0, .max = 253402300799999}
#define LIST_TRACE_ID(type) \
	{WC_STRING, "trace_id", NULL, offsetof(type, trace_id), "only of this message or request", .optional = true, .max = 32}

/* --- addresses (cidr.c, client.c) ------------------------------------------------------------------------------------- */

#define WEB_ADDRESS_SIZE 48

struct web_cidr {
	unsigned char address[16];     /* IPv4 as ::ffff:a.b.c.d */
	unsigned      bits;
};

struct web_cidrs {
	struct web_cidr *one;
	size_t           n;
	bool             has_unix;     /* the word "unix": peers of a UNIX socket */
};

/* Networks ("10.0.0.0/8", "2001:db8::/32"), addresses, and WeCom's "101.226.103.*", separated by commas or white space. -1: WC_E_ARG. */
int  web_cidrs_parse(wc_arena *a, const char *text, struct web_cidrs *out, wc_err *e);
bool web_cidrs_have(const struct web_cidrs *list, const char *address);     /* false for what is no address */

bool web_address_normal(const char *text, char out[WEB_ADDRESS_SIZE]);      /* the shortest form; false when it is no address */

/* What one client can be expected to hold: an IPv4 address, or the /64 of an IPv6 one. Other texts stay as they are. */
void web_address_network(const char *text, char out[WEB_ADDRESS_SIZE]);

/* Takes [web] trusted_proxies and callback_from into use, before there are threads; a keeps what they are made of. -1: WC_E_ARG. */
int web_addresses_set(wc_arena *a, const struct web_settings *settings, wc_err *e);

/* Replaces the list of addresses from which callbacks are taken, at any time, in this process; "" takes them from anywhere.
 * -1: WC_E_ARG, and the list stays as it was. */
int  callback_from_set(const char *list, wc_err *e);
bool callback_from_has(const char *address);     /* true for every address while the list is empty */
bool callback_from_is_set(void);

/* --- OpenAPI (openapi.c) ---------------------------------------------------------------------------------------------- */

/* The OpenAPI 3.1 document of these routes; kept by the arena. */
json_t *openapi_document(wc_arena *a, const struct web_route *routes);

/* The routes that web_run() serves. */
const struct web_route *web_routes(void);

/* --- tools (tool.c, mcp.c) -------------------------------------------------------------------------------------------- */

/* A tool and whose it is. Lists end with a NULL tool. */
struct web_tool {
	const wc_tool *tool;
	const char    *owner;      /* "core" or the plugin's name */
	const void    *self;
};

/* The tools that POST /mcp offers, and [core] public_url, the one origin whose pages may call them unless settings name more. Before
 * threads; both are borrowed for the process's life. */
void tools_use(const struct web_tool *tools, const char *public_url);

const char *effect_name(wc_effect effect);     /* "reads", "changes", "reaches out"; NULL: it is none */

/* POST /mcp: the tools for agents. */
extern const struct wc_plugin mcp_part;

/* What the API is made of besides the plugins: its description, and what keeps its own table small. */
extern const struct wc_plugin api_part;

/* Gives each known endpoint to fn; how many there are. */
size_t endpoints_each(void (*fn)(void *ctx, const wc_endpoint *endpoint, const wc_envelope *envelope), void *ctx);

/* How many threads this process serves with, which bounds how many callbacks may wait for their jobs at once. */
void callbacks_threads(int64_t threads);

const char *method_name(wc_method method);
const char *role_name(wc_role role);
wc_role     role_of(const char *name);     /* 0: no role has that name */
