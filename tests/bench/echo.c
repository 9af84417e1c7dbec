/* echo SOCKET PROCESSES THREADS: the reference for GET /api/hello/{name}: the least that a FastCGI program can do, as libfcgi's own example
 * (examples/threaded.c) does it: threads that take turns in FCGX_Accept_r and answer at once. It ends when its parent does. */
#include <fcgiapp.h>

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static int             listener;
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

static void *serve(void *unused)
{
	FCGX_Request rq;
	int          rc;

	FCGX_InitRequest(&rq, listener, 0);
	for (;;) {
		pthread_mutex_lock(&turn);
		rc = FCGX_Accept_r(&rq);
		pthread_mutex_unlock(&turn);
		if (rc < 0)
			return unused;
		FCGX_FPrintF(rq.out, "Status: 200\r\nContent-Type: application/json\r\n\r\n{\"text\":\"%s\"}", FCGX_GetParam("REQUEST_URI", rq.envp));
		FCGX_Finish_r(&rq);
	}
}

static void run_child(pid_t parent, int threads)
{
	pthread_t last;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		exit(1);
	for (int i = 0; i < threads; i++)
		if (pthread_create(&last, NULL, serve, NULL) != 0)
			exit(1);
	pthread_join(last, NULL);
	exit(0);
}

int main(int argc, char **argv)
{
	pid_t me = getpid();

	if (argc != 4)
		return fprintf(stderr, "usage: echo SOCKET PROCESSES THREADS\n"), 2;
	FCGX_Init();
	listener = FCGX_OpenSocket(argv[1], 4096);
	if (listener < 0)
		return 1;
	for (int i = 0; i < atoi(argv[2]); i++)
		if (fork() == 0)
			run_child(me, atoi(argv[3]));
	while (wait(NULL) > 0)
		;
	return 1;
}
