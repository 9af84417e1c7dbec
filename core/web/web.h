/* What the web tier offers to admin and host: the listener, the routes, the accept threads. */
#pragma once

#include <wecomd/callback.h>
#include <wecomd/field.h>
#include <wecomd/web.h>

struct inbox_job;

struct web_settings {
	const char *listen;
	int64_t     processes, threads, body_max, io_timeout_ms;
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
};

/* Whether two patterns could match the same request. */
bool route_clashes(const wc_route *a, const wc_route *b);

/* "unix:/path" (mode 0666 less the umask) or "tcp:ADDRESS:PORT"; a listening, non-blocking socket, or -1. A UNIX socket
 * that another process still serves is refused; a left-over one is replaced. */
int web_listen(const char *listen, wc_err *e);

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
