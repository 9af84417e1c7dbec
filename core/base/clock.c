/* The one time source. */
#include <wecomd/clock.h>

#include <errno.h>
#include <time.h>

static int64_t read_ms(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t wc_now_ms(void)
{
	return read_ms(CLOCK_REALTIME);
}

int64_t wc_mono_ms(void)
{
	return read_ms(CLOCK_MONOTONIC);
}

void wc_sleep_ms(int64_t ms)
{
	struct timespec t = {ms / 1000, ms % 1000 * 1000000};

	while (ms > 0 && nanosleep(&t, &t) < 0 && errno == EINTR)
		;
}
