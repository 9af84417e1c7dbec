/* What the HTTP client offers to the host: starting and ending it. */
#pragma once

/* Once in each process before it has threads; a child calls it after the fork. Ignores SIGPIPE. */
void http_open(void);

/* Closes the kept connections. No call may be under way. */
void http_close(void);
