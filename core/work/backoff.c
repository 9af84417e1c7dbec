/* The pauses between the attempts of a job. */
#include "work/tick.h"

#define FIRST_MS 1000
#define MAX_MS   600000

int64_t backoff_ms(int64_t attempt, uint16_t random)
{
	int64_t ms = attempt > 10 ? MAX_MS : (int64_t)FIRST_MS << (attempt - 1);

	if (ms > MAX_MS)
		ms = MAX_MS;
	return ms + ms / 2 * random / 65536;
}
