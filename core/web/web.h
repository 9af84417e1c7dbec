/* What the web tier offers to admin and host: the listener, the routes, the accept threads. */
#pragma once

#include <wecomd/callback.h>
#include <wecomd/field.h>
#include <wecomd/web.h>

struct inbox_job;

struct web_settings {
	const char *listen, *socket_mode, *metrics_role;
	int64_t     processes, threads, body_max, io_timeout_ms, callback_window_ms;
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

/* Who asks: a role, or 0 when the request carries no valid credentials. */
typedef int web_authenticate(wc_request *rq, wc_role *role, wc_err *e);

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

/* Serves until stop_fd becomes readable, then finishes the requests at hand and returns. */
void web_run(const struct web_server *server);

/* --- endpoints (callback.c) ----------------------------------------------------------------------------------------- */

/* Asks the plugins for their callback endpoints; what cannot be asked keeps what was known. */
void endpoints_refresh(const struct web_callback *callbacks);

/* The plugins that receive callbacks, for a process that serves none: a command that replays an event. */
void callback_use(const struct web_callback *callbacks);

/* Lets the endpoint's plugin receive a stored event once more; *jobs are those it wants. Nothing is stored and nobody gets a reply.
 * -1: WC_E_NOT_FOUND when the endpoint is gone, or what the plugin refused it for. */
int callback_replay(wc_arena *a, const char *endpoint, wc_slice msg, struct inbox_job **jobs, wc_err *e);

/* The inbox for people: what came in, and once more. */
extern const struct wc_plugin inbox_part;

const char *method_name(wc_method method);
const char *role_name(wc_role role);
wc_role     role_of(const char *name);     /* 0: no role has that name */
