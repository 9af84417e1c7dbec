/* Until rate slices exist: no limit of our own. Weak, so that the real one takes its place when both are linked. */
#include <wecomd/lease.h>

__attribute__((weak)) int64_t wc_rate_take(const char *bucket, int64_t per_minute, wc_err *e);
__attribute__((weak)) int64_t wc_rate_take(const char *bucket, int64_t per_minute, wc_err *e)
{
	(void)bucket, (void)per_minute, (void)e;
	return 0;
}
