/* A list of libcurl handles, newest first. libcurl cannot share connections between threads safely; but a handle keeps its
 * own, so a call that gets the handle of an earlier call to the same place finds the connection open. */
#include "http/handles.h"

#include <wecomd/arena.h>

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define KEPT_MAX 64

static pthread_mutex_t     lock = PTHREAD_MUTEX_INITIALIZER;
static struct http_handle *kept;
static size_t              kept_n;

static struct http_handle *handle_new(const char *origin)
{
	struct http_handle *h = wc_xalloc(sizeof *h);

	h->origin = wc_xstrdup(origin);
	h->curl   = curl_easy_init();
	if (!h->curl)
		abort();
	return h;
}

static void handle_free(struct http_handle *h)
{
	curl_easy_cleanup(h->curl);
	free(h->origin);
	free(h);
}

static struct http_handle *unlink_at(struct http_handle **at)
{
	struct http_handle *h = *at;

	*at = h->next;
	kept_n--;
	return h;
}

struct http_handle *http_handle_take(const char *origin)
{
	struct http_handle *h = NULL;

	pthread_mutex_lock(&lock);
	for (struct http_handle **at = &kept; *at && !h; ) {
		if (!strcmp((*at)->origin, origin))
			h = unlink_at(at);
		else
			at = &(*at)->next;
	}
	pthread_mutex_unlock(&lock);
	return h ? h : handle_new(origin);
}

void http_handle_put(struct http_handle *h)
{
	struct http_handle *oldest = NULL, **at = &kept;

	curl_easy_reset(h->curl);
	pthread_mutex_lock(&lock);
	h->next = kept;
	kept    = h;
	if (++kept_n > KEPT_MAX) {
		while ((*at)->next)
			at = &(*at)->next;
		oldest = unlink_at(at);
	}
	pthread_mutex_unlock(&lock);
	if (oldest)
		handle_free(oldest);
}

void http_handles_close(void)
{
	struct http_handle *h, *next;

	pthread_mutex_lock(&lock);
	h      = kept;
	kept   = NULL;
	kept_n = 0;
	pthread_mutex_unlock(&lock);
	for (; h; h = next) {
		next = h->next;
		handle_free(h);
	}
}
